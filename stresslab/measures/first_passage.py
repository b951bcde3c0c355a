"""First passage of a Brownian log price in closed form."""

from __future__ import annotations

import math


def first_passage_probability(distance: float, drift: float, volatility: float, years: float) -> float:
    """P(a geometric Brownian motion falls to a barrier within a time), watched without a break (METHODS M11).

    Parameters
    ----------
    distance : float
        Log of today's price over the barrier, not negative; infinite where there is no barrier. Of a barrier above
        the price, take the log of the barrier over the price, and the drift with its sign changed.
    drift : float
        Mean log return a year, ``mu - sigma^2 / 2``, any sign.
    volatility : float
        Standard deviation of log returns a year, not negative.
    years : float
        Time, positive.

    Returns
    -------
    float
        In [0, 1].
    """
    if math.isinf(distance):
        return 0.0
    deviation, mean = volatility * math.sqrt(years), drift * years
    if distance == 0.0:
        return 1.0
    if deviation == 0.0:
        return float(-mean >= distance)
    ends_beyond = _normal((-distance - mean) / deviation)
    # Where the drift leads strongly to the barrier the factor exceeds every float, and what it multiplies is 0.
    exponent = -2.0 * drift * distance / volatility**2
    comes_back = _normal((mean - distance) / deviation)
    if exponent > 700.0 or comes_back == 0.0:
        return ends_beyond
    return min(ends_beyond + math.exp(exponent) * comes_back, 1.0)


def _normal(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2.0))
