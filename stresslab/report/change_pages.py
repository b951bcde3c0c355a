"""The page on what changed since a former review: the headline numbers, and what moved them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from stresslab.report.blocks import Cell, Column, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.comparison import figure_waterfall
from stresslab.report.formatting import count, money, percent, signed_money
from stresslab.report.review import BOOKED, Review

TITLE = "What changed since the former review"
_ANY, _LOSS, _TAIL = "account_liquidation_probability", "expected_loss", "expected_shortfall_0.975"
_NOISE = "sampling noise"
_POINTS = 1e-5
"""Changes of a probability below this print as none at the decimals of the page."""


def change_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Accountability: which change of the question moved the numbers; left out where no former review came with it."""
    compared = review.companions.comparison
    if compared is None:
        otherwise = "no former review was named; run --form full --previous DIR has it"
        return LeftOut(TITLE, review.why_missing("comparison", otherwise))
    told = finding(compared)
    attributes = compared.attrs
    groups = [str(group) for group in compared.group.values]
    return Page(
        TITLE,
        [
            text(told, "finding"),
            figure(
                figure_waterfall(compared),
                "From the former review above to this one below, as booked: a hatched bar raises the number, a solid "
                "one lowers it. The axes do not begin at zero.",
                f"Waterfalls of three headline numbers by cause. {told}.",
                f"{count(float(attributes['paths']))} paths a run · {review.horizon} · comparison.nc: part",
            ),
            table(change_table(compared), appendix),
            text(
                f"Former review: {attributes['old_title']}, run {str(attributes['old_scenario_hash'])[:12]}. Both "
                f"questions were run again on common random numbers; {', '.join(groups[:-1])} were exchanged in every "
                "order, and a part is what its exchange adds, averaged over the orders. Sampling noise is what the "
                "numbers as reported changed by beyond that.",
                "note",
            ),
        ],
    )


def finding(compared: xr.Dataset) -> str:
    """How P(any liquidation) changed and what moved it most; that the noise is the largest part where it is."""
    old, new, parts = _numbers(compared, _ANY)
    changed = str(compared.attrs["changed"])
    if not changed:
        same = "The question is that of the former review"
        if abs(new - old) < _POINTS:
            return f"{same}, and P(any pool liquidated) as booked is unchanged at {percent(new)}"
        return f"{same}: P(any pool liquidated) as booked went from {percent(old)} to {percent(new)} by sampling alone"
    if max(abs(part) for part in parts.values()) < _POINTS:
        return f"{_sentence(changed)} changed, and P(any pool liquidated) as booked stays at {percent(new)}"
    most = max(parts, key=lambda name: abs(parts[name]))
    if abs(new - old) < _POINTS:
        moved = f"P(any pool liquidated) as booked is {percent(new)} again"
    else:
        verb = "rose" if new > old else "fell"
        moved = f"P(any pool liquidated) as booked {verb} from {percent(old)} to {percent(new)}"
    if most == _NOISE:
        return f"{moved}; the largest part of it, {_points(parts[most])} points, is sampling noise"
    told = f"{moved}; {most} did most, {_points(parts[most])} points"
    against = {name: part for name, part in parts.items() if part * parts[most] < 0 and abs(part) >= _POINTS}
    if against:
        other = max(against, key=lambda name: abs(against[name]))
        told += f", and {other} most against it, {_points(against[other])} points"
    return told


def change_table(compared: xr.Dataset) -> Table:
    """A row a part, old and new at the foot: P(any liquidation), expected loss and shortfall, as booked."""
    numbers = {name: _numbers(compared, name) for name in (_ANY, _LOSS, _TAIL)}
    groups = [str(group) for group in compared.group.values]
    order = sorted(groups, key=lambda group: -abs(numbers[_ANY][2][group]))
    rows: list[list[Cell]] = [
        [
            group[0].upper() + group[1:],
            _points(numbers[_ANY][2][group]),
            *(_signed(numbers[name][2][group]) for name in (_LOSS, _TAIL)),
        ]
        for group in order
    ]
    (old, new, _), *amounts = numbers.values()
    foot: list[list[Cell]] = [
        ["Change", _points(new - old), *(_signed(after - before) for before, after, _ in amounts)],
        ["Former review", percent(old), *(money(before) for before, _, _ in amounts)],
        ["This review", percent(new), *(money(after) for _, after, _ in amounts)],
    ]
    currency = compared.attrs["currency"]
    return Table(
        "Parts of the change, as booked",
        (
            Column("Part", "left", 1.0),
            Column("P(any liquidated),\npoints", "right"),
            Column(f"Expected loss,\n{currency}", "right"),
            Column(f"Shortfall 97.5 %,\n{currency}", "right"),
        ),
        rows,
        foot,
        note="The parts add up to the change. The largest part of the probability stands first.",
    )


def _numbers(compared: xr.Dataset, name: str) -> tuple[float, float, dict[str, float]]:
    at = compared.sel(number=name, configuration=BOOKED)
    parts = np.asarray(at["part"].values, np.float64)
    return (
        float(at["old"]),
        float(at["new"]),
        {str(group): float(part) for group, part in zip(compared.group.values, parts, strict=True)},
    )


def _points(part: float) -> str:
    return "0" if abs(part) < _POINTS / 2 else f"{100.0 * part:+.3f}".replace("-", "−")


def _signed(amount: float) -> str:
    return signed_money(amount) if amount else "0"


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]
