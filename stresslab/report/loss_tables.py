"""Tables of what is lost: by configuration, between configurations, and by liquidation."""

from __future__ import annotations

import numpy as np

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.charts.collateral import collateral_pools, pool_title
from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import NOTHING, Estimate, money_estimate
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
