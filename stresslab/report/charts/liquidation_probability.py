"""The main number: probability of liquidation by position, isolated against cross."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from stresslab.report.charts.marks import (
    bound_mark,
    dodge,
    figure_of,
    interval_mark,
    legend_above,
    log_shares,
    percent_tick,
)
from stresslab.report.formatting import Estimate, distinct, rarest
from stresslab.report.review import ROWS, Review, label
from stresslab.report.style import MUTED, look, new_figure, style

_ACCOUNT = (
    ("any pool of the account", "account_liquidation_probability"),
    ("every pool of the account", "account_wiped_probability"),
)


@dataclass(frozen=True)
class _Row:
    name: str
    variable: str
    position: str | None

    def estimate(self, review: Review, configuration: str) -> Estimate:
        position = {} if self.position is None else {"position": self.position}
        return review.estimate(self.variable, configuration=configuration, **position)


def figure_liquidation_probability(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Dot and 95 % interval per position and configuration; two rows for the account at the foot.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `position_liquidation_probability`, `account_liquidation_probability` and
        `account_wiped_probability` are drawn.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        At most 12 positions, the riskiest on top. The axis is logarithmic where a number is below 1 %.
    """
    review = Review(results)
    held = review.positions[:ROWS]
    positions = [
        _Row(name, "position_liquidation_probability", position)
        for name, position in zip(distinct(held), held, strict=True)
    ]
    rows = [*positions, *(_Row(name, variable, None) for name, variable in _ACCOUNT)]
    with style():
        own = axes is None
        if axes is None:
            axes = new_figure(0.85 + 0.25 * len(rows)).add_subplot()
        smallest = 1.0
        for place, configuration in enumerate(review.charted):
            appearance = look(configuration, review.configurations)
            for index, row in enumerate(rows):
                at = index + dodge(place, len(review.charted)) + (0.35 if row.position is None else 0.0)
                name = None if index else label(configuration)
                estimate = row.estimate(review, configuration)
                if estimate.value > 0.0:
                    interval_mark(axes, estimate, at, appearance, name)
                    smallest = min(smallest, estimate.value)
                else:
                    bound_mark(axes, review.paths, at, appearance, name)
                    smallest = min(smallest, rarest(review.paths))
        _finish(axes, [row.name for row in rows], len(positions), smallest, review.horizon)
        legend_above(axes, own=own)
        return figure_of(axes)


def _finish(axes: Axes, names: list[str], positions: int, smallest: float, horizon: str) -> None:
    if smallest < 0.01:
        axes.set_xscale("log")
        axes.set_xlim(smallest * 0.3, 1.25)
        log_shares(axes.xaxis, smallest * 0.3, 1.0)
    else:
        axes.set_xlim(0.0, 1.02)
        axes.xaxis.set_major_formatter(FuncFormatter(percent_tick))
    axes.set_yticks([index + (0.35 if index >= positions else 0.0) for index in range(len(names))], names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) + 0.05, -0.6)
    axes.axhline(positions - 0.33, color=MUTED, linewidth=0.6)
    axes.set_xlabel(f"probability of liquidation within {horizon}, %")
    axes.grid(visible=True, axis="x")
