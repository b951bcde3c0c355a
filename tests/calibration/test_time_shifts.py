"""Histories of one market, one of them by a wrong clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.fitting import calibrate
from stresslab.calibration.history import History, read_history
from stresslab.documents.faults import InputError
from tests.calibration.simulated import closes, frame

NAMES = ["BTC", "ETH", "SOL"]
CORRELATION = [[1.0, 0.8, 0.6], [0.8, 1.0, 0.6], [0.6, 0.6, 1.0]]


def read(folder: Path, starts: list[str], correlation: list[list[float]], hours: int = 1) -> list[History]:
    prices = closes([0.6, 0.8, 1.0], correlation, days=80, bars_a_day=24 // hours)
    histories = []
    for name, start, close in zip(NAMES, starts, prices.T, strict=False):
        path = folder / f"{name}_1h.csv"
        frame(close, start=start, hours=float(hours)).to_csv(path, index=False)
        histories.append(read_history(path))
    return histories


RIGHT = "2021-01-01T00:00"
# Starts, length of bars, and what is said; times of day differ by what was put there.
SHIFTED = [
    ([RIGHT, "2021-01-01T05:00"], 1, ["the times of ETH are 5 hours later than those of BTC"]),
    ([RIGHT, "2020-12-31T16:00"], 1, ["the times of ETH are 8 hours earlier than those of BTC"]),
    (["2021-01-01T01:00", RIGHT, RIGHT], 1, ["the times of BTC are 1 hour later than those of ETH"]),
    ([RIGHT, RIGHT, "2021-01-01T08:00"], 4, ["the times of SOL are 8 hours later than those of BTC"]),
]


@pytest.mark.parametrize(("starts", "hours", "words"), SHIFTED)
def test_a_wrong_clock_is_a_fault(tmp_path: Path, starts: list[str], hours: int, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        calibrate(read(tmp_path, starts, CORRELATION, hours), "gbm")
    assert [fault.problem.split(":")[0] for fault in caught.value.faults] == words
    assert all(fault.remedy == "give both histories in UTC" for fault in caught.value.faults)


@pytest.mark.parametrize("hours", [1, 4])
def test_control_right_clocks_and_unrelated_assets_are_left_alone(tmp_path: Path, hours: int) -> None:
    assert calibrate(read(tmp_path, [RIGHT] * 3, CORRELATION, hours), "gbm").remarks is not None
    # Assets that have nothing in common have no clock in common either.
    unrelated = calibrate(read(tmp_path, [RIGHT, "2021-01-01T04:00", RIGHT], np.eye(3).tolist(), hours), "gbm")
    assert np.abs(unrelated.estimate.correlation[np.triu_indices(3, 1)]).max() < 0.4


def test_one_crash_at_different_hours_is_no_wrong_clock(tmp_path: Path) -> None:
    prices = closes([0.6, 0.6], np.eye(2).tolist(), days=80)
    prices[1000:, 0] *= 0.5
    prices[1003:, 1] *= 0.5
    histories = []
    for name, close in zip(NAMES, prices.T, strict=False):
        path = tmp_path / f"{name}_1h.csv"
        frame(close).to_csv(path, index=False)
        histories.append(read_history(path))
    # Control: unclipped, that one bar correlates the two three hours apart.
    moves = np.diff(np.log(prices), axis=0)
    assert np.corrcoef(moves[3:, 1], moves[:-3, 0])[0, 1] > 0.5
    assert calibrate(histories, "gbm").days == 79
