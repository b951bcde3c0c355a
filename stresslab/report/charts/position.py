"""One position at a glance: how far its price may move, and how long it survives."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from stresslab.report.charts.liquidation_prices import figure_liquidation_prices
from stresslab.report.charts.survival import figure_position_survival
from stresslab.report.style import WIDTH, new_figure, style

_HEIGHT = 2.1


def figure_position(results: xr.Dataset, position: str) -> Figure:
    """Ladder and survival of one position, side by side.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; see `figure_liquidation_prices` and `figure_position_survival`.
    position : str
        Its id.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels under one legend.
    """
    own = results.sel(position=[position])
    with style():
        figure = new_figure(_HEIGHT, fitted=False)
        ladder = figure.add_axes((0.1 / WIDTH, 0.22, 2.85 / WIDTH, 0.52))
        survival = figure.add_axes((3.55 / WIDTH, 0.22, 2.65 / WIDTH, 0.52))
        figure_liquidation_prices(own, ladder)
        ladder.set_yticks([])
        handles, names = ladder.get_legend_handles_labels()
        if (legend := ladder.get_legend()) is not None:
            legend.remove()
        figure_position_survival(own, [survival])
        survival.set_title("")
        survival.set_xlabel("days from today")
        figure.legend(handles, names, loc="upper center", ncols=4)
    return figure
