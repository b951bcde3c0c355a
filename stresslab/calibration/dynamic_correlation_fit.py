"""Weights of dynamic conditional correlation, by quasi-likelihood of the residuals of GARCH (METHODS M40)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from scipy.signal import lfilter

from stresslab.calibration.normal_density import minus_log_density

# A correlation that forgets more slowly than in five thousand bars is not told from one that never does.
MOST_PERSISTENCE = 0.9998
_MOST_ALPHA = 0.3
_STARTS = ((0.01, 0.98), (0.05, 0.9), (0.02, 0.6))
_GROUPS = 40
_DIFFERENCE = 2e-4


@dataclass(frozen=True)
class DynamicFit:
    """Weights of `fit_dynamic_correlation`.

    Parameters
    ----------
    alpha, beta : float
        Of the last bar's shocks and of the last correlation, not negative, sum at most `MOST_PERSISTENCE`.
    alpha_error, beta_error : float
        One standard error of each.
    gain : float
        Log of the quasi-likelihood above that of a constant correlation, all bars together, not negative.
    """

    alpha: float
    beta: float
    alpha_error: float
    beta_error: float
    gain: float


def correlation_losses(
    residuals: NDArray[np.float64], base: NDArray[np.float64], alpha: float, beta: float
) -> NDArray[np.float64]:
    """Minus the log of the normal density of each bar's residuals, but for a constant.

    ``Q' = (1 - alpha - beta) Q0 + alpha e e' + beta Q`` from Q0 on; a bar's correlation is its Q scaled to a unit
    diagonal [Engle 2002].

    Parameters
    ----------
    residuals : numpy.ndarray
        Returns over their conditional deviations, [bar, asset].
    base : numpy.ndarray
        Q0, [asset, asset], positive definite.
    alpha, beta : float
        Not negative, with a sum below 1.

    Returns
    -------
    numpy.ndarray
        [bar].
    """
    bars, assets = residuals.shape
    covariance = np.empty((assets, assets, bars))
    for i in range(assets):
        for j in range(i + 1):
            inflow = (1.0 - alpha - beta) * base[i, j] + alpha * residuals[:-1, i] * residuals[:-1, j]
            following, _ = lfilter([1.0], [1.0, -beta], inflow, zi=np.array([beta * base[i, j]]))
            covariance[i, j, 0] = base[i, j]
            covariance[i, j, 1:] = following
            covariance[j, i] = covariance[i, j]
    deviations = np.sqrt(np.stack([covariance[i, i] for i in range(assets)]))
    # A density with covariance D R D at D e is that with R at e, times the deviations' product.
    whole = minus_log_density(covariance, residuals.T * deviations)
    return np.asarray(whole - np.log(deviations).sum(axis=0))


def fit_dynamic_correlation(residuals: NDArray[np.float64], base: NDArray[np.float64]) -> DynamicFit:
    """Weights that make the residuals likeliest, as if they were normal.

    The normal likelihood is consistent for other shocks too; standard errors are of the sandwich form over 40 blocks of
    consecutive bars, so that fat tails widen them. What the variances and Q0 were estimated from the same bars for is
    not counted in them.

    Parameters
    ----------
    residuals : numpy.ndarray
        [bar, asset], at least two assets; rows with a NaN are left out, as if the rows around them followed each other.
    base : numpy.ndarray
        Q0, [asset, asset], positive definite.

    Returns
    -------
    DynamicFit
        With alpha 0 the correlation is constant, and beta says nothing.
    """
    rows = residuals[~np.isnan(residuals).any(axis=1)]

    def loss(point: NDArray[np.float64]) -> float:
        return float(correlation_losses(rows, base, float(point[0]), float(point[1])).mean())

    sum_below = LinearConstraint(np.array([1.0, 1.0]), -np.inf, MOST_PERSISTENCE)
    bounds = [(0.0, _MOST_ALPHA), (0.0, MOST_PERSISTENCE)]
    found = []
    for start in _STARTS:
        result = minimize(
            loss, np.array(start), method="SLSQP", bounds=bounds, constraints=sum_below, options={"ftol": 1e-10}
        )
        alpha = float(np.clip(result.x[0], 0.0, _MOST_ALPHA))
        # The solver may end a rounding error outside of the constraint.
        found.append(np.array([alpha, float(np.clip(result.x[1], 0.0, MOST_PERSISTENCE - alpha))]))
    best = min(found, key=loss)
    gain = (loss(np.zeros(2)) - loss(best)) * len(rows)
    if gain <= 0.0:
        best, gain = np.zeros(2), 0.0
    errors = _errors(rows, base, best)
    return DynamicFit(float(best[0]), float(best[1]), float(errors[0]), float(errors[1]), gain)


def _errors(rows: NDArray[np.float64], base: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    # Steps stay inside of the range; at its edge they are one-sided in effect.
    center = np.array([max(best[0], 2.0 * _DIFFERENCE), max(best[1], 2.0 * _DIFFERENCE)])
    center[1] = min(center[1], 1.0 - center[0] - 4.0 * _DIFFERENCE)
    steps = np.eye(2) * min(_DIFFERENCE, 0.2 * (1.0 - center.sum()))

    def scores(point: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(
            [
                (correlation_losses(rows, base, *(point + step)) - correlation_losses(rows, base, *(point - step)))
                / (2.0 * step.max())
                for step in steps
            ]
        )

    slope = np.stack([(scores(center + s) - scores(center - s)).mean(axis=1) / (2.0 * s.max()) for s in steps], axis=1)
    at = scores(center)
    at = at - at.mean(axis=1, keepdims=True)
    sums = np.array([part.sum(axis=1) for part in np.array_split(at, _GROUPS, axis=1)])
    inner = sums.T @ sums * _GROUPS / (_GROUPS - 1) / len(rows) ** 2
    inverse = np.linalg.pinv(slope)
    return np.asarray(np.sqrt(np.diag(inverse @ inner @ inverse.T)))
