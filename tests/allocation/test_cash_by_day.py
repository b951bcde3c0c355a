"""Cash that must stand ready, by day, against first passage in closed form (METHODS M11, M55)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from stresslab.allocation.dataset import allocation_dataset
from stresslab.allocation.outcomes import Objective
from stresslab.allocation.study import study
from tests.allocation.books import scenario_of


def first_passage(margin: float, days: float) -> float:
    """P(liquidation) of a long of unit notional at a volatility of 80 % (M11)."""
    barrier, years = np.log((1.0 - margin) / 0.995), days / 365.0
    drift, deviation = -0.32, 0.8 * np.sqrt(years)
    reflected = np.exp(2.0 * drift * barrier / 0.64)
    return float(
        norm.cdf((barrier - drift * years) / deviation) + reflected * norm.cdf((barrier + drift * years) / deviation)
    )


def test_cash_grows_with_the_days_as_in_closed_form(tmp_path):
    scenario = scenario_of(tmp_path, [1.0], [0.8], 0.0, paths=50_000)
    results = allocation_dataset(study(scenario, 0.1, Objective("any-liquidation")))
    assert results.day.values.tolist() == [1.0, 7.0]
    # METHODS O7, M55, Case A at 99 %; the other three are roots of M11 less the margin of 0.1, by day and level.
    oracle = {(7.0, 0.99): 0.156111}
    for day, level in ((1.0, 0.99), (1.0, 0.95), (7.0, 0.95)):
        root = brentq(lambda margin, day=day, level=level: first_passage(margin, day) - (1.0 - level), 0.01, 0.6)
        oracle[day, level] = max(root - 0.1, 0.0)
    assert oracle[1.0, 0.95] == 0.0
    assert 0.0 < oracle[1.0, 0.99] < 0.1 * oracle[7.0, 0.99]
    for (day, level), cash in oracle.items():
        here = results.isel(position=0).sel(day=day, cash_level=level)
        lower, upper = float(here.cash_at_risk_by_day_lower), float(here.cash_at_risk_by_day_upper)
        middle, half = 0.5 * (lower + upper), 0.75 * (upper - lower)
        assert abs(cash - middle) <= half, (day, level)
    # The horizon's is the one that stands without days.
    horizon = results.cash_at_risk_by_day.sel(day=7.0)
    assert horizon.values == pytest.approx(results.cash_at_risk.values)
