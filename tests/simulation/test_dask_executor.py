"""Workers in processes of their own, one of them killed. The oracle is the run on threads."""

from __future__ import annotations

import os
import pickle
import signal
from dataclasses import replace

import distributed
import pytest

from stresslab.simulation import dask_executor
from stresslab.simulation.dask_executor import DaskExecutor
from stresslab.simulation.executors import ClusterError, ThreadExecutor, executor_named
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.simulation.identical import differing
from tests.simulation.small_run import SMALL

# Libraries below warn of what is their own affair.
pytestmark = pytest.mark.filterwarnings("ignore")
# 60 blocks.
LONGER = replace(SMALL, paths=59 * 1024 + 5)


@pytest.fixture(scope="module")
def on_threads() -> Outcomes:
    return simulate(LONGER)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_digits_of_threads(on_threads, workers):
    done: list[int] = []
    outcomes = simulate(LONGER, executor=DaskExecutor(workers=workers), progress=done.append)
    assert differing(outcomes, on_threads) == []
    # In order, and in fewer pieces than blocks.
    assert done == sorted(done)
    assert done[-1] == LONGER.paths
    assert len(done) < 60


def test_killed_worker_costs_its_tasks_and_not_a_digit(on_threads, monkeypatch):
    killed: list[int] = []

    def kill_one(client, *arguments, **options):
        submitted = submit(client, *arguments, **options)
        # When the ninth task is handed in, the first are being computed or done.
        if len(killed) == 0 and next(tasks) == 8:
            process = sorted(client.run(os.getpid).items())[0][1]
            os.kill(process, signal.SIGKILL)
            killed.append(process)
        return submitted

    submit, tasks = distributed.Client.submit, iter(range(10**6))
    monkeypatch.setattr(distributed.Client, "submit", kill_one)
    monkeypatch.setattr(dask_executor, "_MOST_BLOCKS", 4)
    outcomes = simulate(LONGER, executor=DaskExecutor(workers=2))
    assert len(killed) == 1
    assert differing(outcomes, on_threads) == []


def test_cluster_by_address_with_a_checkpoint(on_threads, tmp_path):
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, env={"NPROC": "1"}
    ) as cluster:
        executor = executor_named(f"dask:{cluster.scheduler_address}")
        simulate(replace(LONGER, paths=20 * 1024), executor=executor, checkpoint=tmp_path)
        outcomes = simulate(LONGER, executor=executor, checkpoint=tmp_path)
        assert differing(outcomes, on_threads) == []
        # Threads of the same machine go on where workers stopped.
        assert differing(simulate(LONGER, executor=ThreadExecutor(1), checkpoint=tmp_path), on_threads) == []

        # Another version here than there is refused before anything is simulated.
        def other() -> dict[str, str]:
            return {"stresslab": "9.9.9", "jax": "0"}

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(dask_executor, "versions", other)
            with pytest.raises(ClusterError, match=r"stresslab is 9\.9\.9 here and 0\..* there.*jax is 0 here"):
                simulate(LONGER, executor=executor)


def test_worker_of_another_version_refuses_its_task():
    content = pickle.dumps((SMALL, "every_pool", False))
    with pytest.raises(ClusterError, match=r"stresslab is 9 here and 0.* on a worker that came later"):
        dask_executor._simulate(content, dask_executor._facts_of_worker() | {"stresslab": "9"}, range(0, 1024, 1024))


def test_no_cluster_is_told(monkeypatch):
    monkeypatch.setattr(dask_executor, "_WAIT_SECONDS", 1.0)
    with pytest.raises(ClusterError, match=r"there is no Dask scheduler at tcp://127.0.0.1:9"):
        simulate(SMALL, executor=executor_named("dask:tcp://127.0.0.1:9"))


@pytest.mark.parametrize("name", ["dask:", "ray", "threads:2", ""])
def test_unknown_executors_are_refused(name):
    with pytest.raises(ValueError, match="the executors are threads, dask and dask:ADDRESS"):
        executor_named(name)


def test_number_of_workers_is_checked():
    assert executor_named("dask", 3) == DaskExecutor(None, 3)
    assert executor_named("threads", 3) == ThreadExecutor(3)
    with pytest.raises(ValueError, match="threads is 0"):
        executor_named("dask", 0)
    with pytest.raises(ValueError, match="leave the number of threads out"):
        executor_named("dask:tcp://a:1", 3)
