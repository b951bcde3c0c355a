"""Figures of an allocation: the curves of the positions, and the split beside the simple rules."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, figure_of, log_shares, percent_tick
from stresslab.report.charts.panels import grid_of_panels, without_minor_ticks
from stresslab.report.formatting import distinct
from stresslab.report.style import INK, MUTED, Look, style

_PANELS = 16
_COLUMNS = 4
_WAYS = {
    "isolated": Look("#0060a8", "o", "-"),
    "crossed": Look("#d1480e", "s", "--"),
    "best mix": Look("#00835a", "^", "-."),
}
# Not the colors of isolated and cross, which mean the same on every page.
_SAMPLES = {"in sample": Look(MUTED, "D", "--"), "fresh": Look(INK, "P", "-")}


def figure_curves(results: xr.Dataset) -> Figure:
    """P(liquidation) that each amount leaves, with its band; the mark is the best split. One panel a position."""
    names = [str(name) for name in results.position.values][:_PANELS]
    least = 5.0 / int(results.attrs["paths"])
    with style():
        panels = grid_of_panels(len(names), 0.78, columns=_COLUMNS, between=0.48, gap=0.46)
        for place, (axes, title) in enumerate(zip(panels, distinct(names, 19), strict=True)):
            at = results.sel(position=names[place])
            share = at.curve_probability.values
            drawn = share >= least
            amounts = at.curve_collateral.values[drawn]
            axes.fill_between(
                amounts,
                np.maximum(at.curve_probability_lower.values[drawn], least),
                at.curve_probability_upper.values[drawn],
                color=MUTED,
                alpha=0.3,
                linewidth=0,
            )
            axes.plot(amounts, share[drawn], color=INK)
            amount = float(at.collateral.sel(configuration="best split"))
            axes.plot([amount], [max(float(at.liquidation_probability), least)], marker="o", color=INK, markersize=5)
            axes.axvline(float(at.floor), color=MUTED, linestyle=":", linewidth=0.9)
            axes.set_yscale("log")
            axes.set_ylim(least * 0.8, 1.3)
            log_shares(axes.yaxis, least, 1.0)
            without_minor_ticks(axes.yaxis)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.xaxis.set_major_formatter(FuncFormatter(compact_money))
            axes.grid(visible=True)
            axes.set_title(title)
            if place % _COLUMNS == 0:
                axes.set_ylabel("probability, %")
            if place >= len(names) - _COLUMNS:
                axes.set_xlabel(f"collateral, {results.attrs['currency']}")
        return figure_of(panels[0])


def figure_comparison(results: xr.Dataset) -> Figure:
    """Every measure of the best split and of what it is compared with: in sample and on fresh paths, with intervals."""
    names = [str(name) for name in results.configuration.values]
    titles = {
        "any_liquidation_probability": "P(any liquidation), %",
        "expected_liquidation_loss": f"liquidation loss, {results.attrs['currency']}",
        "expected_shortfall": f"shortfall {float(results.attrs['level']):.1%}, {results.attrs['currency']}",
    }
    with style():
        panels = grid_of_panels(len(titles), 0.12 + 0.11 * len(names), columns=3, left=1.25, between=0.25)
        for place, (axes, (measure, title)) in enumerate(zip(panels, titles.items(), strict=True)):
            for offset, (sample, look) in zip((-0.15, 0.15), _SAMPLES.items(), strict=True):
                at = results.sel(sample=sample)
                rows = np.arange(len(names)) + offset
                axes.hlines(rows, at[f"{measure}_lower"].values, at[f"{measure}_upper"].values, color=look.color)
                axes.plot(
                    at[measure].values, rows, linestyle="", marker=look.marker, color=look.color, markersize=3.6,
                    label=sample,
                )  # fmt: skip
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(range(len(names)), names if place == 0 else [""] * len(names))
            axes.set_xlim(left=0.0)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            percent = measure.endswith("probability")
            axes.xaxis.set_major_formatter(FuncFormatter(percent_tick if percent else compact_money))
            axes.grid(visible=True, axis="x")
            axes.set_xlabel(title)
        panels[0].legend(loc="best")
        return figure_of(panels[0])


def figure_frontier(results: xr.Dataset) -> Figure:
    """Total collateral against what it buys on fresh paths, one panel a measure, one line a way to margin."""
    titles = {
        "any_liquidation_probability": "P(any liquidation), %",
        "expected_liquidation_loss": f"liquidation loss, {results.attrs['currency']}",
        "expected_shortfall": f"shortfall {float(results.attrs['level']):.1%}, {results.attrs['currency']}",
    }
    with style():
        panels = grid_of_panels(len(titles), 1.0, columns=3, between=0.55, above=0.5)
        for axes, (measure, title) in zip(panels, titles.items(), strict=True):
            for way, look in _WAYS.items():
                at = results.sel(way=way)
                low, high = (at[f"frontier_{measure}_{end}"].values for end in ("lower", "upper"))
                axes.fill_between(at.budget.values, low, high, color=look.color, alpha=0.2, linewidth=0)
                axes.plot(
                    at.budget.values, at[f"frontier_{measure}"].values, color=look.color, marker=look.marker,
                    linestyle=look.line, markersize=3.6, label=way,
                )  # fmt: skip
            axes.axvline(float(results.attrs["budget"]), color=MUTED, linewidth=0.7)
            axes.set_ylim(bottom=0.0)
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.xaxis.set_major_formatter(FuncFormatter(compact_money))
            percent = measure.endswith("probability")
            axes.yaxis.set_major_formatter(FuncFormatter(percent_tick if percent else compact_money))
            axes.grid(visible=True)
            axes.set_title(title)
            axes.set_xlabel(f"total collateral, {results.attrs['currency']}")
        figure = figure_of(panels[0])
        figure.legend(*panels[0].get_legend_handles_labels(), loc="upper center", ncols=len(_WAYS))
        return figure
