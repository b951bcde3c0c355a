"""Limits on the first page: a light for each, told by shape and word as well as by color."""

from __future__ import annotations

import math

from stresslab.report.blocks import Cell, Column, Table
from stresslab.report.formatting import NOTHING, money, number, percent
from stresslab.report.review import Review, label
from stresslab.results.limits import BREACH, NO_VALUE, WARNING, WITHIN

LIGHTS = {BREACH: "■ breach", WARNING: "▲ warning", WITHIN: "● within", NO_VALUE: f"{NOTHING} no value"}
"""Signs that differ in grey print; the template colors the cell by its first sign."""
_ORDER = (BREACH, WARNING, WITHIN, NO_VALUE)
_MEASURES = {
    "liquidation_probability": "P(liquidation)",
    "expected_shortfall": "Expected shortfall",
    "cash_at_risk": "Cash at risk",
    "margin_ratio": "Margin ratio today",
    "concentration": "Concentration",
}


def limit_table(review: Review) -> Table | None:
    """State of every limit, worst first; None where the results hold none.

    Parameters
    ----------
    review : Review
        Of results that `stresslab.results.limits.with_limits` may have added to.

    Returns
    -------
    Table or None
        A row a limit: light, what is limited, value with its interval, warning, breach, utilization.
    """
    if not review.holds("limit_state"):
        return None
    states = [str(state) for state in review.array("limit_state")]
    used = [float(value) for value in review.array("limit_utilization")]
    order = sorted(range(len(states)), key=lambda row: (_ORDER.index(states[row]), -_finite(used[row])))
    return Table(
        f"Limits: {review.results.attrs['limits']}. {_counted(states)}",
        (
            Column("Light", "light"),
            Column("Limit", "left", 1.0),
            Column("Value"),
            Column("Warning\nfrom"),
            Column("Breach\nfrom"),
            Column("Used"),
        ),
        [_row(review, row, states[row], used[row]) for row in order],
        note="■ breach, ▲ warning, ● within. Beneath an estimate its 95 % interval; the estimate decides. Of a margin "
        "ratio the used part is breach over value, of all else value over breach.",
    )


def _row(review: Review, row: int, state: str, used: float) -> list[Cell]:
    names = review.labels("limit")
    texts = {
        name: str(review.array(f"limit_{name}", limit=names[row]))
        for name in ("measure", "configuration", "subject", "unit")
    }
    measure = texts["measure"]
    write = percent if _is_share(measure, texts["unit"]) else number if measure == "margin_ratio" else money
    level = review.value("limit_level", limit=names[row])
    title = _MEASURES[measure] + ("" if math.isnan(level) else f" {100.0 * level:g} %")
    unit = (
        ""
        if texts["unit"] == "1"
        else f", {'of account value' if _is_share(measure, texts['unit']) else texts['unit']}"
    )
    value, lower, upper = (review.value(f"limit_value{end}", limit=names[row]) for end in ("", "_lower", "_upper"))
    main = NOTHING if math.isnan(value) else write(value)
    shown: Cell = main if math.isnan(lower) else (main, f"{write(lower)} to {write(upper)}")
    thresholds = [write(review.value(f"limit_{name}", limit=names[row])) for name in ("warn", "breach")]
    percentage = NOTHING if math.isnan(used) else percent(used) if math.isfinite(used) else "without end"
    return [
        LIGHTS[state],
        (f"{title}{unit}", f"{texts['subject']}, {label(texts['configuration'])}"),
        shown,
        *thresholds,
        percentage,
    ]


def _is_share(measure: str, unit: str) -> bool:
    return measure in ("liquidation_probability", "concentration") or unit == "share of account value"


def _finite(used: float) -> float:
    return -1.0 if math.isnan(used) else min(used, 1e300)


def _counted(states: list[str]) -> str:
    breached, warned = states.count(BREACH), states.count(WARNING)
    if not breached and not warned:
        return "None breached, none at a warning" if WITHIN in states else "None has a value in this run"
    told = f"{breached or 'None'} of {len(states)} breached"
    return f"{told}, {warned or 'none'} at a warning"
