"""Figures of an allocation: the curves of the positions, and the split beside the simple rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
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


def figure_curves(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """P(liquidation) that each amount leaves, with its band; the mark is the best split. One panel a position."""
    names = [str(name) for name in results.position.values][:_PANELS]
    least = 5.0 / int(results.attrs["paths"])
    with style():
        panels = (
            grid_of_panels(len(names), 0.78, columns=_COLUMNS, between=0.48, gap=0.46) if axes is None else list(axes)
        )
        for place, (one, title) in enumerate(zip(panels, distinct(names, 19), strict=True)):
            at = results.sel(position=names[place])
            share = at.curve_probability.values
            drawn = share >= least
            amounts = at.curve_collateral.values[drawn]
            one.fill_between(
                amounts,
                np.maximum(at.curve_probability_lower.values[drawn], least),
                at.curve_probability_upper.values[drawn],
                color=MUTED,
                alpha=0.3,
                linewidth=0,
            )
            one.plot(amounts, share[drawn], color=INK)
            amount = float(at.collateral.sel(configuration="best split"))
            one.plot([amount], [max(float(at.liquidation_probability), least)], marker="o", color=INK, markersize=5)
            one.axvline(float(at.floor), color=MUTED, linestyle=":", linewidth=0.9)
            one.set_yscale("log")
            one.set_ylim(least * 0.8, 1.3)
            log_shares(one.yaxis, least, 1.0)
            without_minor_ticks(one.yaxis)
            one.xaxis.set_major_locator(MaxNLocator(3))
            one.xaxis.set_major_formatter(FuncFormatter(compact_money))
            one.grid(visible=True)
            one.set_title(title)
            if place % _COLUMNS == 0:
                one.set_ylabel("probability, %")
            if place >= len(names) - _COLUMNS:
                one.set_xlabel(f"collateral, {results.attrs['currency']}")
        return figure_of(panels[0])


def figure_comparison(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Every measure of the best split and of what it is compared with: in sample and on fresh paths, with intervals."""
    names = [str(name) for name in results.configuration.values]
    titles = {
        "any_liquidation_probability": "P(any liquidation), %",
        "expected_liquidation_loss": f"liquidation loss, {results.attrs['currency']}",
        "expected_shortfall": f"shortfall {float(results.attrs['level']):.1%}, {results.attrs['currency']}",
    }
    with style():
        height = 0.12 + 0.11 * len(names)
        panels = grid_of_panels(len(titles), height, columns=3, left=1.25, between=0.25) if axes is None else list(axes)
        for place, (one, (measure, title)) in enumerate(zip(panels, titles.items(), strict=True)):
            for offset, (sample, look) in zip((-0.15, 0.15), _SAMPLES.items(), strict=True):
                at = results.sel(sample=sample)
                rows = np.arange(len(names)) + offset
                one.hlines(rows, at[f"{measure}_lower"].values, at[f"{measure}_upper"].values, color=look.color)
                one.plot(
                    at[measure].values, rows, linestyle="", marker=look.marker, color=look.color, markersize=3.6,
                    label=sample,
                )  # fmt: skip
            one.set_ylim(len(names) - 0.5, -0.5)
            one.set_yticks(range(len(names)), names if place == 0 else [""] * len(names))
            one.set_xlim(left=0.0)
            one.xaxis.set_major_locator(MaxNLocator(3))
            percent = measure.endswith("probability")
            one.xaxis.set_major_formatter(FuncFormatter(percent_tick if percent else compact_money))
            one.grid(visible=True, axis="x")
            one.set_xlabel(title)
        panels[0].legend(loc="best")
        return figure_of(panels[0])


def figure_frontier(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Total collateral against what it buys on fresh paths, one panel a measure, one line a way to margin."""
    titles = {
        "any_liquidation_probability": "P(any liquidation), %",
        "expected_liquidation_loss": f"liquidation loss, {results.attrs['currency']}",
        "expected_shortfall": f"shortfall {float(results.attrs['level']):.1%}, {results.attrs['currency']}",
    }
    with style():
        panels = grid_of_panels(len(titles), 1.0, columns=3, between=0.55, above=0.5) if axes is None else list(axes)
        for one, (measure, title) in zip(panels, titles.items(), strict=True):
            for way, look in _WAYS.items():
                at = results.sel(way=way)
                low, high = (at[f"frontier_{measure}_{end}"].values for end in ("lower", "upper"))
                one.fill_between(at.budget.values, low, high, color=look.color, alpha=0.2, linewidth=0)
                one.plot(
                    at.budget.values, at[f"frontier_{measure}"].values, color=look.color, marker=look.marker,
                    linestyle=look.line, markersize=3.6, label=way,
                )  # fmt: skip
            one.axvline(float(results.attrs["budget"]), color=MUTED, linewidth=0.7)
            one.set_ylim(bottom=0.0)
            one.xaxis.set_major_locator(MaxNLocator(3))
            one.xaxis.set_major_formatter(FuncFormatter(compact_money))
            percent = measure.endswith("probability")
            one.yaxis.set_major_formatter(FuncFormatter(percent_tick if percent else compact_money))
            one.grid(visible=True)
            one.set_title(title)
            one.set_xlabel(f"total collateral, {results.attrs['currency']}")
        figure = figure_of(panels[0])
        if axes is None:
            figure.legend(*panels[0].get_legend_handles_labels(), loc="upper center", ncols=len(_WAYS))
        else:
            panels[0].legend(loc="best")
        return figure
