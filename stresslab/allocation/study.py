"""The whole answer for a budget: the split, what it is compared with, and both on fresh paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from stresslab.allocation.bounds import Bounds, bounds_of
from stresslab.allocation.checking import Check, check
from stresslab.allocation.configurations import split_configuration
from stresslab.allocation.frontier import Frontier, frontier_of
from stresslab.allocation.outcomes import Objective, Pools
from stresslab.allocation.pooling import Pooling, search_pooling
from stresslab.allocation.rules import RULES, rule_splits
from stresslab.allocation.sampling import Floats, Sample, draw_sample
from stresslab.allocation.splitting import Split, best_split
from stresslab.book.configuration import Configuration, Pool
from stresslab.scenario.scenario import Scenario

REVIEW_DAYS = (1, 7, 30, 90)
BEST, CROSSED, BOOKED, MIXED = "best split", "all cross", "as booked", "best pools"


@dataclass(frozen=True)
class Study:
    """A budget, split.

    Parameters
    ----------
    sample : Sample
        The paths on which the split was found.
    objective : Objective
        What was made least.
    bounds : Bounds
        What each position may get.
    split : Split
        The best split that was found, and its bound.
    configurations : tuple of Configuration
        The best split, the rules' splits, everything crossed on the same money, and the account as it is booked; the
        last has the wallet's money, whatever the budget.
    in_sample, fresh : Check
        Both through the engine: on the paths of the sample, and on those of another seed.
    fresh_seed : int
        That seed.
    pooling : Pooling or None
        The search over pools, where it was asked for; its best is among the configurations.
    frontier : Frontier or None
        Budgets against what they buy, where it was asked for.
    required_by_day : mapping of float to numpy.ndarray
        By day, rising, the horizon last: what each position alone requires until then on the paths of the sample,
        [position, path], money.
    """

    sample: Sample
    objective: Objective
    bounds: Bounds
    split: Split
    configurations: tuple[Configuration, ...]
    in_sample: Check
    fresh: Check
    fresh_seed: int
    pooling: Pooling | None = None
    frontier: Frontier | None = None
    required_by_day: Mapping[float, Floats] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the configurations."""
        return tuple(each.name for each in self.configurations)

    @property
    def never_liquidated(self) -> tuple[str, ...]:
        """Positions that no path liquidates even on their floor."""
        floors = np.asarray(self.bounds.floors, np.float32)[:, None]
        hit = np.any(self.sample.required[: len(floors)] >= floors, axis=1)
        return tuple(name for name, some in zip(self.sample.ids, hit.tolist(), strict=True) if not some)

    def collateral(self, configuration: Configuration) -> list[float]:
        """Collateral of each position that stands alone; missing (NaN) for one that shares."""
        alone = {pool.positions[0]: pool.collateral for pool in configuration.pools if len(pool.positions) == 1}
        return [alone.get(place, math.nan) for place in range(len(self.sample.ids))]


def study(
    scenario: Scenario,
    budget: float,
    objective: Objective,
    *,
    cap: float | None = None,
    increment: float | None = None,
    fixed: Mapping[str, float] | None = None,
    fresh_seed: int | None = None,
    pools: str | None = None,
    frontier: bool = False,
    threads: int | None = None,
) -> Study:
    """Split a budget over the positions of a book, each in a pool of its own.

    Parameters
    ----------
    scenario : Scenario
        Book, market, paths and seed; policies are not looked at.
    budget : float
        Money to split; for ``target-probability`` the most that may be spent.
    objective : Objective
        What is made least.
    cap, increment, fixed
        As in `bounds_of`.
    fresh_seed : int, optional
        Seed of the paths on which the answer is checked; by default the scenario's and 1.
    pools : {"assignments", "partitions"}, optional
        Also search what to pool, see `search_pooling`.
    frontier : bool
        Also split a range of budgets, see `frontier_of`.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.

    Returns
    -------
    Study
        One seed, one answer.

    Raises
    ------
    AllocationError
        If no split keeps the bounds, a target cannot be met, or something acts on the pools.
    """
    book = scenario.book
    bounds = bounds_of(book, budget, cap=cap, increment=increment, fixed=fixed)
    sample = draw_sample(scenario, threads=threads)
    alone = Pools(sample, sample.pools, budget)
    starts = rule_splits(alone, bounds)
    split = best_split(alone, bounds, objective, list(starts.values()))
    spent = bounds
    if objective.name == "target-probability":
        # The rules are asked with the money that the best split needs, not with all that might be spent.
        units = round((float(split.collateral.sum()) - math.fsum(bounds.floors)) / bounds.unit)
        spent = replace(bounds, units=units, room=tuple(min(room, units) for room in bounds.room))
        starts = rule_splits(alone, spent)
    configurations = [
        split_configuration(book, BEST, sample.pools, split.collateral),
        *(split_configuration(book, rule, sample.pools, spent.collateral(starts[rule])) for rule in RULES),
    ]
    if len(sample.ids) > 1:
        everything = tuple(range(len(sample.ids)))
        configurations.append(Configuration(CROSSED, (Pool("cross", everything, float(split.collateral.sum())),), 0.0))
    booked = next(each for each in scenario.configurations if each.name == "as_booked")
    configurations.append(replace(booked, name=BOOKED, policies=()))
    found = None if pools is None else search_pooling(scenario, bounds, objective, pools, threads=threads)
    if found is not None:
        best = found.ranked[0]
        configurations.append(split_configuration(book, MIXED, best.partition, best.split.collateral))
    seed = (scenario.seed + 1) % 2**63 if fresh_seed is None else fresh_seed
    drawn = None
    if frontier:
        mixes = [] if found is None else [each.partition for each in found.ranked]
        drawn = frontier_of(
            scenario, budget, objective, mixes, cap=cap, increment=increment, fixed=fixed, fresh_seed=seed,
            threads=threads,
        )  # fmt: skip
    return Study(
        sample=sample,
        objective=objective,
        bounds=bounds,
        split=split,
        configurations=tuple(configurations),
        in_sample=check(scenario, configurations, threads),
        fresh=check(replace(scenario, seed=seed), configurations, threads),
        fresh_seed=seed,
        pooling=found,
        frontier=drawn,
        required_by_day=_by_day(sample, threads),
    )


def _by_day(sample: Sample, threads: int | None) -> dict[float, Floats]:
    """What each position requires until every review day within the horizon at which a step ends, and until that."""
    scenario = sample.scenario
    days = [
        float(day)
        for day in REVIEW_DAYS
        if day < scenario.horizon and abs(round(day / scenario.step) * scenario.step - day) < 1e-9
    ]
    found = {day: draw_sample(scenario, threads=threads, horizon=day).required for day in days}
    return found | {scenario.horizon: sample.required[: len(sample.ids)]}
