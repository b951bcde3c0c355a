"""What a run will cost, measured on one block of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from stresslab.margin.ledger_lines import LINES
from stresslab.margin.problem import build_problem
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
    return Estimate(
        steps=scenario.steps,
        blocks=blocks,
        compile_seconds=outcomes.compile_seconds,
        simulation_seconds=seconds * blocks / flying,
        memory_bytes=memory_bytes(scenario),
    )


def memory_bytes(scenario: Scenario) -> int:
    """Peak of memory to expect of a run, without simulating any of it.

    Parameters
    ----------
    scenario : Scenario
        The question.

    Returns
    -------
    int
        Bytes: the outcomes of every path, the copies that their evaluation makes, and the libraries.
    """
    return round(_LIBRARIES + _bytes_a_path(scenario) * scenario.paths)


def check_memory(scenario: Scenario) -> None:
    """Refuse a run that this machine cannot hold, before any of it is simulated.

    Parameters
    ----------
    scenario : Scenario
        The question.

    Raises
    ------
    MemoryError
        With the bytes that are needed, those that there are, and the number of paths that they suffice for.
    """
    needed, available = memory_bytes(scenario), available_bytes()
    if needed > available:
        most = max((available - _LIBRARIES) // _bytes_a_path(scenario), 0)
        raise MemoryError(
            f"{scenario.paths:,} paths need about {needed:,} bytes of memory, and {available:,} are available; "
            f"ask for at most {most:,} paths"
        )


def available_bytes() -> int:
    """Memory that programs can still take without others being swapped out, in bytes."""
    table = Path("/proc/meminfo")
    if table.exists():
        lines = table.read_text(encoding="ascii").splitlines()
        figures = dict(line.split(":", 1) for line in lines if ":" in line)
        if "MemAvailable" in figures:
            return int(figures["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _bytes_a_path(scenario: Scenario) -> int:
    problem = build_problem(scenario.book, scenario.configurations, scenario.market.assets)
    # As `Outcomes` holds them: four bytes a figure, three figures a stake, and one byte for a failure.
    figures = len(problem.pools) + 3 * len(problem.collaterals) + len(scenario.market.assets)
    # A configuration that the account engine takes shares nothing: four figures a pool, its ledger, and the rounding.
    for each in scenario.configurations:
        if scenario.market.funding is not None or each.policies:
            figures += 4 * len(each.pools) + len(LINES) + 1
    return (4 * figures + 1) * _EVALUATION_COPIES
