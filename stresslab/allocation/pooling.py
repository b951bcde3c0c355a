"""What to isolate and what to pool: every assignment of a small book, or partitions into sub-accounts, by search."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.bounds import Bounds
from stresslab.allocation.outcomes import Objective, Pools, value_of
from stresslab.allocation.sampling import AllocationError, Sample, draw_sample
from stresslab.allocation.separable import least_sum, loss_tables, probability_tables
from stresslab.allocation.splitting import Split, best_split
from stresslab.scenario.scenario import Scenario

ASSIGNMENTS, PARTITIONS = "assignments", "partitions"

_SCREENING_PATHS = 4096
_SCREENING_UNITS = 64
_KEPT = 8
_ALL_ASSIGNMENTS = 14
_ALL_PARTITIONS = 7

Partition = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Ranked:
    """A partition with its split of the budget.

    Parameters
    ----------
    partition : tuple of tuple of int
        Positions of each pool.
    split : Split
        Collateral of each pool, and the objective on the paths of the search.
    """

    partition: Partition
    split: Split


@dataclass(frozen=True)
class Pooling:
    """What a search over partitions found.

    Parameters
    ----------
    ranked : tuple of Ranked
        The best partitions on all paths, best first.
    examined : int
        Partitions whose split was looked at on the screening paths.
    complete : bool
        Whether these were all there are.
    broken_hedges : tuple of tuple of int
        Pairs that the best partition holds in different pools; see `hedge_pairs`.
    """

    ranked: tuple[Ranked, ...]
    examined: int
    complete: bool
    broken_hedges: tuple[tuple[int, int], ...]


def assignments(count: int) -> Iterator[Partition]:
    """Every way to ring-fence some positions and pool the others: ``2 ** count - count`` distinct ones."""
    for size in (0, *range(2, count + 1)):
        for crossed in itertools.combinations(range(count), size):
            yield _assignment(frozenset(crossed), count)


def partitions(count: int) -> Iterator[Partition]:
    """Every partition of positions into pools; their number is Bell's."""

    def grown(pools: list[list[int]], place: int) -> Iterator[Partition]:
        if place == count:
            yield _sorted(pools)
            return
        for chosen in range(len(pools)):
            yield from grown([[*pool, place] if row == chosen else pool for row, pool in enumerate(pools)], place + 1)
        yield from grown([*pools, [place]], place + 1)

    return grown([], 0)


def hedge_pairs(sample: Sample) -> tuple[tuple[int, int], ...]:
    """Pairs of positions of which one gains when the other loses: correlation of held profits below -0.5.

    The strongest stands first.
    """
    if len(sample.held) < 2:
        return ()
    together = np.nan_to_num(np.atleast_2d(np.corrcoef(sample.held.astype(np.float64))))
    pairs = [(i, j) for i, j in itertools.combinations(range(len(together)), 2) if together[i, j] < -0.5]
    return tuple(sorted(pairs, key=lambda pair: float(together[pair])))


def pool_bounds(bounds: Bounds, partition: Partition) -> Bounds:
    """Bounds of pools from those of their positions: floors and room add up, and so the units to split stay."""
    floors = tuple(sum(bounds.floors[place] for place in pool) for pool in partition)
    room = tuple(min(sum(bounds.room[place] for place in pool), bounds.units) for pool in partition)
    return replace(bounds, floors=floors, room=room)


def search_pooling(
    scenario: Scenario,
    bounds: Bounds,
    objective: Objective,
    kind: str,
    *,
    exhaustive: bool | None = None,
    threads: int | None = None,
) -> Pooling:
    """Rank partitions, each with its best split of the budget.

    Every candidate gets the split that is best for a sum over its pools, on few units and few paths; the best of them
    are split again for the objective itself on all paths.

    Parameters
    ----------
    scenario : Scenario
        Book, market, paths and seed.
    bounds : Bounds
        Of the positions, see `bounds_of`.
    objective : Objective
        What is made least; not ``target-probability``.
    kind : {"assignments", "partitions"}
        One cross pool and the rest isolated, or any sub-accounts.
    exhaustive : bool, optional
        Look at all; by default up to 14 positions for assignments (METHODS M63) and 7 for partitions, and beyond that a
        local search from all isolated, all cross, and hedges pooled.
    threads : int, optional
        Blocks in flight; by default one a core.

    Returns
    -------
    Pooling
        Deterministic for a seed.

    Raises
    ------
    AllocationError
        For ``target-probability``, and as `draw_sample` does.
    """
    if objective.name == "target-probability":
        raise AllocationError("pools are ranked at a given budget; give another objective than target-probability")
    count = len(scenario.book.positions)
    most = _ALL_ASSIGNMENTS if kind == ASSIGNMENTS else _ALL_PARTITIONS
    complete = count <= most if exhaustive is None else exhaustive
    screen = _Screen(scenario, bounds, objective, threads)
    if complete:
        screen.values(list(assignments(count) if kind == ASSIGNMENTS else partitions(count)))
    else:
        _climb(screen, count, _flips if kind == ASSIGNMENTS else _moves)
    alone = tuple((place,) for place in range(count))
    whole = (tuple(range(count)),)
    found = sorted(screen.known, key=lambda each: (screen.known[each], each))[:_KEPT]
    chosen = list(dict.fromkeys([*found, alone, whole]))
    sample = draw_sample(scenario, [pool for each in chosen for pool in each], threads=threads)
    ranked = []
    for partition in chosen:
        pools = Pools(sample, partition, bounds.budget)
        ranked.append(Ranked(partition, best_split(pools, pool_bounds(bounds, partition), objective)))
    ranked.sort(key=lambda each: (each.split.value, len(each.partition)))
    broken = tuple(pair for pair in hedge_pairs(sample) if not _joined(ranked[0].partition, pair))
    return Pooling(tuple(ranked), len(screen.known), complete, broken)


class _Screen:
    """Values of partitions on few paths; pools are simulated when they are first needed."""

    def __init__(self, scenario: Scenario, bounds: Bounds, objective: Objective, threads: int | None) -> None:
        self.scenario = replace(scenario, paths=min(scenario.paths, _SCREENING_PATHS))
        coarse = max(bounds.units // _SCREENING_UNITS, 1)
        self.bounds = replace(
            bounds,
            unit=bounds.unit * coarse,
            units=min(bounds.units // coarse, sum(room // coarse for room in bounds.room)),
            room=tuple(room // coarse for room in bounds.room),
        )
        self.objective, self.threads = objective, threads
        self.sample: Sample | None = None
        self.known: dict[Partition, float] = {}
        self._tables: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def values(self, wanted: Sequence[Partition]) -> list[float]:
        """Objective of each partition with the split that is best for a sum."""
        self._ensure({pool for each in wanted for pool in each})
        for each in wanted:
            if each not in self.known:
                self.known[each] = self._value(each)
        return [self.known[each] for each in wanted]

    def _ensure(self, pools: set[tuple[int, ...]]) -> None:
        missing = sorted(pools - set(() if self.sample is None else self.sample.pools))
        if self.sample is not None and not missing:
            return
        drawn = draw_sample(self.scenario, missing, threads=self.threads)
        if self.sample is None:
            self.sample = drawn
            return
        first = len(drawn.held)
        self.sample = replace(
            self.sample,
            pools=self.sample.pools + drawn.pools[first:],
            required=np.concatenate([self.sample.required, drawn.required[first:]]),
        )

    def _value(self, partition: Partition) -> float:
        assert self.sample is not None, "pools are drawn before they are valued"
        bounds = pool_bounds(self.bounds, partition)
        for place, pool in enumerate(partition):
            if pool not in self._tables:
                one = Pools(self.sample, (pool,), bounds.budget)
                of_pool = replace(bounds, floors=(bounds.floors[place],), room=(bounds.room[place],))
                make = loss_tables if self.objective.name == "expected-loss" else probability_tables
                weight = 1 if self.objective.name == "expected-loss" else len(pool)
                self._tables[pool] = weight * make(one, of_pool)[0]
        levels, least = least_sum([self._tables[pool] for pool in partition], bounds.units)
        if self.objective.name == "expected-loss":
            return least
        pools = Pools(self.sample, partition, bounds.budget)
        splits = [levels]
        if self.objective.name == "expected-shortfall":
            splits.append(least_sum(loss_tables(pools, bounds), bounds.units)[0])
        return min(value_of(pools, bounds.collateral(each), self.objective) for each in splits)


def _climb(screen: _Screen, count: int, neighbors: Callable[[Partition, int], list[Partition]]) -> None:
    """Local search from several starts; each goes to its best neighbor until none is better."""
    alone = tuple((place,) for place in range(count))
    starts = [alone, (tuple(range(count)),)]
    screen.values(starts)
    assert screen.sample is not None, "the starts were drawn"
    hedged = sorted({place for pair in hedge_pairs(screen.sample) for place in pair})
    if len(hedged) > 1:
        starts.append(_assignment(frozenset(hedged), count))
    for start in starts:
        here, value = start, screen.values([start])[0]
        while True:
            around = neighbors(here, count)
            values = screen.values(around)
            best = int(np.argmin(values))
            if values[best] >= value:
                break
            here, value = around[best], values[best]


def _flips(partition: Partition, count: int) -> list[Partition]:
    """Assignments in which one position has changed sides, or a pair has gone into an empty cross pool."""
    crossed = frozenset(place for pool in partition if len(pool) > 1 for place in pool)
    if not crossed:
        return [_assignment(frozenset(pair), count) for pair in itertools.combinations(range(count), 2)]
    return list(dict.fromkeys(_assignment(crossed ^ {place}, count) for place in range(count)))


def _moves(partition: Partition, count: int) -> list[Partition]:
    """Partitions in which one position has moved to another pool or out of one, or two pools have merged."""
    found = []
    for place in range(count):
        rest = [[other for other in pool if other != place] for pool in partition]
        rest = [pool for pool in rest if pool]
        found.append(_sorted([*rest, [place]]))
        found += [_sorted([[*p, place] if p is pool else p for p in rest]) for pool in rest]
    for one, two in itertools.combinations(partition, 2):
        found.append(_sorted([*(pool for pool in partition if pool not in (one, two)), [*one, *two]]))
    return [each for each in dict.fromkeys(found) if each != partition]


def _assignment(crossed: frozenset[int], count: int) -> Partition:
    if len(crossed) < 2:
        crossed = frozenset()
    return _sorted([*([place] for place in range(count) if place not in crossed), sorted(crossed)])


def _sorted(pools: Sequence[Sequence[int]]) -> Partition:
    return tuple(sorted(tuple(sorted(pool)) for pool in pools if pool))


def _joined(partition: Partition, pair: tuple[int, int]) -> bool:
    return any(set(pair) <= set(pool) for pool in partition)
