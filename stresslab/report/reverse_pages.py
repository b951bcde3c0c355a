"""The page on reverse stress: the most plausible move that liquidates each pool."""

from __future__ import annotations

import math

import numpy as np

from stresslab.margin.reverse_stress import REACH, breaking_path
from stresslab.report.blocks import Cell, Column, LeftOut, Page, Table, figure, table, text
from stresslab.report.charts.collateral import pool_title
from stresslab.report.charts.reverse_stress import (
    breaking_pools,
    distance,
    figure_reverse_stress,
    held_moves,
    moves_in_text,
)
from stresslab.report.formatting import NOTHING, number, percent
from stresslab.report.review import ROWS, Review

TITLE = "What would break it"
_TOLD = 3


def finding(review: Review) -> str:
    """The pool that is nearest to breaking, by which move, and how many nothing breaks."""
    pools = breaking_pools(review)
    near = pools[0]
    far = distance(review, *near)
    if math.isnan(far):
        return f"No move of prices within {REACH:g} standard deviations over {review.horizon} liquidates any pool"
    if far == 0.0:
        return f"{pool_title(*near)} needs no move: it is liquidated today, or by the drift alone"
    safe = sum(math.isnan(distance(review, *one)) for one in pools)
    rest = f"; {safe} of {len(pools)} pools are broken by no move" if safe else ""
    return (
        f"The nearest to breaking is {pool_title(*near)}: {moves_in_text(review, *near)} over {review.horizon} "
        f"liquidates it, {number(far)} standard deviations away{rest}"
    )


def breaking_table(review: Review) -> Table:
    """One row a pool: distance, plausibility and the move."""
    rows: list[list[Cell]] = []
    for configuration, pool in breaking_pools(review):
        where = {"configuration": configuration, "pool": pool}
        far = distance(review, configuration, pool)
        if math.isnan(far):
            rows.append([pool_title(configuration, pool), "none", NOTHING, NOTHING, NOTHING])
            continue
        rows.append(
            [
                pool_title(configuration, pool),
                number(far) if far > 0.0 else "0",
                percent(review.value("breaking_plausibility", **where)),
                percent(review.value("breaking_plausibility_any_direction", **where)),
                moves_in_text(review, configuration, pool) if far > 0.0 else "none needed",
            ]
        )
    return Table(
        f"The most plausible move over {review.horizon} that liquidates each pool",
        (
            Column("Pool", "left", 1.0),
            Column("Standard\ndeviations"),
            Column("Beyond\nthat move"),
            Column("As far out,\nany direction"),
            Column("The move", "left", 1.6),
        ),
        rows,
        note="Prices at the horizon under normal log returns with the market’s volatilities, drifts and correlation; "
        "jumps and fat tails make far moves likelier than stated, and prices on the way can liquidate sooner. "
        f"“None”: no move within {REACH:g} standard deviations. The dataset holds the move of every asset.",
    )


def nearest_day(review: Review) -> list[str]:
    """The day of the model's history that is nearest to the move which breaks the pool nearest to breaking."""
    configuration, pool = breaking_pools(review)[0]
    where = {"configuration": configuration, "pool": pool}
    if not review.holds("nearest_day_start") or not review.array("nearest_day_start", **where):
        return []
    moves = [
        f"{asset} {'+' if move > 0.0 else ''}{percent(move)}"
        for asset, _ in held_moves(review, configuration, pool)[:_TOLD]
        for move in [review.value("nearest_day_move", asset=asset, **where)]
    ]
    return [
        f"Of all days in the model’s history the one nearest to the move that breaks {pool_title(configuration, pool)} "
        f"began on {review.array('nearest_day_start', **where)} UTC: {', '.join(moves)}, "
        f"{number(review.value('nearest_day_distance', **where))} standard deviations over {review.horizon} from it."
    ]


def path_table(review: Review) -> Table | None:
    """Prices on the way to the move that breaks the pool nearest to breaking; none where it needs no move."""
    configuration, pool = breaking_pools(review)[0]
    if not distance(review, configuration, pool) > 0.0:
        return None
    rows: list[list[Cell]] = []
    for asset, move in held_moves(review, configuration, pool)[:_TOLD]:
        end = review.value("breaking_price", configuration=configuration, pool=pool, asset=asset)
        path = breaking_path(np.array([end / (1.0 + move)]), np.array([end]), np.linspace(0.0, 1.0, 5))
        rows.append([asset, *(number(float(price)) for price in path[0])])
    return Table(
        f"The most plausible path to that move: prices of {pool_title(configuration, pool)} over {review.horizon}",
        (
            Column("Asset", "left", 1.0),
            Column("Today"),
            Column("A quarter\nof the way"),
            Column("Half way"),
            Column("Three\nquarters"),
            Column("At the\nhorizon"),
        ),
        rows,
        note="Log prices run straight: the mean of all paths between both ends under normal log returns of constant "
        f"volatility. At most {_TOLD} assets, the largest moves first.",
    )


def reverse_stress_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Blind spots: what has to happen."""
    if not review.holds("breaking_distance"):
        return LeftOut(TITLE, "the results were made without it")
    pools = len(breaking_pools(review))
    path = path_table(review)
    shown = f" The {ROWS} nearest to breaking of {pools} pools are drawn." if pools > ROWS else ""
    return Page(
        TITLE,
        [
            text(finding(review), "finding"),
            figure(
                figure_reverse_stress(review.results),
                f"How far the most plausible liquidating move of each pool is, with that move beside the mark.{shown}",
                f"Dot plot of distances in standard deviations by pool. {finding(review)}.",
                review.source("breaking_distance", "breaking_move"),
            ),
            table(breaking_table(review), appendix),
            *([] if path is None else [table(path, appendix)]),
            *(text(sentence) for sentence in nearest_day(review)),
        ],
    )
