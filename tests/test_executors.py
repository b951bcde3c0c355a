"""`run --executor`: another executor, the same files; and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import stresslab
from stresslab import cli
from tests.scenario.files import SCENARIO, edited, write

ROOT = Path(__file__).parents[1]
SMALL = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "5_000"))


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inputs"), scenario=SMALL)


def test_run_on_two_workers_is_the_run_on_threads(scenario_file, tmp_path):
    program = "import sys; from stresslab.cli import main; sys.exit(main())"
    words = ["run", str(scenario_file), "--out", str(tmp_path / "out"), "--executor", "dask", "--threads", "2"]
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


def test_missing_extra_is_named(scenario_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "stresslab.simulation.dask_executor", raising=False)
    assert cli.main(["run", str(scenario_file), "--out", str(tmp_path / "out"), "--executor", "dask"]) == 2
    assert "distributed is not installed; install stresslab with its extra `scale`" in capsys.readouterr().err
