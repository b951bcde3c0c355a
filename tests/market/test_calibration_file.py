"""Calibrations read from files and by name; faults of calibrations are in tests/scenario/test_faults.py."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration, shipped_calibrations
from tests.scenario.files import CALIBRATION, edited


def read(folder: Path, text: str = CALIBRATION) -> Path:
    path = folder / "calibration.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_calibration_is_read_whole(tmp_path: Path) -> None:
    calibration = read_calibration(read(tmp_path))
    assert (calibration.name, calibration.model, calibration.as_of) == ("two assets", "student_t", dt.date(2024, 6, 30))
    assert calibration.volatilities == {"BTC": 0.6, "ETH": 0.8}
    assert calibration.drifts == {"BTC": 0.0, "ETH": 0.2}
    assert calibration.parameters == {"degrees_of_freedom": 4.0}
    assert calibration.history == {"note": "made up"}
    assert calibration.correlation is not None
    np.testing.assert_array_equal(calibration.correlation.matrix, [[1.0, 0.7], [0.7, 1.0]])
    assert calibration.text == CALIBRATION


def test_part_of_a_correlation_is_in_the_order_asked_for(tmp_path: Path) -> None:
    text = edited(
        CALIBRATION,
        (
            '["BTC", "ETH"]\nmatrix = [[1.0, 0.7], [0.7, 1.0]]',
            '["A", "ETH", "BTC"]\nmatrix = [[1, 0.1, 0.2], [0.1, 1, 0.3], [0.2, 0.3, 1]]',
        ),
    )
    correlation = read_calibration(read(tmp_path, text)).correlation
    assert correlation is not None
    np.testing.assert_array_equal(correlation.among(["BTC", "A"]), [[1.0, 0.2], [0.2, 1.0]])


def test_one_asset_needs_no_correlation(tmp_path: Path) -> None:
    correlation = CALIBRATION[CALIBRATION.index("[correlation]") : CALIBRATION.index("[history]")]
    alone = edited(CALIBRATION, (correlation, ""), ("[assets.ETH]\nvolatility = 0.8\ndrift = 0.2\n", ""))
    assert read_calibration(read(tmp_path, alone)).correlation is None
    with pytest.raises(InputError, match=r"\[correlation\] is missing"):
        read_calibration(read(tmp_path, edited(CALIBRATION, (correlation, ""))))


@pytest.mark.parametrize(("smallest", "right"), [(-0.9e-9, True), (-1.2e-9, False)])
def test_rounding_of_a_singular_matrix_is_forgiven(smallest: float, right: bool, tmp_path: Path) -> None:
    # Three equal correlations r have the smallest eigenvalue 1 + 2 r, for r below 0.
    entry = repr((smallest - 1.0) / 2.0)
    text = edited(
        CALIBRATION,
        (
            '["BTC", "ETH"]\nmatrix = [[1.0, 0.7], [0.7, 1.0]]',
            f'["BTC", "ETH", "SOL"]\nmatrix = [[1, {entry}, {entry}], [{entry}, 1, {entry}], [{entry}, {entry}, 1]]',
        ),
    )
    if right:
        read_calibration(read(tmp_path, text))
    else:
        with pytest.raises(InputError, match="not positive semidefinite"):
            read_calibration(read(tmp_path, text))


def test_shipped_calibrations_are_right() -> None:
    assert "binance-spot-eight-2024-06" in shipped_calibrations()
    for name in shipped_calibrations():
        assert read_calibration(name).name == name


def test_an_unknown_name_is_told_the_near_one() -> None:
    with pytest.raises(InputError) as raised:
        read_calibration("binance-spot-eigth-2024-06")
    (fault,) = raised.value.faults
    assert fault.remedy.startswith('did you mean "binance-spot-eight-2024-06"?')
