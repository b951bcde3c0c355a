"""Seasonality of volatility: the profile of a week, the clock that models run on, and what scenarios may state."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market import noise
from stresslab.market.models import MODELS, build_process
from stresslab.market.seasonality import Profile, Seasonal, Seasonality, seasonality
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.run import simulate
from tests.market.test_history import LINES, bars, scenario_text
from tests.market.test_stress import EXTRAS, specification
from tests.market.walks import HOUR
from tests.oracles.scenarios import configuration, position, scenario
from tests.scenario.files import SCENARIO, edited, write

BUSY = Profile(tuple([0.6] * 12 + [1.2] * 12), (1.1, 1.1, 1.1, 1.1, 1.1, 0.5, 0.7))
SEASONAL = tuple(name for name, model in MODELS.items() if model.takes_seasonality)
FRIDAY_NOON = 4 * 1440 + 720
FIRST_ASSET = "[market.assets.BTC]"
CONDITION = 'condition = { asset = "BTC", move = -0.3, within = "1d" }'
STATED = f"""start = 2026-10-02T12:00:00Z

[market.seasonality]
hours = {list(BUSY.hours)}
weekdays = {list(BUSY.weekdays)}
"""


def walk(market, steps, paths=64):
    """Steps and states of a market with its overlays, by hours."""
    process = build_process(market, HOUR)
    keys = jnp.asarray(noise.stream_keys(1, MODELS[market.model].streams(market.assets)))
    state, path, kept = process.init(paths), jnp.arange(paths, dtype=jnp.uint32), []
    for index in range(steps):
        draws = process.draw(keys, noise.Counter(path, jnp.uint32(index)))
        state, step = process.step(state, draws, jnp.float32(HOUR / 365.0))
        kept.append((step, state))
    return kept


def with_profile(market, profile=BUSY, start=FRIDAY_NOON):
    return replace(market, seasonality=Seasonality(profile, start))


# The profile.


def test_weights_are_squares_over_their_mean():
    # Hand calculation: 12 hours of 0.36 and 12 of 1.44 have a mean of 0.9, the days' squares one of 6.79 / 7.
    mean = 0.9 * (5 * 1.21 + 0.25 + 0.49) / 7
    weights = BUSY.weights.reshape(7, 24)
    assert weights[0, 3] == pytest.approx(0.36 * 1.21 / mean)
    assert weights[5, 20] == pytest.approx(1.44 * 0.25 / mean)
    assert weights.mean() == pytest.approx(1.0)
    # Another unit is the same profile.
    np.testing.assert_allclose(replace(BUSY, hours=tuple(3.0 * np.array(BUSY.hours))).weights, BUSY.weights)


@pytest.mark.parametrize(
    ("minutes", "count"), [(1, 10_080), (60, 168), (90, 112), (480, 21), (1440, 7), (10_080, 1), (660, 168)]
)
def test_steps_of_any_length_share_out_the_week(minutes, count):
    weights = Seasonality(BUSY, 1234).weights(minutes / 1440.0)
    assert weights.shape == (count,)
    assert weights.mean() == pytest.approx(1.0)
    # Oracle: minute by minute.
    by_minute = np.repeat(BUSY.weights, 60)
    step = count // 2
    place = (1234 + minutes * step + np.arange(minutes)) % 10_080
    assert weights[step] == pytest.approx(by_minute[place].mean())


def test_times_are_placed_in_the_week():
    # 2 October 2026 is a Friday; 1 January 1970 was a Thursday.
    assert seasonality(BUSY, dt.datetime(2026, 10, 2, 12, 30, tzinfo=dt.UTC)).start == FRIDAY_NOON + 30
    times = np.array(["2026-10-02T12:00", "1970-01-03T02:00", "1969-12-29T00:00"], "datetime64[ms]")
    np.testing.assert_allclose(BUSY.of_bars(times, 60), BUSY.weights[[4 * 24 + 12, 5 * 24 + 2, 0]])


# The clock.


@pytest.mark.parametrize("name", SEASONAL)
def test_a_flat_profile_changes_nothing(name):
    plain, flat = specification(name), with_profile(specification(name), Profile())
    assert isinstance(build_process(flat, HOUR), Seasonal)
    for (expected, _), (found, _) in zip(walk(plain, 4), walk(flat, 4), strict=True):
        np.testing.assert_allclose(found.log_price, expected.log_price, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", SEASONAL)
def test_moves_are_those_of_the_plain_model_on_another_clock(name):
    # Oracle: what the model draws without a season, each step's move stretched by the root of the step's weight. It
    # holds step by step for variances that follow shocks too, since these see none of the season. Means grow with
    # the weight and not with its root. Jumps keep their sizes.
    season = Seasonality(BUSY, FRIDAY_NOON)
    weights = season.weights(HOUR)
    assert np.ptp(weights[:14]) > 0.5
    plain, found = walk(specification(name), 14), walk(with_profile(specification(name)), 14)
    for index in range(14):
        deviation = np.asarray(plain[index][0].deviation, np.float64)
        np.testing.assert_allclose(found[index][0].deviation, np.sqrt(weights[index]) * deviation, rtol=2e-4)
        moves = [
            np.asarray(each[index][0].before_gap - each[index][0].start_log_price, np.float64)
            for each in (plain, found)
        ]
        # No mean log return is above 5 a year, what jumps ask for included.
        mean = 5.0 * abs(weights[index] - np.sqrt(weights[index])) * HOUR / 365.0
        bound = mean + 1e-4 * np.abs(moves[0]) + 2e-6
        assert np.all(np.abs(moves[1] - np.sqrt(weights[index]) * moves[0]) < bound)
        if plain[index][0].gap is not None:
            np.testing.assert_array_equal(found[index][0].gap, plain[index][0].gap)


def test_a_correlation_that_moves_sees_no_season():
    extra = {**EXTRAS["garch"], "correlation_alpha": 0.05, "correlation_beta": 0.9}
    market = specification("garch")
    market = replace(market, extra=MODELS["garch"].parameters.model_validate(extra).model_dump())
    (_, plain), (_, found) = walk(market, 9)[-1], walk(with_profile(market), 9)[-1]
    np.testing.assert_allclose(found.covariance, plain.covariance, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.garch.variance, plain.garch.variance, rtol=1e-4)
    # Control: a shock that is measured by the clock on the wall is another one.
    assert np.abs(np.asarray(plain.covariance - market.correlation[:, :, None])).max() > 0.01


def first_passage(years, volatility, barrier):
    """P(min of the price up to a time is at or below a barrier), zero drift (Harrison 1985; METHODS M11)."""
    spread, mean, log = volatility * math.sqrt(years), -0.5 * volatility**2 * years, math.log(barrier)
    reflected = math.exp(2.0 * log * mean / spread**2)
    return stats.norm.cdf((log - mean) / spread) + reflected * stats.norm.cdf((log + mean) / spread)


def test_liquidations_follow_the_clock_of_the_week():
    # Oracle: the first-passage formula over the time that the model's own clock shows; the barrier of a long of 10x at
    # a maintenance rate of 0.5 % is 0.9 / 0.995.
    book = (position("long 10x", 1.0),)
    question = scenario(
        book, (configuration("one", ("long 10x", [0], 0.1)),), volatilities={"BTC": 0.8}, days=8 / 3, paths=1 << 17
    )
    season = Seasonality(BUSY, FRIDAY_NOON)
    hits = []
    for market in (question.market, replace(question.market, seasonality=season)):
        outcomes = simulate(replace(question, market=market))
        hits.append((outcomes.liquidation_step[0] <= outcomes.steps).mean())
    elapsed = (8.0 / 3.0, season.weights(1.0 / 3.0)[:8].sum() / 3.0)
    expected = [first_passage(each / 365.0, 0.8, 0.9 / 0.995) for each in elapsed]
    for hit, probability in zip(hits, expected, strict=True):
        assert abs(hit - probability) < 4.0 * math.sqrt(probability * (1.0 - probability) / (1 << 17))
    # Control: the week's mean volatility would be far off over a weekend.
    assert expected[0] - expected[1] > 0.03


# What scenarios state.


def scenario_with(text=STATED):
    start, table = text.split("\n\n", 1)
    return edited(SCENARIO, ("seed = 7\n", f"seed = 7\n{start}\n"), (FIRST_ASSET, f"{table}\n{FIRST_ASSET}"))


def test_a_scenario_states_its_seasonality(tmp_path):
    plain = sl.read_scenario(
        write(tmp_path, scenario=edited(SCENARIO, ("seed = 7", "seed = 7\nstart = 2026-10-02T12:00:00Z")))
    )
    found = sl.read_scenario(write(tmp_path, scenario=scenario_with()))
    assert found.market.seasonality == Seasonality(BUSY, FRIDAY_NOON)
    assert resolved(found)["market"]["seasonality"]["start"] == FRIDAY_NOON
    assert identity(found) != identity(plain)
    half = scenario_with("start = 2026-10-02T12:00:00Z\n\n[market.seasonality]\nweekdays = [1, 1, 1, 1, 1, 0.5, 0.7]\n")
    weekdays = sl.read_scenario(write(tmp_path, scenario=half)).market.seasonality
    assert weekdays is not None
    assert weekdays.profile.hours == (1.0,) * 24


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\n\n[market.seasonality]\nweekdays = [1, 1, 1, 1, 1, 0.5, 0.7]\n", "hours of the first step are not known"),
        ("start = 2026-10-02T12:00:00Z\n\n[market.seasonality]\n", "states nothing"),
        ("start = 2026-10-02T12:00:00Z\n\n[market.seasonality]\nhours = [1, 2]\n", "hours"),
        ("start = 2026-10-02T12:00:00Z\n\n[market.seasonality]\nweekdays = [1, 1, 1, 1, 1, 0.5, -0.7]\n", "-0.7"),
        ("start = 2026-10-02T12:00:00Z\n\n[market.seasonality]\nhour = []\n", "hour"),
        (
            f"{STATED}\n[market.stress]\n{CONDITION}\n",
            "same at all hours",
        ),
    ],
)
def test_faults_of_seasonality_are_told(tmp_path, text, told):
    with pytest.raises(InputError, match=told) as caught:
        sl.read_scenario(write(tmp_path, scenario=scenario_with(text)))
    assert all(fault.line > 1 for fault in caught.value.faults)


def test_bars_of_the_past_are_freed_of_the_season(tmp_path):
    bars(tmp_path / "BTC.csv")
    bars(tmp_path / "ETH.csv", seed=1)
    texts = [scenario_text(LINES)]
    start, table = STATED.split("\n\n", 1)
    texts.append(edited(texts[0], ("seed = 7", f"seed = 7\n{start}"), (FIRST_ASSET, f"{table}\n{FIRST_ASSET}")))
    plain, freed = (sl.read_scenario(write(tmp_path, scenario=text)).market.history for text in texts)
    assert plain is not None
    assert freed is not None
    ratio = plain.returns[:, 0] / freed.returns[:, 0]
    # Oracle: each bar's own factor, the second bar of the file being the first with a return.
    lines = (tmp_path / "BTC.csv").read_text(encoding="utf-8").splitlines()[2:]
    times = [dt.datetime.fromisoformat(line.split(",")[0]) for line in lines]
    expected = [math.sqrt(BUSY.weights[each.weekday() * 24 + each.hour]) for each in times]
    np.testing.assert_allclose(ratio, expected, rtol=1e-9)
    np.testing.assert_allclose(plain.lows[:, 1] / freed.lows[:, 1], expected, rtol=1e-9)


def test_a_model_with_a_clock_of_its_own_says_that_it_takes_none(tmp_path):
    heston = 'model = "heston"\nmean_reversion = 5.0\nvolatility_of_variance = 1.0'
    text = edited(scenario_with(), ('model = "gbm"', heston))
    read = sl.read_scenario(write(tmp_path, scenario=text))
    assert read.market.seasonality is None
    assert any("knows no seasonality" in notice.problem for notice in read.notices)


def test_the_ready_scenario_runs_and_a_weekend_is_quieter_than_a_week():
    scenario = sl.read_scenario(Path(__file__).parents[2] / "scenarios" / "over_the_weekend.toml", paths=4096)
    assert scenario.market.seasonality is not None
    outcomes = simulate(scenario)
    assert not outcomes.failed.any()
    # Oracle: the weights' mean over the 60 hours; the median absolute move of Student-t days is below a normal's.
    share = scenario.market.seasonality.weights(HOUR)[:60].mean()
    assert 0.5 < share < 0.85
    moves = [
        simulate(replace(scenario, market=market)).log_price for market in (scenario.market, even(scenario.market))
    ]
    ratio = np.std(moves[0], axis=1) / np.std(moves[1], axis=1)
    np.testing.assert_allclose(ratio, math.sqrt(share), rtol=0.05)


def even(market):
    """The same market with all hours alike."""
    return replace(market, seasonality=None)
