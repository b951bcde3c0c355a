from __future__ import annotations

import datetime as dt
import os
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.files import calibrate_files
from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.history import read_history
from stresslab.calibration.target import check_target
from stresslab.calibration.writing import calibration_summary, calibration_toml, write_calibration
from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration
from stresslab.market.models import MODELS
from tests.calibration.simulated import closes, frame, histories

PRICES = closes([0.6, 0.8], [[1, 0.7], [0.7, 1]], days=60, degrees_of_freedom=4)


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    folder = tmp_path_factory.mktemp("fit")
    read = histories(folder, PRICES, ["BTC", "1000PEPE"])
    return calibrate(read, "student_t")


def test_what_is_written_is_what_was_fitted(fit: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "desk-2021.toml"
    write_calibration(fit, path, note='quotes " and \\ and \x7f, ü')
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    assert (document["schema"], document["name"], document["model"]) == (1, "desk-2021", "student_t")
    # 60 days from 2021-01-01: the last is 1 March.
    assert document["as_of"] == dt.date(2021, 3, 1)
    for index, asset in enumerate(("BTC", "1000PEPE")):
        assert document["assets"][asset]["volatility"] == pytest.approx(fit.estimate.volatilities[index], abs=5e-5)
        assert document["assets"][asset]["drift"] == 0.0
        assert document["history"]["assets"][asset]["sha256"] == fit.histories[index].sha256
        assert document["history"]["assets"][asset]["daily_returns"] == 59
    assert document["correlation"]["assets"] == ["BTC", "1000PEPE"]
    np.testing.assert_allclose(document["correlation"]["matrix"], fit.estimate.correlation, rtol=0, atol=5e-5)
    assert document["parameters"].keys() == {"degrees_of_freedom"}
    MODELS["student_t"].parameters.model_validate(document["parameters"])
    assert document["history"]["note"] == 'quotes " and \\ and \x7f, ü'
    assert document["history"]["window"] == {"since": dt.date(2021, 1, 2), "until": dt.date(2021, 3, 1)}


def test_the_text_names_files_and_no_places(fit: Calibration) -> None:
    text = calibration_toml(fit, "x")
    assert text == calibration_toml(fit, "x")
    assert 'file = "BTC_1h.csv"' in text
    assert str(Path(fit.histories[0].path).parent) not in text


def test_gbm_has_no_parameters(tmp_path: Path) -> None:
    fit = calibrate(histories(tmp_path, PRICES, ["BTC", "ETH"]), "gbm")
    document = tomllib.loads(calibration_toml(fit, "x"))
    assert document["parameters"] == {}
    assert "degrees of freedom" not in calibration_summary(fit)


def test_the_summary_shows_figures_gaps_and_remarks(fit: Calibration) -> None:
    summary = calibration_summary(fit)
    assert f"{fit.estimate.volatilities[0]:.4f}" in summary
    assert "degrees of freedom" in summary
    assert "Only 59 days" in summary


def test_the_summary_tells_what_each_history_lacked(tmp_path: Path) -> None:
    table = frame(PRICES[:, 0]).drop(index=[100, 101])
    path = tmp_path / "BTC.csv"
    table.to_csv(path, index=False)
    summary = calibration_summary(calibrate([read_history(path)], "gbm"))
    # Hour 100 of 2021 is 4 o'clock on 5 January; its row would be line 102.
    assert f"{path}:102:1: 1 gap, 2 bars missing; the longest lacks 2 bars from 2021-01-05 04:00 UTC" in summary
    table.take([*range(50), *range(49, len(table))]).to_csv(path, index=False)
    summary = calibration_summary(calibrate([read_history(path)], "gbm"))
    assert f"{path}:52:1: 1 bar given twice, the first 2021-01-03 01:00 UTC; the copies were dropped" in summary


def test_the_file_is_replaced_whole_or_left_alone(
    fit: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk.toml"
    path.write_text("former", encoding="utf-8")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="cannot be written: No space left"):
        write_calibration(fit, path)
    assert path.read_text(encoding="utf-8") == "former"
    monkeypatch.undo()
    write_calibration(fit, path)
    assert path.read_text(encoding="utf-8") == calibration_toml(fit, "desk")
    assert [entry.name for entry in tmp_path.iterdir()] == ["desk.toml"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.txt", "must end in"),
        ("none/x.toml", "no folder"),
        ("d.toml", "folder stands"),
        ("d.toml/file/x.toml", "no folder"),
        (" .toml", "begins or ends with a space"),
        ("a\a.toml", "a control character, U\\+0007"),
        ("a" * 250 + ".toml", "250 characters long, above the limit of 200"),
        ("a" * 300 + "/x.toml", "cannot be reached: File name too long"),
    ],
)
def test_places_where_no_calibration_can_be_written(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "d.toml").mkdir()
    # The place is checked first: the histories do not even exist.
    with pytest.raises(InputError, match=words):
        calibrate_files(["none.csv"], "gbm", tmp_path / name)


def test_a_folder_that_may_not_be_searched_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, os.strerror(13))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", refuse)
        with pytest.raises(InputError, match="cannot be reached: Permission denied"):
            check_target(tmp_path / "x.toml")
    check_target(tmp_path / "x.toml")


def test_what_a_scenario_could_not_read_is_not_written(fit: Calibration, tmp_path: Path) -> None:
    wild = replace(fit, estimate=replace(fit.estimate, volatilities=np.array([0.6, 10.0001])))
    with pytest.raises(InputError) as caught:
        write_calibration(wild, tmp_path / "x.toml")
    (fault,) = caught.value.faults
    assert fault.path == fit.histories[1].path
    assert "1000PEPE has a volatility of 10" in fault.problem
    assert list(tmp_path.iterdir()) == []
    # Whatever else the reader refuses: here an error that is no number.
    unsure = replace(fit, standard_errors=replace(fit.standard_errors, volatilities=np.array([np.nan, 0.1])))
    with pytest.raises(InputError, match="`volatility_standard_error` is nan"):
        write_calibration(unsure, tmp_path / "x.toml")
    assert list(tmp_path.iterdir()) == []
    # The negative control: at the limit it is written and read.
    wild = replace(fit, estimate=replace(fit.estimate, volatilities=np.array([0.6, 10.00004])))
    write_calibration(wild, tmp_path / "x.toml")
    assert read_calibration(tmp_path / "x.toml").volatilities == {"BTC": 0.6, "1000PEPE": 10.0}


def test_from_files_to_a_file(tmp_path: Path) -> None:
    frame(PRICES[:, 0]).to_csv(tmp_path / "BTC_1h.csv", index=False)
    frame(PRICES[:, 1]).to_csv(tmp_path / "prices.csv", index=False)
    out = tmp_path / "desk.toml"
    fit = calibrate_files(
        [str(tmp_path / "BTC_1h.csv"), f"ETH={tmp_path / 'prices.csv'}"],
        "student_t",
        out,
        until=dt.date(2021, 2, 20),
        note="n",
    )
    assert fit.assets == ("BTC", "ETH")
    assert out.read_text(encoding="utf-8") == calibration_toml(fit, "desk", "n")


def test_faults_of_all_histories_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "BTC.csv").write_text("ts,open\n", encoding="utf-8")
    out = tmp_path / "desk.toml"
    with pytest.raises(InputError) as caught:
        calibrate_files([str(tmp_path / "BTC.csv"), str(tmp_path / "ETH.csv")], "gbm", out)
    assert [fault.problem for fault in caught.value.faults] == ["columns are missing: high, low, close", "no such file"]
    assert not out.exists()
