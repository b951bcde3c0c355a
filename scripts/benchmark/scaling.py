"""The kernel on one core and on several: each number in a process of its own, that shares no thread with the others.

A compiled program's own threads are as many as the process was told when it began, and wait in a loop: beside them a
single block would keep a second core busy and yet be slower than on one.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack

from scripts.benchmark.measuring import Measurement
from scripts.benchmark.row import Row
from scripts.benchmark.work import Work
from stresslab.margin.problem import Bridge
from stresslab.simulation.executors import share_cores


def measure_scaling(
    bridges: Sequence[Bridge], rounds: int, threads: Sequence[int], work: Work
) -> dict[str, Measurement]:
    """The kernel on every number of threads, side by side in each round; by ``name, N threads``."""
    measured = {f"{bridge}, {count} threads": Measurement(0.0, None) for bridge in bridges for count in threads}
    context = multiprocessing.get_context("spawn")
    with ExitStack() as held:
        processes = {
            count: held.enter_context(ProcessPoolExecutor(1, context, initializer=share_cores, initargs=(count,)))
            for count in threads
        }
        for number in range(-1, rounds):  # the first compiles, and does not count
            for bridge in bridges:
                for count in threads if number % 2 == 0 else reversed(threads):
                    seconds, used = processes[count].submit(_once, work, bridge, count).result()
                    if number >= 0:
                        row = measured[f"{bridge}, {count} threads"]
                        row.rates.append(work.asset_steps / seconds / 1e6)
                        row.cores.append(used / seconds)
    return measured


# Of the process that measures.
_ROWS: dict[Bridge, Row] = {}


def _once(work: Work, bridge: Bridge, threads: int) -> tuple[float, float]:
    """Do the work once; seconds, and seconds of processors."""
    if bridge not in _ROWS:
        from scripts.benchmark.kernel_row import kernel_row

        _ROWS[bridge] = kernel_row(work, bridge)
    began = time.process_time()
    seconds = _ROWS[bridge].run(threads).seconds
    return seconds, time.process_time() - began
