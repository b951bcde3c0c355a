"""The walk: nothing later than an origin moves its forecast, and right forecasts score as they should."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from stresslab.backtest.bars import DAY, Bars, align, extremes_after
from stresslab.backtest.forecasters import FORECASTERS, Forecaster, Task
from stresslab.backtest.scoring import score
from stresslab.backtest.walking import Walk, plan_origins, upper_quantiles, walk_forward
from stresslab.documents.faults import InputError
from tests.backtest.made_up import START, bars_of
from tests.calibration.simulated import closes, histories

HOURS = 24 * 420


@pytest.fixture(scope="module")
def bars() -> Bars:
    generator = np.random.default_rng(20260930)
    return bars_of(generator.standard_t(4, (HOURS, 2)) * 0.006, wick=0.002)


def shocked(bars: Bars, moment: int) -> Bars:
    """The same bars, with a fall by a third, and a violent week, in what closes after a moment."""
    later = bars.ends > moment
    assert later.any()
    returns = np.where(later[:, None], 5.0 * bars.returns, bars.returns)
    returns[np.flatnonzero(later)[0]] -= 0.4
    lows, highs = np.minimum(returns, 0.0) - 0.01, np.maximum(returns, 0.0) + 0.01
    return replace(
        bars,
        returns=returns,
        lows=np.where(later[:, None], lows, bars.lows),
        highs=np.where(later[:, None], highs, bars.highs),
    )


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_future_shock_moves_nothing_before_it(bars: Bars, name: str) -> None:
    plan = plan_origins(bars, "2d", "2d")
    moment = int(plan.origins[10])
    models = {name: FORECASTERS[name]}
    calm, wild = (walk_forward(given, plan, models, paths=200) for given in (bars, shocked(bars, moment)))
    # The origin on which the shock follows is itself before it; all its forecasts stay to the bit.
    np.testing.assert_array_equal(calm.forecast[:, :11], wild.forecast[:, :11])
    np.testing.assert_array_equal(calm.liquidation[:, :11], wild.liquidation[:, :11])
    np.testing.assert_array_equal(calm.outcome[:10], wild.outcome[:10])
    # Controls: the outcome of that origin is another, and so is every later forecast of a long.
    assert (wild.outcome[10, 0] > calm.outcome[10, 0] + 0.2).all()
    assert (calm.forecast[:, 11:, :, 0] != wild.forecast[:, 11:, :, 0]).all()


def test_a_forecaster_that_looks_ahead_would_be_found_out(bars: Bars) -> None:
    # The negative control of the test above: this one reads bars that the task does not hold.
    def extremes(given: Bars) -> Forecaster:
        def peek(task: Task) -> tuple[np.ndarray, np.ndarray]:
            found = extremes_after(given, task.origin, task.count)
            assert found is not None
            return np.tile(found[0], (200, 1)), np.tile(found[1], (200, 1))

        return Forecaster("reads the future", peek)

    plan = plan_origins(bars, "2d", "2d")
    wild = shocked(bars, int(plan.origins[10]))
    first = walk_forward(bars, plan, {"peek": extremes(bars)}, paths=200)
    second = walk_forward(wild, plan, {"peek": extremes(wild)}, paths=200)
    assert (first.forecast[:, 10] != second.forecast[:, 10]).any()


def test_a_task_holds_no_bar_that_ends_later(bars: Bars) -> None:
    moment = int(bars.ends[5000])
    past = bars.before(moment)
    assert past.ends[-1] == moment
    assert len(past.ends) == 5001
    assert bars.before(moment + 1).ends[-1] == moment
    assert len(bars.before(moment, 2 * DAY).ends) == 48


def test_neither_other_models_nor_other_origins_move_a_forecast(bars: Bars) -> None:
    plan = plan_origins(bars, "1d", "5d")
    names = list(FORECASTERS)
    whole = walk_forward(bars, plan, FORECASTERS, paths=200)
    alone = walk_forward(
        bars, replace(plan, origins=plan.origins[3:4]), {names[-1]: FORECASTERS[names[-1]]}, paths=200, threads=1
    )
    np.testing.assert_array_equal(whole.forecast[-1, 3], alone.forecast[0, 0])


def test_right_forecasts_are_exceeded_as_often_as_they_say() -> None:
    # Brownian bars; a forecast of 4,000 exact draws. Windows do not overlap, so exceedances are binomial.
    generator = np.random.default_rng(13)
    minutes = generator.standard_normal((24 * 1600, 60, 1)) * 0.001
    ways = np.cumsum(minutes, axis=1)
    returns = ways[:, -1]
    given = replace(bars_of(returns), lows=np.minimum(ways.min(axis=1), 0), highs=np.maximum(ways.max(axis=1), 0))
    plan = plan_origins(given, "1d", "1d")
    walk = walk_forward(given, plan, {"brownian_90d": FORECASTERS["brownian_90d"]}, paths=4000)
    found = score(walk, plan)
    count = len(plan.origins)
    assert count == 1600 - 365
    for level, rate in enumerate((0.01, 0.05)):
        # Minutes in place of a continuous path: M17 moves the barrier by 0.5826 x 0.001 of a daily 0.038 deviation, 4 %
        # of the rate; the estimated volatility adds as much again.
        error = 4 * np.sqrt(rate / count) + 0.1 * rate
        assert (np.abs(found.exceedance_rate[0, level] - rate) < error).all()
    assert (found.uniformity_p_value > 0.001).all()
    assert (found.independence_p_value > 0.001).all()
    assert (found.kupiec_p_value > 0.001).all()
    # Control: half the collateral is not enough.
    half = score(replace(walk, forecast=walk.forecast / 2), plan)
    assert (half.kupiec_p_value < 1e-6).all()
    assert (half.exceedance_rate_lower > found.exceedance_rate_upper).all()


def test_ranks_are_exceeded_with_the_stated_probability() -> None:
    # 99 samples: the largest is exceeded by a further draw with probability 1 / 100, the fifth largest with 5 / 100.
    samples = np.random.default_rng(14).permutation(99).astype(np.float64)
    np.testing.assert_allclose(upper_quantiles(samples, (0.01, 0.05)), [98.0, 94.0])
    # Between the largest and the second: 1.5 / 100.
    assert upper_quantiles(samples, (0.015,))[0] == pytest.approx(97.5)


def test_scores_of_a_hand_made_walk(bars: Bars) -> None:
    plan = replace(plan_origins(bars, "1d", "1d"), origins=START + DAY * np.arange(4))
    # Two models, four origins, one asset; forecasts of both levels 0.10 and 0.20.
    outcome = np.array([0.05, 0.15, 0.15, 0.05])[:, None, None] * np.ones((4, 2, 1))
    forecast = np.array([0.1, 0.2])[:, None, None, None, None] * np.ones((2, 4, 2, 2, 1))
    liquidation = np.full((2, 4, 4, 2, 1), 0.5)
    found = score(Walk(outcome, forecast, np.full((2, 4, 2, 1), 0.5), liquidation), plan)
    assert found.exceedance_rate[0, 0, 0] == 0.5
    assert found.exceedances[0, 0, 0, 0] == 2
    # By hand at 1 %: two of 0.99 x 0.05 and two of 0.01 x 0.05; then 0.01 x 0.15 and 0.01 x 0.05 twice each.
    assert found.pinball_loss[:, 0, 0] == pytest.approx([0.025, 0.001])
    assert found.pinball_difference[1, 0, 0] == pytest.approx(0.001 - 0.025)
    # Nothing exceeded: 1 - 0.05^(1 / 4).
    assert found.exceedance_rate_upper[1, 0, 0] == pytest.approx(0.527129, abs=1e-6)
    # 20x stands on 0.05, 10x on 0.1: all liquidated, and half of them.
    assert found.reliability[0][3][0].brier == pytest.approx(0.25)
    assert found.reliability[0][2][0].observed[7] == 0.5


def test_overlapping_windows_have_no_tests_of_independence(bars: Bars) -> None:
    plan = plan_origins(bars, "2d", "1d")
    models = {"brownian_90d": FORECASTERS["brownian_90d"]}
    found = score(walk_forward(bars, plan, models, paths=200), plan)
    assert plan.overlapping
    assert np.isnan(found.christoffersen_p_value).all()
    assert np.isnan(found.uniformity_p_value).all()
    assert np.isfinite(found.exceedance_rate_upper).all()


def test_origins_begin_with_a_year_of_past_at_midnight(bars: Bars) -> None:
    plan = plan_origins(bars, "7d", "7d")
    # 365 days from 1 January 2020 end with 30 December; 55 days are left: 0, 7, ... 42.
    assert dt.datetime.fromtimestamp(int(plan.origins[0]), dt.UTC) == dt.datetime(2020, 12, 31, tzinfo=dt.UTC)
    assert len(plan.origins) == 7
    cut = plan_origins(bars, "7d", "7d", since=dt.date(2020, 12, 1), until=dt.date(2020, 12, 15))
    assert [str(np.datetime64(int(moment), "s"))[:10] for moment in cut.origins] == [
        "2020-12-01",
        "2020-12-08",
        "2020-12-15",
    ]


def test_windows_with_a_missing_bar_are_left_out(bars: Bars) -> None:
    plan = plan_origins(bars, "7d", "7d")
    row = int(np.searchsorted(bars.ends, plan.origins[2] + 5 * 3600))
    kept = np.delete(np.arange(len(bars.ends)), row)
    holed = Bars(bars.assets, bars.ends[kept], bars.returns[kept], bars.lows[kept], bars.highs[kept], bars.interval)
    found = plan_origins(holed, "7d", "7d")
    assert found.skipped == 1
    np.testing.assert_array_equal(found.origins, np.delete(plan.origins, 2))


@pytest.mark.parametrize(
    ("horizon", "every", "since", "words"),
    [
        ("90m", "1d", None, "no whole number of bars of 1h"),
        ("1 week", "7d", None, "is not a duration"),
        ("91d", "7d", None, "longer than 90 days"),
        ("60d", "7d", None, "no origin has its past"),
        ("7d", "7d", dt.date(2020, 3, 1), "less than 180 days before"),
    ],
)
def test_durations_that_do_not_fit(bars: Bars, horizon: str, every: str, since: dt.date | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan_origins(bars, horizon, every, since)


def test_aligned_bars_are_those_of_the_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    prices = closes([0.6, 0.9], [[1, 0.5], [0.5, 1]], days=40)
    read = histories(tmp_path_factory.mktemp("bars"), prices, ["BTC", "ETH"])
    found = align(read)
    np.testing.assert_allclose(found.returns, np.diff(np.log(prices), axis=0), atol=1e-12)
    # The first bar opens at 2021-01-01 00:00, so the first return ends at 02:00.
    assert found.ends[0] == 1_609_459_200 + 7200
    moment = int(found.ends[99])
    after = extremes_after(found, moment, 48)
    assert after is not None
    lowest = prices[101 - 1 : 101 + 48].min(axis=0) / prices[100]
    np.testing.assert_allclose(np.exp(after[0]), np.minimum(lowest, 1.0), rtol=1e-9)
    with pytest.raises(InputError, match="is also the asset"):
        align([read[0], read[0]])
