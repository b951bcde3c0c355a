"""Fits of the models whose unit is the bar, against markets drawn from known parameters by NumPy alone."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import numpy as np
import pytest

from stresslab.calibration.fitting import Calibration, calibrate
from stresslab.calibration.garch_fit import fit_garch, garch_variances
from stresslab.calibration.history import History
from stresslab.calibration.writing import calibration_summary, write_calibration
from stresslab.documents.faults import InputError
from stresslab.market.calibration_file import read_calibration
from stresslab.market.models import MODELS
from tests.calibration.simulated import closes, histories

ALPHA, GAMMA, BETA = np.array([0.06, 0.04]), np.array([0.04, 0.0]), np.array([0.88, 0.93])
DEGREES = 5.0
RHO = 0.7
VOLATILITIES = np.array([0.6, 0.9])


def garch_returns(bars: int, seed: int = 20260930) -> np.ndarray:
    """Hourly log returns of two assets, METHODS M37 bar by bar, one mixing variance for both, [bar, asset]."""
    generator = np.random.default_rng(seed)
    factor = np.linalg.cholesky([[1.0, RHO], [RHO, 1.0]])
    mixing = np.sqrt((DEGREES - 2.0) / generator.chisquare(DEGREES, bars))
    shocks = generator.standard_normal((bars, 2)) @ factor.T * mixing[:, None]
    variance, returns = np.ones(2), np.empty((bars, 2))
    for bar in range(bars):
        returns[bar] = np.sqrt(variance) * shocks[bar]
        weight = ALPHA + GAMMA * (returns[bar] < 0)
        variance = 1.0 - ALPHA - GAMMA / 2 - BETA + weight * returns[bar] ** 2 + BETA * variance
    return np.asarray(returns * VOLATILITIES / np.sqrt(8760.0))


def prices_of(returns: np.ndarray) -> np.ndarray:
    return np.asarray(100.0 * np.exp(np.cumsum(returns, axis=0)))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    return histories(tmp_path_factory.mktemp("garch"), prices_of(garch_returns(24 * 1000)), ["BTC", "ETH"])


@pytest.fixture(scope="module")
def fit(read: list[History]) -> Calibration:
    return calibrate(read, "garch")


def test_the_parameters_of_a_garch_market_are_recovered(fit: Calibration) -> None:
    estimate, errors = fit.estimate, fit.standard_errors
    truth = {"alpha": ALPHA, "gamma": GAMMA, "beta": BETA}
    for key, values in truth.items():
        assert (np.abs(estimate.by_asset[key] - values) < 4 * errors.by_asset[key]).all(), key
        # The errors must say something: a tenth of beta, a fifth of the persistence's parts at most.
        assert (errors.by_asset[key] < 0.03).all(), key
    assert (np.abs(estimate.volatilities - VOLATILITIES) < 4 * errors.volatilities).all()
    assert abs(estimate.correlation[0, 1] - RHO) < 4 * errors.correlation[0, 1]
    assert abs(estimate.parameters["degrees_of_freedom"] - DEGREES) < 4 * errors.parameters["degrees_of_freedom"]
    # Negative control: the other asset's weights would be found out.
    assert abs(estimate.by_asset["beta"][0] - BETA[1]) > 4 * errors.by_asset["beta"][0]


def test_stated_errors_are_those_of_many_histories() -> None:
    # Oracle: the scatter of fits to 24 independent histories; a standard deviation of 24 is known to 15 %.
    fits = [fit_garch(garch_returns(6000, seed)[:, 0]) for seed in range(24)]
    for row, key in enumerate(("alpha", "gamma", "beta")):
        scatter = np.std([getattr(one, key) for one in fits], ddof=1)
        stated = np.median([one.errors[row] for one in fits])
        assert 0.5 < stated / scatter < 1.6, key


def test_variances_follow_the_recursion() -> None:
    # Hand calculation: omega 0.1; a fall of 2 weighs 0.05 + 0.1, a rise of 1 weighs 0.05.
    variances = garch_variances(np.array([-2.0, 1.0]), np.array([0.05, 0.1, 0.8]))
    first = 0.1 + 0.15 * 4 + 0.8
    np.testing.assert_allclose(variances, [1.0, first, 0.1 + 0.05 + 0.8 * first], rtol=1e-12)


def test_the_start_is_the_volatility_after_the_last_bar(tmp_path: Path) -> None:
    # Ten quiet days at the end: today's variance decays towards omega / (1 - beta), below the long-run one.
    returns = garch_returns(24 * 300)
    returns[-240:] *= 1e-3
    fit = calibrate(histories(tmp_path, prices_of(returns), ["BTC", "ETH"]), "garch")
    assert (fit.estimate.by_asset["start_volatility"] < 0.8 * fit.estimate.volatilities).all()


@pytest.mark.parametrize("model", ["garch", "component_history", "filtered_history", "bootstrap"])
def test_what_is_written_can_be_simulated(read: list[History], model: str, tmp_path: Path) -> None:
    fitted = calibrate(read, model)
    path = tmp_path / "desk.toml"
    write_calibration(fitted, path)
    parameters = read_calibration(path).parameters
    MODELS[model].parameters.model_validate(parameters)
    assert parameters["bar"] == "1h"
    if model == "garch":
        assert parameters["alpha"]["ETH"] == pytest.approx(fitted.estimate.by_asset["alpha"][1], abs=5e-5)
    else:
        # Relative to the calibration: the file is found from its folder.
        assert (path.parent / parameters["histories"]["BTC"]).resolve() == Path(read[0].path).resolve()
        assert not Path(parameters["histories"]["BTC"]).is_absolute()
    text = tomllib.loads(path.read_text(encoding="utf-8"))
    assert str(Path(read[0].path).parent) not in str(text["history"])
    summary = calibration_summary(fitted)
    assert ("alpha: BTC" in summary) == (model in ("garch", "filtered_history"))


def test_the_bootstrap_states_the_volatility_of_its_bars(read: list[History]) -> None:
    fitted = calibrate(read, "bootstrap")
    # The window begins with the second day, whose first return starts from the close of the first.
    close = read[0].close[24:]
    assert fitted.estimate.volatilities[0] == pytest.approx(np.log(close[1:] / close[:-1]).std() * np.sqrt(8760))


def test_a_model_that_draws_from_whole_files_refuses_a_window(read: list[History]) -> None:
    for model in ("component_history", "filtered_history", "bootstrap"):
        with pytest.raises(InputError, match="whole files"):
            calibrate(read, model, since=dt.date(2022, 1, 1))
    # Control: a model that keeps its figures alone takes one.
    assert calibrate(read, "garch", since=dt.date(2022, 1, 1)).since == dt.date(2022, 1, 1)


def test_histories_of_different_bars_are_refused(read: list[History], tmp_path: Path) -> None:
    other = histories(tmp_path, closes([0.6], [[1.0]], days=300, bars_a_day=6), ["SOL"], hours=4)
    with pytest.raises(InputError, match="bars of 240 minutes, BTC of 60"):
        calibrate([read[0], *other], "garch")


def test_too_few_bars_are_refused(tmp_path: Path) -> None:
    # 41 days less the first, less the return into the window: 959 returns.
    short = histories(tmp_path, closes([0.6], [[1.0]], days=41), ["BTC"])
    with pytest.raises(InputError, match="959 returns of bars"):
        calibrate(short, "garch")
