"""A run with a checkpoint, in processes that are really killed. The oracle is the run that nobody stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import stresslab
from stresslab import cli
from tests.scenario.files import SCENARIO, edited, write

ROOT = Path(__file__).parents[1]
# 40 blocks, which take a few seconds, and a file for each.
SMALL = edited(SCENARIO, ('"90d"', '"60d"'), ("100_000", "40_960"))
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from stresslab.simulation import checkpoint; checkpoint._BYTES = 0;"
    "from stresslab.cli import main; sys.exit(main())"
)


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inputs"), scenario=SMALL)


@pytest.fixture(scope="module")
def uninterrupted(scenario_file):
    return stresslab.run(stresslab.read_scenario(scenario_file))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["SIGKILL", "SIGINT"])
def test_killed_run_goes_on_to_the_same_bytes(scenario_file, uninterrupted, tmp_path, monkeypatch, number):
    kept, out = tmp_path / "kept", tmp_path / "out"
    words = ["run", str(scenario_file), "--out", str(out), "--checkpoint", str(kept), "--form", "short"]
    program = [sys.executable, "-P", "-c", PROGRAM, *words, "--threads", "1"]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        until = time.monotonic() + 120
        while len(list(kept.glob("paths-*.npz"))) < 3:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.005)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert not out.exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert errors == f"what is finished stands in {kept}; the same command goes on from there\ninterrupted\n"
    else:
        assert process.returncode == -signal.SIGKILL
    finished = {path.name: path.stat().st_mtime_ns for path in kept.glob("paths-*.npz")}
    # It was stopped halfway: something is finished, and something is not.
    assert 3 <= len(finished) < 40
    monkeypatch.setattr("stresslab.report.typeset", lambda results, path, *, form, **_: path.write_text(form))
    assert cli.main(words) == 0
    assert stresslab.load(out).identical(uninterrupted)
    # What was finished was not written again.
    assert {
        path.name: path.stat().st_mtime_ns for path in kept.glob("paths-*.npz") if path.name in finished
    } == finished


def test_checkpoint_of_another_seed_is_the_input_s_fault(scenario_file, tmp_path, capsys):
    words = ["run", str(scenario_file), "--out", str(tmp_path / "out"), "--checkpoint", str(tmp_path / "kept")]
    question = stresslab.read_scenario(scenario_file, paths=10)
    stresslab.run(question, checkpoint=tmp_path / "kept")
    assert cli.main([*words, "--paths", "10", "--seed", "8"]) == 2
    errors = capsys.readouterr().err
    assert "--checkpoint" in errors
    assert "is the checkpoint of another run: seed is 8 here and 7 in the checkpoint" in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("below", ["", "kept"])
def test_checkpoint_in_the_folder_for_results_is_refused(scenario_file, tmp_path, capsys, below):
    out = tmp_path / "out"
    assert cli.main(["run", str(scenario_file), "--out", str(out), "--checkpoint", str(out / below)]) == 2
    assert "lies in the folder for the results" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_each_model_has_a_checkpoint_of_its_own(scenario_file, tmp_path, monkeypatch):
    monkeypatch.setattr("stresslab.report.typeset", lambda results, path, *, form, **_: path.write_text(form))
    question = stresslab.read_scenario(scenario_file, paths=20)
    other = replace(question.market, model="student_t", extra={"degrees_of_freedom": 4.0})
    stresslab.run_models_to_folder(
        [question, replace(question, market=other)], tmp_path / "out", checkpoint=tmp_path / "kept"
    )
    assert {path.parent.name for path in (tmp_path / "kept").glob("*/paths-0-20-*.npz")} == {"gbm", "student_t"}
