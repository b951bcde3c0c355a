"""Calibrations older than the scenario's start by more than a quarter are told of, younger ones are not.

Days are counted by hand: from 30 June to 30 September it is 31 + 31 + 30 = 92.
"""

from __future__ import annotations

import pytest

from stresslab.scenario.reading import read_scenario
from tests.scenario.files import CALIBRATED, SCENARIO, edited, write
from tests.scenario.test_funding_calibrations import FUNDING, TABLE

DATED = {  # start, and the days that the notice counts
    "a day more than a quarter": ("2024-10-01T00:00:00Z", "93 days"),
    "two years on": ("2026-06-30T12:00:00Z", "730 days"),
}
SILENT = {
    "a quarter to the day": "2024-09-30T23:59:59Z",
    "the next day elsewhere, the same in UTC": "2024-10-01T01:00:00+02:00",
    "the same day": "2024-06-30T00:00:00Z",
    "a past within the history": "2020-03-12T00:00:00Z",
}


def starting(text: str, start: str | None) -> str:
    return text if start is None else edited(text, ("seed = 7\n", f"seed = 7\nstart = {start}\n"))


@pytest.mark.parametrize(("start", "days"), DATED.values(), ids=DATED.keys())
def test_an_old_calibration_is_told_of_where_it_is_named(tmp_path, start, days):
    text = starting(CALIBRATED, start)
    (notice,) = read_scenario(write(tmp_path, scenario=text)).notices
    assert notice.problem == f'the calibration "two assets" is as of 2024-06-30, {days} before the scenario starts'
    assert "92 days" in notice.remedy
    lines = text.splitlines()
    (line,) = (row for row, each in enumerate(lines, 1) if each.startswith("calibration ="))
    assert (notice.line, notice.column) == (line, lines[line - 1].index('"') + 1)


@pytest.mark.parametrize("start", [*SILENT.values(), None], ids=[*SILENT.keys(), "no start"])
def test_a_younger_one_is_not(tmp_path, start):
    assert read_scenario(write(tmp_path, scenario=starting(CALIBRATED, start))).notices == ()


@pytest.mark.parametrize(("start", "count"), [("2024-10-01T00:00:00Z", 1), ("2024-09-30T00:00:00Z", 0), (None, 0)])
def test_a_calibration_of_funding_ages_too(tmp_path, start, count):
    (tmp_path / "funding.toml").write_text(FUNDING, encoding="utf-8")
    text = starting(edited(SCENARIO, ("[market.correlation]", f"{TABLE}\n[market.correlation]")), start)
    told = [notice.problem for notice in read_scenario(write(tmp_path, scenario=text)).notices]
    assert told == ['the calibration "one asset" is as of 2024-06-30, 93 days before the scenario starts'] * count
