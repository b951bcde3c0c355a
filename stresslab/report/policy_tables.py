"""Tables of what policies and alerts are worth, of pools reduced and closed, and of claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import (
    NOTHING,
    Estimate,
    count,
    days,
    money,
    money_estimate,
    number,
    points,
    probability,
    unless_none,
)
from stresslab.report.review import Review, label

_GIVEN = "account_loss_given_liquidation"
_CASES = ("too few", "liquidations")


def unchanged(estimate: Estimate) -> bool:
    """Whether a paired difference is zero on every path."""
    return estimate.value == estimate.lower == estimate.upper == 0.0


def _difference(estimate: Estimate) -> Cell:
    return "the same" if unchanged(estimate) else money_estimate(estimate, signed=True)


def _given(estimate: Estimate) -> Cell:
    return _CASES if math.isnan(estimate.value) else money_estimate(estimate)


def worth(review: Review) -> Table:
    """Paired differences that the policies of each configuration make."""
    found = []
    for one in review.acting:
        chance = review.estimate("account_liquidation_probability_policy_difference", configuration=one)
        lost = review.estimate("expected_loss_policy_difference", configuration=one)
        given = review.estimate(f"{_GIVEN}_policy_difference", configuration=one)
        row: list[Cell] = [
            (one, f"against {label(review.base(one))}"),
            points(chance),
            _difference(lost),
            _difference(review.estimate("expected_shortfall_policy_difference", configuration=one, level=LEVEL)),
            _CASES if math.isnan(given.value) else _difference(given),
        ]
        found.append((-lost.value, row))
    return Table(
        f"With the policies less without, on the same paths; amounts in {review.currency}, the dearest first",
        (
            Column("Configuration", "left", 1.0),
            Column("P(any pool\nliquidated), points"),
            Column("Expected\nloss"),
            Column("Shortfall\n97.5 %"),
            Column("Loss given\nliquidation"),
        ),
        [row for _, row in sorted(found, key=lambda item: item[0])],
        note="Negative = the policies lower it. Paired 95 % intervals: Bonett-Price for the probability, normal for "
        "losses, of the loss given liquidation by the delta method. The same: no path differs. Loss given liquidation: "
        "mean loss of the account over the paths on which any pool is liquidated; stated from ten such paths on.",
    )


def with_and_without(review: Review) -> Table:
    """Probability of liquidation and what it costs, without the policies and with them."""
    rows: list[list[Cell]] = []
    for one in review.acting:
        both = (review.base(one), one)
        rows.append(
            [
                one,
                *(review.chance("account_liquidation_probability", each) for each in both),
                *(_given(review.estimate(_GIVEN, configuration=each)) for each in both),
            ]
        )
    return Table(
        f"Without the policies and with them; amounts in {review.currency}",
        (
            Column("Configuration", "left", 1.0),
            Column("P(any pool\nliquidated), without"),
            Column("with"),
            Column("Loss given\nliquidation, without"),
            Column("with"),
        ),
        rows,
        note="95 % intervals: Wilson, and normal by the delta method. A negative loss is a gain.",
    )


def reserve(review: Review, configuration: str) -> float:
    """Money that the policies of a configuration may move in; infinite where they state no bound."""
    stated = [each["reserve"] for each in review.policies(configuration) if each.get("reserve") is not None]
    return float(sum(stated)) if stated else math.inf


def needed(review: Review, configuration: str, quantile: float) -> tuple[str, str]:
    """Reserve that a share of paths needs; at least that where the paths use up all there is."""
    estimate = review.estimate("cash_used_quantile", configuration=configuration, quantile=quantile)
    main, interval = unless_none(estimate, money)
    spent = estimate.value >= reserve(review, configuration) * (1.0 - 1e-5)
    return (f"≥ {main}", "the whole reserve") if spent else (main, interval)


def users_of_cash(review: Review) -> list[str]:
    """Configurations that move money in on some path."""
    if not review.holds("cash_used_probability"):
        return []
    return [one for one in review.acting if review.value("cash_used_probability", configuration=one) > 0.0]


def cash(review: Review) -> list[Table]:
    """How often money is moved in, how much, and what reserve that takes; nothing where none ever is."""
    rows: list[list[Cell]] = []
    for one in users_of_cash(review):
        limit = reserve(review, one)
        rows.append(
            [
                one,
                review.chance("cash_used_probability", one),
                money_estimate(review.estimate("expected_cash_used", configuration=one)),
                *(needed(review, one, quantile) for quantile in (0.9, 0.95, 0.99)),
                money(limit) if math.isfinite(limit) else NOTHING,
            ]
        )
    if not rows:
        return []
    heads = (f"Reserve for\n{share} % of paths" for share in (90, 95, 99))
    return [
        Table(
            f"Cash used: the largest amount moved in, in {review.currency}",
            (
                Column("Configuration", "left", 1.0),
                Column("P(cash\nis used)"),
                Column("Mean"),
                *(Column(head) for head in heads),
                Column("Reserve\nthere is"),
            ),
            rows,
            note="95 % intervals: Wilson, normal, and order statistics for the reserve. A configuration that moves "
            "nothing in on any path has no row.",
        )
    ]


def alerts(review: Review) -> list[Table]:
    """What warning each pool's alerts give; nothing where no configuration has any."""
    if not review.holds("alert_probability"):
        return []
    found = []
    for one in review.acting:
        for pool in review.pools(one):
            chance = review.value("liquidation_probability", configuration=one, pool=pool)
            for level in review.labels("alert_level"):
                labels = {"configuration": one, "pool": pool, "alert_level": level}
                alert = review.estimate("alert_probability", **labels)
                if not math.isnan(alert.value):
                    found.append((-chance, _alert(review, alert, labels)))
    return [
        Table(
            f"Alerts within {review.horizon}, the pools likeliest to be liquidated first",
            (
                Column("Pool", "left", 1.0),
                Column("Level"),
                Column("P(alert)"),
                Column("P(false\nalarm)"),
                Column("Lead time,\nmedian", "right"),
                Column("Lead time,\n5 %", "right"),
                Column("Liquidated\nunwarned"),
            ),
            [row for _, row in sorted(found, key=lambda item: item[0])],
            note="Level: margin ratio. False alarm: an alert, and no liquidation before the horizon. Lead time: from "
            "the alert to the liquidation; 5 % have less than the lower one, and none is a liquidation without an "
            "alert before. 95 % intervals: Wilson and order statistics; stated from ten liquidations on.",
        )
    ]


def _alert(review: Review, alert: Estimate, labels: dict[str, object]) -> list[Cell]:
    def lead(quantile: float) -> Cell:
        estimate = review.estimate("alert_lead_time", **labels, quantile=quantile)
        return _CASES if math.isnan(estimate.value) else unless_none(estimate, days)

    # The share is one of liquidations, of which there are so many.
    chance = review.value("liquidation_probability", configuration=labels["configuration"], pool=labels["pool"])
    share = review.estimate("unwarned_liquidation_share", **labels)
    unwarned = _CASES if math.isnan(share.value) else probability(share, round(chance * review.paths))
    return [
        (str(labels["pool"]), label(str(labels["configuration"]))),
        number(float(str(labels["alert_level"]))),
        probability(alert, review.paths),
        probability(review.estimate("false_alarm_probability", **labels), review.paths),
        lead(0.5),
        lead(0.05),
        unwarned,
    ]


def reduced_and_closed(review: Review) -> list[Table]:
    """Pools that a venue may reduce before it closes them; nothing where each liquidation closes the pool."""
    if not review.holds("closed_probability"):
        return []
    found = []
    for one in review.configurations:
        for pool in review.pools(one):
            labels = {"configuration": one, "pool": pool}
            reduced, closed = (review.value(name, **labels) for name in _STAGES)
            if reduced != closed:
                row: list[Cell] = [(pool, label(one)), *(review.chance(name, one, pool=pool) for name in _STAGES)]
                found.append((-closed, -reduced, row))
    if not found:
        return []
    rows = [row for *_, row in sorted(found, key=lambda item: item[:2])]
    return [
        Table(
            f"Reduced and closed within {review.horizon}, the likeliest to be closed first",
            (Column("Pool", "left", 1.0), Column("P(reduced)"), Column("P(closed)")),
            rows,
            note="Elsewhere liquidated means: reduced by force at least once. 95 % intervals: Wilson. Pools that are "
            "closed whenever they are reduced have no row.",
        )
    ]


_STAGES = ("liquidation_probability", "closed_probability")


def _size(review: Review, claim: str) -> Cell:
    estimate, kind = review.estimate("claim_size", claim=claim), str(review.array("claim_kind", claim=claim))
    if math.isnan(estimate.value):
        return "too few cases", ""
    if kind == "probability":
        return probability(estimate, review.paths)
    if kind == "share":
        main, interval = points(estimate)
        return f"{main} points", interval
    if kind == "money":
        if unchanged(estimate):
            return "no path differs", ""
        main, interval = money_estimate(estimate, signed=True)
        return f"{main} {review.currency}", interval
    main, lower, upper = (
        ("+" if part > 0.0 else "") + number(part) for part in (estimate.value, estimate.lower, estimate.upper)
    )
    return main, f"[{lower}, {upper}]"


def claims(review: Review) -> list[Table]:
    """Every claim with its size on this book, how often the opposite happened, and the verdict.

    One table for margin, one for policies where the run has some; those that do not hold stand first in it.
    """
    names = review.labels("claim")
    of_policies = [one for one in names if str(review.array("claim_configuration", claim=one)) in review.acting]
    margin = [one for one in names if one not in of_policies]
    found = [_claims(review, f"Claims about margin, on {count(review.paths)} paths of this book", margin, _TAILS)]
    if of_policies:
        order = ("does not hold", "undecided", "holds")
        of_policies.sort(key=lambda one: order.index(str(review.array("claim_verdict", claim=one))))
        found.append(_claims(review, "Claims about policies, those that do not hold first", of_policies, _READING))
    return found if of_policies else [replace(found[0], note=f"{found[0].note} {_READING}")]


_TAILS = (
    "The tail of a sum is never heavier than the sum of the tails: of diversification only the size is in question."
)
_READING = (
    "Positive = as claimed. Exceptions: paths on which the opposite happened. A claim holds, or does not, where the "
    "95 % interval of its size lies on one side of zero; what is said never to happen does not hold where one path "
    "shows it. Each claim is tested by itself. Intervals: paired where two configurations are compared, else Wilson; "
    "normal for shortfalls and numbers of positions."
)


def _claims(review: Review, title: str, names: Sequence[str], note: str) -> Table:
    rows: list[list[Cell]] = [
        [
            (f"{claim[0].upper()}{claim[1:]}", str(review.array("claim_measure", claim=claim))),
            _size(review, claim),
            probability(review.estimate("claim_exceptions", claim=claim), review.paths),
            str(review.array("claim_verdict", claim=claim)),
        ]
        for claim in names
    ]
    return Table(
        title,
        (
            Column("Claim, and how it is measured", "left", 1.0),
            Column("Size", "right"),
            Column("Exceptions,\nshare of paths", "right"),
            Column("Verdict", "left"),
        ),
        rows,
        note=note,
    )


def dragged_down(review: Review) -> list[Table]:
    """How often each position falls with the cross pool and not alone, and the reverse; nothing for a single one."""
    if len(review.positions) == 1:
        return []
    names = ("dragged_down_probability", "spared_probability")
    order = sorted(review.positions, key=lambda one: [-review.value(name, position=one) for name in names])
    rows: list[list[Cell]] = [
        [one, *(probability(review.estimate(name, position=one), review.paths) for name in names)] for one in order
    ]
    return [
        Table(
            "Positions that cross margin drags down, and that it spares",
            (
                Column("Position", "left", 1.0),
                Column("P(liquidated crossed,\nnot isolated)"),
                Column("P(liquidated isolated,\nnot crossed)"),
            ),
            rows,
            note="On the same path. 95 % intervals: Wilson.",
        )
    ]
