"""Replays at a glance: what prices did, and how far the book's pools were from liquidation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stresslab.report.charts.marks import figure_of, percent_tick
from stresslab.report.charts.panels import common_legend
from stresslab.report.formatting import columns, distinct, shortened
from stresslab.report.style import INK, MUTED, new_figure, panel, style

_COLORS = ("#0060a8", "#d1480e", "#00835a", "#7a4fa3", "#8a6d00", "#a83279")
_LINES = ("-", "--", "-.", ":")
_MOST = 6
_HIGHEST = 1000.0


def figure_replay(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Small multiples, a row for each replay: prices on the left, margin ratios of the pools as booked on the right.

    Parameters
    ----------
    results : xarray.Dataset
        From a replay.
    axes : sequence of matplotlib.axes.Axes, optional
        Two axes for each replay, those of the first one first; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        At most 6 assets and 6 pools, those that fell furthest and came closest. A margin ratio ends where its pool is
        liquidated, with a cross; the axis is logarithmic and ends at 1,000.
    """
    assets = _first(results.asset.values, results.peak_to_trough.min("crash").values)
    booked = results.least_margin_ratio.isel(configuration=0).min("crash")
    pools = _first(results.pool.values, booked.values)
    with style():
        # Six rows and a caption fit on a page.
        height = min(1.1 + 1.55 * results.sizes["crash"], max(8.1, 1.1 + 1.1 * results.sizes["crash"]))
        own = new_figure(height).subplots(results.sizes["crash"], 2).ravel() if axes is None else axes
        panels = list(own)
        for row, crash in enumerate(results.crash.values):
            _prices(panels[2 * row], results.sel(crash=crash), assets)
            _ratios(panels[2 * row + 1], results.sel(crash=crash), pools)
        for one in panels[-2:]:
            one.set_xlabel("hours from the start")
        handles, names = panels[0].get_legend_handles_labels()
        more = panels[1].get_legend_handles_labels()
        entries = (handles + more[0], names + more[1])
        # Four columns of long names are wider than the page.
        common_legend(panels, entries, 4 if max(map(columns, entries[1])) <= 16 else 3, own=axes is None)
        return figure_of(panels[0])


def _first(names: np.ndarray, figures: np.ndarray) -> list[str]:
    """The names with the lowest figures, in their own order; none without a figure."""
    places = [place for place in np.argsort(figures, kind="stable") if not np.isnan(figures[place])][:_MOST]
    return [str(names[place]) for place in sorted(places)]


def _prices(axes: Axes, results: xr.Dataset, assets: list[str]) -> None:
    for place, asset in enumerate(assets):
        color, line = _COLORS[place % len(_COLORS)], _LINES[place % len(_LINES)]
        change = results.price_ratio.sel(asset=asset) - 1.0
        axes.plot(results.hours, change, color=color, linestyle=line, label=f"price of {shortened(asset, 10)}")
    kind = "reconstructed" if int(results.reconstructed) else "history"
    axes.set_title(f"{results.title.item()}, {kind}")
    axes.yaxis.set_major_formatter(FuncFormatter(percent_tick))
    axes.set_ylabel("change, %")
    panel(axes)


def _ratios(axes: Axes, results: xr.Dataset, pools: list[str]) -> None:
    for place, (pool, short) in enumerate(zip(pools, distinct(pools, 17), strict=True)):
        color, line = _COLORS[place % len(_COLORS)], _LINES[(place + 1) % len(_LINES)]
        ratio = np.clip(results.margin_ratio.sel(pool=pool).values, 0.5, _HIGHEST)
        axes.plot(results.hours, ratio, color=color, linestyle=line, label=f"pool {short}")
        known = np.flatnonzero(~np.isnan(ratio))
        if len(known) and float(results.liquidated.isel(configuration=0).sel(pool=pool)) == 1.0:
            axes.plot(results.hours[known[-1]], ratio[known[-1]], color=INK, marker="x", linestyle="none")
    axes.axhline(1.0, color=MUTED, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(0.45, _HIGHEST * 1.3)
    axes.set_yticks([0.5, 1.0, 10.0, 100.0, 1000.0], ["0.5", "1", "10", "100", "1,000"])
    axes.minorticks_off()
    axes.set_ylabel("margin ratio")
    panel(axes)
