"""A batch: what it does, what it leaves out, what it survives, and what it tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import stresslab as sl
from stresslab import cli
from stresslab.documents.faults import InputError
from stresslab.reviewing import batch
from stresslab.reviewing.jobs import find_jobs
from stresslab.simulation import preparation
from stresslab.simulation.compilation import compiled
from tests.scenario.files import SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))
# Of the clock, the machine or one go.
TELLS_TIME = ("manifest.json", "log.jsonl")


def desk(folder: Path, seed: int = 7, text: str = TINY) -> None:
    folder.mkdir(parents=True)
    write(folder, scenario=edited(text, ("seed = 7", f"seed = {seed}")))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TELLS_TIME
    }


def entries(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def statuses(folder: Path) -> list[dict[str, str]]:
    """Status of each job by name, for each go."""
    goes: list[dict[str, str]] = []
    for entry in entries(folder):
        if entry["event"] == "begin":
            goes.append({})
        elif entry["event"] == "job":
            goes[-1][str(entry["job"])] = str(entry["status"])
    return goes


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    """Three desks, one of them faulty."""
    place = tmp_path_factory.mktemp("desks")
    desk(place / "a", 1)
    desk(place / "b" / "c", 2)
    desk(place / "d", 3, edited(TINY, ('horizon = "2d"', 'horizon = "2 d"')))
    (place / "a" / "notes.toml").write_text("no scenario")
    return place


@pytest.fixture(scope="module")
def finished(desks, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "batch"
    assert cli.main(["batch", str(desks), "--out", str(out), "--jobs", "1"]) == 2
    return out


def test_results_stand_under_the_scenarios_relative_paths(desks, finished):
    assert statuses(finished) == [{"a/scenario": "done", "b/c/scenario": "done", "d/scenario": "failed"}]
    # Oracle: the same scenario run by itself.
    alone = sl.run(sl.read_scenario(desks / "b" / "c" / "scenario.toml"))
    assert sl.load(finished / "b" / "c" / "scenario").identical(alone)
    assert not (finished / "d").exists()


def test_scenarios_of_one_layout_share_the_program(desks, tmp_path, monkeypatch):
    asked = []

    def counted(lower):
        asked.append(lower)
        return compiled(lower)

    monkeypatch.setattr(preparation, "compiled", counted)
    monkeypatch.setattr(batch, "_PROGRAMS", {})
    assert cli.main(["batch", str(desks), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 2
    # Two desks of one layout; the third is faulty.
    assert len(asked) == 1
    assert len(batch._PROGRAMS) == 1


def test_a_fault_stands_in_the_summary_with_file_and_line(desks, finished):
    table = pd.read_csv(finished / "summary.csv")
    assert table["job"].tolist()[-1] == "d/scenario"
    assert table["fault"].tolist()[-1].startswith(f"{desks / 'd' / 'scenario.toml'}:4:")
    # Oracle: ranks by the probabilities of the results themselves, falling.
    booked = {
        job: float(sl.load(finished / job).account_liquidation_probability.sel(configuration="as_booked"))
        for job in ("a/scenario", "b/c/scenario")
    }
    assert table["rank"].tolist()[:2] == [1, 2]
    assert table["job"].tolist()[:2] == sorted(booked, key=lambda job: -booked[job])
    assert (finished / "cover.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_done_is_not_done_again_until_it_changes_or_is_damaged(tmp_path):
    desk(tmp_path / "in" / "a", 1)
    desk(tmp_path / "in" / "b", 2)
    out = tmp_path / "out"
    words = ["batch", str(tmp_path / "in"), "--out", str(out), "--jobs", "1"]
    assert cli.main(words) == 0
    before = content(out)
    assert cli.main(words) == 0
    assert content(out) == before
    book = tmp_path / "in" / "a" / "book.toml"
    book.write_text(book.read_text().replace("20.0", "21.0"))
    assert cli.main(words) == 0
    (out / "b" / "scenario" / "report.pdf").write_bytes(b"")
    assert cli.main(words) == 0
    assert [list(go.values()) for go in statuses(out)] == [
        ["done", "done"],
        ["unchanged", "unchanged"],
        ["done", "unchanged"],
        ["unchanged", "done"],
    ]
    after = content(out)
    assert {name for name in before if before[name] != after[name]} >= {"a/scenario/results.nc", "summary.csv"}
    assert all(before[name] == after[name] for name in before if name.startswith("b/"))


def test_a_breach_is_told_by_the_status(tmp_path):
    desk(tmp_path / "in", 1)
    limits = tmp_path / "limits.toml"
    text = 'schema = 1\nname = "Limits"\n[[limit]]\nmeasure = "concentration"\nwarn = 0.1\nbreach = 0.7\n'
    words = ["batch", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--jobs", "1", "--limits", str(limits)]
    limits.write_text(text)  # 20 BTC at 61,000 of 1,715,000 are 71 %
    assert cli.main(words) == 3
    assert pd.read_csv(tmp_path / "out" / "summary.csv").limits.tolist() == ["breach"]
    limits.write_text(text.replace("0.7", "0.72"))
    assert cli.main(words) == 0
    assert pd.read_csv(tmp_path / "out" / "summary.csv").limits.tolist() == ["warning"]


def test_killed_halfway_it_does_what_is_missing_and_ends_with_the_same_bytes(tmp_path):
    for seed in range(1, 4):
        desk(tmp_path / "in" / f"desk{seed}", seed)
    root = Path(__file__).parents[2]
    program = [sys.executable, "-m", "stresslab", "batch", str(tmp_path / "in"), "--jobs", "2", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([*program, str(killed)], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while not any(killed.glob("desk*/scenario/manifest.json")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The processes of a batch end with it: nothing more appears once they have noticed.
    time.sleep(1.0)
    done = sorted(killed.glob("desk*/scenario/manifest.json"))
    kept = {path: path.stat().st_mtime_ns for path in done}
    assert 1 <= len(done) < 3
    assert not (killed / "summary.csv").exists()
    time.sleep(1.0)
    assert sorted(killed.glob("desk*/scenario/manifest.json")) == done

    assert subprocess.run([*program, str(killed)], env=environment, stdout=subprocess.DEVNULL).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert sorted(statuses(killed)[-1].values()) == ["done"] * (3 - len(done)) + ["unchanged"] * len(done)
    assert [path for path in killed.rglob(".*")] == []
    assert cli.main(["batch", str(tmp_path / "in"), "--jobs", "1", "--out", str(whole)]) == 0
    assert content(killed) == content(whole)


def test_a_list_names_scenarios_relative_to_itself(tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("# desks\n\nx/a_scenario.toml\n  y.toml\n")
    assert [job.name for job in find_jobs(listed, tmp_path / "out")] == ["x/a_scenario", "y"]
    listed.write_text("../x.toml\ny.toml\ny.toml\nz.csv\n")
    with pytest.raises(InputError) as raised:
        find_jobs(listed, tmp_path / "out")
    assert [(fault.line, fault.problem) for fault in raised.value.faults] == [
        (1, "the scenario does not lie below the folder of the list"),
        (3, "this scenario stands on the list twice"),
        (4, "this is no .toml file"),
    ]


def test_other_people_s_folders_are_refused(desks, tmp_path, capsys):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert cli.main(["batch", str(desks), "--out", str(tmp_path)]) == 2
    assert "holds no former batch" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
    (tmp_path / "empty").mkdir()
    assert cli.main(["batch", str(tmp_path / "empty"), "--out", str(tmp_path / "o")]) == 2
    assert "there is no scenario" in capsys.readouterr().err


def test_tables_for_those_who_want_numbers(tmp_path, capsys):
    desk(tmp_path / "desks" / "a")
    out = tmp_path / "out"
    asked = ["batch", str(tmp_path / "desks"), "--out", str(out), "--jobs", "1"]
    assert cli.main([*asked, "--tables", "parquet"]) == 0
    tables = {path.suffix for path in (out / "a" / "scenario" / "tables").iterdir()}
    assert tables == {".csv", ".parquet"}
    # Other tables are another result, the same ones are not done again.
    assert cli.main([*asked, "--tables", "parquet"]) == 0
    assert cli.main(asked) == 0
    assert [each["a/scenario"] for each in statuses(out)] == ["done", "unchanged", "done"]
    assert {path.suffix for path in (out / "a" / "scenario" / "tables").iterdir()} == {".csv"}
    assert cli.main([*asked, "--tables", "pickle"]) == 2
    assert "there is no format 'pickle' of tables" in capsys.readouterr().err


def test_a_cluster_may_simulate(tmp_path, capsys):
    desk(tmp_path / "desks" / "a", 1)
    desk(tmp_path / "desks" / "b", 2)
    program = "import sys; from stresslab.cli import main; sys.exit(main())"
    words = ["batch", str(tmp_path / "desks"), "--out", str(tmp_path / "there"), "--executor", "dask"]
    done = subprocess.run([sys.executable, "-P", "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert statuses(tmp_path / "there") == [{"a/scenario": "done", "b/scenario": "done"}]
    # Oracle: the same batch on threads of this process, byte by byte.
    assert cli.main(["batch", str(tmp_path / "desks"), "--out", str(tmp_path / "here"), "--jobs", "1"]) == 0
    assert content(tmp_path / "there") == content(tmp_path / "here")
    # A cluster that is not there is a fault of each job, told with what to do; a name that is none stops at once.
    gone = ["batch", str(tmp_path / "desks"), "--out", str(tmp_path / "gone"), "--executor"]
    assert cli.main([*gone, "ray"]) == 2
    assert "there is no executor 'ray'" in capsys.readouterr().err
    assert not (tmp_path / "gone").exists()
