"""Splits that are best for a sum over pools, exactly on the grid of units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds, Levels
from stresslab.allocation.outcomes import Pools


def least_sum(tables: Sequence[NDArray[np.float64]], units: int) -> tuple[Levels, float]:
    """Split whole units so that a sum of functions of one pool each is least, by dynamic programming.

    Parameters
    ----------
    tables : sequence of numpy.ndarray
        Cost of each pool with 0, 1, ... units, [unit]; no pool may get more units than its table has room for.
    units : int
        Units to split, all of them.

    Returns
    -------
    tuple of numpy.ndarray and float
        Units of each pool, and the least sum. Functions need not be convex.

    Raises
    ------
    ValueError
        If the tables have no room for so many units.
    """
    if sum(table.size - 1 for table in tables) < units:
        raise ValueError(f"{units} units do not fit into the pools")
    best = np.full(units + 1, np.inf)
    best[0] = 0.0
    choices = []
    for table in tables:
        reach = np.full(units + 1, np.inf)
        choice = np.zeros(units + 1, np.int64)
        for amount in range(min(table.size, units + 1)):
            cost = best[: units + 1 - amount] + table[amount]
            better = cost < reach[amount:]
            reach[amount:][better] = cost[better]
            choice[amount:][better] = amount
        best = reach
        choices.append(choice)
    levels = np.zeros(len(tables), np.int64)
    rest = units
    for place in reversed(range(len(tables))):
        levels[place] = choices[place][rest]
        rest -= int(levels[place])
    return levels, float(best[units])


def probability_tables(pools: Pools, bounds: Bounds) -> list[NDArray[np.float64]]:
    """P(liquidation) of each pool by units above its floor."""
    return [pools.probabilities(pool, _amounts(bounds, pool)) for pool in range(len(pools.members))]


def loss_tables(pools: Pools, bounds: Bounds) -> list[NDArray[np.float64]]:
    """Expected liquidation loss of each pool by units above its floor, money."""
    tables = []
    for pool in range(len(pools.members)):
        amounts = _amounts(bounds, pool)
        tables.append(pools.cost(pool, amounts) * pools.probabilities(pool, amounts))
    return tables


def least_largest(tables: Sequence[NDArray[np.float64]], units: int) -> tuple[Levels, float]:
    """Split units so that the largest of falling functions is least.

    Parameters
    ----------
    tables : sequence of numpy.ndarray
        Falling, [unit].
    units : int
        Units to split.

    Returns
    -------
    tuple of numpy.ndarray and float
        Units of each pool, what is left over going to the pools in turn; and the least largest value.
    """
    # Values are shares of paths, so a search over those that occur is exact.
    values = np.unique(np.concatenate(tables))
    low, high = 0, values.size - 1

    def needed(value: float) -> list[int]:
        return [int(np.searchsorted(-table, -value, side="left")) for table in tables]

    def fits(value: float) -> bool:
        demanded = needed(value)
        within = all(amount < table.size for amount, table in zip(demanded, tables, strict=True))
        return within and sum(demanded) <= units

    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(values[middle]) else (middle + 1, high)
    levels = np.array(
        [min(amount, t.size - 1) for amount, t in zip(needed(values[low]), tables, strict=True)], np.int64
    )
    for _ in range(units):
        spare = [place for place, table in enumerate(tables) if levels[place] < table.size - 1]
        if not spare or levels.sum() >= units:
            break
        share = (units - int(levels.sum())) // len(spare)
        for place in spare:
            rest = units - int(levels.sum())
            levels[place] += min(max(share, 1), rest, tables[place].size - 1 - int(levels[place]))
    return levels, float(values[low])


def _amounts(bounds: Bounds, pool: int) -> NDArray[np.float64]:
    return np.asarray(bounds.floors[pool] + bounds.unit * np.arange(bounds.room[pool] + 1))
