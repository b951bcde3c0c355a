"""The page on sensitivities: what a move of each input does to the main numbers."""

from __future__ import annotations

import xarray as xr

from stresslab.report.blocks import Block, Cell, Column, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.sensitivities import TITLES, by_width, figure_tornado
from stresslab.report.formatting import Estimate, count, days, money, money_estimate, percent, points
from stresslab.report.review import BOOKED, Review, label

TITLE = "Sensitivities"
_ANY, _TAIL = "account_liquidation_probability", "expected_shortfall"


def sensitivities_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Fragility: which input matters, and by how much; left out where no sensitivities came with the results."""
    results = review.companions.sensitivities
    if results is None:
        otherwise = "they were not asked for; the full form of a run has them"
        return LeftOut(TITLE, review.why_missing("sensitivities", otherwise))
    return Page(TITLE, sensitivities_blocks(results, appendix))


def finding(results: xr.Dataset) -> str:
    """The factor that moves P(any liquidation) most, and the one that moves the shortfall most; no final period."""
    factor = by_width(results, _ANY)[0]
    sides = [_change(results, _ANY, factor, direction) for direction in ("down", "up")]
    if all(one.certain_sign == 0 for one in sides):
        return "No input, moved as stated, changes P(any pool liquidated) as booked beyond the noise of sampling"
    worst = max(("down", "up"), key=lambda direction: abs(_change(results, _ANY, factor, direction).value))
    change = _change(results, _ANY, factor, worst)
    tail = by_width(results, _TAIL)[0]
    also = "the same input moves" if tail == factor else f"{_name(tail)} moves"
    return (
        f"{_name(factor).capitalize()} moves P(any pool liquidated) as booked most: {points(change)[0]} points at "
        f"{_words(results, factor, worst)}, from {percent(_stated(results, _ANY))}; {also} the expected shortfall most"
    )


def sensitivities_blocks(results: xr.Dataset, appendix: list[Table]) -> list[Block]:
    """What stands on the page; see `sensitivities_page`."""
    attributes = results.attrs
    source = (
        f"{count(float(attributes['paths']))} paths a move · {days(float(attributes['horizon_days']))} · "
        f"model {attributes['model']} · step {days(float(attributes['step_days']))}"
    )
    told = finding(results)
    figures = [
        figure(
            figure_tornado(results, name=name),
            f"What moving each input down (hatched) and up (solid) does to the {TITLES[name]} as booked, on the same "
            "random numbers. Lines across the ends: 95 % intervals of the changes.",
            f"Tornado of the {TITLES[name]} by input. {told}.",
            f"{source} · {name}_change",
        )
        for name in (_ANY, _TAIL)
    ]
    tables = [sensitivities_figures(results), *contributions_table(results)]
    return [text(told, "finding"), *figures, *(table(each, appendix) for each in tables)]


def sensitivities_figures(results: xr.Dataset) -> Table:
    """One row a factor: the changes of P(any) and of the shortfall either way, the widest first."""
    rows: list[list[Cell]] = []
    for factor in by_width(results, _ANY):
        row: list[Cell] = [(_name(factor), " / ".join(_words(results, factor, side) for side in ("down", "up")))]
        row += [points(_change(results, _ANY, factor, side)) for side in ("down", "up")]
        row += [money_estimate(_change(results, _TAIL, factor, side), signed=True) for side in ("down", "up")]
        rows.append(row)
    currency = results.attrs["currency"]
    return Table(
        f"Changes from {percent(_stated(results, _ANY))} and {money(_stated(results, _TAIL))} {currency}, as booked",
        (
            Column("Input", "left", 1.0),
            Column("P(any), down,\npoints", "right"),
            Column("P(any), up,\npoints", "right"),
            Column(f"Shortfall, down,\n{currency}", "right"),
            Column(f"Shortfall, up,\n{currency}", "right"),
        ),
        rows,
        note="Beneath each change its 95 % interval, paired. Losses are from today’s marks, so a move of the prices "
        "counts what it takes at once. Shortfall: 97.5 %.",
    )


def contributions_table(results: xr.Dataset) -> list[Table]:
    """What each position of a pool of several adds to P(liquidation) of the pool; empty without such a pool.

    The slope to a position's size is its Euler contribution. Where maintenance is in proportion to size, those of all
    positions and that of the equity add up to nothing, since a pool twice as large with twice the money is the same.
    """
    rows: list[list[Cell]] = []
    moved = [str(factor) for factor in results.factor.values[results.moved_position.values.astype(str) != ""]]
    for configuration in (BOOKED, "all_cross"):
        for pool in results.pool.values if configuration in results.configuration.values else ():
            slopes = {factor: _slope(results, factor, configuration, str(pool)) for factor in moved}
            members = {factor: slope for factor, slope in slopes.items() if abs(slope.value) > 0.0}
            if len(members) < 2:
                continue
            ranked = sorted(members, key=lambda factor: -members[factor].value)
            for place, factor in enumerate(ranked):
                title = f"{pool}, {label(configuration)}" if place == 0 else ""
                position = str(results.moved_position.sel(factor=factor).item())
                rows.append([title, position, points(members[factor])])
    if not rows:
        return []
    columns = (
        Column("Pool", "left", 1.0),
        Column("Position", "left", 1.0),
        Column("10 % more of it,\npoints of P(liquidation)", "right"),
    )
    note = (
        "A tenth of the slope to the size of the position alone, its Euler contribution, with its 95 % interval; what "
        "is added is traded at the mark. Negative: the position shields its pool. One that changes nothing is left out."
    )
    return [Table("What each position adds to the liquidation of its pool", columns, rows, note=note)]


def _slope(results: xr.Dataset, factor: str, configuration: str, pool: str) -> Estimate:
    where = {"factor": factor, "configuration": configuration, "pool": pool}
    ends = (0.1 * float(results[f"liquidation_probability_slope{end}"].sel(where)) for end in ("", "_lower", "_upper"))
    return Estimate(*ends)


def _name(factor: str) -> str:
    return factor.replace("_", " ")


def _words(results: xr.Dataset, factor: str, direction: str) -> str:
    return str(results.shock_in_words.sel(factor=factor, direction=direction).item())


def _stated(results: xr.Dataset, name: str) -> float:
    return float(results[f"{name}_stated"].sel(configuration=BOOKED))


def _change(results: xr.Dataset, name: str, factor: str, direction: str) -> Estimate:
    where = {"configuration": BOOKED, "factor": factor, "direction": direction}
    ends = (float(results[f"{name}_change{end}"].sel(where)) for end in ("", "_lower", "_upper"))
    return Estimate(*ends)
