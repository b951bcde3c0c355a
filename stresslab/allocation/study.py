"""The whole answer for a budget: the split, what it is compared with, and both on fresh paths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from stresslab.allocation.bounds import Bounds, bounds_of
from stresslab.allocation.checking import Check, check
from stresslab.allocation.outcomes import Objective, Pools
from stresslab.allocation.rules import RULES, rule_splits
from stresslab.allocation.sampling import Sample, draw_sample
from stresslab.allocation.splitting import Split, best_split
from stresslab.book.book import Book
from stresslab.book.configuration import Configuration, Pool
from stresslab.scenario.scenario import Scenario

BEST, CROSSED, BOOKED = "best split", "all cross", "as booked"


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
    """

    sample: Sample
    objective: Objective
    bounds: Bounds
    split: Split
    configurations: tuple[Configuration, ...]
    in_sample: Check
    fresh: Check
    fresh_seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the configurations."""
        return tuple(each.name for each in self.configurations)

    @property
    def never_liquidated(self) -> tuple[str, ...]:
        """Positions that no path liquidates even on their floor."""
        floors = np.asarray(self.bounds.floors, np.float32)[:, None]
        hit = (self.sample.required[: len(floors)] >= floors).any(axis=1)
        return tuple(name for name, some in zip(self.sample.ids, hit, strict=True) if not some)

    def collateral(self, configuration: Configuration) -> list[float]:
        """Collateral of each position that stands alone; missing (NaN) for one that shares."""
        alone = {pool.positions[0]: pool.collateral for pool in configuration.pools if len(pool.positions) == 1}
        return [alone.get(place, math.nan) for place in range(len(self.sample.ids))]


def split_configuration(book: Book, name: str, members: tuple[tuple[int, ...], ...], collateral: object) -> Configuration:
    """A partition with given collateral; pools of several are named by their positions."""
    pools = tuple(
        Pool("+".join(book.positions[place].id for place in pool), pool, float(amount))
        for pool, amount in zip(members, np.asarray(collateral, np.float64), strict=True)
    )
    return Configuration(name, pools, 0.0)


def study(
    scenario: Scenario,
    budget: float,
    objective: Objective,
    *,
    cap: float | None = None,
    increment: float | None = None,
    fixed: Mapping[str, float] | None = None,
    fresh_seed: int | None = None,
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
    pools = Pools(sample, sample.pools, budget)
    starts = rule_splits(pools, bounds)
    split = best_split(pools, bounds, objective, list(starts.values()))
    spent = bounds
    if objective.name == "target-probability":
        # The rules are asked with the money that the best split needs, not with all that might be spent.
        units = round((float(split.collateral.sum()) - math.fsum(bounds.floors)) / bounds.unit)
        spent = replace(bounds, units=units, room=tuple(min(room, units) for room in bounds.room))
        starts = rule_splits(pools, spent)
    configurations = [
        split_configuration(book, BEST, sample.pools, split.collateral),
        *(split_configuration(book, rule, sample.pools, spent.collateral(starts[rule])) for rule in RULES),
    ]
    if len(sample.ids) > 1:
        everything = tuple(range(len(sample.ids)))
        configurations.append(Configuration(CROSSED, (Pool("cross", everything, float(split.collateral.sum())),), 0.0))
    booked = next(each for each in scenario.configurations if each.name == "as_booked")
    configurations.append(replace(booked, name=BOOKED, policies=()))
    seed = (scenario.seed + 1) % 2**63 if fresh_seed is None else fresh_seed
    return Study(
        sample=sample,
        objective=objective,
        bounds=bounds,
        split=split,
        configurations=tuple(configurations),
        in_sample=check(scenario, configurations, threads),
        fresh=check(replace(scenario, seed=seed), configurations, threads),
        fresh_seed=seed,
    )
