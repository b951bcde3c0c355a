"""Tables of what is lost: by configuration, between configurations, and by liquidation."""

from __future__ import annotations

import numpy as np

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.charts.collateral import collateral_pools, pool_title
from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import NOTHING, Estimate, money_estimate, number, percent, probability
from stresslab.report.review import BOOKED, Review, label


def losses(review: Review) -> Table:
    """Expected loss and pnl, value at risk and shortfall of every configuration."""
    levels = review.labels("level")
    rows: list[list[Cell]] = []
    for configuration in review.configurations:
        cells: list[Cell] = [
            label(configuration),
            money_estimate(review.estimate("expected_pnl", configuration=configuration), signed=True),
            money_estimate(review.estimate("expected_loss", configuration=configuration)),
        ]
        for name, level in (("value_at_risk", 0.95), ("value_at_risk", 0.99), ("expected_shortfall", LEVEL)):
            assert level in levels
            cells.append(money_estimate(review.estimate(name, configuration=configuration, level=level)))
        rows.append(cells)
    return Table(
        f"Pnl and loss after {review.horizon}, in {review.currency}",
        (
            Column("Configuration", "left", 1.0),
            Column("Expected\npnl"),
            Column("Expected\nloss"),
            Column("Value at risk\n95 %"),
            Column("Value at risk\n99 %"),
            Column("Shortfall\n97.5 %"),
        ),
        rows,
        note="Losses are positive, pnl is signed. 95 % intervals beneath: normal for means and shortfalls, order "
        "statistics for "
        "values at risk.",
    )


def loss_differences(review: Review) -> Table:
    """Paired differences of the losses: each configuration less as booked, and isolated less cross."""
    names: tuple[tuple[str, dict[str, float]], ...] = (
        ("expected_loss", {}),
        ("value_at_risk", {"level": LEVEL}),
        ("expected_shortfall", {"level": LEVEL}),
    )
    rows: list[list[Cell]] = [
        [
            "all isolated less all cross",
            *(money_estimate(review.estimate(f"{name}_isolated_less_cross", **at), signed=True) for name, at in names),
        ]
    ]
    for one in review.configurations:
        if one != BOOKED:
            cells = [
                money_estimate(review.estimate(f"{name}_difference", configuration=one, **at), signed=True)
                for name, at in names
            ]
            rows.append([f"{label(one)} less as booked", *cells])
    return Table(
        f"Differences on the same paths, in {review.currency}; positive = the first loses more",
        (
            Column("Difference", "left", 1.0),
            Column("Expected loss"),
            Column("Value at risk 97.5 %"),
            Column("Shortfall 97.5 %"),
        ),
        rows,
        note="Paired 95 % intervals: normal; of the values at risk by sectioning.",
    )


def _spread(estimate: Estimate) -> Cell:
    """An amount with its interval, or alone where it is the same on every path."""
    main, beneath = money_estimate(estimate)
    return main, "" if beneath == f"[{main}, {main}]" else beneath


def given_liquidation(review: Review) -> Table:
    """What a liquidation costs, pool by pool; the insurance draw where there is any."""
    draws = bool((np.nan_to_num(review.array("expected_insurance_draw")) > 0.0).any())
    found = []
    for configuration, pool in collateral_pools(review):
        labels = {"configuration": configuration, "pool": pool}
        chance = review.estimate("liquidation_probability", **labels)
        given = _spread(review.estimate("loss_given_liquidation", **labels)) if chance.value else (NOTHING, "")
        row: list[Cell] = [
            pool_title(configuration, pool),
            review.chance("liquidation_probability", **labels),
            given,
            money_estimate(review.estimate("expected_liquidation_loss", **labels)),
            *([money_estimate(review.estimate("expected_insurance_draw", **labels))] if draws else []),
        ]
        found.append((-review.value("expected_liquidation_loss", **labels), row))
    rows = [row for _, row in sorted(found, key=lambda item: item[0])]
    return Table(
        f"What liquidation costs, in {review.currency}, the largest mean first",
        (
            Column("Pool", "left", 1.0),
            Column("P(liquidation)"),
            Column("Loss given\nliquidation"),
            Column("Mean over\nall paths"),
            *([Column("Insurance\ndraw, mean")] if draws else []),
        ),
        rows,
        note="95 % intervals: Wilson and normal; none where the loss is the same on every path. "
        + (
            "Insurance draw: what was missing below zero, borne by the venue."
            if draws
            else "No path left anything missing below zero: no insurance draw."
        ),
    )


def tail_makers(review: Review) -> Table:
    """Who makes the expected shortfall as booked, position by position, and who falls first."""
    whole = review.value("expected_shortfall", configuration=BOOKED, level=LEVEL)
    found = []
    for position in review.labels("position"):
        at = {"configuration": BOOKED, "position": position}
        part = review.estimate("position_shortfall_contribution", level=LEVEL, **at)
        rank = review.value("liquidation_rank", **at)
        row: list[Cell] = [
            position,
            money_estimate(part, signed=True),
            percent(part.value / whole) if whole > 0.0 and not np.isnan(part.value) else NOTHING,
            probability(review.estimate("first_liquidation_probability", **at), review.paths),
            number(rank, 2) if rank > 0.0 else NOTHING,
        ]
        found.append((-np.nan_to_num(part.value, nan=-np.inf), row))
    saved = review.estimate("shortfall_diversification", configuration=BOOKED, level=LEVEL)
    told = money_estimate(saved)
    return Table(
        f"Who makes the expected shortfall of 97.5 % as booked, in {review.currency}",
        (
            Column("Position", "left", 1.0),
            Column("Mean loss\nin the tail"),
            Column("Share"),
            Column("P(first\nliquidated)"),
            Column("Mean place\nin the order"),
        ),
        [row for _, row in sorted(found, key=lambda item: item[0])],
        foot=[
            [
                "account",
                money_estimate(review.estimate("expected_shortfall", configuration=BOOKED, level=LEVEL), signed=True),
                "100 %" if whole > 0.0 else NOTHING,
                review.chance("account_liquidation_probability", BOOKED),
                NOTHING,
            ]
        ],
        note=f"The pools’ own shortfalls add up to {told[0]} {told[1]} more than the account’s. A negative loss is "
        "earned where the account loses. Positions of one pool fall together and share the place. Inside a liquidated "
        "pool of several, losses are inferred from where prices ended.",
    )


def ended_by(review: Review) -> list[Table]:
    """Which position ended each pool of several, as booked and crossed; empty where no such pool was liquidated."""
    rows: list[list[Cell]] = []
    for configuration, pool in collateral_pools(review) if review.holds("pool_ended_by") else ():
        at = {"configuration": configuration, "pool": pool}
        members = review.members(configuration, pool)
        shares = {member: review.estimate("pool_ended_by", position=member, **at) for member in members}
        if len(members) < 2 or any(np.isnan(share.value) for share in shares.values()):
            continue
        for place, member in enumerate(sorted(members, key=lambda each: -shares[each].value)):
            share = shares[member]
            rows.append(
                [
                    pool_title(configuration, pool) if place == 0 else "",
                    member,
                    (percent(share.value), f"[{percent(share.lower)}, {percent(share.upper)}]")
                    if share.value > 0.0
                    else (f"< {percent(share.upper)}", "none seen"),
                ]
            )
    if not rows:
        return []
    return [
        Table(
            "The position that ended the pool",
            (Column("Pool", "left", 1.0), Column("Position", "left", 1.0), Column("Share of its\nliquidations")),
            rows,
            note="The position whose pnl less maintenance requirement fell most from today to the liquidation. The "
            "shares of a pool add up to 100 %; Wilson 95 % intervals beneath.",
        )
    ]
