"""An archive: where reviews stand, what is found there, what is refused, and the page on limits that comes of it."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from pypdf import PdfReader

import stresslab as sl
from stresslab import cli
from stresslab.report.charts.limits import figure_limit_utilization
from stresslab.report.limit_pages import finding, utilization_table
from stresslab.results.limit_history import limit_history, with_present
from stresslab.results.output_folder import OutputFolderError
from stresslab.reviewing import archive
from stresslab.reviewing.archive import ArchiveError, Shelf, account_of, claim_archive, folder_name, last_two, shelf_of
from tests.report import cases
from tests.scenario.files import BOOK, SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))
LIMITS = """schema = 1
name = "Desk limits"
[[limit]]
measure = "margin_ratio"
warn = 2.0
breach = 1.01
[[limit]]
measure = "concentration"
warn = 0.5
breach = 0.6
"""
QUARTERS = ("2026-Q1", "2026-Q2", "2026-Q3")


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """Three quarters of a desk that grows, and in the last one another; batches and archive."""
    place = tmp_path_factory.mktemp("year")
    (place / "limits.toml").write_text(LIMITS)
    for quarter, quantity in zip(QUARTERS, ("10.0", "15.0", "20.0"), strict=True):
        for desk in ("macro", "small") if quarter == QUARTERS[-1] else ("macro",):
            (place / quarter / desk).mkdir(parents=True)
            book = edited(BOOK, ("quantity = 20.0", f"quantity = {quantity}")) if desk == "macro" else BOOK
            write(place / quarter / desk, scenario=TINY, book=book)
        words = ["batch", str(place / quarter), "--out", str(place / f"out-{quarter}"), "--jobs", "1"]
        words += ["--limits", str(place / "limits.toml"), "--archive", str(place / "archive"), "--quarter", quarter]
        assert cli.main(words) in (0, 3)
    return place


def text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_every_review_stands_whole_by_account_and_quarter(year):
    accounts = sorted(entry.name for entry in (year / "archive").iterdir())
    assert accounts == ["archive.json", "macro", "small"]
    assert sorted(entry.name for entry in (year / "archive" / "macro").iterdir()) == list(QUARTERS)
    for quarter in QUARTERS:
        first, kept = year / f"out-{quarter}" / "macro" / "scenario", year / "archive" / "macro" / quarter
        assert {path.name for path in kept.iterdir()} == {path.name for path in first.iterdir()}
        assert all((kept / path.name).read_bytes() == path.read_bytes() for path in first.iterdir() if path.is_file())
    assert cli.main(["verify", str(year / "archive" / "macro" / "2026-Q3")]) == 0


def test_reports_look_back_on_the_limits(year):
    first, last = (year / "archive" / "macro" / quarter for quarter in (QUARTERS[0], QUARTERS[-1]))
    assert not (first / "history.nc").exists()
    assert "Limits over the last reviews" not in text((first / "report.pdf").read_bytes())
    page = text((last / "report.pdf").read_bytes())
    assert "Limits over the last reviews" in page
    # Oracle: the value over the breach of each quarter's own results, by hand.
    history = xr.load_dataset(last / "history.nc", engine="h5netcdf")
    assert list(history["review"].values) == ["2026-Q1", "2026-Q2"]
    label = next(str(name) for name in history["limit"].values if "concentration" in str(name))
    for quarter in QUARTERS[:2]:
        results = sl.load(year / "archive" / "macro" / quarter)
        share = np.abs(results.notional.values)
        assert float(history.limit_utilization.sel(review=quarter, limit=label)) == pytest.approx(
            share.max() / share.sum() / 0.6
        )
    # Control: the book that grows has another use in every quarter.
    assert len(set(history.limit_utilization.sel(limit=label).values.tolist())) == 2


def test_the_report_is_typeset_again_with_its_page(year, tmp_path):
    last = year / "archive" / "macro" / QUARTERS[-1]
    assert cli.main(["report", str(last), "--form", "short", "--out", str(tmp_path / "again.pdf")]) == 0
    assert (tmp_path / "again.pdf").read_bytes() == (last / "report.pdf").read_bytes()


def test_what_is_done_is_not_done_again(year, capsys):
    quarter = QUARTERS[-1]
    words = ["batch", str(year / quarter), "--out", str(year / f"out-{quarter}"), "--jobs", "1", "--quarter", quarter]
    words += ["--limits", str(year / "limits.toml"), "--archive", str(year / "archive")]
    kept = year / "archive" / "small" / quarter
    before = (kept / "manifest.json").stat().st_ino
    lost = year / "archive" / "macro" / quarter
    shutil.rmtree(lost)
    assert cli.main(words) in (0, 3)
    assert "0 done, 2 unchanged, 0 failed" in capsys.readouterr().out
    # What was lost from the archive is there again; what stood there was not touched.
    assert (lost / "results.nc").is_file()
    assert (kept / "manifest.json").stat().st_ino == before


def test_compare_finds_the_last_two(year, tmp_path, capsys):
    words = ["compare", "macro", "--archive", str(year / "archive"), "--paths", "100"]
    assert cli.main([*words, "--out", str(tmp_path / "last")]) == 0
    home = year / "archive" / "macro"
    assert f"{home / '2026-Q2'} and {home / '2026-Q3'}\n" in capsys.readouterr().out
    former = last_two(year / "archive", "macro", "2026-Q2")
    assert [shelf.folder for shelf in former] == [home / "2026-Q1", home / "2026-Q2"]
    compared = xr.load_dataset(tmp_path / "last" / "comparison.nc", engine="h5netcdf")
    assert compared.attrs["changed"] == "positions"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["macro", "--quarter", "2026-Q1"], "holds of it: 2026-Q1, 2026-Q2, 2026-Q3"),
        (["macro", "--quarter", "2025-Q4"], "holds of it: 2026-Q1, 2026-Q2, 2026-Q3"),
        (["macro", "--quarter", "Q3"], "is no quarter; write it as 2026-Q3"),
        (["nobody"], "holds of it: none"),
        (["../macro"], "holds of it: none"),
        (["macro", "small"], "--archive takes one account"),
    ],
)
def test_compare_tells_what_is_missing(year, tmp_path, capsys, words, told):
    place = ["--archive", str(year / "archive"), "--out", str(tmp_path / "out")]
    assert cli.main(["compare", *words, *place]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_names_lead_nowhere_else_and_stay_apart():
    hostile = ["..", ".", "../a", "/etc", "a/b", "a+b", "a%2Bb", "~", " a", "a\0b", "C:\\x", "漢字", "a.b", "-rf"]
    names = [folder_name(name) for name in hostile]
    assert len(set(names)) == len(hostile)
    assert not any("/" in name or name.startswith((".", " ")) or "\0" in name or "\\" in name for name in names)
    # By hand: a slash becomes +, and a plus its byte 2B.
    assert names[4:6] == ["a+b", "a%2Bb"]
    with pytest.raises(ArchiveError, match="too long"):
        folder_name("漢" * 70)
    assert account_of("a/scenario") == "a"
    assert account_of("a/other_scenario") == "a/other_scenario"


def test_the_quarter_is_that_of_the_start_unless_it_is_stated(tmp_path):
    question = sl.read_scenario(write(tmp_path, scenario=TINY))
    place = claim_archive(tmp_path / "archive")
    # Quarters by hand, at their first and last days.
    for month, day, quarter in ((1, 1, "Q1"), (3, 31, "Q1"), (4, 1, "Q2"), (9, 30, "Q3"), (12, 31, "Q4")):
        begun = replace(question, start=dt.datetime(2026, month, day, tzinfo=dt.UTC))
        assert shelf_of(place, "a", None, begun).quarter == f"2026-{quarter}"
        assert shelf_of(place, "a", "2025-Q1", begun).quarter == "2025-Q1"
    with pytest.raises(ArchiveError, match="no start to tell its quarter by"):
        shelf_of(place, "a", None, replace(question, start=None))


def test_what_is_not_ours_is_refused(year, tmp_path, capsys):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "note.txt").write_text("mine")
    words = ["batch", str(year / QUARTERS[0]), "--out", str(tmp_path / "out"), "--quarter", "2026-Q1", "--archive"]
    assert cli.main([*words, str(tmp_path / "foreign")]) == 2
    assert "holds no archive of ours" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["note.txt"]
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputFolderError, match="is a file"):
        claim_archive(tmp_path / "foreign" / "note.txt")
    with pytest.raises(ArchiveError, match="is no archive of ours"):
        last_two(tmp_path / "foreign", "macro")
    # Something of somebody else's in a review's place is left alone.
    place = claim_archive(tmp_path / "archive")
    (place / "macro" / "2026-Q1").mkdir(parents=True)
    (place / "macro" / "2026-Q1" / "note.txt").write_text("mine")
    with pytest.raises(OutputFolderError, match="holds no former run"):
        archive.keep(year / "archive" / "macro" / "2026-Q1", Shelf(place, "macro", "2026-Q1"))
    # So is what a link leads to.
    (place / "linked").symlink_to(tmp_path / "foreign", target_is_directory=True)
    question = sl.read_scenario(year / QUARTERS[0] / "macro" / "scenario.toml")
    with pytest.raises(ArchiveError, match="leads out of the archive"):
        shelf_of(place, "linked", "2026-Q1", question)
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["note.txt"]


def test_a_copy_that_fails_leaves_nothing(year, tmp_path, monkeypatch):
    place = claim_archive(tmp_path / "archive")

    def broken(source, target, **options):
        (target / "half.nc").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", broken)
    with pytest.raises(OutputFolderError, match="cannot be written: No space left on device"):
        archive.keep(year / "archive" / "macro" / "2026-Q1", Shelf(place, "macro", "2026-Q1"))
    assert [path.name for path in place.iterdir()] == ["archive.json"]


def reviews(*uses: float, state: str = "within") -> xr.Dataset:
    """Reviews of one limit made up by hand, with a breach at 100 and a warning at 50."""
    names = [f"20{20 + place // 4}-Q{1 + place % 4}" for place in range(len(uses))]
    made = {
        name: xr.Dataset(
            {
                **{
                    key: ("limit", [value])
                    for key, value in (
                        ("limit_utilization", use),
                        ("limit_value", 100.0 * use),
                        ("limit_warn", 50.0),
                        ("limit_breach", 100.0),
                    )
                },
                "limit_state": ("limit", np.array(["breach" if use >= 1.0 else state], dtype=object)),
            },
            {"limit": ["a limit"]},
        )
        for name, use in zip(names, uses, strict=True)
    }
    last = made.pop(names[-1])
    history = limit_history(made, "desk", names[-1])
    assert history is not None
    return with_present(history, last)


def test_eight_reviews_at_most_and_what_they_say():
    history = reviews(*(0.1 * place for place in range(1, 11)))
    assert list(history["review"].values) == [
        "2020-Q3",
        "2020-Q4",
        *(f"2021-Q{n}" for n in range(1, 5)),
        "2022-Q1",
        "2022-Q2",
    ]
    assert finding(history) == "1 of 1 limits is breached; a limit, in this review and not in the one before"
    assert finding(reviews(0.5, 1.2, 1.1, 1.3)).endswith("a limit, for 3 reviews in a row")
    assert finding(reviews(0.2, 0.25)).endswith("from 20.0 % to 25.0 % of its level")
    assert finding(reviews(0.3, 0.2)) == "No limit is breached, and none is used more than in the review before"
    (row,) = utilization_table(reviews(0.5, np.nan, np.inf, 0.25)).rows
    assert row == ["a limit", "● 50.0 %", "–", "■ no end", "● 25.0 %"]


def test_the_chart_draws_the_uses():
    (axes,) = figure_limit_utilization(reviews(0.5, np.inf, 0.25)).axes
    line = axes.get_lines()[0]
    np.testing.assert_array_equal(line.get_ydata(), [0.5, np.nan, 0.25])
    # Lines of breach and warning: 100 %, and 50 over 100.
    assert [float(np.asarray(each.get_ydata())[0]) for each in axes.get_lines()[2:]] == [1.0, 0.5]


def test_no_page_without_limits_or_history():
    from stresslab.report.limit_pages import limits_page
    from stresslab.report.review import Review

    assert limits_page(Review(cases.desk()), []) is None
    assert limit_history({"2026-Q1": cases.desk()}, "desk", "2026-Q2") is None
