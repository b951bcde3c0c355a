"""Fits of copula_t, merton, kou and regimes: simulated by the project's own processes, then refitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.jump_fit import local_deviations
from stresslab.calibration.regime_fit import fit_chain
from stresslab.calibration.writing import write_calibration
from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration
from stresslab.market.models import MODELS
from tests.calibration.simulated import closes, histories
from tests.market.walks import HOUR, market, walk

RHO = 0.6
VOLATILITIES = (0.8, 0.5)
TRUTH: dict[str, dict[str, Any]] = {
    "copula_t": {"tail_degrees_of_freedom": {"BTC": 4.5, "ETH": 9.0}},
    "merton": {
        "common_jump_rate": 40.0,
        "common_jump_mean": {"BTC": -0.03, "ETH": -0.02},
        "common_jump_deviation": {"BTC": 0.06, "ETH": 0.04},
        "own_jump_rate": {"BTC": 30.0, "ETH": 60.0},
        "own_jump_mean": {"BTC": 0.02, "ETH": 0.0},
        "own_jump_deviation": {"BTC": 0.07, "ETH": 0.03},
    },
    "kou": {
        "common_jump_rate": 40.0,
        "own_jump_rate": {"BTC": 30.0, "ETH": 60.0},
        "up_probability": {"BTC": 0.35, "ETH": 0.6},
        "mean_rise": {"BTC": 0.05, "ETH": 0.03},
        "mean_fall": {"BTC": 0.06, "ETH": 0.04},
    },
    "regimes": {
        "calm_days": 60.0,
        "stress_days": 10.0,
        "stress_volatility": {"BTC": 2.0, "ETH": 1.5},
        "stress_correlation": 0.5,
    },
}
# Days, bars a day: the copula mixes and the chain passes once a day, jumps are seen in hours. The degrees of freedom
# are above four, since below it a sample's volatility has no standard error.
SIZE = {"copula_t": (3000, 1), "merton": (600, 24), "kou": (1200, 24), "regimes": (2500, 1)}


def fitted(folder: Path, model: str, seed: int) -> Calibration:
    days, bars = SIZE[model]
    step = 1.0 if bars == 1 else HOUR
    walked = walk(market(model, drifts=(0.0, 0.0), **TRUTH[model]), days * bars, step, paths=8, seed=seed)
    prices = 100.0 * np.exp(walked.log_price[:, :, 0])
    return calibrate(histories(folder, prices, ["BTC", "ETH"], hours=24.0 / bars), model)


@pytest.fixture(scope="module", params=sorted(TRUTH))
def fit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    return fitted(tmp_path_factory.mktemp("fit"), request.param, seed=20260930)


def departures(fit: Calibration, truth: dict[str, Any]) -> dict[str, np.ndarray]:
    """Distance of every figure from the truth, in its standard errors."""
    estimate, errors = fit.estimate, fit.standard_errors
    found = {
        "volatility": (estimate.volatilities - VOLATILITIES) / errors.volatilities,
        "correlation": np.array([(estimate.correlation[0, 1] - RHO) / errors.correlation[0, 1]]),
    }
    for key, value in estimate.parameters.items():
        found[key] = np.array([(value - truth[key]) / errors.parameters[key]])
    for key, values in estimate.by_asset.items():
        found[key] = (values - list(truth[key].values())) / errors.by_asset[key]
    return found


def test_the_parameters_of_a_simulated_market_are_recovered(fit: Calibration) -> None:
    # Oracle: the parameters that the process was given.
    found = departures(fit, TRUTH[fit.model])
    assert set(TRUTH[fit.model]) <= set(found)
    for key, values in found.items():
        assert (np.abs(values) < 4.0).all(), (key, values)
    # Errors that are far too wide would pass the line above.
    together = np.concatenate(list(found.values()))
    assert np.sqrt((together**2).mean()) > 0.3


def test_stated_errors_of_the_degrees_of_freedom_are_those_of_many_histories(tmp_path: Path) -> None:
    # Oracle: the scatter over 12 independent paths; a standard deviation of 12 is known to 21 %.
    single = market("copula_t", drifts=(0.0,), volatilities=(0.8,), correlation=((1.0,),), tail_degrees_of_freedom=4.5)
    walked = walk(single, 1200, 1.0, paths=12, seed=4)
    fits = []
    for path in range(12):
        folder = tmp_path / str(path)
        folder.mkdir()
        prices = 100.0 * np.exp(walked.log_price[:, :, path])
        fits.append(calibrate(histories(folder, prices, ["BTC"], hours=24.0), "copula_t"))
    # Inverse degrees: their law is nearer to the normal's than that of the degrees.
    degrees = np.array([fit.estimate.by_asset["tail_degrees_of_freedom"][0] for fit in fits])
    errors = np.array([fit.standard_errors.by_asset["tail_degrees_of_freedom"][0] for fit in fits])
    assert 0.5 < np.median(errors / degrees**2) / np.std(1.0 / degrees, ddof=1) < 1.8
    assert abs(np.mean(1.0 / degrees) - 1.0 / 4.5) < 4.0 * np.std(1.0 / degrees, ddof=1) / np.sqrt(12)


def test_other_parameters_would_be_found_out(fit: Calibration) -> None:
    # Negative control: the assets' figures exchanged, the rates and spells halved.
    other = {
        key: dict(zip(value, reversed(value.values()), strict=True)) if isinstance(value, dict) else value / 2
        for key, value in TRUTH[fit.model].items()
    }
    wrong = departures(fit, other)
    assert max(np.abs(wrong[key]).max() for key in other) > 4.0


def test_what_is_written_can_be_simulated(fit: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    write_calibration(fit, path)
    parameters = read_calibration(path).parameters
    MODELS[fit.model].parameters.model_validate(parameters)
    for key, values in fit.estimate.by_asset.items():
        assert parameters[key]["ETH"] == pytest.approx(values[1], abs=5e-5)
    method = path.read_text(encoding="utf-8")
    assert ("sample standard deviation of log returns of UTC days" in method) == (fit.model == "copula_t")


def test_a_normal_market_has_next_to_no_jumps(tmp_path: Path) -> None:
    fit = calibrate(histories(tmp_path, closes([0.6], [[1.0]], days=120), ["BTC"]), "merton")
    # Oracle: all variance is the diffusion's.
    rate, size = fit.estimate.by_asset["own_jump_rate"][0], fit.estimate.by_asset["own_jump_deviation"][0]
    assert rate * size**2 < 0.05 * 0.6**2
    assert fit.estimate.volatilities[0] == pytest.approx(0.6, rel=0.05)
    assert "single asset" in " ".join(fit.remarks)


def test_a_normal_market_has_no_jump_beyond_five_deviations(tmp_path: Path) -> None:
    # Oracle: a normal return is beyond five deviations once in 1.7 million, and here are 2,880.
    fit = calibrate(histories(tmp_path, closes([0.6], [[1.0]], days=120), ["BTC"]), "kou")
    assert fit.estimate.by_asset["own_jump_rate"][0] == 0.0
    assert fit.estimate.volatilities[0] == pytest.approx(0.6, rel=0.05)
    assert "single asset" in " ".join(fit.remarks)


def test_local_deviations_do_not_see_a_jump() -> None:
    returns = np.random.default_rng(3).standard_normal(2000) * 0.01
    returns[1000:] *= 2.0
    plain = local_deviations(returns, 168)
    # Oracle: the deviations that were drawn, 0.01 and 0.02; 168 products know one to about 7 %.
    assert np.abs(plain[100:900] / 0.01 - 1.0).max() < 0.3
    assert np.abs(plain[1100:1900] / 0.02 - 1.0).max() < 0.3
    jumped = returns.copy()
    jumped[500] = 0.5
    np.testing.assert_allclose(local_deviations(jumped, 168), plain, rtol=0.03)
    # Control: the plain deviation of that week sees it.
    assert jumped[416:584].std() > 3.0 * plain[500]


def test_the_chain_of_two_plain_halves_is_read_off() -> None:
    # Hand calculation: 500 quiet days, then 500 of three times the deviation: one passage in 500 days, none back.
    rows = np.random.default_rng(5).standard_normal((1000, 2)) * 0.01
    rows[500:] *= 3.0
    chain = fit_chain(rows)
    assert chain.enter == pytest.approx(1 / 500, rel=0.1)
    assert chain.leave < 1e-3
    assert chain.stress_days == pytest.approx(500, abs=5)
    np.testing.assert_allclose(np.sqrt(chain.covariances[:, 0, 0]), [0.01, 0.03], rtol=0.1)


def test_regimes_need_days(tmp_path: Path) -> None:
    few = histories(tmp_path, closes([0.6, 0.9], [[1.0, 0.5], [0.5, 1.0]], days=36), ["BTC", "ETH"])
    with pytest.raises(InputError, match="only 35 days"):
        calibrate(few, "regimes")
