"""Blocks of paths through the pool engine, folded by the caller: nothing is kept beyond what the caller keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from stresslab.book.configuration import Configuration
from stresslab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from stresslab.margin.pool_engine import Outcome
    from stresslab.margin.problem import Problem

Take = Callable[[slice, "Problem", "Outcome"], None]


def run_blocks(
    scenario: Scenario, configurations: Sequence[Configuration], take: Take, threads: int | None = None
) -> None:
    """Simulate configurations on which nothing acts.

    The draws are those of `stresslab.simulation.run.simulate`; margin ratios are not recorded on the way.

    Parameters
    ----------
    scenario : Scenario
        Market, horizon, seed and number of paths.
    configurations : sequence of Configuration
        Their policies are not looked at.
    take : callable
        Called once a block, from any thread, with the paths' places, the problem, and outcomes of at least so many.
    threads : int, optional
        Blocks in flight; by default one a core.
    """
    from stresslab.margin.places import places_of
    from stresslab.margin.problem import build_problem
    from stresslab.market import noise
    from stresslab.market.models import MODELS, build_process
    from stresslab.simulation import block
    from stresslab.simulation.compilation import compiled
    from stresslab.simulation.preparation import DAYS_PER_YEAR

    assets = scenario.market.assets
    problem = build_problem(scenario.book, configurations, assets)
    places, parameters = places_of(problem.layout, len(assets)), problem.parameters
    process = build_process(scenario.market, scenario.step)
    names = (MODELS[scenario.market.model].streams(assets), problem.several_streams)
    streams = block.Streams(*(np.asarray(noise.stream_keys(scenario.seed, each)) for each in names))  # type: ignore[arg-type]
    steps = np.array([scenario.steps], np.int32)
    grid = block.Grid(np.float32(scenario.step / DAYS_PER_YEAR), steps)  # type: ignore[arg-type]
    program = compiled(lambda: block.simulate_block.lower(places, parameters, process, streams, grid, np.uint32(0)))

    def work(first: int) -> None:
        result = program(places, parameters, process, streams, grid, np.uint32(first))
        take(slice(first, min(first + block.BLOCK_WIDTH, scenario.paths)), problem, result.outcome)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="block") as executor:
        list(executor.map(work, range(0, scenario.paths, block.BLOCK_WIDTH)))
