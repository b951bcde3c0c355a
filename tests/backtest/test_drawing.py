"""Forecasts of extremes against closed forms, and against the market model of the same law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from stresslab.backtest.bars import Bars, extremes_after, required_collateral
from stresslab.backtest.drawing import (
    Weights,
    brownian_extremes,
    component_filter,
    drawn_extremes,
    filtered_variances,
    garch_filter,
    past_extremes,
)
from stresslab.backtest.forecasters import ewma_variance
from stresslab.market import component_history
from stresslab.market.bar_rows import BarRows
from stresslab.market.bar_rows import filtered_variances as market_variances
from stresslab.market.component_filter import VarianceParts
from tests.backtest.made_up import bars_of
from tests.market.walks import HOUR, market, walk

YEAR = 8760


def test_collateral_is_that_of_the_table() -> None:
    # METHODS O1 with m = 0.5 %: a 10x long is liquidated at 0.904523, a 10x short at 1.094527.
    prices = np.log([0.904523, 1.094527])
    np.testing.assert_allclose(required_collateral(prices[0], prices[1]), [0.1, 0.1], atol=1e-6)
    # At no move the requirement itself.
    np.testing.assert_allclose(required_collateral(np.zeros(1), np.zeros(1)), 0.005)


def test_brownian_forecasts_have_the_collateral_of_the_closed_form() -> None:
    # METHODS O8: sigma 80 %, 7 days, log price without drift in place of mu = 0: F of M11 with nu = 0 is 2 Phi(b / s).
    paths = 200_000
    lows, highs = brownian_extremes(
        np.array([0.8**2 / YEAR]), count=168, paths=paths, generator=np.random.default_rng(6)
    )
    deviation = 0.8 * np.sqrt(168 / YEAR)
    for level, score in ((0.05, 1.959964), (0.01, 2.575829)):
        error = 4 * np.sqrt(level * (1 - level) / paths)
        assert np.mean(lows < -score * deviation) == pytest.approx(level, abs=error)
        assert np.mean(highs > score * deviation) == pytest.approx(level, abs=error)
    # Control: end points alone reach it half as often.
    assert np.mean(lows < -1.959964 * deviation) > 0.045


def test_drawn_normal_bars_agree_with_their_own_closed_form() -> None:
    # Independent normal bars without wicks: METHODS M17, the barrier moved out by 0.5826 deviations of a bar.
    past = bars_of(np.random.default_rng(7).standard_normal((20_000, 1)) * 0.01)
    paths = 100_000
    lows, _ = drawn_extremes(
        past,
        garch_filter(past, np.array([1e-4]), Weights()),
        count=100,
        paths=paths,
        mean_block=1.0,
        generator=np.random.default_rng(8),
    )
    score = 1.5
    expected = 2 * ndtr(-(score + 0.5825972 / 10))
    # The rows' own kurtosis and serial correlation are those of a sample of 20,000: 1 % of the probability.
    assert np.mean(lows < -score * 0.1) == pytest.approx(expected, rel=0.02 + 4 * np.sqrt(1 / (expected * paths)))


def test_variances_are_those_of_the_market_model() -> None:
    # The loop of the simulator's own filter, in shares of the mean variance.
    returns = np.random.default_rng(9).standard_t(4, (500, 2)) * 0.01
    returns = (returns - returns.mean(axis=0)) / returns.std(axis=0) * np.array([0.01, 0.02])
    mean = returns.var(axis=0)
    before, after = filtered_variances(returns, mean, Weights(0.05, 0.9))
    expected = market_variances(returns, np.full(2, 0.05), np.zeros(2), np.full(2, 0.9)) * mean
    np.testing.assert_allclose(np.vstack([before, after]), expected, rtol=1e-10)


def test_a_lively_today_widens_a_filtered_forecast_and_no_other() -> None:
    generator = np.random.default_rng(10)
    calm = generator.standard_normal((6000, 1)) * 0.01
    lively = calm.copy()
    lively[-48:] *= 4.0
    quantiles = {}
    for name, weights in (("filtered", Weights(0.03, 0.965)), ("plain", Weights())):
        quantiles[name] = [
            np.quantile(
                drawn_extremes(
                    bars_of(returns),
                    garch_filter(bars_of(returns), np.array([1e-4]), weights),
                    count=24,
                    paths=20_000,
                    mean_block=24.0,
                    generator=np.random.default_rng(11),
                )[0],
                0.05,
            )
            for returns in (calm, lively)
        ]
    # GARCH by hand: 48 bars of variance 16 at weight 0.03, each decaying by 0.995 a bar, bring the variance to
    # 1 + 0.03 x 15 x (1 - 0.995^48) / 0.005 = 20, and a day later to 18: more than 4 times the deviation.
    assert quantiles["filtered"][1] < 2.0 * quantiles["filtered"][0]
    assert quantiles["plain"][1] > 1.3 * quantiles["plain"][0]


@pytest.mark.parametrize("lively", [1.0, 3.0])
def test_the_default_forecast_is_that_of_the_market_model(lively: float) -> None:
    # The same question to the simulator: its own filter, its own draws, extremes of its own steps.
    returns = np.random.default_rng(13).standard_t(5, (3000, 2)) * 0.01
    returns[-60:] *= lively
    past = bars_of(returns, wick=0.003)
    law = VarianceParts(24.0, 240.0, *component_history.WEIGHTS, component_history.LARGEST_SHOCK)
    seen = component_filter(past, law)
    paths, count = 20_000, 24
    generator = np.random.default_rng(14)
    lows, highs = drawn_extremes(past, seen, count=count, paths=paths, mean_block=24.0, generator=generator)
    volatilities = np.sqrt(seen.rest / (1.0 - law.weights.sum()) * 8760.0)
    centered = past.returns - past.returns.mean(axis=0)
    specification = market(
        "component_history",
        volatilities=tuple(volatilities),
        drifts=tuple(volatilities**2 / 2.0),
        history=BarRows(past.returns, past.lows, past.highs, HOUR, {}),
        histories={"BTC": "a.csv", "ETH": "b.csv"},
    )
    steps = walk(specification, count, HOUR, paths=paths, keep=True).steps
    low = np.min([step.low_log_price for step in steps], axis=0)
    high = np.max([step.high_log_price for step in steps], axis=0)
    for asset in range(2):
        for ours, theirs in ((-lows[:, asset], -low[asset]), (highs[:, asset], high[asset])):
            for share in (0.5, 0.05, 0.01):
                at = np.quantile(theirs, 1.0 - share)
                assert np.mean(ours > at) == pytest.approx(share, abs=5 * np.sqrt(2 * share * (1 - share) / paths))
    # The control: Brownian motion reaches 1.96 deviations with 5 %. After a lively day the forecast lies far beyond
    # that in deviations of all the past, after a calm one it does not.
    plain = np.quantile(-lows[:, 0], 0.95) / (centered[:, 0].std() * np.sqrt(count))
    assert (plain > 2.5) == (lively > 1.0)


def test_windows_of_the_past_are_those_that_happened() -> None:
    past = bars_of(np.random.default_rng(12).standard_normal((300, 2)) * 0.01, wick=0.004)
    lows, highs = past_extremes(past, 24)
    assert lows.shape == (277, 2)
    for window in (0, 100, 276):
        moment = int(past.ends[window]) - past.interval
        found = extremes_after(past, moment, 24)
        assert found is not None
        np.testing.assert_allclose(lows[window], found[0], atol=1e-12)
        np.testing.assert_allclose(highs[window], found[1], atol=1e-12)
    # A gap of one bar takes away the 24 windows that held it, less those that the end cuts off.
    kept = np.delete(np.arange(300), 150)
    holed = Bars(past.assets, past.ends[kept], past.returns[kept], past.lows[kept], past.highs[kept], past.interval)
    assert len(past_extremes(holed, 24)[0]) == 277 - 24


def test_exponential_weights_halve() -> None:
    # Two bars three days apart: weights 1 and 1/2.
    bars = bars_of(np.array([[0.02], [0.01]]))
    bars = Bars(bars.assets, np.array([0, 3 * 86_400]), bars.returns, bars.lows, bars.highs, 3600)
    assert ewma_variance(bars, 3 * 86_400)[0] == pytest.approx((0.5 * 4e-4 + 1e-4) / 1.5)
