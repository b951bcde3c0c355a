"""Model risk beside the number: the same book under several market models."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, dodge, figure_of, percent_tick
from stresslab.report.charts.panels import common_legend, named_rows, side_by_side
from stresslab.report.review import label
from stresslab.report.style import PALE, look, style


def figure_models(joined: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Probability of any liquidation, expected loss and shortfall at 97.5 %, by model and configuration.

    Parameters
    ----------
    joined : xarray.Dataset
        Results with the dim ``model``.
    axes : sequence of matplotlib.axes.Axes, optional
        Three axes to draw on; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each model, the first one marked as the stated choice; the hatched band is the envelope of the
        estimates as booked. Intervals are of 95 %.
    """
    with style():
        panels = side_by_side(3, 1.1 + 0.42 * joined.sizes["model"]) if axes is None else list(axes)
        chance, tail = "account_liquidation_probability", joined.sel(level=0.975)
        _dots(panels[0], joined, joined[chance], joined[f"{chance}_lower"], joined[f"{chance}_upper"])
        panels[0].set_xlabel("P(any liquidation), %")
        panels[0].xaxis.set_major_formatter(FuncFormatter(percent_tick))
        for one, name, title in (
            (panels[1], "expected_loss", "expected loss"),
            (panels[2], "expected_shortfall", "expected shortfall 97.5 %"),
        ):
            _dots(one, joined, tail[name], tail[f"{name}_lower"], tail[f"{name}_upper"])
            one.set_xlabel(f"{title}, {joined.attrs['currency']}")
            one.xaxis.set_major_formatter(FuncFormatter(compact_money))
        for one in panels:
            one.xaxis.set_major_locator(MaxNLocator(4))
        names = [f"\u2192 {name}" if row == 0 else str(name) for row, name in enumerate(joined.model.values)]
        named_rows(panels, names)
        panels[0].get_yticklabels()[0].set_fontweight("bold")
        entries = panels[0].get_legend_handles_labels()
        common_legend(panels, entries, min(4, len(entries[1])), own=axes is None)
        return figure_of(panels[0])


def _dots(axes: Axes, joined: xr.Dataset, value: xr.DataArray, lower: xr.DataArray, upper: xr.DataArray) -> None:
    configurations = [str(name) for name in joined.configuration.values]
    booked = value.isel(configuration=0)
    ends = float(booked.min()), float(booked.max())
    axes.axvspan(*ends, facecolor="white", edgecolor=PALE, hatch="////", linewidth=0.0, label="range as booked")
    for place, configuration in enumerate(configurations):
        appearance, here = look(configuration, configurations), {"configuration": configuration}
        for row in range(joined.sizes["model"]):
            at = row + dodge(place, len(configurations))
            bounds = [float(bound.sel(here).isel(model=row)) for bound in (lower, upper)]
            axes.plot(bounds, [at, at], color=appearance.color, linewidth=1.1)
            name = label(configuration) if row == 0 else None
            point = float(value.sel(here).isel(model=row))
            axes.plot([point], [at], color=appearance.color, marker=appearance.marker, linestyle="none", label=name)
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
