"""Simple rules by which people split collateral, for comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds, Levels
from stresslab.allocation.outcomes import Pools
from stresslab.allocation.separable import least_largest, probability_tables
from stresslab.margin.pool_figures import mark_of, notional_at

RULES = ("equal", "by notional", "by volatility", "equal probability")


def rule_splits(pools: Pools, bounds: Bounds) -> dict[str, Levels]:
    """Splits of a budget over positions by each of the rules, as far as the bounds allow.

    Parameters
    ----------
    pools : Pools
        The positions, each alone.
    bounds : Bounds
        What each may get.

    Returns
    -------
    dict of str to numpy.ndarray
        Units of each position by rule: equal amounts; in proportion to notional at the mark; in proportion to the
        standard deviation of the position's own profit over the horizon, which is notional times volatility; so that
        the largest P(liquidation) is least, which makes them equal where no bound holds.
    """
    positions = pools.sample.scenario.book.positions
    notional = np.array([notional_at(positions[p], mark_of(positions[p])) for (p,) in pools.members])
    deviation: NDArray[np.float64] = pools.held.std(axis=1, dtype=np.float64)
    levels, _ = least_largest(probability_tables(pools, bounds), bounds.units)
    return {
        "equal": bounds.nearest(np.ones(notional.size)),
        "by notional": bounds.nearest(notional),
        "by volatility": bounds.nearest(deviation),
        "equal probability": levels,
    }
