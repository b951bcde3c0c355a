"""Fan of the margin ratio: how close the pools come, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from stresslab.report.charts.marks import figure_of
from stresslab.report.charts.panels import grid_of_panels, only_below
from stresslab.report.formatting import distinct
from stresslab.report.review import BOOKED, CROSS, Review
from stresslab.report.style import INK, look, new_figure, style

PANELS = 6
_BANDS = ((0.01, 0.99, 0.14), (0.05, 0.95, 0.2), (0.25, 0.75, 0.3))


def fanned(review: Review) -> list[tuple[str, str]]:
    """Configuration and pool of each panel: the account crossed, then the pools as booked, the riskiest first."""
    booked = [(BOOKED, pool) for pool in review.pools(BOOKED)]
    crossed = [(CROSS, pool) for pool in review.pools(CROSS)]
    same = len(booked) == 1 and review.members(BOOKED, booked[0][1]) == review.members(CROSS, crossed[0][1])
    return (booked if same else [*crossed, *booked])[:PANELS]


def figure_margin_ratio(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Median, 50, 90 and 98 % bands of equity over maintenance margin, over time; liquidation at 1.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `margin_ratio` is drawn. Liquidated paths stay at 1; their share is written in.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw, one a pool of `fanned`; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    review = Review(results)
    pools = fanned(review)
    with style():
        if axes is not None:
            panels = list(axes)
        elif len(pools) == 1:
            panels = [new_figure(3.0).add_subplot()]
        else:
            panels = grid_of_panels(len(pools), 1.75, columns=2)
        titles = distinct([pool for _, pool in pools])
        for place, ((configuration, pool), one) in enumerate(zip(pools, panels, strict=True)):
            _fan(one, review, configuration, pool)
            one.set_title("the whole book, all cross" if configuration == CROSS else f"{titles[place]}, as booked")
            if place % 2 == 0:
                one.set_ylabel("margin ratio (log scale)")
        only_below(panels, 2, "days from today")
        return figure_of(panels[0])


def _fan(axes: Axes, review: Review, configuration: str, pool: str) -> None:
    times = np.array(review.labels("time"))
    ratios = review.array("margin_ratio", configuration=configuration, pool=pool)
    places = {quantile: place for place, quantile in enumerate(review.labels("quantile"))}
    appearance = look(configuration, review.configurations)
    for lower, upper, strength in _BANDS:
        below, above = ratios[:, places[lower]], ratios[:, places[upper]]
        axes.fill_between(times, below, above, color=appearance.color, alpha=strength, linewidth=0)
    axes.plot(times, ratios[:, places[0.5]], color=appearance.color, linestyle=appearance.line)
    axes.axhline(1.0, color=INK, linewidth=0.9)
    axes.set_yscale("log")
    top = float(np.nanmax(ratios[:, places[0.99]]))
    axes.set_ylim(0.72, max(top * 1.15, 3.0))
    axes.set_xlim(0.0, float(times[-1]))
    axes.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.grid(visible=True, axis="y")
    share, _ = review.chance("liquidation_probability", configuration, pool=pool)
    axes.text(0.98, 0.13, f"liquidated: {share}", transform=axes.transAxes, ha="right", va="bottom", fontsize=7.5,
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.85})  # fmt: skip
