"""`run --executor`: another executor, the same files; and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stresslab
from stresslab import cli
from stresslab.simulation.executors import share_cores
from tests.scenario.files import SCENARIO, edited, write

ROOT = Path(__file__).parents[1]
SMALL = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "5_000"))


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inputs"), scenario=SMALL)


@pytest.mark.parametrize("executor", [["--executor", "dask", "--threads", "2"], ["--threads", "1"]])
def test_run_on_two_workers_or_on_one_core_is_the_run_on_threads(scenario_file, tmp_path, executor):
    program = "import sys; from stresslab.cli import main; sys.exit(main())"
    words = ["run", str(scenario_file), "--out", str(tmp_path / "out"), *executor]
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *words, "--form", "short"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    question = stresslab.read_scenario(scenario_file)
    assert stresslab.load(tmp_path / "out").identical(stresslab.run(question))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--executor", "ray"], "there is no executor 'ray'"),
        (["--executor", "dask:"], "there is no executor 'dask:'"),
        (["--executor", "dask:tcp://a:1", "--threads", "2"], "leave the number of threads out"),
    ],
)
def test_executors_that_there_are_not_are_refused(scenario_file, tmp_path, capsys, words, told):
    assert cli.main(["run", str(scenario_file), "--out", str(tmp_path / "out"), *words]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("own", "threads", "expected"), [(None, 1, "1"), ("7", 1, "7"), (None, 1_000, "2")])
def test_cores_are_shared_by_those_who_ask_for_fewer_threads(monkeypatch, own, threads, expected):
    monkeypatch.delenv("NPROC", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    if own is not None:
        monkeypatch.setenv("NPROC", own)
    share_cores(threads)
    assert os.environ["NPROC"] == expected


def test_missing_extra_is_named(scenario_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "stresslab.simulation.dask_executor", raising=False)
    assert cli.main(["run", str(scenario_file), "--out", str(tmp_path / "out"), "--executor", "dask"]) == 2
    assert "distributed is not installed; install stresslab with its extra `scale`" in capsys.readouterr().err
