"""What would break each pool: distance of the most plausible move, and the move itself."""

from __future__ import annotations

import math

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stresslab.report.charts.collateral import pool_title
from stresslab.report.charts.marks import figure_of
from stresslab.report.formatting import distinct, percent, shortened
from stresslab.report.review import BOOKED, CROSS, ROWS, Review
from stresslab.report.style import look, new_figure, style

_WRITTEN = 3


def breaking_pools(review: Review) -> list[tuple[str, str]]:
    """Configuration and pool: as booked and the whole book crossed, the nearest to breaking first, safe ones last."""
    pools = [
        (configuration, pool)
        for configuration in (BOOKED, CROSS)
        for pool in review.pools(configuration)
        if configuration == BOOKED or len(review.pools(BOOKED)) > 1
    ]
    far = {one: distance(review, *one) for one in pools}
    return sorted(pools, key=lambda one: math.inf if math.isnan(far[one]) else far[one])


def distance(review: Review, configuration: str, pool: str) -> float:
    """Standard deviations to the nearest move that liquidates; missing where none does."""
    return review.value("breaking_distance", configuration=configuration, pool=pool)


def held_moves(review: Review, configuration: str, pool: str) -> list[tuple[str, float]]:
    """Assets of a pool and their moves, such as -0.1, the largest first."""
    assets = dict.fromkeys(
        str(review.array("underlying", position=position)) for position in review.members(configuration, pool)
    )
    known = [asset for asset in assets if asset in review.labels("asset")]
    moves = [
        (asset, review.value("breaking_move", configuration=configuration, pool=pool, asset=asset)) for asset in known
    ]
    return sorted(moves, key=lambda each: -abs(each[1]))


def moves_in_text(review: Review, configuration: str, pool: str, *, longest: int = 24) -> str:
    """The largest moves of a pool's assets in a line, and how many more there are."""
    moves = held_moves(review, configuration, pool)
    told = [
        f"{shortened(asset, longest)} {'+' if move > 0.0 else ''}{percent(move)}" for asset, move in moves[:_WRITTEN]
    ]
    more = len(moves) - _WRITTEN
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def figure_reverse_stress(results: xr.Dataset, axes: Axes | None = None) -> Figure:
    """Distance of the most plausible move that liquidates each pool, with the move written beside it.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results; `breaking_distance` and `breaking_move` are drawn.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.figure.Figure
        At most 12 pools, the nearest to breaking on top; a pool that no move breaks has no mark and says so.
    """
    review = Review(results)
    pools = breaking_pools(review)[:ROWS]
    with style():
        if axes is None:
            axes = new_figure(0.75 + 0.3 * len(pools)).add_subplot()
        far = [distance(review, *one) for one in pools]
        farthest = max((each for each in far if not math.isnan(each)), default=1.0) or 1.0
        for row, (one, each) in enumerate(zip(pools, far, strict=True)):
            if math.isnan(each):
                axes.annotate("no move breaks it", (0.01, row), xycoords=("axes fraction", "data"), va="center")
                continue
            appearance = look(one[0], review.configurations)
            axes.plot([0.0, each], [row, row], color=appearance.color, linestyle=appearance.line, linewidth=1.0)
            axes.plot([each], [row], color=appearance.color, marker=appearance.marker, linestyle="none")
            axes.annotate(
                moves_in_text(review, *one, longest=12) if each > 0.0 else "liquidated today",
                (each, row),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                parse_math=False,
            )
        # Room for the moves, which are written to the right of the marks.
        axes.set_xlim(0.0, 2.4 * farthest)
        axes.set_ylim(len(pools) - 0.5, -0.5)
        axes.set_yticks(range(len(pools)), distinct([pool_title(*one) for one in pools]))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("distance of the most plausible move that liquidates, standard deviations")
        axes.grid(visible=True, axis="x")
        return figure_of(axes)
