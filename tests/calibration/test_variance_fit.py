"""Heston's variance: simulated by the project's own process, refitted, compared with what it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.history import History
from stresslab.calibration.variance_fit import fit_variance, sign_correlation
from stresslab.calibration.writing import write_calibration
from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration
from stresslab.market.models import MODELS
from tests.calibration.simulated import closes, histories
from tests.market.walks import HOUR, VOLATILITIES, market, walk

TRUTH = {
    "mean_reversion": {"BTC": 25.0, "ETH": 15.0},
    "volatility_of_variance": {"BTC": 4.0, "ETH": 2.0},
    "leverage_correlation": {"BTC": -0.7, "ETH": 0.4},
}
DAYS = 1200


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    walked = walk(market("heston", drifts=(0.0, 0.0), **TRUTH), DAYS * 24, HOUR, paths=1, seed=5)
    prices = 100.0 * np.exp(walked.log_price[:, :, 0])
    return calibrate(histories(tmp_path_factory.mktemp("heston"), prices, ["BTC", "ETH"]), "heston")


JUMPS = {
    "common_jump_mean": {"BTC": -0.03, "ETH": -0.02},
    "common_jump_deviation": {"BTC": 0.06, "ETH": 0.04},
    "own_jump_rate": {"BTC": 30.0, "ETH": 60.0},
    "own_jump_mean": {"BTC": 0.02, "ETH": 0.0},
    "own_jump_deviation": {"BTC": 0.07, "ETH": 0.03},
}


@pytest.fixture(scope="module")
def with_jumps(tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    specification = market("bates", drifts=(0.0, 0.0), common_jump_rate=40.0, **TRUTH, **JUMPS)
    walked = walk(specification, 900 * 24, HOUR, paths=1, seed=5)
    prices = 100.0 * np.exp(walked.log_price[:, :, 0])
    return histories(tmp_path_factory.mktemp("bates"), prices, ["BTC", "ETH"])


def departures(fit: Calibration, truth: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
    """Distance from the truth in standard errors."""
    figures, errors = fit.estimate.by_asset, fit.standard_errors.by_asset
    return {key: (figures[key] - list(truth[key].values())) / errors[key] for key in truth}


def test_the_parameters_of_a_simulated_market_are_recovered(fit: Calibration) -> None:
    # Oracle: the parameters that the process was given.
    found = departures(fit, TRUTH)
    for key, values in found.items():
        assert (np.abs(values) < 4.0).all(), (key, values)
    volatility = (fit.estimate.volatilities - VOLATILITIES) / fit.standard_errors.volatilities
    assert (np.abs(volatility) < 4.0).all()
    assert abs(fit.estimate.correlation[0, 1] - 0.6) < 4.0 * fit.standard_errors.correlation[0, 1]
    # Errors that are far too wide would pass the lines above.
    together = np.concatenate([*found.values(), volatility])
    assert np.sqrt((together**2).mean()) > 0.2


def test_other_parameters_would_be_found_out(fit: Calibration) -> None:
    # Negative control: the leverages exchanged, and variances of twice the volatility.
    other = {
        "leverage_correlation": {"BTC": 0.4, "ETH": -0.7},
        "volatility_of_variance": {"BTC": 8.0, "ETH": 4.0},
    }
    for key, values in departures(fit, other).items():
        assert np.abs(values).max() > 4.0, (key, values)


def test_what_is_written_can_be_simulated(fit: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    write_calibration(fit, path)
    parameters = read_calibration(path).parameters
    MODELS["heston"].parameters.model_validate(parameters)
    assert parameters["leverage_correlation"]["ETH"] == pytest.approx(
        fit.estimate.by_asset["leverage_correlation"][1], abs=5e-5
    )
    assert "realized variance of days" in path.read_text(encoding="utf-8")


def test_variance_and_jumps_are_told_apart(with_jumps: list[History]) -> None:
    # Oracle: the parameters that the process was given.
    fit = calibrate(with_jumps, "bates")
    for key, values in departures(fit, TRUTH | JUMPS).items():
        assert (np.abs(values) < 4.0).all(), (key, values)
    rate, error = fit.estimate.parameters["common_jump_rate"], fit.standard_errors.parameters["common_jump_rate"]
    assert abs(rate - 40.0) < 4.0 * error
    assert (np.abs(fit.estimate.volatilities - VOLATILITIES) < 4.0 * fit.standard_errors.volatilities).all()
    assert abs(fit.estimate.correlation[0, 1] - 0.6) < 4.0 * fit.standard_errors.correlation[0, 1]
    MODELS["bates"].parameters.model_validate(
        fit.estimate.parameters
        | {key: dict(zip(fit.assets, values.tolist(), strict=True)) for key, values in fit.estimate.by_asset.items()}
    )
    # Control: without jumps in the model their squares go into the variance, whose volatility is then too high.
    plain = calibrate(with_jumps, "heston")
    assert (plain.estimate.volatilities > 1.05 * fit.estimate.volatilities).all()


def integrals(count: int, leverage: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Daily integrals of a variance and returns, by NumPy alone in 200 steps a day; no noise of bars."""
    generator = np.random.default_rng(seed)
    kappa, theta, xi, dt = 40.0, 0.5, 4.0, 1.0 / (365 * 200)
    shocks = generator.standard_normal((count, 200, 2)) * np.sqrt(dt)
    variance, realized, returns = theta, np.zeros(count), np.zeros(count)
    for day in range(count):
        for first, second in shocks[day].tolist():
            root = max(variance, 0.0) ** 0.5
            realized[day] += root * root * dt
            returns[day] += root * first
            variance += kappa * (theta - max(variance, 0.0)) * dt + xi * root * (
                leverage * first + (1 - leverage**2) ** 0.5 * second
            )
    return realized, returns


def test_integrals_without_noise_give_the_law_of_the_variance() -> None:
    # Oracle: what was drawn; 8 years hold 320 spells of the memory, which know a variance and its decay to about 10 %.
    fit = fit_variance(*integrals(2920, -0.6, 1))
    assert fit.variance == pytest.approx(0.5, rel=0.1)
    assert fit.mean_reversion == pytest.approx(40.0, rel=0.4)
    assert fit.volatility_of_variance == pytest.approx(4.0, rel=0.25)
    assert fit.leverage_correlation == pytest.approx(-0.6, abs=0.2)


def test_the_correlation_does_not_see_the_volatilities() -> None:
    generator = np.random.default_rng(2)
    normals = generator.standard_normal((40_000, 2)) @ np.linalg.cholesky(np.array([[1.0, 0.6], [0.6, 1.0]])).T
    rough = normals * np.exp(generator.standard_normal((40_000, 2)))
    # Oracle: 0.6 was drawn; P(same sign) is known to 0.5 / sqrt(n), which the sine's slope times pi makes 0.006.
    assert abs(float(sign_correlation(rough)[0][0, 1]) - 0.6) < 4 * 0.0064
    # Control: the product-moment correlation is lower by E[a]^2 / E[a^2] = 1 / e with deviations of their own.
    assert float(np.asarray(np.corrcoef(rough.T))[0, 1]) < 0.4


def test_a_normal_market_has_no_volatility_of_variance(tmp_path: Path) -> None:
    fit = calibrate(histories(tmp_path, closes([0.6], [[1.0]], days=500), ["BTC"]), "heston")
    # Oracle: all of the variance's scatter over its mean is that of 24 squares; what is left is small.
    xi, kappa = fit.estimate.by_asset["volatility_of_variance"][0], fit.estimate.by_asset["mean_reversion"][0]
    assert xi**2 * 0.36 / (2 * kappa) < 0.1**2 * 0.36**2 * 5
    assert fit.estimate.volatilities[0] == pytest.approx(0.6, rel=0.03)


def test_long_bars_and_short_histories_are_refused(tmp_path: Path) -> None:
    daily = histories(tmp_path, closes([0.6], [[1.0]], days=1200, bars_a_day=1), ["BTC"], hours=24.0)
    with pytest.raises(InputError, match="too long to measure the variance"):
        calibrate(daily, "heston")
    few = histories(tmp_path, closes([0.6], [[1.0]], days=150), ["ETH"])
    with pytest.raises(InputError, match="days with all their bars"):
        calibrate(few, "heston")
