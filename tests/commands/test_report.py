"""A report typeset again from a finished run: the run's own bytes, and refusals in words."""

from __future__ import annotations

import pytest

from stresslab import cli
from tests.scenario.files import SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of one scenario's run in each form."""
    place = tmp_path_factory.mktemp("runs")
    file = write(place, scenario=TINY)
    for form in ("short", "standard"):
        assert cli.main(["run", str(file), "--out", str(place / form), "--form", form]) == 0
    return place


@pytest.mark.parametrize(("source", "form"), [("short", "standard"), ("standard/results.nc", "short")])
def test_bytes_are_those_of_the_run_s_own_report(runs, tmp_path, capsys, source, form):
    # Oracle: the run of the other form wrote its PDF from a dataset that had not been through a file.
    out = tmp_path / "again.pdf"
    assert cli.main(["report", str(runs / source), "--form", form, "--out", str(out)]) == 0
    assert out.read_bytes() == (runs / form / "report.pdf").read_bytes()
    assert capsys.readouterr().out == f"written to {out}: the {form} report of Quarterly review\n"
    # Control: the forms differ.
    assert out.read_bytes() != (runs / source.split("/")[0] / "report.pdf").read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["again.pdf"]


def refused(capsys, *words):
    assert cli.main(["report", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_what_cannot_be_the_target_is_refused(runs, tmp_path, capsys):
    (tmp_path / "folder.pdf").mkdir()
    before = (runs / "short" / "results.nc").read_bytes()
    assert "does not end in .pdf" in refused(capsys, runs / "short", "--out", runs / "short" / "results.nc")
    assert "make it first" in refused(capsys, runs / "short", "--out", tmp_path / "none" / "a.pdf")
    assert "is a folder" in refused(capsys, runs / "short", "--out", tmp_path / "folder.pdf")
    assert "is the folder of a run" in refused(capsys, runs / "short", "--out", runs / "standard" / "a.pdf")
    assert "Missing option '--out'" in refused(capsys, runs / "short")
    assert (runs / "short" / "results.nc").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.pdf"]


def test_what_is_no_result_is_refused(runs, tmp_path, capsys):
    raw = (runs / "short" / "results.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(raw[: len(raw) // 2])
    assert "cannot be read as netCDF" in refused(capsys, tmp_path / "half.nc", "--out", tmp_path / "a.pdf")
    assert "does not exist" in refused(capsys, tmp_path, "--out", tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


def test_pages_on_models_and_replays_come_from_their_own_files(tmp_path):
    file = write(tmp_path, scenario=edited(TINY, ('"gbm"', '["gbm", "student_t"]\ndegrees_of_freedom = 4.0')))
    assert cli.main(["run", str(file), "--out", str(tmp_path / "run"), "--form", "short", "--replays"]) == 0
    again = tmp_path / "again.pdf"
    assert cli.main(["report", str(tmp_path / "run"), "--form", "short", "--out", str(again)]) == 0
    # Oracle: the run's own report, made of datasets that had not been through a file.
    assert again.read_bytes() == (tmp_path / "run" / "report.pdf").read_bytes()
    # Control: one model alone has fewer pages.
    assert cli.main(["report", str(tmp_path / "run" / "gbm"), "--form", "short", "--out", str(again)]) == 0
    assert again.read_bytes() != (tmp_path / "run" / "report.pdf").read_bytes()


def test_tables_stand_beside_the_report(runs, tmp_path, capsys):
    words = ["report", str(runs / "short"), "--form", "short", "--out", str(tmp_path / "again.pdf")]
    assert cli.main([*words, "--tables", "excel"]) == 0
    beside = tmp_path / "again_tables"
    # Oracle: the run's own tables, made of a dataset that had not been through a file.
    for path in (runs / "short" / "tables").iterdir():
        assert (beside / path.name).read_bytes() == path.read_bytes()
    assert (beside / "tables.xlsx").is_file()
    assert f"written to {beside}: csv, excel\n" in capsys.readouterr().out
    # They are replaced with what they were made of, and nothing that is not theirs is lost.
    assert cli.main([*words, "--tables", "csv"]) == 0
    assert not (beside / "tables.xlsx").exists()
    (beside / "remarks.txt").write_text("mine")
    (tmp_path / "again.pdf").unlink()
    assert "remarks.txt" in refused(capsys, *words[1:], "--tables", "csv")
    assert (beside / "remarks.txt").read_text() == "mine"
    assert not (tmp_path / "again.pdf").exists()
    assert "there is no format 'xls'" in refused(capsys, *words[1:], "--tables", "xls")


def test_a_run_writes_the_tables_that_are_asked_for(tmp_path, capsys):
    file = write(tmp_path, scenario=edited(TINY, ('"gbm"', '["gbm", "student_t"]\ndegrees_of_freedom = 4.0')))
    words = ["run", str(file), "--form", "short", "--out", str(tmp_path / "run")]
    assert cli.main([*words, "--tables", "parquet,excel"]) == 0
    for model in ("gbm", "student_t"):
        names = {path.name for path in (tmp_path / "run" / model / "tables").iterdir()}
        assert {"by_configuration.csv", "by_configuration.parquet", "tables.xlsx"} <= names
    capsys.readouterr()
    assert cli.main([*words, "--tables", "pickle"]) == 2
    assert "there is no format 'pickle' of tables; the formats are csv, parquet, excel" in capsys.readouterr().err
