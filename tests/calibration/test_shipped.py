"""The calibration that is shipped, and known facts of the history it comes from."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.files import calibrate_files
from stresslab.calibration.history import read_history
from stresslab.market.models import MODELS

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "scenarios" / "calibrations" / "binance-spot-eight-2024-06.toml"
DATA = ROOT.parent / "shared" / "data" / "spot_1h"
ASSETS = ["BTC", "ETH", "SOL", "XRP", "LTC", "LINK", "DOGE", "AVAX"]

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the price history ../shared/data is not there")


def test_the_shipped_calibration_holds_a_valid_market() -> None:
    document = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert document["name"] == SHIPPED.stem
    assert document["as_of"] == dt.date(2024, 6, 30)
    assert list(document["assets"]) == document["correlation"]["assets"] == ASSETS
    matrix = np.array(document["correlation"]["matrix"])
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 1)
    assert np.linalg.eigvalsh(matrix)[0] > 0.1
    MODELS[document["model"]].parameters.model_validate(document["parameters"])
    # Degrees of freedom near 3 are what the literature finds for daily crypto returns; 2 would have no variance.
    assert 2.5 < document["parameters"]["degrees_of_freedom"] < 5
    volatilities = {asset: figures["volatility"] for asset, figures in document["assets"].items()}
    assert min(volatilities, key=lambda asset: volatilities[asset]) == "BTC"
    assert all(0.5 < volatility < 2 for volatility in volatilities.values())
    # No price of any asset is in it.
    assert not {"price", "open", "high", "low", "close"} & {
        key for table in document["assets"].values() for key in table
    }


@needs_data
def test_known_prices_of_bitcoin() -> None:
    # Close 4,800.00 on 2020-03-12, low 3,782.13 the day after, low 30,000 on 2021-05-19, close 46,216.93 on 2021-12-31.
    pytest.importorskip("pyarrow")
    history = read_history(DATA / "BTC.parquet")
    days = history.times.astype("datetime64[D]")

    def close(day: str) -> float:
        return float(history.close[days == np.datetime64(day)][-1])

    assert close("2020-03-12") == pytest.approx(4800.00, abs=0.005)
    assert history.low[days == np.datetime64("2020-03-13")].min() == pytest.approx(3782.13, abs=0.005)
    assert history.low[days == np.datetime64("2021-05-19")].min() == pytest.approx(30_000, abs=0.005)
    assert close("2021-12-31") == pytest.approx(46_216.93, abs=0.005)
    assert close("2022-11-21") == pytest.approx(15_781.29, abs=0.005)
    # The longest outage: 34 hours between two bars of 2018-02-08 and 09, 33 bars.
    longest = max(history.gaps, key=lambda gap: gap.bars)
    assert (longest.bars, str(longest.start.astype("datetime64[D]"))) == (33, "2018-02-08")
    assert len(history.findings) == 1


@needs_data
@pytest.mark.parametrize("asset", ASSETS)
def test_the_number_of_gaps_is_the_known_one(asset: str) -> None:
    pytest.importorskip("pyarrow")
    assert 10 <= len(read_history(DATA / f"{asset}.parquet").gaps) <= 28


@needs_data
def test_the_shipped_calibration_can_be_made_again(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    out = tmp_path / SHIPPED.name
    note = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["history"]["note"]
    files = [str(DATA / f"{asset}.parquet") for asset in ASSETS]
    calibrate_files(files, "student_t", out, since=dt.date(2020, 10, 1), until=dt.date(2024, 6, 30), note=note)
    assert out.read_text(encoding="utf-8") == SHIPPED.read_text(encoding="utf-8")
    # Negative control: another window gives other figures.
    calibrate_files(files[:2], "gbm", out, since=dt.date(2023, 7, 1))
    assert tomllib.loads(out.read_text(encoding="utf-8"))["assets"]["BTC"]["volatility"] < 0.5
