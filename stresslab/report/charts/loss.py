"""The loss at the horizon: its distribution, its tail, and the headline numbers of each configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import (
    compact_money,
    figure_of,
    interval_mark,
    legend_above,
    log_shares,
    percent_tick,
)
from stresslab.report.charts.panels import grid_of_panels
from stresslab.report.formatting import Estimate, distinct
from stresslab.report.review import ROWS, Review, label
from stresslab.report.style import INK, MUTED, look, new_figure, panel, style

LEVEL = 0.975
"""Level of value at risk and expected shortfall that the charts mark."""


def figure_loss_distribution(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Share of paths that lose more than an amount, one curve a configuration.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `loss_profile` is drawn as its exceedance, from the quantile of 1 % to that of 99.9 %.
        Positive = loss.
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
            axes = new_figure(2.3).add_subplot()
        _exceedance(axes, review)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        # The largest gains of a short horizon's luckiest paths would squeeze everything else.
        drawn = [review.array("loss_profile", configuration=one) for one in review.charted]
        profile = review.labels("profile")
        axes.set_xlim(
            min(float(losses[profile.index(0.01)]) for losses in drawn),
            max(float(losses[profile.index(0.999)]) for losses in drawn),
        )
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(FuncFormatter(percent_tick))
        axes.set_ylabel("paths that lose more, %")
        axes.set_xlabel(f"loss after {review.horizon}, {review.currency} (gains to the left of zero)")
        legend_above(axes, own=own)
        return figure_of(axes)


def figure_loss_tail(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """The same curves where fewer than one path in ten loses more, on a logarithmic axis, with VaR and ES marked.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `loss_profile`, `value_at_risk` and `expected_shortfall` at 97.5 % are drawn.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; value at risk is a filled mark on the curve, the shortfall beyond it an open one.
    """
    review = Review(results)
    with style():
        own = axes is None
        if axes is None:
            axes = new_figure(2.4).add_subplot()
        profile = np.array(review.labels("profile"))
        tail = profile >= 0.9
        # A curve ends where ten paths are left: beyond, it would draw single paths.
        tail &= 1.0 - profile >= min(10.0 / review.paths, 0.05)
        _exceedance(axes, review, tail)
        for configuration in review.charted:
            appearance = look(configuration, review.configurations)
            labels = {"configuration": configuration, "level": LEVEL}
            for name, face in (("value_at_risk", appearance.color), ("expected_shortfall", "white")):
                axes.plot(
                    [review.value(name, **labels)],
                    [1.0 - LEVEL],
                    color=appearance.color,
                    marker=appearance.marker,
                    markerfacecolor=face,
                    linestyle="none",
                    zorder=3,
                )
        axes.axhline(1.0 - LEVEL, color=INK, linewidth=0.6)
        axes.set_yscale("log")
        lowest = min(float((1.0 - profile[tail]).min()), 1.0 - LEVEL) * 0.8
        axes.set_ylim(lowest, 0.11)
        log_shares(axes.yaxis, lowest, 0.11)
        axes.set_ylabel("paths that lose more, % (log scale)")
        axes.set_xlabel(f"loss after {review.horizon}, {review.currency}")
        legend_above(axes, own=own)
        return figure_of(axes)


def figure_losses_compared(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Expected loss, value at risk and expected shortfall of every configuration, with 95 % intervals.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `expected_loss`, and `value_at_risk` and `expected_shortfall` at 97.5 %, are drawn.
    axes : sequence of matplotlib.axes.Axes, optional
        Three axes to draw on; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        One row a configuration, in the order of the dataset.
    """
    review = Review(results)
    configurations = review.configurations[:ROWS]
    with style():
        panels = (
            grid_of_panels(3, 0.1 + 0.13 * len(configurations), left=1.2, between=0.3) if axes is None else list(axes)
        )
        measures: tuple[tuple[str, str, dict[str, float]], ...] = (
            ("expected loss", "expected_loss", {}),
            ("value at risk, 97.5 %", "value_at_risk", {"level": LEVEL}),
            ("expected shortfall, 97.5 %", "expected_shortfall", {"level": LEVEL}),
        )
        for place, (one, (title, name, level)) in enumerate(zip(panels, measures, strict=True)):
            for row, configuration in enumerate(configurations):
                estimate: Estimate = review.estimate(name, configuration=configuration, **level)
                interval_mark(one, estimate, row, look(configuration, review.configurations))
            one.set_title(title)
            one.set_ylim(len(configurations) - 0.4, -0.6)
            names = distinct([label(name) for name in configurations], 18) if place == 0 else []
            one.set_yticks(range(len(configurations)), names or [""] * len(configurations))
            one.tick_params(axis="y", length=0)
            one.xaxis.set_major_locator(MaxNLocator(2))
            one.xaxis.set_major_formatter(FuncFormatter(compact_money))
            one.grid(visible=True, axis="both")
            one.set_xlabel(review.currency)
        return figure_of(panels[0])


def _exceedance(axes: Axes, review: Review, where: Any = slice(None)) -> None:
    share = 1.0 - np.array(review.labels("profile"))
    for configuration in review.charted:
        appearance = look(configuration, review.configurations)
        losses = review.array("loss_profile", configuration=configuration)
        axes.plot(
            losses[where], share[where], color=appearance.color, linestyle=appearance.line, label=label(configuration)
        )
    axes.xaxis.set_major_formatter(FuncFormatter(compact_money))
    axes.tick_params(axis="x", colors=MUTED, labelcolor=INK)
    panel(axes)
