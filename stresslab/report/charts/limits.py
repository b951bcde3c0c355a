"""Use of limits over the last reviews: a small panel a limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import figure_of, percent_tick
from stresslab.report.charts.panels import grid_of_panels
from stresslab.report.formatting import shortened
from stresslab.report.review import BOOKED, ROWS
from stresslab.report.style import INK, MUTED, panel, style

_LINE = "#0060a8"


def most_used(history: xr.Dataset) -> list[str]:
    """Limits of the chart: at most 12, those with the greatest use in the last review first."""
    used = history["limit_utilization"].values[-1]
    order = np.argsort(-np.where(np.isnan(used), -np.inf, used), kind="stable")
    return [str(history["limit"].values[place]) for place in order[:ROWS]]


def figure_limit_utilization(history: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Use of each limit over the reviews; a line at 100 %, where the breach begins, and one where the warning does.

    Parameters
    ----------
    history : xarray.Dataset
        From `stresslab.results.limit_history.with_present`; `limit_utilization` is drawn.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw, one a limit of `most_used`; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The last review has a filled mark. A use that does not exist, or has no end, has none.
    """
    names = most_used(history)
    quarters = [str(name) for name in history["review"].values]
    places = np.arange(len(quarters))
    with style():
        panels = grid_of_panels(len(names), 0.6, above=0.36, gap=0.6) if axes is None else list(axes)
        for one, name in zip(panels, names, strict=True):
            held = history.sel(limit=name)
            used = np.where(np.isfinite(held["limit_utilization"].values), held["limit_utilization"].values, np.nan)
            one.plot(places, used, color=_LINE, marker="o", markerfacecolor="white")
            one.plot(places[-1:], used[-1:], color=_LINE, marker="o", linestyle="none")
            one.axhline(1.0, color=INK, linewidth=0.8)
            one.axhline(_warning(held), color=MUTED, linewidth=0.8, linestyle="--")
            one.set_ylim(0.0, 1.15 * float(np.nanmax(np.append(used, 1.0))))
            one.set_xlim(-0.3, max(len(quarters) - 0.7, 0.3))
            one.set_xticks([0, len(quarters) - 1], [quarters[0], quarters[-1]])
            first, last = one.get_xticklabels()
            first.set(horizontalalignment="left")
            last.set(horizontalalignment="right")
            one.yaxis.set_major_locator(MaxNLocator(3))
            one.yaxis.set_major_formatter(FuncFormatter(percent_tick))
            one.set_title("\n".join(shortened(part, 27) for part in _lines(name)), fontsize=7)
            panel(one, grid="y")
        return figure_of(panels[0])


def short_name(name: str) -> str:
    """A limit's label without the configuration that a reader expects."""
    return name.removesuffix(f", {BOOKED}")


def _lines(name: str) -> tuple[str, str]:
    """What is limited, and of whom."""
    measure, _, subject = short_name(name).partition(", ")
    return measure, subject


def _warning(held: xr.Dataset) -> float:
    """Use at which the warning of the last review begins: a margin ratio's lies above its breach."""
    warn, breach = float(held["limit_warn"][-1]), float(held["limit_breach"][-1])
    return min(warn / breach, breach / warn)
