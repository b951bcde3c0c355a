"""Local search over joint outcomes: units move from one pool to another as long as that helps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds, Levels
from stresslab.allocation.outcomes import Objective, Pools, expected_shortfall

_SWEEPS = 200

# Losses where the expected shortfall is sought, numbers of liquidated positions elsewhere.
Joint = NDArray[np.float32 | np.int8]


def improved(pools: Pools, bounds: Bounds, objective: Objective, start: Levels, *, coarsest: int = 8) -> Levels:
    """Move units between pairs of pools, large moves first, until no move helps.

    Parameters
    ----------
    pools : Pools
        Joint outcomes.
    bounds : Bounds
        What each pool may get.
    objective : Objective
        A probability, or the expected shortfall.
    start : numpy.ndarray
        Units of each pool, [pool].
    coarsest : int
        The first moves are of one part in so many of all units.

    Returns
    -------
    numpy.ndarray
        Units of each pool, as many in all; never worse than the start.
    """
    levels = start.copy()
    count = levels.size
    size = max(bounds.units // coarsest, 1)
    state = _State(pools, bounds, objective, levels)
    best = state.value()
    for _ in range(_SWEEPS):
        # What each pool would contribute with a move more and a move less, once a sweep.
        up = {place: state.change(place, size) for place in range(count) if levels[place] + size <= bounds.room[place]}
        down = {place: state.change(place, -size) for place in range(count) if levels[place] >= size}
        found: tuple[float, int, int] | None = None
        for giver, less in down.items():
            lowered = state.total + less
            for taker, more in up.items():
                if giver == taker:
                    continue
                value = state.measure(lowered + more)
                if value < (best if found is None else found[0]) - 1e-12 * abs(best):
                    found = value, giver, taker
        if found is None:
            if size == 1:
                break
            size = max(size // 2, 1)
            continue
        best, giver, taker = found
        levels[giver] -= size
        levels[taker] += size
        state.settle(giver)
        state.settle(taker)
    return levels


class _State:
    """The joint outcome of all pools at the present levels, and what a move would change of it."""

    def __init__(self, pools: Pools, bounds: Bounds, objective: Objective, levels: Levels) -> None:
        self.pools, self.bounds, self.objective, self.levels = pools, bounds, objective, levels
        self.rows = [self._outcome(place, int(level)) for place, level in enumerate(levels)]
        self.total: Joint = np.asarray(np.sum(self.rows, axis=0, dtype=self.rows[0].dtype))

    def _outcome(self, place: int, level: int) -> Joint:
        collateral = self.bounds.floors[place] + self.bounds.unit * level
        if self.objective.name == "expected-shortfall":
            return self.pools.loss(place, collateral)
        liquidated = self.pools.liquidated(place, collateral).astype(np.int8)
        return np.asarray(self.pools.sizes[place] * liquidated, np.int8)

    def change(self, place: int, units: int) -> Joint:
        """What the joint outcome gains if a pool gets so many units more, [path]."""
        return self._outcome(place, int(self.levels[place]) + units) - self.rows[place]

    def settle(self, place: int) -> None:
        """Take a pool's level as it is now."""
        self.rows[place] = self._outcome(place, int(self.levels[place]))
        self.total = np.asarray(np.sum(self.rows, axis=0, dtype=self.rows[0].dtype))

    def measure(self, total: Joint) -> float:
        """The objective of a joint outcome."""
        if self.objective.name == "expected-shortfall":
            return expected_shortfall(total.astype(np.float32, copy=False), self.objective.level)
        return float(np.count_nonzero(total >= self.objective.counts)) / total.size

    def value(self) -> float:
        """The objective at the present levels."""
        return self.measure(self.total)
