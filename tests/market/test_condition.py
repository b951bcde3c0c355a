"""Paths given where one price stands (METHODS M48)."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market import noise
from stresslab.market.condition import Condition
from stresslab.market.models import MODELS, build_process
from stresslab.market.specification import MarketSpecification
from stresslab.market.stress import StressSpecification
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.run import simulate
from tests.scenario.files import SCENARIO, edited, write

PATHS = 1 << 16
DAY = 1.0 / 365.0
VOLATILITIES = np.array([0.8, 1.0, 0.6])
DRIFTS = np.array([0.5, -2.0, 0.0])
CORRELATION = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 1.0]])
NONE = StressSpecification(1.0, 0.0, 1.0, None, np.zeros(3))
FALL = replace(NONE, condition=Condition("BTC", -0.3, 7.0))


def specification(stress, volatilities=VOLATILITIES, drifts=DRIFTS):
    assets = ("BTC", "ETH", "SOL")
    return MarketSpecification("gbm", assets, np.ones(3), volatilities, drifts, CORRELATION, {}, stress=stress)


def walk(market, days, step=0.5, seed=3):
    """Log prices after stated days, [day, asset, path], in double precision."""
    process = build_process(market, step)
    keys = jnp.asarray(noise.stream_keys(seed, MODELS["gbm"].streams(market.assets)))
    path = jnp.arange(PATHS, dtype=jnp.uint32)

    @jax.jit
    def advance(process, state, index):
        draws = process.draw(keys, noise.Counter(path, index))
        return process.step(state, draws, jnp.float32(step * DAY))[0]

    state, kept = process.init(PATHS), []
    for index in range(round(days[-1] / step)):
        state = advance(process, state, jnp.uint32(index))
        if any(abs((index + 1) * step - day) < 1e-9 for day in days):
            kept.append(np.asarray(process.log_price(state), np.float64))
    return np.array(kept)


def law(day, target, time, first, volatilities=VOLATILITIES, drifts=DRIFTS):
    """Mean and covariance of log prices at a day, given that of one asset at a time not before it: M48 by matrices."""
    covariance = np.outer(volatilities, volatilities) * CORRELATION * DAY
    mean = (drifts - 0.5 * volatilities**2) * DAY
    with_it, whole = covariance[:, first] * day, covariance[first, first] * time
    shift = with_it * (target - mean[first] * time) / whole
    return mean * day + shift, covariance * day - np.outer(with_it, with_it) / whole


def assert_law(found, mean, covariance):
    # Five standard errors of a mean and of a covariance of normals.
    variances = np.diag(covariance)
    assert np.all(np.abs(found.mean(axis=1) - mean) < 5.0 * np.sqrt(variances / PATHS) + 2e-6)
    error = np.sqrt((np.outer(variances, variances) + covariance**2) / PATHS)
    assert np.all(np.abs(np.cov(found) - covariance) < 5.0 * error + 1e-9)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_the_law_is_that_of_the_closed_form_before_at_and_after_the_time(first):
    stress = replace(NONE, condition=Condition(("BTC", "ETH", "SOL")[first], -0.3, 7.0))
    early, at, late = walk(specification(stress), (2.5, 7.0, 9.0))
    target = math.log(0.7)
    assert np.abs(at[first] - target).max() < 1e-5
    assert_law(early, *law(2.5, target, 7.0, first))
    assert_law(at, *law(7.0, target, 7.0, first))
    # From then on nothing is known: increments have the plain law, and do not remember.
    plain = np.outer(VOLATILITIES, VOLATILITIES) * CORRELATION * DAY
    assert_law(late - at, (DRIFTS - 0.5 * VOLATILITIES**2) * 2.0 * DAY, plain * 2.0)
    other = (first + 1) % 3
    assert abs(np.corrcoef(at[other], late[other] - at[other])[0, 1]) < 5.0 / math.sqrt(PATHS)
    # Without the condition the same test fails.
    (free,) = walk(specification(NONE), (7.0,))
    with pytest.raises(AssertionError):
        assert_law(free, *law(7.0, target, 7.0, first))


def test_the_published_figures_are_met():
    # O6, M48: the first asset at -30 % in 7 days, scales 80 % and 100 %, correlation 0.8, log means without drift.
    drifts = 0.5 * VOLATILITIES**2
    (at,) = walk(specification(FALL, drifts=drifts), (7.0,), step=1.0)
    assert at[1].mean() == pytest.approx(-0.356675, abs=5.0 * 0.083091 / math.sqrt(PATHS))
    assert at[1].std() == pytest.approx(0.083091, rel=5.0 / math.sqrt(2.0 * PATHS))


def test_conditioning_is_what_selecting_free_paths_leaves():
    # An oracle without any formula: the free paths that end near the target. Near: within 0.04 deviations.
    target = -0.06
    (free,) = walk(specification(NONE), (7.0,))
    width = 0.04 * 0.8 * math.sqrt(7.0 * DAY)
    chosen = free[:, np.abs(free[0] - target) < width]
    assert chosen.shape[1] > 1000
    (given,) = walk(specification(replace(NONE, condition=Condition("BTC", math.expm1(target), 7.0))), (7.0,))
    for asset in (1, 2):
        error = given[asset].std() / math.sqrt(chosen.shape[1])
        assert abs(chosen[asset].mean() - given[asset].mean()) < 5.0 * error
        assert chosen[asset].std() == pytest.approx(given[asset].std(), rel=5.0 / math.sqrt(2.0 * chosen.shape[1]))
        assert abs(free[asset].mean() - given[asset].mean()) > 5.0 * error


def test_figures_of_the_overlay_and_its_gap_come_before_the_condition():
    # The gap makes a part of the way, so the model has log 0.7 - log 0.9 to go; after the time it is on top.
    gap = np.log([0.9, 0.8, 1.0])
    stress = replace(FALL, volatility_factor=2.0, gap_time=7.0, gap_sizes=gap)
    (at,) = walk(specification(stress), (7.0,))
    assert np.abs(at[0] - math.log(0.7)).max() < 1e-5
    mean, covariance = law(7.0, math.log(0.7) - gap[0], 7.0, 0, volatilities=2.0 * VOLATILITIES)
    assert_law(at - gap[:, None], mean, covariance)
    later = walk(specification(replace(stress, gap_time=7.5)), (7.0, 7.5))
    assert np.abs(later[0][0] - math.log(0.7)).max() < 1e-5
    assert (later[1] - later[0])[0].mean() == pytest.approx(math.log(0.9), abs=0.01)


CONDITION = 'model = "gbm"\n[market.stress]\ncondition = { asset = "BTC", move = -0.1, within = "1d" }'


def read(tmp_path, lines=CONDITION, *edits):
    text = edited(SCENARIO, ('model = "gbm"', lines), ("100_000", "2048"), ("90d", "3d"), *edits)
    return sl.read_scenario(write(tmp_path, scenario=text))


def test_a_scenario_states_its_condition(tmp_path):
    scenario = read(tmp_path)
    assert resolved(scenario)["market"]["stress"]["condition"] == {"asset": "BTC", "move": -0.1, "time": 1.0}
    # By hand: (ln 0.9 - (0.1 - 0.62^2 / 2) / 365) / (0.62 / sqrt 365) = -3.24.
    told = [str(notice) for notice in scenario.notices if "stands at" in str(notice)]
    assert len(told) == 1
    assert '"BTC" stands at -10.0% after 1d, -3.2 standard deviations' in told[0]
    free = read(tmp_path, 'model = "gbm"')
    assert identity(scenario) != identity(free)
    assert not [notice for notice in free.notices if "stands at" in str(notice)]
    # Long 20 BTC from 61,000 with 50,000 behind it: a fall by 6,100 costs 122,000 and spares nobody.
    assert simulate(scenario).liquidation_step[0].max() <= 24
    assert (simulate(free).liquidation_step[0] > 24).mean() > 0.1


def test_faults_of_the_condition_are_placed(tmp_path):
    row = '{ asset = "BTC", move = -0.1, within = "1d" }'
    cases = {
        row.replace("BTC", "SOL"): 'the book holds nothing on "SOL"',
        row.replace("-0.1", "-1"): "`move` is -1, below -0.99",
        row.replace("1d", "90m"): "the condition at 90m is at the end of no step of 1h",
        row.replace("1d", "4d"): "the condition at 4d is at the end of no step of 1h",
        row.replace('"1d"', '"1d", by = 1'): 'unknown key "by"',
        row.replace("move = -0.1, ", ""): "`move` is missing",
        "-0.3": "`condition` must be a table",
    }
    for stated, message in cases.items():
        with pytest.raises(InputError) as error:
            read(tmp_path, f'model = "gbm"\n[market.stress]\ncondition = {stated}')
        told = [str(fault) for fault in error.value.faults]
        assert [message in line for line in told] == [True], (message, told)
    with pytest.raises(InputError, match="its price never stands anywhere else"):
        read(tmp_path, CONDITION, ("volatility = 0.62", "volatility = 0"))


def test_the_one_gaussian_model_of_constant_volatility_takes_it():
    assert [name for name, model in MODELS.items() if model.takes_condition] == ["gbm"]


@pytest.mark.parametrize(
    ("model", "own"),
    [
        ("student_t", "degrees_of_freedom = 4.0"),
        ("merton", "common_jump_rate = 20\nown_jump_rate = 10"),
        ("heston", "mean_reversion = 8.0\nvolatility_of_variance = 1.0"),
    ],
)
def test_other_models_refuse_it(tmp_path, model, own):
    lines = CONDITION.replace('"gbm"', f'"{model}"\n{own}')
    with pytest.raises(InputError) as error:
        read(tmp_path, lines)
    told = [str(fault) for fault in error.value.faults]
    assert [f'the law of "{model}" given a price is not known in closed form' in line for line in told] == [True], told
