"""The ladder of liquidation prices: how far each mark may move."""

from __future__ import annotations

import math

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stresslab.report.charts.marks import dodge, figure_of, legend_above
from stresslab.report.formatting import MINUS, distinct
from stresslab.report.review import BOOKED, CROSS, ISOLATED, ROWS, Review, label
from stresslab.report.style import INK, MUTED, look, new_figure, style

# Moves beyond this are drawn at the edge: a tripled price is far away for every reader.
FARTHEST = 2.0


def figure_liquidation_prices(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Ladder: distance of liquidation and bankruptcy price from today's mark, isolated against cross.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `liquidation_price`, `bankruptcy_price`, `mark_price` and `entry_price` are drawn, each over
        the mark less one.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        At most 12 positions, the riskiest on top.
    """
    review = Review(results)
    positions = review.positions[:ROWS]
    with style():
        own = axes is None
        if axes is None:
            axes = new_figure(1.15 + 0.36 * len(positions)).add_subplot()
        moves = [_draw_row(axes, review, position, row) for row, position in enumerate(positions)]
        _finish(axes, positions, max((move for row in moves for move in row), default=0.5))
        legend_above(axes, own=own)
        return figure_of(axes)


def move(review: Review, name: str, configuration: str, position: str) -> float:
    """A price of a position as a move from today's mark, such as -0.43; missing where there is no such price."""
    reached = review.value(name, configuration=configuration, position=position)
    return reached / review.value("mark_price", position=position) - 1.0


def _draw_row(axes: Axes, review: Review, position: str, row: int) -> list[float]:
    entry = review.value("entry_price", position=position) / review.value("mark_price", position=position) - 1.0
    axes.plot(
        [entry], [row], color=MUTED, marker="|", markersize=8, linestyle="none", label="" if row else "entry price"
    )
    drawn = [abs(entry)]
    configurations = (ISOLATED, CROSS, BOOKED)
    for place, configuration in enumerate(configurations):
        at = row + dodge(place, len(configurations))
        appearance = look(configuration, review.configurations)
        name = None if row else f"liquidation, {label(configuration)}"
        distance = move(review, "liquidation_price", configuration, position)
        # The legend needs the mark even where the first row has no such price.
        axes.plot([], [], color=appearance.color, marker=appearance.marker, linestyle=appearance.line, label=name)
        if math.isnan(distance):
            continue
        if distance > FARTHEST:
            axes.plot([FARTHEST], [at], color=appearance.color, marker=appearance.marker, markerfacecolor="white")
            axes.plot([0.0, FARTHEST], [at, at], color=appearance.color, linewidth=0.8, linestyle=appearance.line)
            drawn.append(FARTHEST)
            continue
        axes.plot([0.0, distance], [at, at], color=appearance.color, linewidth=0.8, linestyle=appearance.line)
        axes.plot([distance], [at], color=appearance.color, marker=appearance.marker)
        drawn.append(abs(distance))
        bankruptcy = move(review, "bankruptcy_price", configuration, position)
        if not math.isnan(bankruptcy) and bankruptcy <= FARTHEST:
            axes.plot([bankruptcy], [at], color=appearance.color, marker="|", markersize=5, linestyle="none")
            drawn.append(abs(bankruptcy))
    return drawn


def _finish(axes: Axes, positions: list[str], farthest: float) -> None:
    axes.axvline(0.0, color=INK, linewidth=0.8)
    right = min(max(farthest * 1.06, 0.1), FARTHEST * 1.04)
    axes.set_xlim(-min(right, 1.02), right)
    axes.set_ylim(len(positions) - 0.45, -0.55)
    axes.set_yticks(range(len(positions)), distinct(positions))
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}".replace("-", MINUS).replace("+0", "0"))
    axes.set_xlabel("move from today’s mark price, %")
    axes.grid(visible=True, axis="x")
