"""Who simulates the blocks: an executor's promise, and the threads of this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from stresslab.simulation.compilation import processor
from stresslab.simulation.preparation import Programs, Simulation, block_program
from stresslab.simulation.stretch import Stretch


class ClusterError(RuntimeError):
    """A cluster cannot be used, or has failed. The message says why, and what to do."""


class Session(Protocol):
    """An executor at work on one simulation."""

    @property
    def processor(self) -> str:
        """Kind of processor that simulates, as `stresslab.simulation.compilation.processor` names it."""

    @property
    def compile_seconds(self) -> float:
        """Seconds that this process waited for the compilation."""

    def stretches(self, runs: Sequence[range]) -> Iterator[Stretch]:
        """Simulate blocks.

        Parameters
        ----------
        runs : sequence of range
            The first path of each block; the runs rise and do not overlap.

        Yields
        ------
        Stretch
            In the order of the paths, of one block or of several. To whoever folds them it makes no difference.
        """


class Executor(Protocol):
    """Simulates blocks somewhere. Where, and in how many pieces, changes no digit."""

    def session(self, simulation: Simulation) -> AbstractContextManager[Session]:
        """Begin with a simulation; what the session holds is given back at the end of the context."""


# Of this process, so that a second run from Python with other figures begins at once.
_PROGRAMS: Programs = {}


@dataclass(frozen=True)
class ThreadExecutor:
    """The threads of this process.

    Parameters
    ----------
    threads : int, optional
        Blocks in flight, at least 1; by default one a core.
    programs : Programs, optional
        Programs compiled before, which simulations of the same layout share; theirs are added. By default those that
        this process has compiled last.

    Raises
    ------
    ValueError
        If the number of threads is below 1.
    """

    threads: int | None = None
    programs: Programs | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; give at least 1, or None for one a core")

    @contextmanager
    def session(self, simulation: Simulation) -> Iterator[Session]:
        """Begin with a simulation; it is compiled when the first block is asked for."""
        programs = _PROGRAMS if self.programs is None else self.programs
        yield _ThreadSession(simulation, self.threads or os.cpu_count() or 1, programs)


class _ThreadSession:
    def __init__(self, simulation: Simulation, threads: int, programs: Programs) -> None:
        self._programs = programs
        self._simulation = simulation
        self._threads = threads
        self.processor = processor()
        self.compile_seconds = 0.0
        self._work: Callable[[int], Stretch] | None = None

    def stretches(self, runs: Sequence[range]) -> Iterator[Stretch]:
        if not any(runs):
            return
        if self._work is None:
            self._work, self.compile_seconds = block_program(self._simulation, self._programs)
        executor = ThreadPoolExecutor(self._threads, thread_name_prefix="block")
        flying: deque[Future[Stretch]] = deque()
        try:
            for first in (first for run in runs for first in run):
                flying.append(executor.submit(self._work, first))
                if len(flying) > 2 * self._threads:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            # An interrupt leaves at most the blocks that are being computed; they are waited for, the rest never start.
            executor.shutdown(wait=True, cancel_futures=True)


def share_cores(threads: int) -> None:
    """Leave the other cores to others: the compiled programs get as many threads as there are blocks in flight.

    The compiler's threads wait in a loop, so that a single block keeps two cores busy and is slower for it than on one.
    To be called before JAX starts; a variable ``NPROC`` that the user has set stands. No digit depends on it.

    Parameters
    ----------
    threads : int
        Blocks in flight, at least 1.
    """
    os.environ.setdefault("NPROC", str(min(threads, os.cpu_count() or 1)))


def executor_named(name: str, threads: int | None = None) -> Executor:
    """The executor that a user names.

    Parameters
    ----------
    name : {"threads", "dask", "dask:ADDRESS"}
        Threads of this process; a Dask cluster of this machine; or that whose scheduler has the address.
    threads : int, optional
        Threads, or workers of a cluster of this machine, at least 1; by default one a core. Not for an address.

    Raises
    ------
    ValueError
        If there is no such executor, it is not installed, or the number is below 1 or not for it.
    """
    kind, _, address = name.partition(":")
    if name == "threads":
        return ThreadExecutor(threads)
    if kind != "dask" or (name != kind and not address):
        raise ValueError(f"there is no executor {name!r}; the executors are threads, dask and dask:ADDRESS")
    if address and threads is not None:
        raise ValueError(f"the workers at {address} are as many as there are; leave the number of threads out")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give at least 1, or None for one a core")
    try:
        from stresslab.simulation.dask_executor import DaskExecutor
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; install stresslab with its extra `scale`") from error
    return DaskExecutor(address or None, threads)
