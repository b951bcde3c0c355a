"""The kernel itself, block by block in threads, as runs do it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from scripts.benchmark.row import Finding, Row, Tests, shares_of
from scripts.benchmark.work import STEP, Work, book, market
from stresslab.margin.places import places_of
from stresslab.margin.problem import Bridge, build_problem
from stresslab.market import noise
from stresslab.market.models import MODELS
from stresslab.simulation import block

_TESTS: dict[Bridge, Tests] = {
    "none": "ends",
    "single_price": "isolated bridged",
    "every_pool": "all bridged",
}


def kernel_row(work: Work, bridge: Bridge, model: str = "gbm") -> Row:
    """The kernel with pools bridged as asked, under a market model, one block in flight on each thread."""
    account, configurations = book(work)
    specification = market(work, model)
    problem = build_problem(account, configurations, specification.assets, bridge=bridge)
    process = MODELS[model].build(specification, 1.0 / 24.0)
    streams = block.Streams(
        noise.stream_keys(1, MODELS[model].streams(specification.assets)),  # type: ignore[arg-type]
        noise.stream_keys(1, problem.several_streams),  # type: ignore[arg-type]
    )
    grid = block.Grid(np.float32(STEP), np.array([work.steps], np.int32))  # type: ignore[arg-type]
    leaves = places_of(problem.layout, work.assets), problem.parameters, process, streams, grid
    started = time.perf_counter()
    compiled = block.simulate_block.lower(*leaves, np.uint32(0)).compile()
    seconds = time.perf_counter() - started
    order = [stake for stakes in problem.configuration_stakes for stake in stakes]

    def one(first: int) -> NDArray[np.int32]:
        result = compiled(*leaves, np.uint32(first))
        return np.asarray(result.outcome.liquidation_step)

    def run(threads: int) -> Finding:
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as executor:
            steps = np.concatenate(list(executor.map(one, range(0, work.paths, block.BLOCK_WIDTH))), axis=1)
        return Finding(time.perf_counter() - began, shares_of(steps[order], work.steps), steps.shape[1])

    return Row(bridge if model == "gbm" else model, _TESTS[bridge], seconds, run, model)
