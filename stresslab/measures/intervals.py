"""Intervals of confidence, 95 % throughout."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
_Z = 1.959963984540054  # standard normal quantile of 0.975

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def wilson(hits: ArrayLike, paths: int) -> Bounds:
    """Wilson interval of a probability (METHODS M23).

    Parameters
    ----------
    hits : array_like
        Number of paths on which the event occurred, any shape, 0 to ``paths``.
    paths : int
        Number of paths, at least 1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper bound, in [0, 1]; the upper one is above 0 even where there was no hit.
    """
    share = np.asarray(hits, dtype=np.float64) / paths
    return _wilson(share, paths)


def wilson_of_size(probability: float, size: float) -> tuple[float, float]:
    """Wilson interval of a probability that is known as well as from counting over so many paths.

    Parameters
    ----------
    probability : float
        The estimate, in [0, 1].
    size : float
        Number of paths of plain counting with the same standard error, positive; not a whole number as a rule.

    Returns
    -------
    tuple of float
        Lower and upper bound, in [0, 1].
    """
    lower, upper = _wilson(np.asarray(probability, np.float64), size)
    return float(lower), float(upper)


def _wilson(share: NDArray[np.float64], paths: float) -> Bounds:
    center = share + _Z**2 / (2 * paths)
    half = _Z * np.sqrt(share * (1 - share) / paths + _Z**2 / (4 * paths**2))
    scale = 1 + _Z**2 / paths
    # At 0 and n hits the bounds are 0 and 1 exactly; rounding must not say otherwise.
    lower = np.where(share == 0.0, 0.0, (center - half) / scale)
    upper = np.where(share == 1.0, 1.0, (center + half) / scale)
    return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)


def curve_band(shares: ArrayLike, paths: int) -> Bounds:
    """Band that holds over a whole distribution function at once (Dvoretzky, Kiefer, Wolfowitz; METHODS M27).

    Parameters
    ----------
    shares : array_like
        The curve, any shape, in [0, 1].
    paths : int
        Number of paths, at least 1.
    """
    curve = np.asarray(shares, dtype=np.float64)
    half = math.sqrt(math.log(2 / (1 - CONFIDENCE)) / (2 * paths))
    return np.clip(curve - half, 0.0, 1.0), np.clip(curve + half, 0.0, 1.0)


@lru_cache(maxsize=4096)
def quantile_ranks(probability: float, paths: int) -> tuple[int, int, int]:
    """Ranks, from 1, of the order statistics that estimate and bound a quantile (METHODS M25).

    Parameters
    ----------
    probability : float
        Of the quantile, in (0, 1).
    paths : int
        Sample size, at least 1.

    Returns
    -------
    tuple of int
        Rank of the lower bound, of the estimate and of the upper bound, in [1, paths]. The bounds cover the quantile
        with at least 95 % probability where the sample is large enough to have such ranks.
    """
    # At most n (1 - p) others lie above the estimate, counted in exact fractions (METHODS M51): in floats,
    # 100000 * (1 - 0.99) is more than 1000.
    rank = math.ceil(Fraction(str(probability)) * paths)
    tail = (1 - CONFIDENCE) / 2
    lower = max(_binomial_quantile(tail, paths, probability), 1)
    upper = min(_binomial_quantile(1 - tail, paths, probability) + 1, paths)
    return lower, rank, upper


def _binomial_quantile(share: float, trials: int, probability: float) -> int:
    """Smallest k with P(Binomial(trials, probability) <= k) >= share."""
    # Imported here: most of what counts paths needs no quantile.
    from scipy.special import bdtr

    deviation = math.sqrt(trials * probability * (1 - probability))
    low = max(math.floor(trials * probability - 10 * deviation - 10), 0)
    counts = np.arange(low, min(math.ceil(trials * probability + 10 * deviation + 10), trials) + 1)
    return int(counts[np.searchsorted(bdtr(counts, trials, probability), share)])


def mean_bounds(mean: ArrayLike, standard_error: ArrayLike) -> Bounds:
    """Normal interval of a mean."""
    center, error = np.asarray(mean, np.float64), np.asarray(standard_error, np.float64)
    return center - _Z * error, center + _Z * error


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Difference of two probabilities on the same paths, with its interval.

    Bonett and Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data"
    (2012): one discordant pair is added on each side, so that no interval has width zero.

    Parameters
    ----------
    first, second : numpy.ndarray
        Whether the event occurred, [path], under either configuration.

    Returns
    -------
    tuple of float
        The difference of the shares, first less second, and its lower and upper bound, in [-1, 1].
    """
    paths = first.size
    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(~first & second))
    one, two = (only_first + 1) / (paths + 2), (only_second + 1) / (paths + 2)
    half = _Z * math.sqrt((one + two - (one - two) ** 2) / (paths + 2))
    difference = (only_first - only_second) / paths
    return difference, max(one - two - half, -1.0), min(one - two + half, 1.0)
