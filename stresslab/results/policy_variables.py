"""Rows of the table of variables: what policies and alerts are worth, and claims tested on the book."""

from __future__ import annotations

from stresslab.results.variable import (
    CONFIGURATION,
    NORMAL,
    ORDER,
    PAIRED,
    PAIRED_NORMAL,
    POOL,
    Variable,
    probability_variable,
)

_DELTA = "normal, delta method"
_PAIRED_DELTA = "paired, normal, delta method"
_ALERT = (*POOL, "alert_level")
_CLAIM = ("claim",)
_FEW = "missing with fewer than ten liquidations"


def _policies() -> list[Variable]:
    rows = [
        Variable(
            "policy_base",
            CONFIGURATION,
            "",
            "",
            "Configuration that tells what the policies of this one are worth; empty where it has none.",
        ),
        Variable(
            "account_loss_given_liquidation",
            CONFIGURATION,
            "money",
            "positive = loss",
            f"Mean loss of the account over the paths on which any pool is liquidated; {_FEW}.",
            _DELTA,
        ),
        probability_variable(
            "cash_used_probability",
            CONFIGURATION,
            "Probability that money is moved in from outside the wallet; missing without policies.",
        ),
        Variable(
            "expected_cash_used",
            CONFIGURATION,
            "money",
            "not negative",
            "Mean of the largest amount moved in, net of what was taken out before; missing without policies.",
            NORMAL,
        ),
        Variable(
            "cash_used_quantile",
            ("configuration", "quantile"),
            "money",
            "not negative",
            "Reserve that covers the largest amount moved in with this probability; missing without policies.",
            ORDER,
        ),
    ]
    for base, dims, unit, interval in (
        ("account_liquidation_probability", (), "1", PAIRED),
        ("expected_loss", (), "money", PAIRED_NORMAL),
        ("expected_pnl", (), "money", PAIRED_NORMAL),
        ("expected_shortfall", ("level",), "money", PAIRED_NORMAL),
        ("account_loss_given_liquidation", (), "money", _PAIRED_DELTA),
    ):
        missing = f"; {_FEW} in either" if "given" in base else ""
        rows.append(
            Variable(
                f"{base}_policy_difference",
                ("configuration", *dims),
                unit,
                "positive = higher with the policies",
                f"The {base.replace('_', ' ')} less that of policy_base, on the same paths; missing without policies"
                f"{missing}.",
                interval,
            )
        )
    return rows


def _procedures() -> list[Variable]:
    return [
        probability_variable(
            "closed_probability",
            POOL,
            "Probability that the pool is closed before the horizon; liquidated, it may only be reduced.",
        ),
        probability_variable(
            "account_closed_probability", CONFIGURATION, "Probability that any pool is closed before the horizon."
        ),
    ]


def _alerts() -> list[Variable]:
    return [
        probability_variable(
            "alert_probability", _ALERT, "Probability that the pool's margin ratio is seen below the level."
        ),
        probability_variable(
            "false_alarm_probability", _ALERT, "Probability of an alert without a liquidation before the horizon."
        ),
        probability_variable(
            "unwarned_liquidation_share", _ALERT, f"Share of the pool's liquidations without an alert before; {_FEW}."
        ),
        Variable(
            "alert_lead_time",
            (*_ALERT, "quantile"),
            "day",
            "not negative; 0 = no warning",
            f"Quantiles, over the pool's liquidations, of the time from the alert to the liquidation; {_FEW}.",
            ORDER,
        ),
    ]


def _claims() -> list[Variable]:
    position = ("position",)
    return [
        probability_variable(
            "dragged_down_probability",
            position,
            "Probability that the position is liquidated in all_cross, and not in all_isolated, on the same path.",
        ),
        probability_variable(
            "spared_probability",
            position,
            "Probability that the position is liquidated in all_isolated, and not in all_cross, on the same path.",
        ),
        Variable("claim_configuration", _CLAIM, "", "", "Configuration that the claim is about."),
        Variable("claim_against", _CLAIM, "", "", "Configuration that it is compared with; itself if it is alone."),
        Variable("claim_measure", _CLAIM, "", "", "What claim_size is the size of."),
        Variable(
            "claim_kind",
            _CLAIM,
            "",
            "",
            "Of the size: a probability, a share (difference or ratio of probabilities), money or positions.",
        ),
        Variable(
            "claim_size",
            _CLAIM,
            "",
            "positive = as claimed",
            "Size of what is claimed, in the account's currency where claim_kind is money; missing without enough "
            "cases.",
            "as of the measure",
        ),
        probability_variable(
            "claim_exceptions", _CLAIM, "Share of the paths on which the opposite of what is claimed happens."
        ),
        Variable("claim_verdict", _CLAIM, "", "", "Holds, does not hold, or undecided, at 95 %."),
    ]


POLICY_VARIABLES: tuple[Variable, ...] = (*_policies(), *_procedures(), *_alerts(), *_claims())
# Absent where no configuration has policies, alerts, or pools that are reduced before they are closed.
OPTIONAL = frozenset(
    row.name for row in (*_policies(), *_procedures(), *_alerts()) if row.name != "account_loss_given_liquidation"
)
