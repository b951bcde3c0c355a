"""Stress overlays on every price process."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market import merton, noise
from stresslab.market.condition import Condition
from stresslab.market.models import MODELS, build_process
from stresslab.market.price_paths import relative_paths
from stresslab.market.stress import StressSpecification, stressed
from stresslab.scenario.resolution import identity, resolved
from stresslab.simulation.run import simulate
from tests.market.test_contracts import CONTRACTS
from tests.market.test_history import WEIGHTS, history
from tests.market.walks import HOUR, market
from tests.scenario.files import SCENARIO, edited, write

NONE = StressSpecification(1.0, 0.0, 1.0, None, np.zeros(2))
GAP = replace(NONE, gap_time=3.0 * HOUR, gap_sizes=np.log([0.7, 1.1]))
FILES = {"histories": {"BTC": "a.csv", "ETH": "b.csv"}}
EXTRAS = {
    "gbm": {},
    "student_t": {"degrees_of_freedom": 4.0},
    **{name: contract.extra for name, contract in CONTRACTS.items()},
    "filtered_history": {**FILES, **WEIGHTS},
    "component_history": FILES,
    "bootstrap": FILES,
    "paths": {"file": "a.nc"},
}


def specification(name, stress=None):
    rows = history() if "history" in name or name == "bootstrap" else None
    own = np.exp(np.random.default_rng(3).normal(0.0, 0.01, (64, 6, 2)).cumsum(axis=1)) if name == "paths" else None
    paths = None if own is None else relative_paths(own, own * 0.99, own * 1.01, HOUR, {})
    return replace(market(name, history=rows, **EXTRAS[name]), stress=stress, paths=paths)


def walk(specification, steps=5, paths=64):
    import jax.numpy as jnp

    model = MODELS[specification.model]
    process = build_process(specification, HOUR)
    keys = jnp.asarray(noise.stream_keys(1, model.streams(specification.assets)))
    state, path, kept = process.init(paths), jnp.arange(paths, dtype=jnp.uint32), []
    for index in range(steps):
        draws = process.draw(keys, noise.Counter(path, jnp.uint32(index)))
        state, step = process.step(state, draws, jnp.float32(HOUR / 365.0))
        np.testing.assert_array_equal(step.log_price, process.log_price(state))
        kept.append(step)
    return kept


def test_every_model_is_here():
    assert set(EXTRAS) == set(MODELS)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_gap_moves_every_path_once(name):
    plain, gapped = walk(specification(name)), walk(specification(name, GAP))
    for index, (without, with_gap) in enumerate(zip(plain, gapped, strict=True)):
        # In the third step, and from then on in every price.
        moved = GAP.gap_sizes[:, None] * (index >= 2)
        np.testing.assert_allclose(with_gap.log_price - without.log_price, np.broadcast_to(moved, (2, 64)), atol=1e-6)
        jump = 0.0 if without.gap is None else np.asarray(without.gap)
        expected = jump + GAP.gap_sizes[:, None] * (index == 2)
        np.testing.assert_allclose(
            np.broadcast_to(with_gap.gap, (2, 64)), np.broadcast_to(expected, (2, 64)), atol=1e-6
        )
        if without.low_log_price is not None:
            # The bar before the gap is that of the path without it.
            before = GAP.gap_sizes[:, None] * (index > 2)
            np.testing.assert_allclose(
                with_gap.low_log_price - without.low_log_price, before + np.zeros((2, 64)), atol=1e-6
            )


@pytest.mark.parametrize("name", EXTRAS)
def test_a_gap_with_a_half_life_closes(name):
    # By hand: half of its log in two steps, so 2^(-1/2) of it is left after each.
    closing = replace(GAP, gap_half_life=2.0 * HOUR)
    plain, gapped = walk(specification(name)), walk(specification(name, closing))
    shares = [0.0, 0.0, 0.0, 1.0, 0.5**0.5, 0.5]
    for index, (without, given) in enumerate(zip(plain, gapped, strict=True)):
        start, end = (GAP.gap_sizes[:, None] * share for share in shares[index : index + 2])
        every = np.zeros((2, 64))
        np.testing.assert_allclose(given.start_log_price - without.start_log_price, start + every, atol=1e-6)
        np.testing.assert_allclose(given.log_price - without.log_price, end + every, atol=1e-6)
        jump = GAP.gap_sizes[:, None] * (index == 2)
        own = 0.0 if without.gap is None else np.asarray(without.gap)
        np.testing.assert_allclose(given.gap, own + jump + every, atol=1e-6)
        if without.low_log_price is not None:
            # Extremes hold both ends of the step up to the jump.
            ends = (
                np.minimum(given.start_log_price, given.before_gap),
                np.maximum(given.start_log_price, given.before_gap),
            )
            assert np.all(given.low_log_price <= ends[0] + 1e-6)
            assert np.all(given.high_log_price >= ends[1] - 1e-6)


def test_a_gap_that_closes_spares_whom_a_gap_that_stays_does_not(tmp_path):
    # BTC down 3 %, 36,600 of the 50,000 behind the long; the rest must last while the gap is open.
    lines = 'gap_size = { BTC = -0.03 }\ngap_time = "1h"\n'
    stays = stressed_scenario(tmp_path, lines)
    closes = stressed_scenario(tmp_path, lines + 'gap_half_life = "2h"')
    assert resolved(closes)["market"]["stress"]["gap_half_life"] == pytest.approx(1.0 / 12.0)
    told = [str(notice) for notice in closes.notices if "closes again" in str(notice)]
    assert len(told) == 1
    assert "the gap at 1h closes again, half of its log every 2h" in told[0]
    first, second = simulate(stays), simulate(closes)
    # The same until the gap stands, and later for nobody who is long.
    at_gap = first.liquidation_step[0] <= 1
    np.testing.assert_array_equal(second.liquidation_step[0] <= 1, at_gap)
    assert (second.liquidation_step[0] >= first.liquidation_step[0]).mean() > 0.999
    assert (second.liquidation_step[0] > first.liquidation_step[0]).mean() > 0.2


def test_a_condition_counts_what_is_left_of_a_gap():
    # A half-life before the time: half of the log of 0.7 is left, so the model goes the other way to a move of 0.
    condition = Condition("BTC", 0.0, 5.0 * HOUR)
    stress = replace(GAP, gap_half_life=2.0 * HOUR, condition=condition)
    last = walk(specification("gbm", stress))[-1]
    np.testing.assert_allclose(last.log_price[0], 0.0, atol=1e-5)
    assert np.abs(walk(specification("gbm", replace(stress, condition=None)))[-1].log_price[0]).min() > 0.05


# Prices of a file are taken as they are, and a scenario that asks for a factor is refused (test_paths.py).
@pytest.mark.parametrize("name", [name for name in EXTRAS if name != "paths"])
def test_a_factor_multiplies_every_deviation(name):
    plain = walk(specification(name))
    doubled = walk(specification(name, replace(NONE, volatility_factor=2.0)))
    for without, with_factor in zip(plain, doubled, strict=True):
        np.testing.assert_allclose(with_factor.deviation, 2.0 * np.asarray(without.deviation), rtol=1e-4)
    # Twice the volatility is not twice the drift's compensation: paths do not merely scale.
    assert np.abs(np.asarray(doubled[-1].log_price) - np.asarray(plain[-1].log_price)).max() > 1e-3


def test_correlations_move_towards_one_and_stay_valid():
    # M47: 0.4 becomes 0.55 at 0.25 and 0.70 at 0.5.
    for shift, expected in ((0.25, 0.55), (0.5, 0.70), (1.0, 1.0)):
        shaken = stressed(
            replace(market("gbm", correlation=((1.0, 0.4), (0.4, 1.0))), stress=replace(NONE, correlation_shift=shift))
        )
        assert shaken.correlation[0, 1] == pytest.approx(expected)
        assert np.linalg.eigvalsh(shaken.correlation)[0] >= -1e-12
    # A singular matrix stays valid too.
    singular = np.array([[1.0, -1.0], [-1.0, 1.0]])
    shaken = stressed(replace(market("gbm"), correlation=singular, stress=replace(NONE, correlation_shift=0.3)))
    assert np.linalg.eigvalsh(shaken.correlation)[0] >= -1e-12


def test_rates_of_jumps_are_multiplied_and_compensated():
    threefold = stressed(specification("bates", replace(NONE, jump_rate_factor=3.0)))
    assert threefold.extra["common_jump_rate"] == 120.0
    assert threefold.extra["own_jump_rate"] == {"BTC": 180.0, "ETH": 270.0}
    plain, more = (merton.compensated(each) for each in (specification("bates"), threefold))
    lost = (plain.drifts - more.drifts)[0]
    # Twice what the jumps of the contract add to BTC's drift.
    expected = 2.0 * (40.0 * math.expm1(-0.06 + 0.0032) + 60.0 * math.expm1(0.02 + 0.00125))
    assert lost == pytest.approx(expected, rel=1e-5)


LINES = """model = "merton"
common_jump_rate = 20
common_jump_deviation = 0.05
own_jump_rate = { BTC = 10, ETH = 30 }

[market.stress]
"""


def stressed_scenario(tmp_path, lines):
    text = edited(SCENARIO, ('model = "gbm"', LINES + lines), ("100_000", "2048"), ("90d", "5d"))
    return sl.read_scenario(write(tmp_path, scenario=text))


def test_a_scenario_states_its_overlay(tmp_path):
    lines = "volatility_factor = 1.5\ncorrelation_shift = 0.5\njump_rate_factor = 3\n"
    lines += 'gap_size = { BTC = -0.5 }\ngap_time = "2d"'
    scenario = stressed_scenario(tmp_path, lines)
    told = resolved(scenario)["market"]["stress"]
    assert told == {
        "volatility_factor": 1.5,
        "correlation_shift": 0.5,
        "jump_rate_factor": 3.0,
        "gap_time": 2.0,
        "gap_sizes": [math.log(0.5), 0.0],
        "condition": None,
        "gap_half_life": None,
    }
    assert identity(scenario) != identity(replace(scenario, market=replace(scenario.market, stress=None)))
    # Long 20 BTC from 61,000 with 50,000 behind it: a fall by half spares nobody, and costs the insurance about 610,000
    # less those 50,000, more or less by what the price did in the two days before.
    outcomes = simulate(scenario)
    steps = outcomes.liquidation_step[0]
    assert steps.max() == 48
    at_gap = steps == 48
    assert at_gap.mean() > 0.05
    price = 61_000.0 * 20.0
    assert np.median(outcomes.insurance_draw[0, at_gap]) == pytest.approx(560_000.0, rel=0.15)
    assert (outcomes.insurance_draw[0, at_gap] > 0.2 * price).mean() > 0.98
    assert np.median(outcomes.insurance_draw[0, ~at_gap]) < 0.02 * price
    calm = simulate(stressed_scenario(tmp_path, "volatility_factor = 1.0"))
    assert (calm.liquidation_step[0] > calm.steps).mean() > 0.05


def test_faults_of_the_overlay_are_placed(tmp_path):
    cases = {
        "volatility_factor = 0": "`volatility_factor` is 0, not above 0",
        "correlation_shift = 2": "`correlation_shift` is 2, above 1",
        "jump_rate_factor = 400": "`jump_rate_factor` is 400, above 100",
        "gap_size = -1": "`gap_size` is -1, below -0.99",
        "gap_size = -0.5": "`gap_size` stands without `gap_time`",
        'gap_time = "1d"': "`gap_time` stands without `gap_size`",
        'gap_size = -0.5\ngap_time = "90m"': "the gap at 90m is at the end of no step of 1h",
        'gap_size = -0.5\ngap_time = "6d"': "the gap at 6d is at the end of no step of 1h",
        'gap_size = { SOL = -0.5 }\ngap_time = "1d"': 'the book holds nothing on "SOL"',
        "gap = 1": 'unknown key "gap"',
        'gap_half_life = "8h"': "`gap_half_life` stands without `gap_time`",
        'gap_size = -0.5\ngap_time = "1d"\ngap_half_life = "30m"': "a half-life of 30m is shorter than a step of 1h",
        'gap_size = -0.5\ngap_time = "1d"\ngap_half_life = "8h"\n[market.funding]\npremium_deviation = 0.0003\n'
        'premium_half_life = "12h"': "a basis, which the premium",
    }
    for lines, message in cases.items():
        with pytest.raises(InputError) as error:
            stressed_scenario(tmp_path, lines)
        told = [str(fault) for fault in error.value.faults]
        assert [message in line for line in told] == [True], (message, told)
        text = (tmp_path / "scenario.toml").read_text().splitlines()
        assert text[error.value.faults[0].line - 1].startswith(("gap", "vol", "cor", "jump"))


MANY = "own_jump_rate = 0\ncommon_jump_rate = 200\n"


@pytest.mark.parametrize(
    ("model", "lines", "message"),
    [
        ("gbm", "", 'the model "gbm" has no jumps'),
        # 200 a year are fine by the hour; a hundredfold they are more than one in a step.
        ("merton", MANY, "2.28 jumps are expected in a step"),
    ],
)
def test_an_overlay_must_suit_its_model(tmp_path, model, lines, message):
    stated = f'model = "{model}"\n{lines}[market.stress]\njump_rate_factor = 100'
    with pytest.raises(InputError) as error:
        sl.read_scenario(write(tmp_path, scenario=edited(SCENARIO, ('model = "gbm"', stated))))
    assert [message in str(fault) for fault in error.value.faults] == [True]
