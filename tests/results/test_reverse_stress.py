"""The dataset's breaking moves are those of the pools, under the labels of their assets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.report import cases


def test_isolated_pools_break_at_their_liquidation_prices() -> None:
    """Every mark of the desk is its asset's start price, so the two prices are one (METHODS M57)."""
    results = cases.desk()
    for position, asset in (("btc-long", "BTC"), ("eth-short", "ETH")):
        edge = float(results["liquidation_price"].sel(configuration="as_booked", position=position))
        where = {"configuration": "as_booked", "pool": position}
        assert float(results["breaking_price"].sel(where | {"asset": asset})) == pytest.approx(edge, rel=1e-9)
        years = 7.0 / 365.0
        wanted = abs(math.log(edge / 100.0) + 0.32 * years) / (0.8 * math.sqrt(years))
        assert float(results["breaking_distance"].sel(where)) == pytest.approx(wanted, rel=1e-9)
        # Control: the other asset is moved along, but not as far.
        other = "ETH" if asset == "BTC" else "BTC"
        assert 0.0 < abs(float(results["breaking_move"].sel(where | {"asset": other}))) < abs(edge / 100.0 - 1.0)


def test_a_pool_liquidated_today_and_one_that_nothing_breaks() -> None:
    """By definition: distance 0 below the requirement; a long with five times its notional cannot be liquidated."""
    distance = cases.doomed()["breaking_distance"].sel(configuration="as_booked")
    assert float(distance.sel(pool="gone")) == 0.0
    assert math.isnan(float(distance.sel(pool="safe")))
    assert np.isnan(cases.doomed()["breaking_price"].sel(configuration="as_booked", pool="safe")).all()
