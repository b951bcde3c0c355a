"""The whole run: what it leaves, what it refuses, and that an interruption leaves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import stresslab
from stresslab import cli
from stresslab.simulation.estimate import available_bytes, check_memory
from tests.scenario.files import BOOK, PACK, SCENARIO, edited, write

ROOT = Path(__file__).parents[1]

# Two positions, 200 paths, two days of four hours; the short is out of reach, the long is not.
TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))

# A shell that starts tests in the background may have told them to ignore Ctrl-C.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from stresslab.cli import main; sys.exit(main())"
)


def command(*words: object) -> list[str]:
    return [sys.executable, "-P", "-c", PROGRAM, "run", *map(str, words)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("the inputs"), scenario=TINY)


@pytest.fixture(scope="module")
def ran(scenario_file):
    """One run in a process of its own, into a folder with spaces and signs in its name: the process and the folder."""
    out = scenario_file.parent / "reports & more" / "Q3 #1"
    done = subprocess.run(
        command(scenario_file, "--out", out, "--keep-outcomes"), capture_output=True, text=True, cwd=ROOT, check=False
    )
    return done, out


def test_status_and_words(ran):
    done, out = ran
    assert done.returncode == 0, done.stderr
    # No progress, no warning of a library: stderr is a pipe here.
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:5]] == ["as_booked", "all_isolated", "all_cross", "hedge pooled"]
    assert "200 paths of 12 steps" in done.stdout
    assert lines[-1] == f"written to {out}: report.pdf, results.nc, tables, manifest.json"


def test_what_a_run_leaves(ran):
    _, out = ran
    files = contents(out)
    assert {name for name in files if not name.startswith("tables/")} == {
        "results.nc",
        "report.pdf",
        "manifest.json",
        "outcomes.nc",
    }
    assert {"tables/by_configuration.csv", "tables/by_configuration_pool.csv"} <= set(files)
    assert files["report.pdf"].startswith(b"%PDF-")
    assert files["report.pdf"].rstrip().endswith(b"%%EOF")
    assert [entry.name for entry in out.parent.iterdir()] == [out.name]


def test_manifest(ran):
    _, out = ran
    files = contents(out)
    manifest = json.loads(files.pop("manifest.json"))
    # Oracle: digests computed here, of the files and of the texts written by this test.
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert list(manifest["files"]) == sorted(files)
    texts = {"scenario": TINY, "book": BOOK, "venue": PACK}
    assert manifest["inputs"] == {role: hashlib.sha256(text.encode()).hexdigest() for role, text in texts.items()}
    results = stresslab.load(out)
    assert manifest["scenario_hash"] == results.attrs["scenario_hash"]
    assert manifest["versions"] == json.loads(results.attrs["versions"])
    assert (manifest["seed"], manifest["paths"], manifest["failed_paths"]) == (7, 200, 0)
    assert (manifest["title"], manifest["form"]) == ("Quarterly review", "standard")
    assert set(manifest["seconds"]) == {"simulation", "compilation", "evaluation", "report"}
    assert all(seconds >= 0 for seconds in manifest["seconds"].values())
    assert manifest["finished"].startswith(time.strftime("%Y-", time.gmtime()))
    # Neither the place of the files nor the name of the machine.
    text = json.dumps(manifest)
    assert str(out.parent) not in text
    assert f'"{os.uname().nodename}"' not in text


def test_kept_outcomes_give_the_probabilities(ran):
    _, out = ran
    results = stresslab.load(out)
    with xr.open_dataset(out / "outcomes.nc", engine="h5netcdf") as kept:
        kept.load()
    assert kept.sizes["path"] == 200
    share = kept.liquidation_time.notnull().mean("path").where(results.collateral.notnull())
    np.testing.assert_array_equal(share, results.liquidation_probability)
    # Control: there is something to count, and it is neither never nor always.
    assert 0 < float(share.sel(configuration="as_booked", pool="btc-long")) < 1


def test_headline_is_the_dataset_s(ran):
    done, out = ran
    results = stresslab.load(out)
    share = float(results.account_liquidation_probability.sel(configuration="as_booked"))
    assert f"{share:7.2%}" in done.stdout
    assert float(results.account_liquidation_probability.sel(configuration="all_cross")) == 0.0
    assert "none seen" in done.stdout.splitlines()[3]


def test_call_from_python_is_the_same(ran, scenario_file):
    results = stresslab.run(stresslab.read_scenario(scenario_file), threads=1)
    assert results.identical(stresslab.load(ran[1]))


def test_second_run_is_the_same_bytes_and_replaces_the_first(ran, scenario_file, tmp_path, capsys, monkeypatch):
    # In this process, on one thread, and over a former run that had other paths and another form.
    out = tmp_path / "out"
    words = ["run", str(scenario_file), "--out", str(out), "--threads", "1"]
    with monkeypatch.context() as patched:
        # Typesetting takes longest; here only what it is asked for matters.
        patched.setattr("stresslab.report.typeset", lambda results, path, *, form, **_: path.write_text(form))
        assert cli.main([*words, "--form", "short", "--paths", "50", "--seed", "11", "--keep-outcomes"]) == 0
    first = contents(out)
    assert first["report.pdf"] == b"short"
    attributes = stresslab.load(out).attrs
    assert (attributes["paths"], attributes["seed"]) == (50, 11)
    manifest = json.loads(first["manifest.json"])
    assert (manifest["paths"], manifest["seed"], manifest["form"]) == (50, 11, "short")
    assert "50 paths of 12 steps" in capsys.readouterr().out

    assert cli.main(words) == 0
    second, other = contents(out), contents(ran[1])
    # Outcomes were not asked for this time, so they are gone.
    assert set(second) == set(other) - {"outcomes.nc"} == set(first) - {"outcomes.nc"}
    for name, content in second.items():
        if name != "manifest.json":
            assert content == other[name], name
    assert second["results.nc"] != first["results.nc"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_without_a_report_the_rest_is_the_same(ran, scenario_file, tmp_path, capsys, monkeypatch):
    def typeset(*_, **__):
        raise AssertionError("no report was asked for")

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr("stresslab.report.typeset", typeset)
        assert cli.main(["run", str(scenario_file), "--out", str(out), "--form", "none"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"written to {out}: results.nc, tables, manifest.json"
    files, others = contents(out), contents(ran[1])
    assert set(files) == set(others) - {"report.pdf", "outcomes.nc"}
    assert {name for name, content in files.items() if content != others[name]} == {"manifest.json"}
    manifest = json.loads(files["manifest.json"])
    assert manifest["form"] == "none"
    assert set(manifest["seconds"]) == {"simulation", "compilation", "evaluation"}
    # The report follows later, and is the one that the run would have left.
    assert cli.main(["report", str(out), "--out", str(tmp_path / "later.pdf")]) == 0
    assert (tmp_path / "later.pdf").read_bytes() == others["report.pdf"]


def test_dry_run_tells_the_cost_and_writes_nothing(scenario_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(scenario_file.parent.iterdir())
    words = ["run", str(scenario_file), "--dry-run", "--paths", "10000"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    # Two days of four hours; ten blocks of 1,024 paths hold 10,000.
    assert lines["steps"] == "12 of 4 h for each of 10,000 paths"
    assert lines["blocks"] == "10"
    assert lines["memory"].startswith("about 0.6 GB")
    assert lines["time"].startswith("about ")
    assert list(tmp_path.iterdir()) == []
    assert sorted(scenario_file.parent.iterdir()) == before


def refused(words, capsys):
    assert cli.main(["run", *map(str, words)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_memory_is_that_of_this_machine():
    # Oracle: a machine of ours has between a hundred megabytes to give and a hundred terabytes.
    assert 10**8 < available_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 10**14


def test_foreign_folder_is_refused_and_untouched(scenario_file, tmp_path, capsys):
    out = tmp_path / "mine"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "notes.txt").write_text("mine")
    (out / "results.nc").write_text("mine too")
    before = contents(tmp_path)
    assert "is not empty and holds no former run" in refused([scenario_file, "--out", out], capsys)
    assert contents(tmp_path) == before


def test_file_in_the_way_is_refused(scenario_file, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert "is a file; name a folder" in refused([scenario_file, "--out", tmp_path / "out"], capsys)
    assert (tmp_path / "out").read_text() == "mine"


def test_empty_out_is_refused(scenario_file, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "its name is empty" in refused([scenario_file, "--out", ""], capsys)
    assert list(tmp_path.iterdir()) == []


def test_out_beyond_the_system_is_refused(scenario_file, tmp_path, capsys):
    assert "File name too long" in refused([scenario_file, "--out", tmp_path / ("a" * 256)], capsys)


def test_more_paths_than_memory_are_refused_before_the_work(scenario_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("stresslab.simulation.estimate.available_bytes", lambda: 2 * 10**9)
    words = refused([scenario_file, "--out", tmp_path / "out", "--paths", 10**9], capsys)
    assert "1,000,000,000 paths need about" in words
    assert "2,000,000,000 are available" in words
    assert list(tmp_path.iterdir()) == []
    # The number that is named is enough, and one more is too many.
    most = int(words.split("ask for at most ")[1].split(" paths")[0].replace(",", ""))
    assert most > 10**6
    check_memory(stresslab.read_scenario(scenario_file, paths=most))
    with pytest.raises(MemoryError):
        stresslab.run(stresslab.read_scenario(scenario_file, paths=most + 1))


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(scenario_file, tmp_path, threads):
    scenario = stresslab.read_scenario(scenario_file)
    with pytest.raises(ValueError, match=f"threads is {threads}; give at least 1"):
        stresslab.run(scenario, threads=threads)
    with pytest.raises(ValueError, match=f"threads is {threads}; give at least 1"):
        stresslab.run_to_folder(scenario, tmp_path / "out", threads=threads)
    assert list(tmp_path.iterdir()) == []


def test_missing_out_is_refused(scenario_file, capsys):
    assert "--out DIR is missing" in refused([scenario_file], capsys)


@pytest.mark.parametrize(
    "options", [["--paths", "0"], ["--paths", "many"], ["--seed", "-1"], ["--form", "long"], ["--threads", "0"]]
)
def test_options_out_of_range_are_refused(scenario_file, tmp_path, capsys, options):
    assert options[0] in refused([scenario_file, "--out", tmp_path / "out", *options], capsys)
    assert list(tmp_path.iterdir()) == []


def test_faulty_scenario_is_refused_with_its_place(tmp_path, capsys):
    path = write(tmp_path, scenario=TINY.replace('"2d"', '"31h"'), book=BOOK.replace("quantity = 20.0", "quantity = 0"))
    errors = refused([path, "--out", tmp_path / "reports" / "out"], capsys)
    # Lines and columns counted in the texts.
    assert f"{path}:5:8: " in errors
    assert f"{tmp_path / 'book.toml'}:10:12: " in errors
    assert not (tmp_path / "reports").exists()


def test_missing_scenario_is_refused(tmp_path, capsys):
    assert f"{tmp_path / 'none.toml'}:1:1: " in refused([tmp_path / "none.toml", "--out", tmp_path / "out"], capsys)
    assert list(tmp_path.iterdir()) == []


def test_market_beyond_single_precision_is_the_input_s_fault(tmp_path, capsys):
    # A drift of 100 a year for 900 days: prices grow by exp(246), and single precision ends at exp(88).
    text = edited(TINY, ('"2d"', '"900d"'), ('"4h"', '"1d"'), ("drift = 0.1", "drift = 100"))
    path = write(tmp_path, scenario=text)
    assert "every path failed" in refused([path, "--out", tmp_path / "out"], capsys)
    assert not [entry for entry in tmp_path.iterdir() if "out" in entry.name]


def test_failure_of_ours_leaves_nothing(scenario_file, tmp_path, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no ink")

    monkeypatch.setattr("stresslab.report.typeset", fail)
    assert cli.main(["run", str(scenario_file), "--out", str(tmp_path / "out"), "--paths", "20"]) == 1
    assert "RuntimeError: no ink" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("former", [False, True], ids=["new folder", "former run"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interruption_leaves_nothing(tmp_path_factory, tmp_path, number, former):
    endless = write(tmp_path_factory.mktemp("endless"), scenario=SCENARIO)
    out = tmp_path / "out"
    if former:
        out.mkdir()
        (out / "manifest.json").write_text('{"schema": "stresslab run 1", "files": {"results.nc": ""}}')
        (out / "results.nc").write_text("former")
    before = contents(tmp_path)
    # Far more steps than could be done meanwhile.
    words = command(endless, "--out", out, "--paths", 2_000_000)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".out.unfinished-*")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        # Once as early as may be, once well inside the simulation.
        time.sleep(2.5 if former else 0.0)
        assert process.poll() is None
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (output, errors) == ("", "interrupted\n")
    assert contents(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == (["out"] if former else [])
