"""The shipped crashes: that the table is whole, and that it says what the history says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stresslab.market.crash_table import MINUTES, shipped_crashes

CRASHES = shipped_crashes()
DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the price history ../shared/data is not there")
OF_DATA = ("2020-03-12", "2021-05-19", "2022-05-luna", "2022-11-ftx")


def test_the_six_named_crashes_are_here_in_their_order():
    assert list(CRASHES) == [*OF_DATA, "2024-08-05", "2025-10-10"]


@pytest.mark.parametrize("name", CRASHES)
def test_a_table_is_whole(name):
    crash = CRASHES[name]
    assert crash.perpetual
    assert crash.peg
    assert crash.outage
    assert all(address.startswith("https://") for address in crash.sources)
    for asset, path in crash.assets.items():
        hours, prices = np.array(path.points).T
        assert hours[0] == 0.0
        assert hours[-1] == crash.hours
        assert (np.diff(hours) > 0.0).all()
        assert (prices > 0.0).all()
        # Every stated point lies on the grid of the path, to a tenth of a second.
        np.testing.assert_allclose(hours * 60.0 / MINUTES, np.round(hours * 60.0 / MINUTES), atol=1e-6)
        fallen = (prices / np.maximum.accumulate(prices)).min() - 1.0
        assert path.peak_to_trough == pytest.approx(fallen, abs=5e-5)
        assert "SHA-256" in path.source or crash.sources, asset
        # The path passes every point, and lies between its neighbors elsewhere.
        along = crash.log_ratios(asset)
        places = np.round(hours * 60.0 / MINUTES).astype(int)
        np.testing.assert_allclose(along[places], np.log(prices / prices[0]), atol=1e-12)
        for first, last in pairwise(places):
            steps = np.diff(along[first : last + 1])
            assert (steps >= 0.0).all() or (steps <= 0.0).all()


def test_known_figures():
    # Lows of Binance BTC/USDT spot as published in the exchange's bars: 3,782.13 on 13 March 2020, 30,000 on 19 May
    # 2021. Press figures for the two of which no history is at hand.
    assert CRASHES["2020-03-12"].assets["BTC"].spot_low == pytest.approx(3782.13, abs=0.01)
    assert CRASHES["2021-05-19"].assets["BTC"].spot_low == 30_000.0
    assert CRASHES["2021-05-19"].assets["BTC"].perpetual_discount == pytest.approx(28_688.0 / 30_000.0 - 1.0)
    assert CRASHES["2024-08-05"].assets["ETH"].peak_to_trough == pytest.approx(2_118.0 / 2_695.0 - 1.0, abs=5e-5)
    assert CRASHES["2025-10-10"].assets["BTC"].peak_to_trough == pytest.approx(101_389 / 122_550 - 1, abs=5e-5)


@needs_data
@pytest.mark.parametrize("name", OF_DATA)
def test_falls_are_those_of_the_history(name):
    crash = CRASHES[name]
    end = pd.Timestamp(crash.start) + pd.Timedelta(hours=crash.hours - 1)
    for asset, path in crash.assets.items():
        file = (
            DATA / "perp_1h" / f"{asset}_mark.parquet" if path.perpetual_low else DATA / "spot_1h" / f"{asset}.parquet"
        )
        frame = pd.read_parquet(file if file.exists() else DATA / "collapse_1h" / "binance_spot_collapses_1h.parquet")
        frame = frame if "symbol" not in frame or file.exists() else frame[frame.symbol == asset]
        bars = frame.set_index(pd.to_datetime(frame.ts, utc=True)).sort_index().loc[crash.start : end]
        assert len(bars) == crash.hours
        low = int(bars.low.to_numpy().argmin())
        expected = bars.low.iloc[low] / bars.high.iloc[: low + 1].max() - 1.0
        assert path.peak_to_trough == pytest.approx(expected, abs=5e-5), asset
