"""A lower bound of the expected shortfall by linear programming on scenarios, and a split that it suggests."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds, Levels
from stresslab.allocation.outcomes import Pools

_INTERVALS = 24
_GROUPS = 400


def shortfall_bound(pools: Pools, bounds: Bounds, level: float, start: Levels) -> tuple[Levels, float]:
    """Least expected shortfall that any split could have, or less.

    The collateral of each pool lies in one of a few intervals; within it the loss of a path is at least the lower
    envelope of its losses there. Mixing intervals makes the problem linear, and replacing groups of paths by their mean
    makes it small; both can only lower the result (Jensen), so it is a bound (METHODS M62).

    Parameters
    ----------
    pools : Pools
        Joint outcomes.
    bounds : Bounds
        What each pool may get.
    level : float
        Of the expected shortfall.
    start : numpy.ndarray
        A good split, by whose losses paths are grouped.

    Returns
    -------
    tuple of numpy.ndarray and float
        A split close to the mixture, and the bound, money.

    Raises
    ------
    ArithmeticError
        If the program is not solved.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack, identity, vstack

    count, paths = len(pools.members), pools.required.shape[1]
    losses = [pools.loss(pool, bounds.collateral(start)[pool]) for pool in range(count)]
    groups = _groups(np.sum(losses, axis=0), level)
    sizes = np.diff(groups).astype(np.float64)
    order = np.argsort(np.sum(losses, axis=0), kind="stable")
    columns, lowest, highest, owner = [], [], [], []
    for pool in range(count):
        edges = np.unique(np.linspace(0, bounds.room[pool], _INTERVALS + 1).round().astype(np.int64))
        edges = edges if edges.size > 1 else np.array([0, 0])
        for low, high in itertools.pairwise(edges):
            amounts = bounds.floors[pool] + bounds.unit * np.array([low, high], np.float64)
            cost = np.float32(pools.cost(pool, amounts).min())
            kept = -pools.held[pool]
            required = pools.required[pool]
            least = np.where(required >= np.float32(amounts[1]), cost, np.minimum(kept, cost))
            least = np.where(required >= np.float32(amounts[0]), least, kept)[order]
            columns.append(np.add.reduceat(least.astype(np.float64), groups[:-1]) / sizes)
            lowest.append(float(low))
            highest.append(float(high))
            owner.append(pool)
    matrix = np.stack(columns, axis=1)
    scale = float(np.abs(matrix).max()) or 1.0
    weights, rows = matrix.shape[1], matrix.shape[0]
    # Variables: weight of each interval, the value at risk (free), the excess of each group.
    excess = hstack([csr_array(matrix / scale), csr_array(-np.ones((rows, 1))), -identity(rows)])
    spend = np.array([lowest, [-amount for amount in highest]])
    budget = hstack([csr_array(spend), csr_array((2, rows + 1))])
    upper = np.concatenate([np.zeros(rows), [float(bounds.units), -float(bounds.units)]])
    ones = np.array([[1.0 if pool == each else 0.0 for each in owner] for pool in range(count)])
    equal = hstack([csr_array(ones), csr_array((count, rows + 1))])
    cost_row = np.concatenate([np.zeros(weights), [1.0], sizes / paths / (1.0 - level)])
    limits = [(0.0, 1.0)] * weights + [(None, None)] + [(0.0, None)] * rows
    solved: Any = linprog(  # type: ignore[call-overload]
        cost_row, A_ub=vstack([excess, budget], format="csr"), b_ub=upper, A_eq=equal, b_eq=np.ones(count),
        bounds=limits, method="highs",
    )  # fmt: skip
    if solved.status != 0:
        raise ArithmeticError(f"the linear program of the expected shortfall was not solved: {solved.message}")
    mixture = solved.x[:weights]
    wanted = np.zeros(count)
    np.add.at(wanted, owner, mixture * (np.array(lowest) + np.array(highest)) / 2.0)
    return bounds.nearest(bounds.collateral(wanted.astype(np.int64))), float(solved.fun) * scale


def _groups(losses: NDArray[np.floating], level: float) -> NDArray[np.int64]:
    """Where groups of paths begin in the order of rising losses, and where the last ends: most in the tail."""
    paths = losses.size
    tail = max(int(paths * (1.0 - level) * 3.0), 1)
    body = np.linspace(0, max(paths - tail, 0), _GROUPS // 4 + 1)
    upper = np.linspace(max(paths - tail, 0), paths, 3 * _GROUPS // 4 + 1)
    return np.unique(np.concatenate([body, upper]).round().astype(np.int64))
