"""The one table of result variables: name, dims, unit, sign and meaning.

Charts take their axis labels from here, the report its captions, the documentation its list. A name that is not in the
table cannot be written to a result.
"""

from __future__ import annotations

from stresslab.results.contributions import CONTRIBUTION_VARIABLES
from stresslab.results.policy_variables import POLICY_VARIABLES
from stresslab.results.reverse_stress import BREAKING_VARIABLES, NEAREST_VARIABLES
from stresslab.results.variable import (
    BAND,
    CONFIGURATION,
    NORMAL,
    ORDER,
    PAIRED,
    PAIRED_NORMAL,
    PAIRED_SECTIONS,
    POOL,
    Variable,
    probability_variable,
)

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
LEVELS = (0.95, 0.975, 0.99)
REVIEW_DAYS = (1, 7, 30, 90)
# Fine grid for drawing distributions; its tails reach as far as the quantiles do.
PROFILE = (
    0.0005, 0.001, 0.002, 0.005,
    *(round(percent / 100, 2) for percent in range(1, 100)),
    0.995, 0.998, 0.999, 0.9995, 0.9999,
)  # fmt: skip


def _estimates() -> list[Variable]:
    rows = [
        probability_variable(
            "liquidation_probability", POOL, "Probability that the pool is liquidated before the horizon."
        ),
        probability_variable(
            "position_liquidation_probability",
            ("configuration", "position"),
            "Probability that the pool that holds the position is liquidated before the horizon.",
        ),
        probability_variable(
            "account_liquidation_probability",
            CONFIGURATION,
            "Probability that any pool is liquidated before the horizon.",
        ),
        probability_variable(
            "account_wiped_probability", CONFIGURATION, "Probability that every pool is liquidated before the horizon."
        ),
    ]
    for day in REVIEW_DAYS:
        rows.append(
            probability_variable(f"liquidation_probability_{day}d", POOL, f"Probability of liquidation within {day} d.")
        )
        rows.append(
            probability_variable(
                f"account_liquidation_probability_{day}d",
                CONFIGURATION,
                f"Probability that any pool is liquidated within {day} d.",
            )
        )
        rows.append(
            probability_variable(
                f"account_wiped_probability_{day}d",
                CONFIGURATION,
                f"Probability that every pool is liquidated within {day} d.",
            )
        )
        rows.append(
            probability_variable(
                f"position_liquidation_probability_{day}d",
                ("configuration", "position"),
                f"Probability that the pool that holds the position is liquidated within {day} d.",
            )
        )
    rows += [
        probability_variable(
            "survival", (*POOL, "time"), "Probability that the pool has not been liquidated by this time.", BAND
        ),
        probability_variable(
            "account_survival",
            ("configuration", "time"),
            "Probability that no pool has been liquidated by this time.",
            BAND,
        ),
        Variable(
            "liquidation_time",
            (*POOL, "quantile"),
            "day",
            "not negative",
            "Time by which the pool is liquidated with this probability; missing where it is less likely than that.",
        ),
        Variable(
            "required_collateral",
            (*POOL, "quantile"),
            "money",
            "signed; negative = the pool would survive a debt",
            "Collateral with which the probability of liquidation is one less the quantile.",
            ORDER,
        ),
        Variable(
            "required_collateral_profile",
            (*POOL, "profile"),
            "money",
            "signed; negative = the pool would survive a debt",
            "Collateral with which the probability of liquidation is one less the profile's probability.",
        ),
        Variable(
            "margin_ratio",
            (*POOL, "time", "quantile"),
            "1",
            "at least 1; liquidated paths stay at 1",
            "Quantiles of equity over maintenance margin, read off counts to within 2.8 % of the value; at most 947.",
        ),
        Variable(
            "expected_loss",
            CONFIGURATION,
            "money",
            "positive = loss",
            "Mean of the loss where it is a loss, max(L, 0).",
            NORMAL,
        ),
        Variable(
            "expected_pnl", CONFIGURATION, "money", "positive = gain", "Mean change of the account's value.", NORMAL
        ),
        Variable(
            "expected_ledger",
            ("configuration", "ledger_line"),
            "money",
            "positive = raises equity",
            "Mean sum of a line of the account's ledger over the horizon; missing where nothing acts on the account.",
            NORMAL,
        ),
        Variable(
            "transfers_quantile",
            ("configuration", "quantile"),
            "money",
            "positive = moved in",
            "Money moved in from outside the wallet that is not exceeded with this probability; missing where nothing "
            "acts on the account.",
            ORDER,
        ),
        Variable(
            "expected_liquidation_loss",
            POOL,
            "money",
            "positive = loss",
            "Mean over all paths of the pool's value today less what liquidation left of it; 0 where it survives.",
            NORMAL,
        ),
        Variable(
            "loss_given_liquidation",
            POOL,
            "money",
            "positive = loss",
            "The pool's value today less what liquidation left, mean over liquidated paths; missing without any.",
            NORMAL,
        ),
        Variable(
            "expected_insurance_draw",
            POOL,
            "money",
            "not negative",
            "Mean over all paths of what was missing below zero at liquidation and falls on the venue.",
            NORMAL,
        ),
        Variable(
            "loss_quantile", ("configuration", "quantile"), "money", "positive = loss", "Quantiles of the loss.", ORDER
        ),
        Variable(
            "loss_profile",
            ("configuration", "profile"),
            "money",
            "positive = loss",
            "Fine profile of quantiles of the loss.",
        ),
        Variable(
            "value_at_risk",
            ("configuration", "level"),
            "money",
            "positive = loss",
            "Loss that is exceeded with one less the level's probability.",
            ORDER,
        ),
        Variable(
            "expected_shortfall",
            ("configuration", "level"),
            "money",
            "positive = loss",
            "Mean of the losses at and beyond the value at risk.",
            "standard error",
        ),
    ]
    return rows


def _differences() -> list[Variable]:
    """Differences on the same paths: each configuration less `as_booked`, and isolated less cross."""
    rows = [
        Variable(
            "liquidation_probability_difference",
            POOL,
            "1",
            "positive = higher than as booked",
            "The liquidation probability less that of as_booked's pool of the same name; missing where it has none.",
            PAIRED,
        )
    ]
    for base, dims, unit, interval in (
        ("account_liquidation_probability", (), "1", PAIRED),
        ("account_wiped_probability", (), "1", PAIRED),
        ("position_liquidation_probability", ("position",), "1", PAIRED),
        ("expected_loss", (), "money", PAIRED_NORMAL),
        ("expected_pnl", (), "money", PAIRED_NORMAL),
        ("loss_quantile", ("quantile",), "money", PAIRED_SECTIONS),
        ("value_at_risk", ("level",), "money", PAIRED_SECTIONS),
        ("expected_shortfall", ("level",), "money", PAIRED_NORMAL),
    ):
        what = base.replace("_", " ")
        rows.append(
            Variable(
                f"{base}_difference",
                ("configuration", *dims),
                unit,
                "positive = higher than as booked",
                f"The {what} less that of as_booked, on the same paths.",
                interval,
            )
        )
        rows.append(
            Variable(
                f"{base}_isolated_less_cross",
                dims,
                unit,
                "positive = higher if isolated",
                f"The {what} of all_isolated less that of all_cross, on the same paths.",
                interval,
            )
        )
    return rows


def _facts() -> list[Variable]:
    position = ("position",)
    leg = ("configuration", "position")
    return [
        Variable("collateral", POOL, "money", "not negative", "Money that stands behind the pool."),
        Variable("equity", POOL, "money", "signed", "Collateral plus unrealized pnl at today's marks."),
        Variable("maintenance_margin", POOL, "money", "positive", "Maintenance requirement at today's marks."),
        Variable("margin_ratio_today", POOL, "1", "liquidation at 1 or below", "Equity over maintenance margin today."),
        Variable(
            "idle_cash",
            CONFIGURATION,
            "money",
            "not negative",
            "Cash of the wallet that no pool holds; never at risk.",
        ),
        Variable(
            "account_value", CONFIGURATION, "money", "not negative", "Idle cash and the equity of every pool today."
        ),
        Variable("pool_of_position", leg, "", "", "Name of the pool that holds the position."),
        Variable("liquidation_price", leg, "price", "positive; missing = no such price", "Other marks held still."),
        Variable("bankruptcy_price", leg, "price", "positive; missing = no such price", "Other marks held still."),
        *BREAKING_VARIABLES,
        *NEAREST_VARIABLES,
        Variable("symbol", position, "", "", "The contract's name at the venue."),
        Variable("underlying", position, "", "", "The asset whose price moves the contract."),
        Variable("margin", position, "", "", "How the position is booked: isolated or cross."),
        Variable("quantity", position, "quantity", "positive = long", "Size in base units."),
        Variable("entry_price", position, "price", "positive", "Average entry price."),
        Variable("mark_price", position, "price", "positive", "Mark price today."),
        Variable("notional", position, "money", "not negative", "Absolute position value at today's mark."),
        Variable("unrealized_pnl", position, "money", "positive = gain", "Profit since entry at today's mark."),
        Variable(
            "position_maintenance_margin", position, "money", "positive", "The position's requirement at today's mark."
        ),
        Variable("start_price", ("asset",), "price", "positive", "Price of the underlying at the start."),
        Variable("volatility", ("asset",), "1", "not negative", "Standard deviation of log returns, a year."),
        Variable("drift", ("asset",), "1", "signed", "Drift, a year."),
        Variable("correlation", ("asset", "other_asset"), "1", "-1 to 1", "Correlation of the Gaussian core."),
        Variable(
            "failed_paths",
            (),
            "1",
            "not negative",
            "Paths with a number that is not finite, left out of every estimate.",
        ),
    ]


VARIABLES: dict[str, Variable] = {
    row.name: row for row in (*_estimates(), *CONTRIBUTION_VARIABLES, *_differences(), *POLICY_VARIABLES, *_facts())
}


def companions(variable: Variable) -> tuple[str, ...]:
    """Names of the variables that bound an estimate: ``_lower`` and ``_upper``, or ``_standard_error`` besides."""
    if not variable.interval:
        return ()
    bounds = (f"{variable.name}_lower", f"{variable.name}_upper")
    return (f"{variable.name}_standard_error", *bounds) if variable.interval == "standard error" else bounds
