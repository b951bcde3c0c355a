"""Survival over time: of the account, and position by position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stresslab.report.charts.marks import figure_of, legend_above, percent_tick
from stresslab.report.charts.panels import grid_of_panels, only_below
from stresslab.report.formatting import distinct
from stresslab.report.review import CROSS, ISOLATED, ROWS, Review, label
from stresslab.report.style import look, new_figure, panel, style


def figure_account_survival(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Probability that no pool has been liquidated, over time, one curve a configuration, with bands.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `account_survival` is drawn with its band, which holds over the whole curve at once.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    review = Review(results)
    with style():
        own = axes is None
        if axes is None:
            axes = new_figure(1.9).add_subplot()
        for configuration in review.charted:
            labels = {"configuration": configuration}
            _curve(axes, review, "account_survival", labels, look_of=configuration)
        _finish(axes, review)
        axes.set_ylabel("no pool liquidated, % of paths")
        axes.set_xlabel("days from today")
        legend_above(axes, own=own)
        return figure_of(axes)


def figure_position_survival(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Survival of each position, isolated against cross, one small panel a position.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `survival` of the position's pool in `all_isolated` and in `all_cross` is drawn, with bands.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw, one a position of at most 12, the riskiest first; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    review = Review(results)
    positions = review.positions[:ROWS]
    with style():
        panels = grid_of_panels(len(positions), 0.68, above=0.45) if axes is None else list(axes)
        titles = distinct(positions)
        for place, (position, one) in enumerate(zip(positions, panels, strict=True)):
            for configuration in (ISOLATED, CROSS):
                labels = {"configuration": configuration, "pool": review.pool_of(configuration, position)}
                _curve(one, review, "survival", labels, look_of=configuration)
            _finish(one, review)
            one.set_title(titles[place])
            if place % 3 == 0:
                one.set_ylabel("survival, %")
        only_below(panels, 3, "days")
        figure = figure_of(panels[0])
        if axes is None:
            handles, names = panels[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside upper center", ncols=2)
        return figure


def _curve(axes: Axes, review: Review, name: str, labels: dict[str, str], *, look_of: str) -> None:
    appearance = look(look_of, review.configurations)
    times = np.array(review.labels("time"))
    lower, upper = (review.array(f"{name}_{bound}", **labels) for bound in ("lower", "upper"))
    axes.fill_between(times, lower, upper, color=appearance.color, alpha=0.2, linewidth=0)
    axes.plot(
        times, review.array(name, **labels), color=appearance.color, linestyle=appearance.line, label=label(look_of)
    )


def _finish(axes: Axes, review: Review) -> None:
    axes.set_ylim(-0.02, 1.03)
    axes.set_xlim(0.0, float(review.labels("time")[-1]))
    axes.yaxis.set_major_formatter(FuncFormatter(percent_tick))
    panel(axes)
