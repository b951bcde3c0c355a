"""What the liquidation of a pool costs, as a function of its collateral."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stresslab.allocation.sampling import pnl_today
from stresslab.book.book import Position
from stresslab.margin.pool_barriers import barrier_distances, closed_at, equity_at
from stresslab.margin.pool_figures import mark_of, notional_at, requirement_of
from stresslab.scenario.scenario import Scenario

_KNOTS = 257


def liquidation_loss(
    scenario: Scenario, members: Sequence[int], collateral: ArrayLike, largest: float
) -> NDArray[np.float64]:
    """Loss of a pool that is liquidated, against its value today.

    A pool of one position is settled at its barrier, as the pool engine does where prices do not jump; a gap past the
    barrier takes what is left there too, less than the maintenance margin. Of a pool of several what is left depends on
    the marks at the crossing; here it is the requirement at today's marks. Rankings use it; results are the engine's.

    Parameters
    ----------
    scenario : Scenario
        Book and venue.
    members : sequence of int
        Positions of the pool.
    collateral : array_like
        Money, any shape.
    largest : float
        Largest collateral in question: what lies above it is read off its value there.

    Returns
    -------
    numpy.ndarray
        Money of the same shape; straight lines between knots.
    """
    positions = tuple(scenario.book.positions[index] for index in members)
    amounts = np.linspace(0.0, max(largest, 1e-9), _KNOTS)
    fee, returned = scenario.book.venue.liquidation_fee_rate, scenario.book.venue.remainder == "returned"
    left = _left(positions, fee, float(amounts[-1])) if returned else np.zeros(_KNOTS)
    value = np.maximum(amounts + pnl_today(scenario, members), 0.0)
    return np.asarray(np.interp(np.asarray(collateral, np.float64), amounts, value - left))


@lru_cache(maxsize=4096)
def _left(positions: tuple[Position, ...], fee_rate: float, largest: float) -> NDArray[np.float64]:
    """What is left at liquidation, at each knot."""
    if len(positions) > 1:
        required = math.fsum(sum(requirement_of(position, positions, largest)) for position in positions)
        closed = math.fsum(notional_at(position, mark_of(position)) for position in positions)
        return np.full(_KNOTS, max(required - fee_rate * closed, 0.0))
    left = []
    for amount in np.linspace(0.0, largest, _KNOTS):
        fall, rise = barrier_distances(positions, float(amount))
        if math.isinf(min(fall, rise)):
            left.append(0.0)
            continue
        ratio = math.exp(-fall if fall <= rise else rise)
        left.append(max(equity_at(positions, float(amount), ratio) - fee_rate * closed_at(positions, ratio), 0.0))
    return np.array(left)
