"""Weights of dynamic correlation: drawn by NumPy alone, refitted, compared with what was drawn."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from stresslab.calibration.dynamic_correlation_fit import correlation_losses, fit_dynamic_correlation
from stresslab.calibration.fitting import calibrate
from stresslab.calibration.writing import calibration_summary, calibration_toml
from stresslab.documents.faults import InputError
from stresslab.market.models import MODELS
from tests.calibration.simulated import closes, histories

BASE = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.4], [0.3, 0.4, 1.0]])
ALPHA, BETA = 0.04, 0.93


def residuals(bars: int, alpha: float, beta: float, *, degrees: float | None = None, seed: int = 3) -> np.ndarray:
    """Shocks of unit variance with a correlation that moves, bar by bar; Student-t where degrees are given."""
    generator = np.random.default_rng(seed)
    q, result = BASE.copy(), np.zeros((bars, 3))
    mixing = np.ones(bars) if degrees is None else (degrees - 2) / generator.chisquare(degrees, bars)
    for bar, normal in enumerate(generator.standard_normal((bars, 3))):
        scale = np.sqrt(np.diag(q))
        shock = np.linalg.cholesky(q / np.outer(scale, scale)) @ normal * np.sqrt(mixing[bar])
        result[bar] = shock
        q = (1 - alpha - beta) * BASE + alpha * np.outer(shock, shock) + beta * q
    return result


def test_the_losses_are_scipy_densities_along_a_plain_loop() -> None:
    rows = residuals(50, ALPHA, BETA)
    q, plain = BASE.copy(), []
    for row in rows:
        scale = np.sqrt(np.diag(q))
        plain.append(-multivariate_normal.logpdf(row, cov=q / np.outer(scale, scale)))
        q = 0.1 * BASE + 0.2 * np.outer(row, row) + 0.7 * q
    # The constant that is left out: 1.5 log(2 pi).
    np.testing.assert_allclose(correlation_losses(rows, BASE, 0.2, 0.7) + 1.5 * np.log(2 * np.pi), plain, rtol=1e-9)


@pytest.mark.parametrize("degrees", [None, 6.0])
def test_the_weights_are_recovered(degrees: float | None) -> None:
    # Oracle: the weights that were drawn with.
    fit = fit_dynamic_correlation(residuals(10_000, ALPHA, BETA, degrees=degrees), BASE)
    assert abs(fit.alpha - ALPHA) < 4 * fit.alpha_error
    assert abs(fit.beta - BETA) < 4 * fit.beta_error
    # Control: errors that tell these weights from twice the alpha, and from a shorter memory.
    assert abs(fit.alpha - 2 * ALPHA) > 4 * fit.alpha_error
    assert abs(fit.beta - 0.8) > 4 * fit.beta_error


def test_stated_errors_are_those_of_many_samples() -> None:
    # Oracle: the scatter over 12 samples; a standard deviation of 12 is known to 21 %.
    fits = [fit_dynamic_correlation(residuals(3000, ALPHA, BETA, seed=seed), BASE) for seed in range(12)]
    scatter = np.std([fit.alpha for fit in fits], ddof=1)
    assert 0.5 < np.median([fit.alpha_error for fit in fits]) / scatter < 2.0


def test_a_constant_correlation_does_not_move() -> None:
    fit = fit_dynamic_correlation(residuals(6000, 0.0, 0.0), BASE)
    # Twice a likelihood's gain by two weights that are not there is a few units at most; one that moves gains hundreds.
    assert fit.gain < 6.0
    assert fit.alpha < 0.02
    assert fit_dynamic_correlation(residuals(6000, ALPHA, BETA), BASE).gain > 50.0


def test_the_file_holds_what_the_model_takes(tmp_path: Path) -> None:
    rows = residuals(2000, 0.05, 0.93, seed=8)[:, :2] * 0.01
    read = histories(tmp_path, 100 * np.exp(np.cumsum(rows, axis=0)), ["BTC", "ETH"])
    fit = calibrate(read, "garch", dynamic_correlation=True)
    document = tomllib.loads(calibration_toml(fit, "x"))
    MODELS["garch"].parameters.model_validate(document["parameters"])
    assert document["parameters"]["correlation_alpha"] == pytest.approx(0.05, abs=0.04)
    assert "correlation_beta" in document["history"]["standard_errors"]
    assert "quasi-likelihood" in document["history"]["method"]
    assert "A correlation that moves raises" in calibration_summary(fit)
    # Without the option the file is as it was.
    assert "correlation_alpha" not in calibration_toml(calibrate(read, "garch"), "x")


def test_who_cannot_have_it_is_told(tmp_path: Path) -> None:
    read = histories(tmp_path, closes([0.6], [[1.0]], days=60), ["BTC"])
    with pytest.raises(InputError, match="1 asset is to move"):
        calibrate(read, "garch", dynamic_correlation=True)
    with pytest.raises(InputError, match="does not follow shocks"):
        calibrate(read, "gbm", dynamic_correlation=True)
