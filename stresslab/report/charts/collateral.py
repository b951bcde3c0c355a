"""Collateral against the probability of liquidation, pool by pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from stresslab.report.charts.marks import compact_money, figure_of, log_shares
from stresslab.report.charts.panels import grid_of_panels, without_minor_ticks
from stresslab.report.formatting import distinct
from stresslab.report.review import BOOKED, CROSS, ISOLATED, ROWS, Review
from stresslab.report.style import INK, MUTED, look, style

TARGET = 0.01
"""Probability of liquidation for which the required collateral is marked."""


_COLUMNS = 4


def collateral_pools(review: Review) -> list[tuple[str, str]]:
    """Configuration and pool of every row: the pools as booked, then what isolation and crossing add.

    A pool without maintenance margin needs none. Pools of the same positions stand once: the curve does not depend on
    the collateral.
    """
    seen: dict[tuple[str, ...], tuple[str, str]] = {}
    for configuration in (BOOKED, CROSS, ISOLATED):
        for pool in review.pools(configuration):
            if not np.isfinite(review.value("margin_ratio_today", configuration=configuration, pool=pool)):
                continue  # nothing is demanded of it
            seen.setdefault(tuple(review.members(configuration, pool)), (configuration, pool))
    return list(seen.values())


def required_pools(review: Review) -> list[tuple[str, str]]:
    """Those among them on which nothing acts: on the others no single amount decides whether they survive."""

    def is_known(configuration: str, pool: str) -> bool:
        required = review.value("required_collateral", configuration=configuration, pool=pool, quantile=0.5)
        return not np.isnan(required)

    return [held for held in collateral_pools(review) if is_known(*held)]


def pool_title(configuration: str, pool: str) -> str:
    """A pool as charts and tables name it."""
    if configuration == CROSS:
        return "whole book, crossed"
    return f"{pool}{', isolated' if configuration == ISOLATED else ''}"


def figure_collateral(results: xr.Dataset, axes: Sequence[Axes] | None = None) -> Figure:
    """Probability of liquidation that each amount of collateral leaves, one panel a pool.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `required_collateral_profile` is drawn as the curve, `required_collateral` with its interval at
        the target, `collateral` and `liquidation_probability` as today's point.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw, one a pool of the first 12 of `required_pools`; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    review = Review(results)
    pools = required_pools(review)[:ROWS]
    with style():
        panels = (
            grid_of_panels(len(pools), 0.78, columns=_COLUMNS, between=0.48, gap=0.46) if axes is None else list(axes)
        )
        titles = distinct([pool_title(configuration, pool) for configuration, pool in pools], 19)
        for place, ((configuration, pool), one) in enumerate(zip(pools, panels, strict=True)):
            _curve(one, review, configuration, pool)
            one.set_title(titles[place])
            if place % _COLUMNS == 0:
                one.set_ylabel("probability, %")
            if place >= len(pools) - _COLUMNS:
                one.set_xlabel(f"collateral, {review.currency}")
        return figure_of(panels[0])


def _curve(axes: Axes, review: Review, configuration: str, pool: str) -> None:
    appearance = look(configuration, review.configurations)
    labels = {"configuration": configuration, "pool": pool}
    share = 1.0 - np.array(review.labels("profile"))
    amounts = review.array("required_collateral_profile", **labels)
    today, chance = review.value("collateral", **labels), review.value("liquidation_probability", **labels)
    # The far tail of a short would stretch the axis until nothing else can be read.
    lowest = max(share[-1], 5.0 / review.paths, min(TARGET / 10, chance or 1.0))
    drawn = (share >= lowest) & (amounts > 0.0)
    axes.plot(amounts[drawn], share[drawn], color=appearance.color, linestyle=appearance.line)
    bounds = [review.value(f"required_collateral_{end}", **labels, quantile=1.0 - TARGET) for end in ("lower", "upper")]
    axes.axvspan(bounds[0], bounds[1], color=MUTED, alpha=0.25, linewidth=0)
    axes.axhline(TARGET, color=INK, linewidth=0.6)
    required = review.value("required_collateral", **labels, quantile=1.0 - TARGET)
    axes.plot([required], [TARGET], color=INK, marker="|", markersize=8)
    lowest = min(lowest, TARGET / 2)
    if chance > 0.0:
        axes.plot([today], [max(chance, lowest)], color=appearance.color, marker=appearance.marker, markersize=5.5)
    else:
        # Not liquidated on any path: an open mark at the foot.
        seen: dict[str, Any] = {"color": appearance.color, "marker": appearance.marker, "markerfacecolor": "white"}
        axes.plot([today], [lowest], markersize=5.5, clip_on=False, **seen)
    axes.set_yscale("log")
    axes.set_ylim(lowest * 0.8, 1.2)
    axes.set_xlim(0.0, max(float(np.nanmax(amounts[drawn], initial=0.0)), today, bounds[1]) * 1.05)
    log_shares(axes.yaxis, lowest, 1.0)
    without_minor_ticks(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_formatter(FuncFormatter(compact_money))
    axes.grid(visible=True)
