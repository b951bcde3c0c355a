"""Moments of censored normal scores, and of a premium's two parts.

For standard normals of correlation r, ``E[f(x) g(y)] = sum_j f_j g_j r^j / j!`` with the Hermite coefficients
``f_j = E[f(x) He_j(x)]`` (Mehler 1866). A correlation behind scores is found from their product by this series.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial import hermite_e
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from stresslab.market.funding import own_loadings
from stresslab.market.premium import Premium

HERMITE_TERMS = 24
# Midpoints of equal steps: the functions have kinks, on which Gauss's nodes gain nothing.
_NODES = np.linspace(-9.0, 9.0, 9001)
_WEIGHTS = np.exp(-0.5 * _NODES**2) * (_NODES[1] - _NODES[0]) / math.sqrt(2 * math.pi)
_BASIS = hermite_e.hermevander(_NODES, HERMITE_TERMS - 1)


def factorials() -> NDArray[np.float64]:
    """``j!`` of every term of a series."""
    return np.array([math.factorial(term) for term in range(HERMITE_TERMS)], dtype=np.float64)


def hermite_of(function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Hermite coefficients ``E[f(z) He_j(z)]`` of a function of a standard normal, [term]."""
    return np.asarray((function(_NODES) * _WEIGHTS) @ _BASIS)


def normal_scores(
    rates: NDArray[np.float64], censored: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal scores of rates by rank, all censored ones the mean score of their range.

    Parameters
    ----------
    rates : numpy.ndarray
        [time]; NaN where unknown.
    censored : numpy.ndarray
        [time], the rates at the interest.

    Returns
    -------
    tuple of numpy.ndarray
        Scores, [time], NaN where the rate is; the Hermite coefficients of the score as a function of the normal
        behind it, [term], which depend on the share of rates below and at the interest alone.
    """
    known = ~np.isnan(rates)
    scores = np.full(len(rates), np.nan)
    scores[known] = ndtri((rankdata(rates[known]) - 0.5) / known.sum())
    middle = known & censored
    if not middle.any():
        return scores, hermite_of(lambda z: z)
    value = rates[middle][0]
    edges = np.array([(rates[known & ~middle] < value).sum(), (rates[known & ~middle] < value).sum() + middle.sum()])
    low, high = ndtri(np.clip(edges / known.sum(), 1e-12, 1 - 1e-12))
    mean = (math.exp(-low * low / 2) - math.exp(-high * high / 2)) / math.sqrt(2 * math.pi) / (ndtr(high) - ndtr(low))
    scores[middle] = mean
    return scores, hermite_of(lambda z: np.where((z > low) & (z < high), mean, z))


def sign_coefficients() -> NDArray[np.float64]:
    """Hermite coefficients of the sign of a normal, [term]."""
    return hermite_of(np.sign)


def latent_correlation(moment: float, products: NDArray[np.float64]) -> float:
    """The correlation of the normals behind two scores from the mean product of the scores, -0.999 to 0.999.

    Parameters
    ----------
    moment : float
        Mean product.
    products : numpy.ndarray
        ``f_j g_j / j!``, [term].
    """

    def miss(correlation: float) -> float:
        return float((products * correlation ** np.arange(HERMITE_TERMS)).sum() - moment)

    low, high = -0.999, 0.999
    if miss(low) >= 0:
        return low
    if miss(high) <= 0:
        return high
    return float(brentq(miss, low, high, xtol=1e-10))


def response(half_life: float, interval: float, lags: NDArray[np.int_]) -> NDArray[np.float64]:
    """Correlation of a reverting part with the normalized price move of the interval that ended ``lag`` intervals ago.

    For a draw wholly the price's, in continuous time: ``sqrt(2 / (k D)) (1 - exp(-k D)) exp(-k D lag)``.
    """
    exponent = math.log(2.0) * interval / half_life
    return np.asarray(math.sqrt(2 / exponent) * -math.expm1(-exponent) * np.exp(-exponent * lags))


def shared_variance(one: Premium, other: Premium, price_correlation: float) -> tuple[float, float]:
    """Correlation of two premiums' scores by their prices, and by own draws that are the same for both."""
    mixed = []
    for each in (one, other):
        weights = (math.sqrt(1 - each.slow_share), math.sqrt(each.slow_share))
        speeds = (1 / each.half_life, 1 / each.slow_half_life)
        price = (each.price_correlation, each.slow_price_correlation)
        first, across, second = own_loadings(*price)
        mixed.append((weights, speeds, price, np.array([[first, 0.0], [across, second]])))
    (weights, speeds, price, own), (weights_2, speeds_2, price_2, own_2) = mixed
    by_price = by_own = 0.0
    for part in range(2):
        for part_2 in range(2):
            # Covariance of two parts that revert at their own speeds to the same draws.
            common = 2 * math.sqrt(speeds[part] * speeds_2[part_2]) / (speeds[part] + speeds_2[part_2])
            common *= weights[part] * weights_2[part_2]
            by_price += common * price[part] * price_2[part_2] * price_correlation
            by_own += common * float(own[part] @ own_2[part_2])
    return by_price, by_own
