"""The page on limits over the last reviews, where an archive has some."""

from __future__ import annotations

import math

import xarray as xr

from stresslab.report.blocks import Cell, Column, Page, Table, figure, table, text
from stresslab.report.charts.limits import figure_limit_utilization, most_used, short_name
from stresslab.report.formatting import NOTHING, percent
from stresslab.report.limit_table import LIGHTS
from stresslab.report.review import ROWS, Review
from stresslab.results.limit_history import with_present
from stresslab.results.limits import BREACH, NO_VALUE

TITLE = "Limits over the last reviews"


def limits_page(review: Review, appendix: list[Table]) -> Page | None:
    """How far each limit was used, review by review; None where the results have no limits or no former reviews."""
    if review.companions.history is None or not review.holds("limit_state"):
        return None
    history = with_present(review.companions.history, review.results)
    count = history.sizes["limit"]
    shown = f" The {ROWS} most used of {count} limits are drawn." if count > ROWS else ""
    return Page(
        TITLE,
        [
            text(finding(history), "finding"),
            figure(
                figure_limit_utilization(history),
                "Use of each limit, %, by the quarter of the review. The breach begins at the solid line, the warning "
                f"at the dashed one; the filled mark is this review.{shown}",
                f"Small charts of the use of limits over {history.sizes['review']} reviews. {finding(history)}.",
                review.source("limit_utilization"),
            ),
            table(utilization_table(history), appendix),
        ],
    )


def finding(history: xr.Dataset) -> str:
    """What is breached, for how long, and whose use rose most since the review before."""
    states, used = history["limit_state"].values, history["limit_utilization"].values
    names = [short_name(str(name)) for name in history["limit"].values]
    breached = [name for name, state in zip(names, states[-1], strict=True) if state == BREACH]
    if breached:
        runs = {name: _running(states[:, names.index(name)]) for name in breached}
        verb = "is" if len(breached) == 1 else "are"
        longest = max(breached, key=lambda name: runs[name])
        times = (
            f"for {runs[longest]} reviews in a row" if runs[longest] > 1 else "in this review and not in the one before"
        )
        return f"{len(breached)} of {len(names)} limits {verb} breached; {longest}, {times}"
    changes = {
        name: float(used[-1, place] - used[-2, place])
        for place, name in enumerate(names)
        if math.isfinite(used[-1, place]) and math.isfinite(used[-2, place])
    }
    if not changes:
        return "No limit is breached, and none has a use in this review and the one before"
    name = max(changes, key=lambda one: changes[one])
    place = names.index(name)
    if changes[name] <= 0.0:
        return "No limit is breached, and none is used more than in the review before"
    return (
        f"No limit is breached; {name} rose most since the review before, from {percent(float(used[-2, place]))} to "
        f"{percent(float(used[-1, place]))} of its level"
    )


def _running(states: object) -> int:
    """Reviews in a row, up to the last, in which a limit was breached."""
    run = 0
    for state in reversed(list(states)):  # type: ignore[call-overload]
        if state != BREACH:
            break
        run += 1
    return run


def utilization_table(history: xr.Dataset) -> Table:
    """A row a limit, a column a review: the state's sign and the use."""
    order = most_used(history)
    order += [str(name) for name in history["limit"].values if str(name) not in order]
    rows: list[list[Cell]] = []
    for name in order:
        held = history.sel(limit=name)
        cells = [
            _cell(str(state), float(used))
            for state, used in zip(held["limit_state"].values, held["limit_utilization"].values, strict=True)
        ]
        rows.append([short_name(name), *cells])
    quarters = [Column(str(quarter).replace("-", "\n"), "right") for quarter in history["review"].values]
    return Table(
        "Use of the limits by review",
        (Column("Limit", "left", 1.0), *quarters),
        rows,
        note="■ breach, ▲ warning, ● within. Value over breach; of a margin ratio breach over value. Levels are those "
        f"of each review. {NOTHING}: not limited, or no value.",
    )


def _cell(state: str, used: float) -> str:
    if state == NO_VALUE or math.isnan(used):
        return NOTHING
    return f"{LIGHTS[state][0]} {percent(used) if math.isfinite(used) else 'no end'}"
