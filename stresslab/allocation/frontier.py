"""Total collateral against what it buys: isolated with the best split, all crossed, and the best mix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stresslab.allocation.bounds import bounds_of
from stresslab.allocation.checking import Check, check
from stresslab.allocation.configurations import split_configuration
from stresslab.allocation.outcomes import Objective, Pools
from stresslab.allocation.pooling import Partition, pool_bounds
from stresslab.allocation.sampling import draw_sample
from stresslab.allocation.splitting import best_split
from stresslab.book.configuration import Configuration
from stresslab.scenario.scenario import Scenario

WAYS = ("isolated", "crossed", "best mix")

_POINTS = 7
_PATHS = 16_384
_CANDIDATES = 4


@dataclass(frozen=True)
class Frontier:
    """Figures of three ways to margin a book over a range of budgets, on fresh paths.

    Parameters
    ----------
    budgets : tuple of float
        Rising, money.
    configurations : tuple of Configuration
        For each budget, one of each of `WAYS`, in this order.
    fresh : Check
        All of them through the engine.
    """

    budgets: tuple[float, ...]
    configurations: tuple[Configuration, ...]
    fresh: Check


def frontier_of(
    scenario: Scenario,
    budget: float,
    objective: Objective,
    candidates: Sequence[Partition],
    *,
    cap: float | None = None,
    increment: float | None = None,
    fixed: Mapping[str, float] | None = None,
    fresh_seed: int,
    threads: int | None = None,
) -> Frontier:
    """Split budgets from the floors, or a quarter of one budget, to one and a half of it.

    Parameters
    ----------
    scenario, objective
        As in `stresslab.allocation.study.study`; for ``target-probability`` P(any) is made least at each budget.
    budget : float
        The budget in question, money; the fifth of the budgets where the floors are low.
    candidates : sequence of tuple of tuple of int
        Partitions for the best mix, best first; the first four are split at every budget, beside isolated and crossed.
    cap, increment, fixed
        As in `bounds_of`.
    fresh_seed : int
        Seed of the paths on which the figures are taken.
    threads : int, optional
        Blocks in flight; by default one a core.

    Returns
    -------
    Frontier
        Splits are found on at most 16,384 paths of the scenario's seed.
    """
    aim = replace(objective, name="any-liquidation") if objective.name == "target-probability" else objective
    book = scenario.book
    alone: Partition = tuple((place,) for place in range(len(book.positions)))
    whole: Partition = (tuple(range(len(book.positions))),)
    tried = list(dict.fromkeys([alone, whole, *candidates[:_CANDIDATES]]))
    few = replace(scenario, paths=min(scenario.paths, _PATHS))
    sample = draw_sample(few, [pool for each in tried for pool in each], threads=threads)
    least = math.fsum(bounds_of(book, budget, cap=cap, increment=increment, fixed=fixed).floors)
    budgets = np.linspace(max(least * 1.01, 0.25 * budget), max(1.5 * budget, least * 1.02), _POINTS)
    configurations = []
    for amount in budgets:
        bounds = bounds_of(book, float(amount), cap=cap, increment=increment, fixed=fixed)
        splits = {
            each: best_split(Pools(sample, each, float(amount)), pool_bounds(bounds, each), aim) for each in tried
        }
        mixed = min(tried, key=lambda each: splits[each].value)
        for way, partition in zip(WAYS, (alone, whole, mixed), strict=True):
            configurations.append(split_configuration(book, way, partition, splits[partition].collateral))
    fresh = check(replace(scenario, seed=fresh_seed), configurations, threads)
    return Frontier(tuple(float(amount) for amount in budgets), tuple(configurations), fresh)
