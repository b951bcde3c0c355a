"""What a run will cost, measured on a few blocks of it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from stresslab.scenario.scenario import Scenario
from stresslab.simulation.executors import ThreadExecutor
from stresslab.simulation.folding import bytes_a_path
from stresslab.simulation.preparation import prepare
from stresslab.simulation.run import simulate
from stresslab.simulation.scratch import IN_MEMORY

# Bytes: the libraries, and what the evaluation holds of a path. Of each configuration the first step, the last step and
# the loss; where something acts on it, the cash that moved and the loss anew. Beside them six figures to be compared.
_LIBRARIES = 600_000_000
_OF_CONFIGURATION, _OF_ACTING, _COMPARED = 16, 12, 48
_TRIAL_BLOCKS = 4


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
    disk_bytes : int
        Room that outcomes take in the temporary folder; 0 where they stand in memory.
    """

    steps: int
    blocks: int
    compile_seconds: float
    simulation_seconds: float
    memory_bytes: int
    disk_bytes: int


def estimate(scenario: Scenario, *, threads: int | None = None, keep_outcomes: bool = False) -> Estimate:
    """Compile a scenario, simulate a few blocks of it for each thread, and extrapolate.

    Parameters
    ----------
    scenario : Scenario
        The question.
    threads : int, optional
        Blocks in flight; by default one a core.
    keep_outcomes : bool
        Whether what became of every path is saved.

    Returns
    -------
    Estimate
        From this machine at this moment; the simulation's time is good to about a third on a quiet machine.
    """
    from stresslab.simulation.block import BLOCK_WIDTH

    blocks = -(-scenario.paths // BLOCK_WIDTH)
    flying = min(threads or os.cpu_count() or 1, blocks)
    executor = ThreadExecutor(threads, programs={})

    def trial(count: int) -> tuple[float, float]:
        begun = time.perf_counter()
        outcomes = simulate(replace(scenario, paths=min(count * BLOCK_WIDTH, scenario.paths)), executor=executor)
        return time.perf_counter() - begun - outcomes.compile_seconds, outcomes.compile_seconds

    # What a run takes once is not counted for each block: the first trial warms up, and two more tell it apart.
    seconds, compile_seconds = trial(flying)
    many = min(_TRIAL_BLOCKS * flying, blocks)
    if many > flying:
        few, more = trial(flying)[0], trial(many)[0]
        seconds = few + (blocks - flying) * max(more - few, 0.0) / (many - flying)
    memory, disk = room(scenario, keep_outcomes=keep_outcomes)
    return Estimate(
        steps=scenario.steps,
        blocks=blocks,
        compile_seconds=compile_seconds,
        simulation_seconds=seconds,
        memory_bytes=memory,
        disk_bytes=disk,
    )


def room(scenario: Scenario, *, keep_outcomes: bool = False) -> tuple[int, int]:
    """Memory and temporary disk space to expect of a run, without simulating any of it.

    Parameters
    ----------
    scenario : Scenario
        The question.
    keep_outcomes : bool
        Whether what became of every path is saved.

    Returns
    -------
    tuple of int
        Bytes of memory at the peak: the libraries, what the evaluation holds, and the outcomes of every path; these
        stand in the temporary folder instead, the second number, where they are more than
        `stresslab.simulation.scratch.IN_MEMORY`.
    """
    outcomes, evaluation = _bytes_a_path(scenario, keep_outcomes)
    held, disk = outcomes * scenario.paths, 0
    if held > IN_MEMORY:
        held, disk = 0, held
    return _LIBRARIES + evaluation * scenario.paths + held, disk


def check_memory(scenario: Scenario, *, keep_outcomes: bool = False) -> None:
    """Refuse a run that this machine cannot hold, before any of it is simulated.

    Parameters
    ----------
    scenario : Scenario
        The question.
    keep_outcomes : bool
        Whether what became of every path is saved.

    Raises
    ------
    MemoryError
        With the bytes of memory or of disk that are needed, those that there are, and the number of paths that they
        suffice for.
    """
    memory, disk = room(scenario, keep_outcomes=keep_outcomes)
    outcomes, evaluation = _bytes_a_path(scenario, keep_outcomes)
    available = available_bytes()
    if memory > available:
        spare = max(available - _LIBRARIES, 0)
        # Either all stands in memory, or so many paths that their outcomes stand on disk.
        most = min(spare // (outcomes + evaluation), IN_MEMORY // outcomes)
        if spare // evaluation * outcomes > IN_MEMORY:
            most = spare // evaluation
        raise MemoryError(
            f"{scenario.paths:,} paths need about {memory:,} bytes of memory, and {available:,} are available; "
            f"ask for at most {most:,} paths"
        )
    folder = tempfile.gettempdir()
    if disk and disk > (free := shutil.disk_usage(folder).free):
        most = max(free, IN_MEMORY) // outcomes
        raise MemoryError(
            f"{scenario.paths:,} paths need {disk:,} bytes of the disk for temporary files, and {free:,} are free in "
            f"{folder}; ask for at most {most:,} paths, or name another folder with TMPDIR"
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


def _bytes_a_path(scenario: Scenario, keep_outcomes: bool) -> tuple[int, int]:
    """Bytes of a path's outcomes, and of what their evaluation holds in memory."""
    simulation = prepare(scenario)
    configurations, acting = len(scenario.configurations), len(simulation.acting)
    evaluation = _OF_CONFIGURATION * configurations + _OF_ACTING * acting + _COMPARED
    if keep_outcomes:
        # Four figures of every pool name, in single precision; two copies of every price, and the number of the path.
        pools = {pool.name for each in scenario.configurations for pool in each.pools}
        evaluation += 16 * configurations * len(pools) + 16 * len(scenario.market.assets) + 8
    return bytes_a_path(simulation), evaluation
