"""The report's tables, each from the dataset alone."""

from __future__ import annotations

import math

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.charts.collateral import collateral_pools, pool_title, required_pools
from stresslab.report.charts.loss import LEVEL
from stresslab.report.formatting import (
    count,
    days,
    money,
    money_estimate,
    number,
    percent,
    points,
    price,
    signed_money,
    size,
)
from stresslab.report.review import BOOKED, CROSS, ISOLATED, Review, label

_THREE = (ISOLATED, BOOKED, CROSS)


def headline(review: Review) -> Table:
    """One row a configuration: probabilities, expected loss, shortfall."""
    rows: list[list[Cell]] = []
    for configuration in review.configurations:
        chances = [
            review.chance(name, configuration)
            for name in ("account_liquidation_probability", "account_wiped_probability")
        ]
        losses = [
            money_estimate(review.estimate("expected_loss", configuration=configuration)),
            money_estimate(review.estimate("expected_shortfall", configuration=configuration, level=LEVEL)),
        ]
        rows.append([label(configuration), *chances, *losses])
    return Table(
        f"The account within {review.horizon}, by configuration; amounts in {review.currency}",
        (
            Column("Configuration", "left", 1.0),
            Column("P(any pool\nliquidated)"),
            Column("P(every pool\nliquidated)"),
            Column("Expected\nloss"),
            Column("Expected shortfall\n97.5 %"),
        ),
        rows,
        note="Beneath each estimate its 95 % interval: Wilson for probabilities, normal for losses. Losses are "
        "positive.",
    )


def positions(review: Review) -> Table:
    """The book, position by position."""
    rows: list[list[Cell]] = []
    for position in review.positions:
        quantity = review.value("quantity", position=position)
        rows.append(
            [
                position,
                (str(review.array("symbol", position=position)), str(review.array("margin", position=position))),
                ("long" if quantity > 0 else "short", size(abs(quantity))),
                price(review.value("entry_price", position=position)),
                price(review.value("mark_price", position=position)),
                money(review.value("notional", position=position)),
                signed_money(review.value("unrealized_pnl", position=position)),
                money(review.value("position_maintenance_margin", position=position)),
            ]
        )
    totals = {
        name: float(review.array(name).sum()) for name in ("notional", "unrealized_pnl", "position_maintenance_margin")
    }
    foot: list[Cell] = [
        "all positions", "", "", "", "",
        money(totals["notional"]), signed_money(totals["unrealized_pnl"]),
        money(totals["position_maintenance_margin"]),
    ]  # fmt: skip
    return Table(
        f"Positions, the likeliest to be liquidated first; amounts in {review.currency}",
        (
            Column("Position", "left", 1.0),
            Column("Symbol,\nmargin", "left"),
            Column("Side, size", "left"),
            Column("Entry", "right"),
            Column("Mark", "right"),
            Column("Notional"),
            Column("Unrealized\npnl"),
            Column("Maintenance\nmargin"),
        ),
        rows,
        [foot],
    )


def pools(review: Review, configurations: list[str]) -> Table:
    """Margin state of pools today, the lowest margin ratio first."""
    found = []
    for configuration in configurations:
        for pool in review.pools(configuration):
            labels = {"configuration": configuration, "pool": pool}
            ratio = review.value("margin_ratio_today", **labels)
            members = len(review.members(configuration, pool))
            row: list[Cell] = [
                (pool, label(configuration)),
                count(members),
                *(money(review.value(name, **labels)) for name in ("collateral", "equity", "maintenance_margin")),
                number(ratio),
            ]
            found.append((ratio, row))
    rows = [row for _, row in sorted(found, key=lambda item: item[0])]
    return Table(
        f"Pools today, the lowest margin ratio first; amounts in {review.currency}",
        (
            Column("Pool, configuration", "left", 1.0),
            Column("Positions", "right"),
            Column("Collateral"),
            Column("Equity"),
            Column("Maintenance\nmargin"),
            Column("Margin\nratio"),
        ),
        rows,
        note="Margin ratio: equity over maintenance margin; a pool is liquidated when it reaches 1.",
    )


def market(review: Review) -> Table:
    """The assets of the market, and what the book holds of them."""
    notional, quantity = review.array("notional"), review.array("quantity")
    underlying = review.array("underlying")
    found = []
    for asset in review.labels("asset"):
        held = underlying == asset
        longs = float(notional[held & (quantity > 0)].sum())
        shorts = float(notional[held & (quantity < 0)].sum())
        row: list[Cell] = [
            asset,
            price(review.value("start_price", asset=asset)),
            number(100.0 * review.value("volatility", asset=asset)),
            number(100.0 * review.value("drift", asset=asset)),
            money(longs),
            money(shorts),
            signed_money(longs - shorts),
        ]
        found.append((abs(longs - shorts), row))
    rows = [row for _, row in sorted(found, key=lambda item: -item[0])]
    return Table(
        f"Market at the start and exposure by asset, the largest net exposure first; amounts in {review.currency}",
        (
            Column("Asset", "left", 1.0),
            Column("Price", "right"),
            Column("Volatility,\n% a year"),
            Column("Drift,\n% a year"),
            Column("Long"),
            Column("Short"),
            Column("Net"),
        ),
        rows,
    )


def liquidation_prices(review: Review) -> Table:
    """Liquidation price of each position under the three standard configurations, with its distance."""

    def cell(configuration: str, position: str) -> Cell:
        if review.liquidated_at_start(configuration, review.pool_of(configuration, position)):
            return "at the start", ""
        reached = review.value("liquidation_price", configuration=configuration, position=position)
        if math.isnan(reached):
            return "no liquidation price", ""
        move = reached / review.value("mark_price", position=position) - 1.0
        far = f"{number(move + 1.0)} times the mark" if move > 2.0 else f"{'+' if move > 0 else ''}{percent(move)}"
        return price(reached), far

    rows: list[list[Cell]] = [
        [position, price(review.value("mark_price", position=position)), *(cell(one, position) for one in _THREE)]
        for position in review.positions
    ]
    return Table(
        f"Liquidation prices in {review.currency}, and beneath them the move from today’s mark",
        (
            Column("Position", "left", 1.0),
            Column("Mark", "right"),
            *(Column(label(one).capitalize(), "right") for one in _THREE),
        ),
        rows,
        note="In a pool of several positions the price is the one at which the pool is liquidated while all other "
        "marks stand "
        "still.",
    )


def probabilities(review: Review) -> Table:
    """Probability by position under the three standard configurations, and isolated less cross."""

    def row(name: str, variable: str, **labels: str) -> list[Cell]:
        difference = points(review.estimate(f"{variable}_isolated_less_cross", **labels))
        return [name, *(review.chance(variable, one, **labels) for one in _THREE), difference]

    rows = [row(one, "position_liquidation_probability", position=one) for one in review.positions]
    foot = [
        row("any pool", "account_liquidation_probability"),
        row("every pool", "account_wiped_probability"),
    ]
    return Table(
        f"Probability of liquidation within {review.horizon}",
        (
            Column("Position", "left", 1.0),
            *(Column(label(one).capitalize()) for one in _THREE),
            Column("Isolated less cross,\npercentage points"),
        ),
        rows,
        foot,
        note="Beneath each estimate its 95 % interval: Wilson; for the paired difference, on the same paths, "
        "Bonett-Price. Of a "
        "position it is the probability that its pool is liquidated.",
    )


def by_day(review: Review) -> Table:
    """Probability that any pool is liquidated, at the review days and at the horizon."""
    names = [
        (f"{one} day{'' if one == 1 else 's'}", f"account_liquidation_probability_{one}d") for one in review.review_days
    ]
    if float(review.results.attrs["horizon_days"]) not in review.review_days:
        names.append((review.horizon, "account_liquidation_probability"))
    rows: list[list[Cell]] = [
        [
            label(configuration),
            *(review.chance(name, configuration) for _, name in names),
        ]
        for configuration in review.configurations
    ]
    return Table(
        "Probability that any pool of the account is liquidated within so many days",
        (Column("Configuration", "left", 1.0), *(Column(title) for title, _ in names)),
        rows,
    )


def times_to_liquidation(review: Review) -> Table:
    """Times by which pools are liquidated with given probabilities, the earliest first."""
    quantiles = [one for one in (0.01, 0.05, 0.25, 0.5) if one in review.labels("quantile")]
    found = []
    for configuration, pool in collateral_pools(review):
        times = [
            review.value("liquidation_time", configuration=configuration, pool=pool, quantile=one) for one in quantiles
        ]
        labels = {"configuration": configuration, "pool": pool}
        chance = review.estimate("liquidation_probability", **labels)
        cells = [f"beyond {review.horizon}" if math.isnan(time) else days(time) for time in times]
        row: list[Cell] = [
            pool_title(configuration, pool),
            *cells,
            review.chance("liquidation_probability", **labels)[0],
        ]
        found.append((-chance.value, row))
    rows = [row for _, row in sorted(found, key=lambda item: item[0])]
    return Table(
        "Time by which a pool is liquidated with the given probability",
        (
            Column("Pool", "left", 1.0),
            *(Column("median" if one == 0.5 else f"{100 * one:g} %", "right") for one in quantiles),
            Column(f"Within\n{review.horizon}"),
        ),
        rows,
        note="Pools as booked; then the whole book crossed and the positions that are isolated only in all isolated.",
    )


def required_collateral(review: Review) -> Table:
    """Collateral today, and what target probabilities require."""
    found = []
    for configuration, pool in required_pools(review):
        labels = {"configuration": configuration, "pool": pool}
        today = review.value("collateral", **labels)
        chance = review.estimate("liquidation_probability", **labels)
        required = [review.estimate("required_collateral", **labels, quantile=1.0 - one) for one in (0.05, 0.01)]
        gap = required[1].value - today
        row: list[Cell] = [
            pool_title(configuration, pool),
            money(today),
            review.chance("liquidation_probability", **labels),
            *(money_estimate(one) for one in required),
            signed_money(gap),
        ]
        found.append((-chance.value, row))
    rows = [row for _, row in sorted(found, key=lambda item: item[0])]
    return Table(
        f"Required collateral by target probability, in {review.currency}",
        (
            Column("Pool", "left", 1.0),
            Column("Collateral\ntoday"),
            Column("P(liquidation)\ntoday"),
            Column("Required\nfor 5 %"),
            Column("Required\nfor 1 %"),
            Column("Missing\nfor 1 %"),
        ),
        rows,
        note="95 % intervals beneath: Wilson and order statistics. Negative in the last column: more than is required.",
    )
