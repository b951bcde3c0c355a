"""Model risk beside the number: the same book under several market models."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stresslab.report.charts.marks import compact_money, dodge, percent_tick
from stresslab.report.review import label
from stresslab.report.style import PALE, look, new_figure, style


def figure_models(joined: xr.Dataset) -> Figure:
    """Probability of any liquidation and expected shortfall at 97.5 %, by model and configuration, with 95 % intervals.

    Parameters
    ----------
    joined : xarray.Dataset
        Results with the dim ``model``.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each model; the pale band is the envelope of the estimates as booked.
    """
    with style():
        figure = new_figure(1.0 + 0.42 * joined.sizes["model"])
        left, right = figure.subplots(1, 2, sharey=True)
        chance = "account_liquidation_probability"
        _dots(left, joined, joined[chance], joined[f"{chance}_lower"], joined[f"{chance}_upper"])
        left.set_xlabel("probability of any liquidation, %")
        left.xaxis.set_major_formatter(FuncFormatter(percent_tick))
        tail = joined.sel(level=0.975)
        reach = 1.96 * tail.expected_shortfall_standard_error
        _dots(right, joined, tail.expected_shortfall, tail.expected_shortfall - reach, tail.expected_shortfall + reach)
        right.set_xlabel(f"expected shortfall at 97.5 %, {joined.attrs['currency']}")
        right.xaxis.set_major_formatter(FuncFormatter(compact_money))
        left.set_yticks(range(joined.sizes["model"]), [str(name) for name in joined.model.values])
        left.set_ylim(joined.sizes["model"] - 0.5, -0.5)
        handles, names = left.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)))
        return figure


def _dots(axes: Axes, joined: xr.Dataset, value: xr.DataArray, lower: xr.DataArray, upper: xr.DataArray) -> None:
    configurations = [str(name) for name in joined.configuration.values]
    booked = value.isel(configuration=0)
    axes.axvspan(float(booked.min()), float(booked.max()), color=PALE, alpha=0.6, linewidth=0.0)
    for place, configuration in enumerate(configurations):
        appearance, here = look(configuration, configurations), {"configuration": configuration}
        for row in range(joined.sizes["model"]):
            at = row + dodge(place, len(configurations))
            ends = [float(bound.sel(here).isel(model=row)) for bound in (lower, upper)]
            axes.plot(ends, [at, at], color=appearance.color, linewidth=1.1)
            name = label(configuration) if row == 0 else None
            point = float(value.sel(here).isel(model=row))
            axes.plot([point], [at], color=appearance.color, marker=appearance.marker, linestyle="none", label=name)
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
