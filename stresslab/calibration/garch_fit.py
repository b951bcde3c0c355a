"""GJR-GARCH(1,1) of one asset's bars: maximum likelihood with Student-t shocks, the mean variance held at the sample's.

Holding the mean variance ("variance targeting", Engle and Mezrich 1996) keeps the long-run volatility where the sample
has it; estimated freely from hourly bars it is as good as unknown, since a variance reverts to it over weeks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from scipy.signal import lfilter
from scipy.special import gammaln

from stresslab.calibration.degrees_of_freedom import DEGREES_OF_FREEDOM

Weights = NDArray[np.float64]

# Above it the variance reverts over thousands of bars, and its long-run mean says nothing about any of them.
MOST_PERSISTENCE = 0.9995
_STARTS = ((0.05, 0.01, 0.90), (0.02, 0.01, 0.965), (0.10, 0.02, 0.80))
_START_DEGREES = 5.0
_GROUPS = 40
_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class GarchFit:
    """A fit with its errors.

    Parameters
    ----------
    alpha, gamma, beta : float
        Weights (METHODS M37), not negative, alpha + gamma / 2 + beta at most `MOST_PERSISTENCE`.
    degrees_of_freedom : float
        Of this asset's shocks alone, in `DEGREES_OF_FREEDOM`.
    deviation : float
        Root of the mean variance of a bar's log return.
    errors : numpy.ndarray
        One standard error of alpha, gamma, beta, the inverse degrees and the mean variance relative to itself, [5].
    """

    alpha: float
    gamma: float
    beta: float
    degrees_of_freedom: float
    deviation: float
    errors: NDArray[np.float64]

    @property
    def persistence(self) -> float:
        """Share of a departure from the mean variance that a bar leaves, alpha + gamma / 2 + beta."""
        return self.alpha + 0.5 * self.gamma + self.beta


def garch_variances(returns: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Variances along returns of mean 0 and mean square 1, the mean variance being 1.

    Parameters
    ----------
    returns : numpy.ndarray
        [bar].
    weights : numpy.ndarray
        alpha, gamma, beta, [3].

    Returns
    -------
    numpy.ndarray
        Before each bar and after the last, [bar + 1]; the first is 1.
    """
    alpha, gamma, beta = weights
    omega = 1.0 - alpha - 0.5 * gamma - beta
    inflow = omega + (alpha + gamma * (returns < 0.0)) * returns**2
    # v[t + 1] = inflow[t] + beta v[t] is a linear filter; its state before the first bar holds v[0] = 1.
    following, _ = lfilter([1.0], [1.0, -beta], inflow, zi=np.array([beta]))
    return np.concatenate([[1.0], following])


def fit_garch(returns: NDArray[np.float64]) -> GarchFit:
    """Weights and degrees of freedom that make the returns likeliest.

    Standard errors are of the sandwich form: curvature of the likelihood, and in between the variance of the score's
    sums over 40 blocks of consecutive bars, so that neither the shape of the shocks nor their independence is taken on
    trust. The sample variance is one of the estimated figures and its error is carried into the others.

    Parameters
    ----------
    returns : numpy.ndarray
        Log returns of bars that follow each other, [bar], not all equal.

    Returns
    -------
    GarchFit
        Fitted to the returns less their mean.
    """
    centered = returns - returns.mean()
    deviation = float(centered.std())
    scaled = centered / deviation

    def loss(point: NDArray[np.float64]) -> float:
        return float(_losses(scaled, point).mean())

    found = [_descend(loss, np.array([*start, 1.0 / _START_DEGREES])) for start in _STARTS]
    best = min(found, key=loss)
    errors = _errors(scaled, best)
    alpha, gamma, beta, inverse = best.tolist()
    return GarchFit(alpha, gamma, beta, 1.0 / inverse, deviation, errors)


def _descend(loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = DEGREES_OF_FREEDOM
    bounds = [(0.0, 0.6), (0.0, 0.6), (0.0, MOST_PERSISTENCE), (1.0 / high, 1.0 / low)]
    stationary = LinearConstraint(np.array([1.0, 0.5, 1.0, 0.0]), -np.inf, MOST_PERSISTENCE)
    result = minimize(
        loss, start, method="SLSQP", bounds=bounds, constraints=stationary, options={"ftol": 1e-10, "maxiter": 200}
    )
    inside = np.clip(result.x, [low for low, _ in bounds], [high for _, high in bounds])
    # The solver may end a rounding error outside of the constraint.
    excess = inside[0] + 0.5 * inside[1] + inside[2] - MOST_PERSISTENCE
    inside[2] -= max(excess, 0.0)
    return np.asarray(inside)


def _losses(scaled: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the log likelihood of each return but for a constant, [bar]; the degrees enter by their inverse."""
    variances = np.maximum(garch_variances(scaled, point[:3])[:-1], 1e-8)
    degrees = 1.0 / point[3]
    constant = gammaln((degrees + 1.0) / 2.0) - gammaln(degrees / 2.0) - 0.5 * np.log(degrees - 2.0)
    tail = (degrees + 1.0) / 2.0 * np.log1p(scaled**2 / (variances * (degrees - 2.0)))
    return np.asarray(tail + 0.5 * np.log(variances) - constant)


def _errors(scaled: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.array([_DIFFERENCE, _DIFFERENCE, _DIFFERENCE, min(_DIFFERENCE, 0.1 * best[3]), _DIFFERENCE])
    whole = np.append(best, 1.0)

    def losses(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return _losses(scaled / np.sqrt(point[4]), point[:4])

    def moments(point: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is zero on average at the estimate: the score, and the square less the mean variance, [5, bar]."""
        rows = []
        for index in range(4):
            step = np.zeros(5)
            step[index] = steps[index]
            rows.append((losses(point + step) - losses(point - step)) / (2.0 * steps[index]))
        return np.array([*rows, scaled**2 - point[4]])

    slope = np.zeros((5, 5))
    for index in range(5):
        step = np.zeros(5)
        step[index] = steps[index]
        slope[:, index] = (moments(whole + step) - moments(whole - step)).mean(axis=1) / (2.0 * steps[index])
    at = moments(whole)
    at = at - at.mean(axis=1, keepdims=True)
    groups = min(_GROUPS, len(scaled))
    sums = np.array([part.sum(axis=1) for part in np.array_split(at, groups, axis=1)])
    inner = sums.T @ sums * groups / (groups - 1) / len(scaled) ** 2
    inverse = np.linalg.pinv(slope)
    return np.asarray(np.sqrt(np.diag(inverse @ inner @ inverse.T)))
