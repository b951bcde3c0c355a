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

import numpy as np

from scripts.benchmark.measuring import Measurement
from scripts.benchmark.row import Row
from scripts.benchmark.work import Work
from stresslab.margin.problem import Bridge
from stresslab.simulation.executors import share_cores

# What the machine itself gives: multiplying and adding in numbers that stay in the first cache, each core for itself.
ARITHMETIC = "arithmetic alone"
_CALLS = 200_000


def measure_scaling(
    bridges: Sequence[Bridge], rounds: int, threads: Sequence[int], work: Work
) -> dict[str, Measurement]:
    """The kernel on every number of threads, side by side in each round; by ``name, N threads``.

    Beside it stands `ARITHMETIC` in as many processes, in million calls a second: no program scales better than that.
    """
    names = (*bridges, ARITHMETIC)
    measured = {f"{name}, {count} threads": Measurement(0.0, None) for name in names for count in threads}
    context = multiprocessing.get_context("spawn")
    with ExitStack() as held:
        processes = {
            count: held.enter_context(ProcessPoolExecutor(1, context, initializer=share_cores, initargs=(count,)))
            for count in threads
        }
        lone = [held.enter_context(ProcessPoolExecutor(1, context)) for _ in range(max(threads))]
        for number in range(-1, rounds):  # the first compiles, and does not count
            for bridge in bridges:
                for count in threads if number % 2 == 0 else reversed(threads):
                    seconds, used = processes[count].submit(_once, work, bridge, count).result()
                    if number >= 0:
                        row = measured[f"{bridge}, {count} threads"]
                        row.rates.append(work.asset_steps / seconds / 1e6)
                        row.cores.append(used / seconds)
            for count in threads if number % 2 == 0 else reversed(threads):
                told = [each.result() for each in [process.submit(_arithmetic) for process in lone[:count]]]
                if number >= 0:
                    row = measured[f"{ARITHMETIC}, {count} threads"]
                    row.rates.append(count * _CALLS / max(seconds for seconds, _ in told) / 1e6)
                    row.cores.append(sum(used / seconds for seconds, used in told))
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


def _arithmetic() -> tuple[float, float]:
    """Multiply and add; seconds, and seconds of the processor."""
    values = np.linspace(0.0, 1.0, 2_048, dtype=np.float32)
    started, began = time.perf_counter(), time.process_time()
    for _ in range(_CALLS):
        np.multiply(values, np.float32(0.999), out=values)
        np.add(values, np.float32(0.001), out=values)
    return time.perf_counter() - started, time.process_time() - began
