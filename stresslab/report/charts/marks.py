"""What several charts draw: estimates with intervals, bounds where nothing was seen, axes of percentages and money."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, LogLocator, NullFormatter

from stresslab.report.formatting import THIN, Estimate, number, rarest
from stresslab.report.style import Look

_DODGE = 0.24


def dodge(place: int, count: int) -> float:
    """Offset of one of several marks that share a row."""
    return _DODGE * (place - (count - 1) / 2) * min(1.0, 3 / count)


def interval_mark(axes: Axes, estimate: Estimate, row: float, look: Look, name: str | None = None) -> None:
    """A dot with its interval across a row."""
    if math.isnan(estimate.value):
        return
    if not (math.isnan(estimate.lower) or math.isnan(estimate.upper)):
        axes.plot([estimate.lower, estimate.upper], [row, row], color=look.color, linewidth=1.1, solid_capstyle="butt")
    axes.plot([estimate.value], [row], color=look.color, marker=look.marker, linestyle="none", label=name)


def bound_mark(axes: Axes, paths: int, row: float, look: Look, name: str | None = None) -> None:
    """An open mark at the one-sided bound, with an arrow to the left: not seen on any path."""
    bound = rarest(paths)
    axes.annotate(
        "",
        xy=(bound * 0.45, row),
        xytext=(bound, row),
        arrowprops={"arrowstyle": "-|>,head_width=0.16,head_length=0.32", "color": look.color, "linewidth": 0.9},
        annotation_clip=False,
    )
    axes.plot(
        [bound], [row], color=look.color, marker=look.marker, markerfacecolor="white", linestyle="none", label=name
    )


def percent_tick(value: float, _: object = None) -> str:
    """A share as a tick of an axis in percent: no more digits than it needs."""
    text = f"{100.0 * value:.10g}"
    return text if "e" not in text else f"{100.0 * value:.10f}".rstrip("0")


def compact_money(value: float, _: object = None, digits: int = 4) -> str:
    """An amount as a tick: thousands as k, millions as m."""
    size = abs(value)
    for unit, name in ((1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if size >= unit:
            return f"{value / unit:.{digits}g}{THIN}{name.strip()}".replace("-", "\u2212")
    return number(value, digits - 1) if value else "0"


class MoneyFormatter(Formatter):
    """Writes amounts as `compact_money` does, with more digits where two ticks would read the same."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Labels of all ticks of an axis."""
        for digits in range(4, 12):
            labels = [compact_money(value, digits=digits) for value in values]
            if len(set(labels)) == len(set(values)):
                break
        return labels

    def __call__(self, value: float, pos: int | None = None) -> str:
        """One label, as a tick alone would have it."""
        return compact_money(value)


def log_shares(axis: Axis, lower: float, upper: float) -> None:
    """A logarithmic axis of shares with ticks in percent."""
    axis.set_major_locator(LogLocator(base=10.0, numticks=12))
    axis.set_minor_locator(LogLocator(base=10.0, subs=tuple(float(part) for part in range(2, 10)), numticks=12))
    axis.set_major_formatter(FuncFormatter(percent_tick))
    if upper / lower < 30.0:
        ticks = [10.0**power * part for power in range(-9, 1) for part in (1, 2, 5)]
        axis.set_major_locator(FixedLocator([tick for tick in ticks if lower <= tick <= upper]))
    axis.set_minor_formatter(NullFormatter())


def formatted(axis: Axis, write: Callable[[float, object], str]) -> None:
    """Write an axis' ticks with a function of ours."""
    axis.set_major_formatter(FuncFormatter(write))


def legend_above(axes: Axes, *, own: bool) -> None:
    """A legend in one row above the frame; across the whole figure where it is our own, so that it is never cut."""
    handles, names = axes.get_legend_handles_labels()
    if own:
        figure_of(axes).legend(handles, names, loc="outside upper center", ncols=len(names), columnspacing=1.5)
    else:
        axes.legend(handles, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names), columnspacing=1.5)


def figure_of(axes: Axes) -> Figure:
    """The figure that holds axes that were given."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure
