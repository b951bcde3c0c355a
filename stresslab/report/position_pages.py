"""One page a position, for the desk: its margin, prices, probabilities, survival, collateral, and past crashes."""

from __future__ import annotations

import math
from dataclasses import replace

from stresslab.report.blocks import Block, Cell, Column, Page, Table, figure, table, text, whole_table
from stresslab.report.charts.collateral import pool_title
from stresslab.report.charts.position import figure_position
from stresslab.report.formatting import NOTHING, days, money, money_estimate, number, percent, price, signed_money, size
from stresslab.report.replay_pages import Replays
from stresslab.report.review import BOOKED, CROSS, ISOLATED, Review, label

_CONFIGURATIONS = (BOOKED, ISOLATED, CROSS)


def position_pages(review: Review, appendix: list[Table]) -> list[Page]:
    """A page for each position, the likeliest to be liquidated first."""
    made = [position_page(review, position, appendix) for position in review.positions]
    # One line of the contents for all of them: a large book would fill pages with their names.
    listed = "Positions, a page each, the likeliest to be liquidated first"
    return [replace(page, listed="" if place else listed) for place, page in enumerate(made)]


def position_page(review: Review, position: str, appendix: list[Table]) -> Page:
    """All that the review knows of one position."""
    told = finding(review, position)
    blocks: list[Block] = [
        text(told, "finding"),
        {"kind": "facts", "items": [list(item) for item in facts(review, position)]},
        figure(
            figure_position(review.results, position),
            "Left: moves of the mark to liquidation, other marks held still; the short tick beyond is bankruptcy. "
            "Right: survival of the pool that holds the position, with 95 % bands.",
            f"Liquidation prices and survival of {position}. {told}.",
            review.source("liquidation_price", "bankruptcy_price", "survival"),
        ),
        table(_configurations(review, position), appendix),
        table(_required(review, position), appendix),
    ]
    if review.companions.replays is not None:
        blocks.append(whole_table(_crashes(Replays(review.companions.replays), review, position)))
    return Page(f"Position {position}", blocks)


def finding(review: Review, position: str) -> str:
    """How likely the position is to be liquidated as booked, and whether isolation or crossing is safer for it."""
    name = "position_liquidation_probability"
    booked = review.chance_in_text(name, BOOKED, position=position)
    isolated, crossed = (review.estimate(name, configuration=one, position=position) for one in (ISOLATED, CROSS))
    told = f"{position} is liquidated with probability {booked} within {review.horizon} as booked"
    if isolated.lower > crossed.upper:
        return f"{told}; crossed it is safer than isolated"
    if isolated.upper < crossed.lower:
        return f"{told}; isolated it is safer than crossed"
    return f"{told}; isolated and crossed do not differ beyond the noise of sampling"


def facts(review: Review, position: str) -> list[tuple[str, str]]:
    """Margin state today."""
    at = {"position": position}
    quantity = review.value("quantity", **at)
    home = review.pool_of(BOOKED, position)
    pool = {"configuration": BOOKED, "pool": home}
    mates = len(review.members(BOOKED, home)) - 1
    shared = "alone" if mates == 0 else f"with {mates} other{'' if mates == 1 else 's'}"
    notional, collateral = review.value("notional", **at), review.value("collateral", **pool)
    side = "long" if quantity > 0 else "short"
    ratio = number(review.value("margin_ratio_today", **pool))
    currency = review.currency
    return [
        ("Contract", f"{review.array('symbol', **at)}, {review.array('margin', **at)}, {shared}"),
        ("Held", f"{side} {size(abs(quantity))}, {money(notional)} {currency}"),
        ("Entry, mark", f"{price(review.value('entry_price', **at))}, {price(review.value('mark_price', **at))}"),
        ("Unrealized pnl", f"{signed_money(review.value('unrealized_pnl', **at))} {currency}"),
        ("Maintenance margin", f"{money(review.value('position_maintenance_margin', **at))} {currency}"),
        ("Pool as booked", f"{home}: collateral {money(collateral)} {currency}, margin ratio {ratio}"),
    ]


def _configurations(review: Review, position: str) -> Table:
    rows: list[list[Cell]] = []
    mark = review.value("mark_price", position=position)
    for one in review.configurations:
        at = {"configuration": one, "position": position}
        reached, broke = (review.value(f"{kind}_price", **at) for kind in ("liquidation", "bankruptcy"))
        home = review.pool_of(one, position)
        loss = money_estimate(review.estimate("expected_liquidation_loss", configuration=one, pool=home))
        rows.append(
            [
                (label(one), home),
                review.chance("position_liquidation_probability", one, position=position),
                "none" if math.isnan(reached) else (price(reached), f"{percent(reached / mark - 1.0)} from mark"),
                "none" if math.isnan(broke) else price(broke),
                loss,
            ]
        )
    return Table(
        f"By configuration, within {review.horizon}; amounts in {review.currency}",
        (
            Column("Configuration, pool", "left", 1.0),
            Column("P(liquidated)", "right"),
            Column("Liquidation\nprice", "right"),
            Column("Bankruptcy\nprice", "right"),
            Column("Expected loss of\nits pool by liquidation", "right"),
        ),
        rows,
        note="Beneath each estimate its 95 % interval. “None”: no such price exists with the other marks held still.",
    )


def _required(review: Review, position: str) -> Table:
    rows: list[list[Cell]] = []
    quantiles = (0.9, 0.95, 0.99)
    for one in (BOOKED, ISOLATED):
        home = review.pool_of(one, position)
        at = {"configuration": one, "pool": home}
        if rows and len(review.members(BOOKED, review.pool_of(BOOKED, position))) == 1:
            break  # alone as booked: the same pool
        needed: list[Cell] = [
            money_estimate(review.estimate("required_collateral", **at, quantile=quantile)) for quantile in quantiles
        ]
        rows.append([pool_title(one, home), money(review.value("collateral", **at)), *needed])
    return Table(
        f"Collateral that leaves a probability of liquidation; amounts in {review.currency}",
        (
            Column("Pool", "left", 1.0),
            Column("Held today", "right"),
            *(Column(f"For {percent(1.0 - quantile, 2)}", "right") for quantile in quantiles),
        ),
        rows,
        note=f"Beneath each its 95 % interval. {NOTHING}: something acts on the pool, so no single amount decides.",
    )


def _crashes(replays: Replays, review: Review, position: str) -> Table:
    rows: list[list[Cell]] = []
    for crash in replays.crashes:
        row: list[Cell] = [replays.title(crash)]
        for one in _CONFIGURATIONS:
            here = replays.results.sel(crash=crash, configuration=one, pool=review.pool_of(one, position))
            hit = float(here.liquidated) == 1.0
            row.append(f"✗ {days(float(here.liquidation_hours) / 24.0)}" if hit else "survives")
        rows.append(row)
    return Table(
        "Its pool in crashes of the past",
        (Column("Crash", "left", 1.0), *(Column(label(one).capitalize(), "right") for one in _CONFIGURATIONS)),
        rows,
        note="✗ liquidated after that time. One path a crash: an outcome, not an estimate.",
    )
