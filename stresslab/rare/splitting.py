"""P(liquidation) from level to level: paths that came near branch into many, of any price process (METHODS M31).

Fixed effort: each stage follows as many paths as the one before, begun where paths of that one reached its level. The
estimate is a sum over the stages, (share that came so far) x (mean chance of liquidation on the way to the next level),
which is right for any levels; they only make it precise. Groups of paths that never mix are independent replications,
and their scatter is the error.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.measures.intervals import wilson_of_size
from stresslab.measures.weights import TOO_FEW_EFFECTIVE, WeightedEstimate
from stresslab.scenario.scenario import Scenario

GROUPS = 32
FEWEST_A_GROUP = 32
# Share of the paths that should reach the next level.
SHARE = 0.2
# Nearer than this a level gains nothing: what is left is done by a step or two.
_NEAREST = 0.95
_NORMAL_QUANTILE = 1.959964
_PILOT_PATHS = 4_096


@dataclass(frozen=True)
class _Paths:
    """Paths of one stage: where their draws come from, and when they reached the level before, all [..., path]."""

    lineage: NDArray[np.uint32]
    branches: NDArray[np.int32]
    entered: NDArray[np.int32]


class Splitter:
    """One pool's paths from level to level: compiled once.

    Parameters
    ----------
    scenario : Scenario
        Market, horizon and step; the model draws its paths (it does not read them).
    pool : Pool
        Not liquidated today.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.
    """

    def __init__(self, scenario: Scenario, pool: Pool, threads: int | None = None) -> None:
        from stresslab.margin.problem import build_problem
        from stresslab.market.models import MODELS, build_process

        problem = build_problem(scenario.book, [Configuration("", (pool,), 0.0)], scenario.market.assets)
        self._layout, self._parameters = problem.layout, problem.parameters
        self._process = build_process(scenario.market, scenario.step)
        self._scenario, self._threads = scenario, threads
        # Where one draw holds for several steps, a path branches off when the next one begins.
        span = MODELS[scenario.market.model].draw_days(scenario.market.extra)
        self._span = max(1, round(span / scenario.step))

    def levels(self, seed: int) -> tuple[float, ...]:
        """Closeness to liquidation at which paths should branch, rising in (0, 1): from a pilot run of its own draws.

        Each is the one that a fifth of the paths of its stage reach; none where that is as good as a liquidation.
        """
        from stresslab.simulation.lineage import MOST_STAGES

        found: list[float] = []
        paths = self._roots(_PILOT_PATHS)
        while len(found) < MOST_STAGES - 1:
            closeness = self._follow(seed, "levels:", paths, math.inf)[2]
            level = float(np.quantile(closeness, 1.0 - SHARE))
            if not (found[-1] if found else 0.0) < level < _NEAREST:
                break
            found.append(level)
            reached = self._follow(seed, "levels:", paths, level)[1]
            generator = np.random.default_rng([seed, len(found)])
            chosen = np.resize(generator.permutation(np.flatnonzero(reached >= 0)), _PILOT_PATHS)
            paths = self._branched(paths, chosen, reached, len(found))
        return tuple(found)

    def estimate(
        self, seed: int, paths: int, levels: Sequence[float], *, prefix: str = "splitting:"
    ) -> WeightedEstimate:
        """P(liquidation) from fresh paths.

        Parameters
        ----------
        seed : int
            Of all draws.
        paths : int
            Over all stages; at least `GROUPS` x `FEWEST_A_GROUP` for each.
        levels : sequence of float
            Rising, in (0, 1), at least one.
        prefix : str
            Of the names of all streams: another one gives independent draws.

        Returns
        -------
        WeightedEstimate
            The interval is Wilson's for as many plain paths as would have the standard error, widened by Student's
            quantile for `GROUPS` replications. The effective sample size is the number of plain hits that would be as
            precise; the largest share is that of all paths that branched off from one.
        """
        each = paths // (len(levels) + 1) // GROUPS
        current = self._roots(each * GROUPS)
        share, values = np.ones(GROUPS), np.zeros(GROUPS)
        by_root = np.zeros(each * GROUPS)
        for stage, level in enumerate([*levels, math.inf]):
            value, reached, _ = self._follow(seed, prefix, current, level)
            grouped = value.reshape(GROUPS, each)
            values += share * grouped.mean(axis=1)
            np.add.at(by_root, current.lineage[0], np.repeat(share, each) * value)
            if stage == len(levels):
                break
            arrived = (reached >= 0).reshape(GROUPS, each)
            chosen = np.empty((GROUPS, each), np.int64)
            for group, there in enumerate(arrived):
                places = np.flatnonzero(there) if there.any() else np.arange(each)
                generator = np.random.default_rng([seed, stage, group])
                # Each as often as the others, but for chance in the last round.
                chosen[group] = group * each + np.resize(generator.permutation(places), each)
            share = share * arrived.mean(axis=1)
            current = self._branched(current, chosen.ravel(), np.maximum(reached, 0), stage + 1)
        return _of_groups(values, by_root, each * GROUPS * (len(levels) + 1))

    def _roots(self, count: int) -> _Paths:
        from stresslab.simulation.lineage import MOST_STAGES

        lineage = np.zeros((MOST_STAGES, count), np.uint32)
        lineage[0] = np.arange(count)
        branches = np.full((MOST_STAGES, count), self._scenario.steps, np.int32)
        branches[0] = 0
        return _Paths(lineage, branches, np.full(count, -1, np.int32))

    def _branched(self, paths: _Paths, chosen: NDArray[np.int64], reached: NDArray[np.int32], stage: int) -> _Paths:
        """Copies of some paths that go their own way after the step at which these reached their level."""
        count = len(chosen)
        lineage, branches = paths.lineage[:, chosen], paths.branches[:, chosen]
        lineage[stage] = stage * count + np.arange(count)
        after = -(-(reached[chosen] + 1) // self._span) * self._span
        branches[stage] = np.minimum(after, self._scenario.steps)
        return replace(paths, lineage=lineage, branches=branches, entered=reached[chosen])

    def _follow(
        self, seed: int, prefix: str, paths: _Paths, level: float
    ) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
        """Value, step at which the level was reached or -1, and closeness, each [path]."""
        from stresslab.market import noise
        from stresslab.market.models import MODELS
        from stresslab.simulation.breach import BLOCK_WIDTH
        from stresslab.simulation.lineage import follow_block
        from stresslab.simulation.preparation import DAYS_PER_YEAR

        scenario = self._scenario
        names = MODELS[scenario.market.model].streams(scenario.market.assets)
        keys = noise.stream_keys(seed, [prefix + name for name in names])
        dt, steps = np.float32(scenario.step / DAYS_PER_YEAR), np.int32(scenario.steps)
        count = len(paths.entered)

        def block(first: int) -> tuple[NDArray[np.float32], ...]:
            # The last block is filled up with its first paths again.
            rows = np.resize(np.arange(first, min(first + BLOCK_WIDTH, count)), BLOCK_WIDTH)
            followed = follow_block(
                self._layout,
                self._parameters,
                self._process,
                keys,
                dt,
                steps,
                paths.lineage[:, rows],
                paths.branches[:, rows],
                paths.entered[rows],
                np.float32(level),
            )
            return tuple(np.asarray(each) for each in followed)

        with ThreadPoolExecutor(self._threads or os.cpu_count() or 1, thread_name_prefix="block") as executor:
            blocks = list(executor.map(block, range(0, count, BLOCK_WIDTH)))
        value, reached, closeness = (np.concatenate(each)[:count] for each in zip(*blocks, strict=True))
        return value.astype(np.float64), reached, closeness.astype(np.float64)


def _of_groups(values: NDArray[np.float64], by_root: NDArray[np.float64], paths: int) -> WeightedEstimate:
    from scipy.special import stdtrit

    probability = min(float(values.mean()), 1.0)
    error = float(values.std(ddof=1)) / math.sqrt(GROUPS)
    widened = error * float(stdtrit(GROUPS - 1, 0.975)) / _NORMAL_QUANTILE
    spread = probability * (1.0 - probability)
    effective = (probability / error) ** 2 if error > 0.0 else 0.0
    size = spread / widened**2 if widened > 0.0 and spread > 0.0 else float(paths)
    lower, upper = wilson_of_size(probability, size if effective >= TOO_FEW_EFFECTIVE else min(size, float(paths)))
    total = float(by_root.sum())
    return WeightedEstimate(
        probability=probability,
        standard_error=error,
        lower=lower,
        upper=upper,
        effective_sample_size=effective,
        largest_share=float(by_root.max()) / total if total > 0.0 else 0.0,
        paths=paths,
    )
