"""The likeliest joint moves that liquidate a pool at the horizon, as shifts of standard normals (METHODS M28, M64)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Position
from stresslab.book.configuration import Pool
from stresslab.margin.pool_barriers import barrier_distances
from stresslab.margin.pool_figures import mark_of, pnl_at, requirement_of
from stresslab.market.process import correlation_factor
from stresslab.market.stress import stressed
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.preparation import DAYS_PER_YEAR

Vector = NDArray[np.float64]

_ITERATIONS = 100
_SPACING = 1e-5  # of log prices, for slopes of the surplus
_SAME = 0.1  # standard deviations within which two breach points are one
# A breach point so much farther than the nearest one, in half squares of distance, adds less than 1 % of its weight.
_FAR = 5.0
_MOST = 4


def likeliest_breaches(scenario: Scenario, pool: Pool) -> NDArray[np.float64]:
    """Points in the space of independent standard normals at which a pool is just liquidated.

    Parameters
    ----------
    scenario : Scenario
        Its market is taken for Brownian, with the volatilities, drifts and correlation that it states.
    pool : Pool
        Not liquidated today.

    Returns
    -------
    numpy.ndarray
        Standardized moves over the whole horizon, [point, asset], the nearest first, four at the most; none where no
        move was found that liquidates the pool. At each the distance from zero is stationary.
    """
    market = stressed(scenario.market)
    years = scenario.horizon / DAYS_PER_YEAR
    members = [scenario.book.positions[index] for index in pool.positions]
    assets = [market.assets.index(member.symbol.underlying) for member in members]
    load = market.volatilities[:, None] * math.sqrt(years) * correlation_factor(market.correlation)
    drift = (market.drifts - 0.5 * market.volatilities**2) * years
    if len(set(assets)) == 1:
        fall, rise = barrier_distances(members, pool.collateral)
        row = load[assets[0]]
        size = float(row @ row)
        barriers = [move for move in (-fall, rise) if math.isfinite(move)]
        points = [row * (move - drift[assets[0]]) / size for move in barriers if size > 0.0]
        return _distinct(points, len(market.assets))

    def surplus(normals: Vector) -> float:
        return _surplus(members, pool.collateral, (drift + load @ normals)[assets])

    def slopes(normals: Vector) -> Vector:
        moves = (drift + load @ normals)[assets]
        result = np.zeros(len(market.assets))
        for asset in set(assets):
            here = np.array([_SPACING if each == asset else 0.0 for each in assets])
            up, down = (_surplus(members, pool.collateral, moves + sign * here) for sign in (1.0, -1.0))
            result += load[asset] * (up - down) / (2.0 * _SPACING)
        return result

    count = len(market.assets)
    starts = [np.zeros(count)]
    for asset in dict.fromkeys(assets):
        direction = load[asset] / max(float(np.linalg.norm(load[asset])), 1e-12)
        starts += [3.0 * direction, -3.0 * direction]
    found = [_nearest(surplus, slopes, start) for start in starts]
    return _distinct([point for point in found if point is not None], count)


def _nearest(surplus: Callable[[Vector], float], slopes: Callable[[Vector], Vector], start: Vector) -> Vector | None:
    """Hasofer and Lind's iteration to a local nearest point of zero surplus, with halved steps where it would leap."""
    today = surplus(np.zeros_like(start))
    point = start
    for _ in range(_ITERATIONS):
        gradient = slopes(point)
        square = float(gradient @ gradient)
        if square <= 1e-24 * today**2:
            return None
        wanted = (float(gradient @ point) - surplus(point)) / square * gradient
        move = wanted - point
        length = float(np.linalg.norm(move))
        point = point + move * min(1.0, 2.0 / length if length > 0.0 else 1.0)
        if float(np.linalg.norm(point)) > 50.0:
            return None
        if length < 1e-6:
            break
    return point if abs(surplus(point)) < 1e-3 * abs(today) else None


def _distinct(points: list[Vector], assets: int) -> NDArray[np.float64]:
    """Each point once, the nearest first, without those that hardly count beside it."""
    kept: list[Vector] = []
    for point in sorted(points, key=lambda each: float(each @ each)):
        near = not kept or 0.5 * float(point @ point - kept[0] @ kept[0]) < _FAR
        if near and all(float(np.linalg.norm(point - other)) > _SAME for other in kept):
            kept.append(point)
    return np.array(kept[:_MOST]).reshape(-1, assets)


def _surplus(members: list[Position], collateral: float, moves: Vector) -> float:
    """Surplus of a pool where the log price of each member has moved."""
    there = [
        replace(member, mark_price=mark_of(member) * math.exp(move))
        for member, move in zip(members, moves, strict=True)
    ]
    required = (sum(requirement_of(member, there, collateral)) for member in there)
    return math.fsum(
        [collateral, *(pnl_at(member, mark_of(member)) for member in there), *(-each for each in required)]
    )


def surplus_today(scenario: Scenario, pool: Pool) -> float:
    """Surplus of a pool at today's marks, money."""
    members = [scenario.book.positions[index] for index in pool.positions]
    return _surplus(members, pool.collateral, np.zeros(len(members)))
