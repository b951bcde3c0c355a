"""What a run will cost, measured on one block of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate

# Sorting, masks and copies of the evaluation beside the outcomes themselves, and the libraries, in bytes.
_EVALUATION_COPIES = 4
_LIBRARIES = 600_000_000


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a run on this machine.

    Parameters
    ----------
    steps, blocks : int
        Steps of each path, and blocks of paths.
    compile_seconds, simulation_seconds : float
        Time for compiling, and for all blocks on the threads asked for.
    memory_bytes : int
        Peak to expect; it grows with the paths and not with the steps.
    """

    steps: int
    blocks: int
    compile_seconds: float
    simulation_seconds: float
    memory_bytes: int


def estimate(scenario: Scenario, *, threads: int | None = None) -> Estimate:
    """Compile a scenario, simulate one block of it for each thread, and extrapolate.

    Parameters
    ----------
    scenario : Scenario
        The question.
    threads : int, optional
        Blocks in flight; by default one a core.

    Returns
    -------
    Estimate
        From this machine at this moment; the simulation's time is good to about a third on a quiet machine.
    """
    from stresslab.simulation.block import BLOCK_WIDTH

    blocks = -(-scenario.paths // BLOCK_WIDTH)
    flying = min(threads or os.cpu_count() or 1, blocks)
    trial = replace(scenario, paths=min(flying * BLOCK_WIDTH, scenario.paths))
    started = time.perf_counter()
    outcomes = simulate(trial, threads=threads)
    seconds = time.perf_counter() - started - outcomes.compile_seconds
    arrays = (
        outcomes.required_collateral,
        outcomes.liquidation_step,
        outcomes.profit,
        outcomes.insurance_draw,
        outcomes.ledger,
        outcomes.ledger_drift,
        outcomes.log_price,
        outcomes.failed,
    )
    per_path = sum(array.nbytes for array in arrays) / outcomes.failed.size
    return Estimate(
        steps=scenario.steps,
        blocks=blocks,
        compile_seconds=outcomes.compile_seconds,
        simulation_seconds=seconds * blocks / flying,
        memory_bytes=round(_LIBRARIES + per_path * scenario.paths * _EVALUATION_COPIES),
    )
