"""What every price process must hold, from one row of a table each: twin, martingale, limit, refusals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.market.models import MODELS
from stresslab.market.spare_assets import with_spare_assets
from tests.market.twins import Twin
from tests.market.walks import DRIFTS, HOUR, VOLATILITIES, end, market, walk
from tests.scenario.files import SCENARIO, edited, write

PATHS = 1 << 16


@dataclass(frozen=True)
class Contract:
    """One model's row.

    Parameters
    ----------
    extra : dict
        Parameters under which everything of the model is at work.
    step : float
        Days.
    uncompensated : float or None
        What the log price of BTC would have too much a year without its compensation; None where E[exp] is infinite.
    limit : tuple of str and dict, or None
        Parameters with which the process is another, simpler one, and that one's name and parameters.
    faults : tuple
        Lines of ``[market]`` that must be refused, with a piece of the message.
    """

    extra: dict[str, Any]
    step: float
    uncompensated: float | None
    limit: tuple[dict[str, Any], str, dict[str, Any]] | None
    faults: tuple[tuple[str, str], ...] = field(default=())


COMMON = {"common_jump_rate": 40.0, "common_jump_mean": -0.06, "common_jump_deviation": {"BTC": 0.08, "ETH": 0.1}}
OWN = {"own_jump_rate": {"BTC": 60.0, "ETH": 90.0}, "own_jump_mean": 0.02, "own_jump_deviation": 0.05}
NO_JUMPS = {"common_jump_rate": 0.0, "own_jump_rate": 0.0}
SKEWED = {"up_probability": {"BTC": 0.4, "ETH": 0.3}, "mean_rise": 0.05, "mean_fall": {"BTC": 0.07, "ETH": 0.09}}
VARIANCE = {
    "mean_reversion": {"BTC": 8.0, "ETH": 5.0},
    "volatility_of_variance": 1.5,
    "leverage_correlation": {"BTC": -0.5, "ETH": 0.3},
    "start_volatility": 0.9,
}
STILL = {"mean_reversion": 3.0, "volatility_of_variance": 0.0}
MERTON_EXTRA = 40.0 * math.expm1(-0.06 + 0.0032) + 60.0 * math.expm1(0.02 + 0.00125)
KOU_EXTRA = 100.0 * (0.4 / 0.95 + 0.6 / 1.07 - 1.0)
MIXED = {"calm_days": 3.0, "stress_days": 1.0, "stress_volatility": {"BTC": 2.0, "ETH": 1.5}}

CONTRACTS = {
    "copula_t": Contract(
        {"tail_degrees_of_freedom": {"BTC": 5.0, "ETH": 3.5}},
        HOUR,
        None,
        ({"tail_degrees_of_freedom": 4.0}, "student_t", {"degrees_of_freedom": 4.0}),
        (
            ("tail_degrees_of_freedom = 2.4", "`tail_degrees_of_freedom` is 2.4, below 2.5"),
            ('tail_degrees_of_freedom = { BTC = "4", ETH = 3.0 }', 'of "BTC" is no number'),
            ("tail_degrees_of_freedom = { BTC = 4 }", '`tail_degrees_of_freedom` lacks "ETH", which the book needs'),
        ),
    ),
    "merton": Contract(
        {**COMMON, **OWN},
        HOUR,
        MERTON_EXTRA,
        (NO_JUMPS, "gbm", {}),
        (
            ("common_jump_rate = -1\nown_jump_rate = 0", "`common_jump_rate` is -1, below 0"),
            ("common_jump_rate = 0", "the key `own_jump_rate` is missing"),
            ("common_jump_rate = 9_000\nown_jump_rate = 0", "1.03 jumps are expected in a step"),
            ("common_jump_rate = 0\nown_jump_rate = 0\nown_jump_mean = 2", "`own_jump_mean` is 2, above 1"),
        ),
    ),
    "kou": Contract(
        {"common_jump_rate": 40.0, "own_jump_rate": 60.0, **SKEWED},
        HOUR,
        KOU_EXTRA,
        ({**NO_JUMPS, **SKEWED}, "gbm", {}),
        (
            (
                "common_jump_rate = 0\nown_jump_rate = 0\nmean_rise = 0.6\nmean_fall = 0.1\nup_probability = 0.5",
                "`mean_rise` is 0.6, above 0.5",
            ),
            (
                "common_jump_rate = 900\nown_jump_rate = 0\nmean_rise = 0.1\nmean_fall = 0.1\nup_probability = 0.5",
                "at most 0.1 may be",
            ),
        ),
    ),
    "garch": Contract(
        {
            "bar": "2h",
            "alpha": {"BTC": 0.05, "ETH": 0.08},
            "gamma": 0.06,
            "beta": 0.85,
            "degrees_of_freedom": 5.0,
            "start_volatility": {"BTC": 1.2, "ETH": 0.3},
            "correlation_alpha": 0.1,
            "correlation_beta": 0.8,
        },
        HOUR,
        None,
        (
            {"bar": "1d", "alpha": 0.0, "beta": 0.0, "degrees_of_freedom": 4.0},
            "student_t",
            {"degrees_of_freedom": 4.0},
        ),
        (
            ("alpha = 0.1\nbeta = 0.9\ndegrees_of_freedom = 4", "alpha + gamma / 2 + beta is 1"),
            (
                "alpha = { BTC = 0.1, ETH = 0.02 }\nbeta = 0.95\ndegrees_of_freedom = 4",
                "alpha + gamma / 2 + beta of BTC is 1.05",
            ),
            (
                "alpha = 0.1\nbeta = 0.8\ndegrees_of_freedom = 4\ncorrelation_alpha = 0.1\ncorrelation_beta = 0.9",
                "correlation_alpha + correlation_beta is 1",
            ),
            (
                "correlation_alpha = -0.1\nalpha = 0.1\nbeta = 0.8\ndegrees_of_freedom = 4",
                "`correlation_alpha` is -0.1",
            ),
            ('bar = "90m"\nalpha = 0.1\nbeta = 0.8\ndegrees_of_freedom = 4', "the step must divide the bar of 90m"),
        ),
    ),
    "regimes": Contract(
        {**MIXED, "stress_correlation": 0.5},
        HOUR,
        0.5 * (0.75 * 0.64 + 0.25 * 4.0),
        ({"calm_days": 3.0, "stress_days": 1.0, "stress_volatility": {"BTC": 0.8, "ETH": 0.5}}, "gbm", {}),
        (
            ("calm_days = 0\nstress_days = 1\nstress_volatility = 1", "`calm_days` is 0, below 0.001"),
            (
                'calm_days = 9\nstress_days = 1\nstress_volatility = 1\nstart_regime = "storm"',
                '`start_regime` is "storm"',
            ),
        ),
    ),
    "heston": Contract(
        VARIANCE,
        HOUR,
        0.32,
        (STILL, "gbm", {}),
        (
            ("mean_reversion = 2_200\nvolatility_of_variance = 1", "would revert by 0.251 of its departure"),
            (
                "mean_reversion = 4\nvolatility_of_variance = 1\nleverage_correlation = -1.5",
                "`leverage_correlation` is -1.5, below -1",
            ),
        ),
    ),
    "bates": Contract(
        {**VARIANCE, **COMMON, **OWN},
        HOUR,
        MERTON_EXTRA,
        ({**VARIANCE, **NO_JUMPS}, "heston", VARIANCE),
        (
            (
                "mean_reversion = 2_200\nvolatility_of_variance = 1\ncommon_jump_rate = 0\nown_jump_rate = 0",
                "would revert",
            ),
        ),
    ),
}
NAMES = pytest.mark.parametrize("name", CONTRACTS)


def test_every_model_has_a_contract():
    # The first two have tests of their own and are the limits of the others; the next two are in test_history.py, the
    # last is in test_paths.py.
    assert set(CONTRACTS) | {"gbm", "student_t", "filtered_history", "component_history", "bootstrap", "paths"} == set(
        MODELS
    )


@NAMES
def test_given_the_same_noise_a_plain_twin_goes_the_same_way(name):
    contract = CONTRACTS[name]
    specification = market(name, **contract.extra)
    walked = walk(specification, 120, contract.step, paths=48, keep=True)
    moved = jumped = 0
    for path in range(48):
        twin = Twin(specification, contract.step)
        for index, (draws, market_step) in enumerate(zip(walked.noise, walked.steps, strict=True)):
            # Arrays without a path axis are the same for every path.
            own = jax.tree.map(lambda values, path=path: values[..., path] if values.shape else values, draws)
            log_price, deviation, jumps = twin.advance(own)
            np.testing.assert_allclose(walked.log_price[index, :, path], log_price, rtol=0, atol=2e-5)
            wide = np.broadcast_to(market_step.deviation, walked.log_price[index].shape)
            np.testing.assert_allclose(wide[:, path], deviation, rtol=2e-4)
            if market_step.gap is not None:
                np.testing.assert_allclose(market_step.gap[:, path], jumps, rtol=0, atol=2e-6)
                jumped += any(jump != 0.0 for jump in jumps)
        moved += abs(log_price[0]) > 0.01
    # A walk that stood still, or never jumped, would agree with anything.
    assert moved > 24
    assert (jumped > 10) == (name in ("merton", "kou", "bates"))


@pytest.mark.parametrize("name", [name for name, each in CONTRACTS.items() if each.uncompensated is not None])
def test_the_expected_price_grows_with_the_drift(name):
    contract = CONTRACTS[name]
    assert contract.uncompensated is not None
    days = 10
    log_price, _ = end(market(name, **contract.extra), days * 24, contract.step, paths=PATHS)
    years = days / 365.0
    price = np.exp(log_price)
    for asset, drift in enumerate(DRIFTS):
        error = price[asset].std() / math.sqrt(PATHS)
        assert abs(price[asset].mean() - math.exp(drift * years)) < 4 * error
    without = np.exp(log_price[0] + contract.uncompensated * years)
    assert abs(without.mean() - math.exp(DRIFTS[0] * years)) > 6 * without.std() / math.sqrt(PATHS)


@NAMES
def test_the_limit_is_a_simpler_process(name):
    contract = CONTRACTS[name]
    assert contract.limit is not None
    extra, simpler, its_extra = contract.limit
    reached = walk(market(name, **extra), 60, contract.step, paths=256)
    expected = walk(market(simpler, **its_extra), 60, contract.step, paths=256)
    np.testing.assert_allclose(reached.log_price, expected.log_price, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        np.broadcast_to(reached.deviation, reached.log_price.shape),
        np.broadcast_to(expected.deviation, expected.log_price.shape),
        rtol=1e-5,
    )
    away = walk(market(name, **contract.extra), 60, contract.step, paths=256)
    assert np.abs(away.log_price - expected.log_price).max() > 0.02


SPARED = {"gbm": {}, "student_t": {"degrees_of_freedom": 4.0}} | {name: each.extra for name, each in CONTRACTS.items()}


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.takes_spare_assets])
def test_assets_that_nobody_holds_change_nothing(name):
    plain = market(name, **SPARED[name])
    more = with_spare_assets(plain, 4)
    step = CONTRACTS[name].step if name in CONTRACTS else HOUR
    own, filled = (walk(each, 60, step, paths=256) for each in (plain, more))
    np.testing.assert_allclose(filled.log_price[:, :2], own.log_price, rtol=0, atol=1e-6)
    deviation = np.broadcast_to(filled.deviation, filled.log_price.shape)[:, :2]
    np.testing.assert_allclose(deviation, np.broadcast_to(own.deviation, own.log_price.shape), rtol=1e-5)
    assert np.isfinite(filled.log_price).all()
    other = walk(more, 60, step, paths=256, seed=12)
    assert np.abs(other.log_price[:, :2] - own.log_price).max() > 0.01


@NAMES
def test_bad_parameters_are_refused_where_they_stand(name, tmp_path):
    for lines, message in CONTRACTS[name].faults:
        text = edited(
            SCENARIO, ('model = "gbm"', f'model = "{name}"\n{lines}'), ("volatility = 0.62", "volatility = 62")
        )
        with pytest.raises(InputError) as error:
            sl.read_scenario(write(tmp_path, scenario=text))
        told = [str(fault) for fault in error.value.faults]
        matching = [fault for fault in error.value.faults if message in str(fault)]
        assert len(matching) == 1, told
        # The fault of another table is told in the same go.
        assert any("a volatility of 62" in fault for fault in told)
        key = message.split("`")[1] if message.startswith("`") else None
        if key is not None:
            assert text.splitlines()[matching[0].line - 1].startswith(key)


@NAMES
def test_the_parameters_of_the_contract_are_read_from_a_file(name, tmp_path):
    def toml(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key} = {entry}" for key, entry in value.items()) + " }"
        return f'"{value}"' if isinstance(value, str) else str(value)

    extra = CONTRACTS[name].extra
    lines = "\n".join(f"{key} = {toml(value)}" for key, value in extra.items())
    text = edited(SCENARIO, ('model = "gbm"', f'model = "{name}"\n{lines}'))
    scenario = sl.read_scenario(write(tmp_path, scenario=text))
    assert {key: scenario.market.extra[key] for key in extra} == extra
    assert tuple(scenario.market.volatilities) != VOLATILITIES
