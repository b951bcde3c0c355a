"""The best split of a budget over pools, and how far from the best it may be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds, Levels
from stresslab.allocation.outcomes import Objective, Pools, value_of
from stresslab.allocation.sampling import AllocationError
from stresslab.allocation.searching import improved
from stresslab.allocation.separable import least_largest, least_sum, loss_tables, probability_tables
from stresslab.allocation.shortfall import shortfall_bound
from stresslab.book.wallet import money

# Starts are improved on so many paths first; the best of them go on with all.
_SCREENING_PATHS = 16_384
_FINISHED = 2

# Splits of the lattice, the paths on which they are looked at, and how many of them are improved.
_LATTICE, _LATTICE_PATHS, _LATTICE_KEPT = 240, 4096, 6


@dataclass(frozen=True)
class Split:
    """A split of a budget.

    Parameters
    ----------
    collateral : numpy.ndarray
        Of each pool, [pool], money.
    value : float
        The objective on the sample's own paths: money, or a probability; for ``target-probability`` the money needed.
    bound : float
        No split on the same grid has a lower value on the same paths; of the same unit.
    exact : bool
        Whether the value is the least one, and not merely near the bound.
    """

    collateral: NDArray[np.float64]
    value: float
    bound: float
    exact: bool


def best_split(pools: Pools, bounds: Bounds, objective: Objective, starts: Sequence[Levels] = ()) -> Split:
    """Split a budget so that an objective is as low as can be found.

    A sum over pools is solved exactly on the grid of units. Elsewhere a local search goes on from several starts: the
    splits given, those best for the sum of probabilities, for the largest and for the sum of losses, the best of a
    coarse lattice over all splits, and for the shortfall what a linear program suggests.

    Parameters
    ----------
    pools : Pools
        Joint outcomes on the paths of a sample.
    bounds : Bounds
        What each pool may get; for ``target-probability`` the budget is the most that may be spent.
    objective : Objective
        What is made least.
    starts : sequence of numpy.ndarray
        Further splits to begin with, units of each pool.

    Returns
    -------
    Split
        With a lower bound: exact for a sum; for P(any) the least that the largest single probability can be, and the
        least sum over the number of pools; for k or more the mean number less k - 1 over the rest (Markov); for the
        shortfall the linear program on envelopes (METHODS M62).

    Raises
    ------
    AllocationError
        If a target cannot be met within the budget and the caps.
    """
    if objective.name == "target-probability":
        return _least_budget(pools, bounds, objective, starts)
    if objective.name == "expected-loss":
        levels, value = least_sum(loss_tables(pools, bounds), bounds.units)
        return Split(bounds.collateral(levels), value, value, True)
    tables = probability_tables(pools, bounds)
    weighted = [table * size for table, size in zip(tables, pools.sizes, strict=True)]
    summed, least = least_sum(weighted, bounds.units)
    evened, largest = least_largest(tables, bounds.units)
    begun = [summed, evened, least_sum(loss_tables(pools, bounds), bounds.units)[0], *starts]
    count = int(pools.sizes.sum())
    if objective.name == "expected-shortfall":
        suggested, bound = shortfall_bound(pools, bounds, objective.level, summed)
        begun.append(suggested)
    else:
        k = objective.counts
        bound = max((least - (k - 1)) / (count - k + 1), 0.0) if k <= count else 0.0
        bound = max(bound, largest) if k == 1 else bound
    begun += _lattice(pools, bounds, objective)
    levels = _searched(pools, bounds, objective, begun)
    value = value_of(pools, bounds.collateral(levels), objective)
    return Split(bounds.collateral(levels), value, min(bound, value), value <= bound * (1.0 + 1e-12))


def _lattice(pools: Pools, bounds: Bounds, objective: Objective) -> list[Levels]:
    """The best splits into a few equal parts: where it pays to starve some pools, small moves do not lead there."""
    count = len(pools.members)
    if count == 1:
        return []
    parts = 1
    while math.comb(parts + count, count - 1) <= _LATTICE:
        parts += 1
    few = Pools(pools.sample.first(_LATTICE_PATHS), pools.members, pools.largest)
    found = {}
    for chosen in itertools.combinations(range(parts + count - 1), count - 1):
        shares = np.diff([-1, *chosen, parts + count - 1]) - 1
        levels = bounds.nearest(np.asarray(bounds.floors) + bounds.unit * bounds.units * shares / parts)
        if tuple(levels) not in found:
            found[tuple(levels)] = value_of(few, bounds.collateral(levels), objective), levels
    ordered = sorted(found.values(), key=lambda each: each[0])
    return [levels for _, levels in ordered[:_LATTICE_KEPT]]


def _searched(pools: Pools, bounds: Bounds, objective: Objective, starts: Sequence[Levels]) -> Levels:
    """The best end of local searches from distinct starts."""
    distinct = list({tuple(int(units) for units in start): start for start in starts}.values())
    if pools.sample.paths > 2 * _SCREENING_PATHS:
        few = Pools(pools.sample.first(_SCREENING_PATHS), pools.members, pools.largest)
        screened = [improved(few, bounds, objective, start) for start in distinct]
        screened.sort(key=lambda levels: value_of(few, bounds.collateral(levels), objective))
        # What a rule gives is kept too, so that the result is never worse than it.
        whole = min(distinct, key=lambda levels: value_of(pools, bounds.collateral(levels), objective))
        distinct = [*screened[:_FINISHED], whole]
        ends = [improved(pools, bounds, objective, start, coarsest=64) for start in distinct]
    else:
        ends = [improved(pools, bounds, objective, start) for start in distinct]
    return min(ends, key=lambda levels: value_of(pools, bounds.collateral(levels), objective))


def _least_budget(pools: Pools, bounds: Bounds, objective: Objective, starts: Sequence[Levels]) -> Split:
    """Least money with which P(any) meets a target: a search over budgets, each split as well as can be."""
    sought = replace(objective, name="any-liquidation")
    most = best_split(pools, bounds, sought, starts)
    if most.value > objective.target:
        raise AllocationError(
            f"a target of {objective.target:.3%} for P(any liquidation) cannot be met with {money(bounds.budget)} "
            f"within the caps: {most.value:.3%} is the least found; raise the budget, the caps or the target"
        )
    # Each pool alone must meet the target, whatever the others get.
    tables = probability_tables(pools, bounds)
    needed = [int(np.argmax(table <= objective.target)) for table in tables]
    low, high, best = sum(needed), bounds.units, _levels(bounds, most)
    while low < high:
        units = (low + high) // 2
        within = replace(bounds, units=units, room=tuple(min(room, units) for room in bounds.room))
        scaled = [within.nearest(bounds.collateral(best))]
        if high - low < bounds.units // 2:
            ends = [_searched(pools, within, sought, scaled)]
        else:
            ends = [_levels(within, best_split(pools, within, sought, scaled))]
        value = value_of(pools, within.collateral(ends[0]), sought)
        if value <= objective.target:
            high, best = units, ends[0]
        else:
            low = units + 1
    collateral = bounds.collateral(best)
    least = float(bounds.collateral(np.array(needed)).sum())
    spent = float(collateral.sum())
    return Split(collateral, spent, least, spent <= least * (1.0 + 1e-12))


def _levels(bounds: Bounds, split: Split) -> Levels:
    levels: Levels = np.rint((split.collateral - np.asarray(bounds.floors)) / bounds.unit).astype(np.int64)
    return levels
