"""The day of the history nearest to a breaking move: one that was put there is found, with its date and move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.report.reverse_pages import nearest_day
from stresslab.report.review import Review
from stresslab.results.dataset import assemble
from stresslab.scenario.history_reading import DatedBarRows
from stresslab.simulation.run import simulate
from tests.report import cases

START = np.datetime64("2020-01-01T00:00:00", "s")
HOURS = np.timedelta64(1, "h")


def bars(planted: dict[int, tuple[float, float]], missing: int | None = None) -> DatedBarRows:
    """Five hundred hours of small moves of two assets, with moves of a whole day spread over its hours."""
    returns = np.random.default_rng(3).normal(scale=1e-4, size=(500, 2))
    for first, moves in planted.items():
        returns[first : first + 24] += np.array(moves) / 24.0
    times = START + HOURS * np.arange(500)
    if missing is not None:
        times[missing:] += HOURS
    still = np.zeros_like(returns)
    lows, highs = np.minimum(returns, still), np.maximum(returns, still)
    return DatedBarRows(returns, lows, highs, 1.0 / 24.0, {}, times)


def question(history: DatedBarRows):
    asked = cases.scenario(
        [cases.position("long", 10.0, margin="isolated", collateral=100.0), cases.position("other", 1.0, asset="ETH")],
        200.0,
        step=1.0 / 24.0,
        paths=64,
    )
    market = replace(asked.market, model="bootstrap", extra={"block": "1d"}, history=history)
    return replace(asked, market=market)


def found(history: DatedBarRows):
    # The bars enter the results alone; what was simulated does not matter here.
    asked = question(history)
    outcomes = simulate(replace(asked, market=replace(asked.market, model="gbm", extra={}, history=None)))
    return assemble(asked, outcomes)


def test_the_planted_day_is_found():
    # The long of ten times breaks at 90.45 by hand (M4), a log move of -0.1004; ETH is not in its pool.
    planted = {100: (-0.10, 0.2), 300: (-0.05, -0.05), 400: (0.11, 0.0)}
    results = found(bars(planted))
    here = results.sel(configuration="as_booked", pool="long")
    assert str(here.nearest_day_start.item()) == str(START + 100 * HOURS).replace("T", " ")[:16]
    moves = bars(planted).returns[100:124].sum(axis=0)
    np.testing.assert_allclose(here.nearest_day_move, np.expm1(moves), rtol=1e-9)
    deviation = 0.8 * np.sqrt(7.0 / 365.0)
    apart = abs(moves[0] - np.log1p(float(here.breaking_move.sel(asset="BTC")))) / deviation
    assert float(here.nearest_day_distance) == pytest.approx(apart, rel=1e-9)
    (sentence,) = nearest_day(Review(results))
    assert "2020-01-05 04:00 UTC" in sentence
    assert "BTC \u22129." in sentence


def test_a_day_with_a_gap_is_none():
    # The control: an hour is missing within the planted day, so that the other one is nearest.
    results = found(bars({100: (-0.10, 0.0), 300: (-0.08, 0.0)}, missing=110))
    begun = str(results.nearest_day_start.sel(configuration="as_booked", pool="long").item())
    assert begun == str(START + 301 * HOURS).replace("T", " ")[:16]


def test_results_of_other_models_do_not_have_it():
    results = cases.desk()
    assert "nearest_day_start" not in results
    assert nearest_day(Review(results)) == []
