"""Blocks on the workers of a Dask cluster: one of this machine, or any by its address.

A task is a run of blocks of about ten seconds. A worker that dies costs its tasks, which others do again; outcomes are
handed on in the order of the paths, so that no digit depends on who did what.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from distributed import Client, KilledWorker, LocalCluster

from stresslab.simulation.compilation import processor
from stresslab.simulation.environment import different, versions
from stresslab.simulation.executors import ClusterError, Session
from stresslab.simulation.preparation import Simulation, block_program, prepare
from stresslab.simulation.stretch import Stretch, joined

TASK_SECONDS = 10.0
# What one task may hold in memory and send, in paths.
_MOST_BLOCKS = 512
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class DaskExecutor:
    """The workers of a Dask cluster.

    Parameters
    ----------
    address : str or None
        Of its scheduler, such as ``tcp://10.0.0.1:8786``; None for a cluster of this machine, which lives as long as
        the session.
    workers : int, optional
        Worker processes of a cluster of this machine, at least 1; by default one a core.
    task_seconds : float
        Length of a task.
    """

    address: str | None = None
    workers: int | None = None
    task_seconds: float = TASK_SECONDS

    @contextmanager
    def session(self, simulation: Simulation) -> Iterator[Session]:
        """Connect, wait for a worker, and compare versions.

        Raises
        ------
        ClusterError
            If there is no such cluster, no worker comes within a minute, or the workers' versions of stresslab, Python
            or a library that simulates are not those here, or their processors not of one kind.
        """
        with ExitStack() as held:
            client = held.enter_context(_client(self.address, self.workers, held))
            kind = _check_workers(client)
            yield _DaskSession(client, simulation, kind, self.task_seconds)


class _DaskSession:
    def __init__(self, client: Client, simulation: Simulation, kind: str, task_seconds: float) -> None:
        self._client = client
        self._task_seconds = task_seconds
        self._facts = versions() | {"processor": kind}
        self.processor = kind
        # Compiling is the workers' own affair.
        self.compile_seconds = 0.0
        # A task's result, not data that is sent once: what a worker takes with it when it dies is made again.
        content = pickle.dumps((simulation.scenario, simulation.bridge, simulation.every_account))
        self._question = client.submit(_received, content, pure=False)

    def stretches(self, runs: Sequence[range]) -> Iterator[Stretch]:
        left = deque(run for run in runs if run)
        flying: deque[tuple[range, Any]] = deque()
        seconds_a_block = self._task_seconds
        try:
            while left or flying:
                workers = max(len(self._client.scheduler_info(n_workers=-1)["workers"]), 1)
                while left and len(flying) < 3 * workers:
                    run = left.popleft()
                    blocks = min(int(self._task_seconds / seconds_a_block), _MOST_BLOCKS)
                    # Towards the end tasks are shorter, so that the workers end together.
                    blocks = max(min(blocks, -(-(len(run) + sum(map(len, left))) // (2 * workers))), 1)
                    if len(run) > blocks:
                        left.appendleft(run[blocks:])
                    task = self._client.submit(_simulate, self._question, self._facts, run[:blocks], pure=False)
                    flying.append((run[:blocks], task))
                run, task = flying.popleft()
                stretch, seconds = _result(run, task)
                seconds_a_block = max(seconds / len(run), 1e-6)
                yield stretch
        finally:
            for _, task in flying:
                task.cancel()


@contextmanager
def _client(address: str | None, workers: int | None, held: ExitStack) -> Iterator[Client]:
    # It reports every connection; what matters is raised.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if address is None:
        # One thread of XLA a worker: there is a worker for each core.
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers or os.cpu_count() or 1,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            env={"NPROC": "1"},
            preload=[__name__],
            silence_logs=logging.ERROR,
        )
        held.enter_context(cluster)
        with Client(cluster, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            yield client
        return
    try:
        client = Client(address, timeout=_WAIT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ClusterError(f"there is no Dask scheduler at {address}; start one, or give its address") from error
    with client:
        yield client


def _check_workers(client: Client) -> str:
    """Compare every worker with this process; the kind of processor that they have in common."""
    try:
        client.wait_for_workers(1, timeout=_WAIT_SECONDS)
    except TimeoutError as error:
        raise ClusterError("no worker has come to the cluster within a minute; start some") from error
    # What a worker does not have cannot be asked of it: this part names no module of ours.
    told = client.run(_facts_of_worker, on_error="return")
    kinds = set()
    for worker, facts in sorted(told.items()):
        if not isinstance(facts, dict):
            raise ClusterError(f"the worker {worker} cannot import stresslab ({facts}); install the same version there")
        kinds.add(facts.pop("processor"))
        if differences := different(versions(), facts, "there"):
            raise ClusterError(f"the worker {worker} is another program: {differences}; install the same versions")
    if len(kinds) > 1:
        raise ClusterError(
            f"the workers' processors are of {len(kinds)} kinds, whose last digits differ; use workers of one kind"
        )
    return str(kinds.pop())


def _result(run: range, task: Any) -> tuple[Stretch, float]:
    try:
        stretch, seconds = task.result()
    except KilledWorker as error:
        raise ClusterError(
            f"the blocks that begin at paths {run[0]:,} to {run[-1]:,} ended {error.allowed_failures + 1} workers, one "
            "after another; usually memory is short: give each worker more"
        ) from error
    assert isinstance(stretch, Stretch)
    return stretch, float(seconds)


# What runs on a worker.


def dask_setup(worker: object) -> None:
    """Leave Ctrl-C to the client, which then ends the workers of its own cluster; Dask calls this by its name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _facts_of_worker() -> dict[str, str]:
    return versions() | {"processor": processor()}


def _received(content: bytes) -> bytes:
    return content


@lru_cache(maxsize=1)
def _program(content: bytes) -> Any:
    scenario, bridge, every_account = pickle.loads(content)
    return block_program(prepare(scenario, bridge=bridge, every_account=every_account))[0]


def _simulate(content: bytes, facts: dict[str, str], firsts: range) -> tuple[Stretch, float]:
    """A task: the blocks that begin at these paths, and the seconds that they took."""
    # Workers may have come after the start.
    if differences := different(facts, _facts_of_worker(), "on a worker that came later"):
        raise ClusterError(f"{differences}; install the same versions everywhere")
    work = _program(content)
    started = time.perf_counter()
    stretch = joined([work(first) for first in firsts])
    return stretch, time.perf_counter() - started
