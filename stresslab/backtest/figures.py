"""Three figures of a backtest: rates of exceedance, reliability of liquidation forecasts, and PIT."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from stresslab.report.charts.marks import figure_of, percent_tick
from stresslab.report.charts.panels import grid_of_panels, without_minor_ticks
from stresslab.report.style import INK, MUTED, PALE, Look, style

_LOOKS = {"long": Look("#0060a8", "o", "-"), "short": Look("#d1480e", "s", "--")}
_PIT_BINS = 10


def figure_exceedance(results: xr.Dataset) -> Figure:
    """Rate of exceedance of each model with its interval, one panel a level; the nominal rate as a line."""
    models = results.model.values.tolist()
    with style():
        panels = grid_of_panels(2, 0.12 + 0.12 * len(models), columns=2, left=1.5, between=0.3)
        for place, (axes, level) in enumerate(zip(panels, results.level.values.tolist(), strict=True)):
            axes.axvline(level, color=INK, linewidth=0.8)
            for offset, side in ((-0.13, "long"), (0.13, "short")):
                at = results.sel(level=level, side=side)
                rates = at.exceedance_rate.values
                rows = np.arange(len(models)) + offset
                look = _LOOKS[side]
                axes.hlines(
                    rows,
                    at.exceedance_rate_lower.values,
                    at.exceedance_rate_upper.values,
                    color=look.color,
                    linewidth=1,
                )
                axes.plot(rates, rows, linestyle="", marker=look.marker, color=look.color, markersize=3.6, label=side)
            axes.set_ylim(len(models) - 0.5, -0.5)
            axes.set_yticks(range(len(models)), models if place == 0 else [""] * len(models))
            axes.set_xlim(left=0.0)
            axes.xaxis.set_major_formatter(FuncFormatter(percent_tick))
            axes.grid(visible=True, axis="x")
            axes.set_title(f"nominal {level:.0%}")
            axes.set_xlabel("outcomes above the forecast, %")
        panels[1].legend(loc="lower right")
        return figure_of(panels[0])


def figure_reliability(results: xr.Dataset) -> Figure:
    """Share liquidated against the forecast of the first model, one panel a leverage, both sides, Wilson bars."""
    model = results.model.values.tolist()[0]
    with style():
        panels = grid_of_panels(results.sizes["leverage"], 1.15, columns=4, between=0.35)
        for place, (axes, leverage) in enumerate(zip(panels, results.leverage.values.tolist(), strict=True)):
            axes.plot([1e-4, 1.0], [1e-4, 1.0], color=MUTED, linewidth=0.8)
            for side, look in _LOOKS.items():
                at = results.sel(model=model, leverage=leverage, side=side)
                seen = at.group_count.values > 0
                forecast = np.maximum(at.group_forecast.values[seen], 1e-4)
                low, high = (np.maximum(at[f"group_observed_{end}"].values[seen], 1e-4) for end in ("lower", "upper"))
                axes.vlines(forecast, low, high, color=look.color, linewidth=1)
                observed = np.maximum(at.group_observed.values[seen], 1e-4)
                axes.plot(
                    forecast, observed, linestyle="", marker=look.marker, color=look.color, markersize=3.2, label=side
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(0.8e-4, 1.3)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(FixedLocator([1e-4, 1e-2, 1.0]))
                axis.set_major_formatter(FuncFormatter(percent_tick))
            without_minor_ticks(axes.xaxis, axes.yaxis)
            axes.set_ylim(0.8e-4, 1.3)
            axes.set_title(f"{leverage:g}x")
            axes.set_xlabel("forecast, %")
            if place == 0:
                axes.set_ylabel("liquidated, %")
        panels[0].legend(loc="upper left")
        return figure_of(panels[0])


def figure_transforms(results: xr.Dataset) -> Figure:
    """Histograms of probability integral transforms, all assets together, one panel a model; flat where it is right."""
    models = results.model.values.tolist()
    edges = np.linspace(0.0, 1.0, _PIT_BINS + 1)
    with style():
        panels = grid_of_panels(len(models), 0.8, columns=3, above=0.52, gap=0.5)
        for place, (axes, model) in enumerate(zip(panels, models, strict=True)):
            axes.axhline(1.0, color=PALE, linewidth=1.2)
            for side, look in _LOOKS.items():
                values = results.probability_integral_transform.sel(model=model, side=side).values.ravel()
                density, _ = np.histogram(values, edges, density=True)
                axes.stairs(density, edges, color=look.color, linestyle=look.line, label=side)
            axes.set_ylim(bottom=0.0)
            axes.set_title(model)
            if place % 3 == 0:
                axes.set_ylabel("density")
            if place + 3 >= len(models):
                axes.set_xlabel("forecast distribution")
        panels[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.12), ncols=2)
        return figure_of(panels[0])
