"""Means with intervals from independent replications, with or without control variates (METHODS M32, M33)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REPLICATIONS = 32
"""Independent parts of a sample, from whose means an interval is made."""
_T_31 = 2.0395134463964077  # quantile 0.975 of Student's t with 31 degrees of freedom


@dataclass(frozen=True)
class ReplicatedMean:
    """A mean from `REPLICATIONS` independent replications.

    Parameters
    ----------
    mean : float
        The estimate, in the unit of the values.
    standard_error : float
        From the spread of the replications' means, not negative.
    lower, upper : float
        Student's 95 % interval with 31 degrees of freedom.
    means : tuple of float
        Of each replication.
    """

    mean: float
    standard_error: float
    lower: float
    upper: float
    means: tuple[float, ...]


def replicated_mean(means: NDArray[np.float64]) -> ReplicatedMean:
    """Mean and interval of the means of replications.

    Parameters
    ----------
    means : numpy.ndarray
        Mean of each replication, [`REPLICATIONS`].

    Raises
    ------
    ValueError
        If there are fewer or more of them.
    """
    if means.shape != (REPLICATIONS,):
        raise ValueError(f"the interval is that of {REPLICATIONS} replications; got an array of {means.shape}")
    mean = float(means.mean())
    # Means that differ by rounding alone would otherwise have an interval narrower than a float.
    error = float(means.std(ddof=1)) / math.sqrt(REPLICATIONS)
    return ReplicatedMean(mean, error, mean - _T_31 * error, mean + _T_31 * error, tuple(means.tolist()))


def controlled_means(
    values: NDArray[np.float64], controls: NDArray[np.float64], known: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean of each replication, corrected by what its controls are known to be on average (METHODS M32).

    The coefficients of a replication are regressed on all the others, so that they are independent of what they
    correct: its mean stays unbiased however many controls there are.

    Parameters
    ----------
    values : numpy.ndarray
        [unit], independent of each other; replications are runs of equally many units.
    controls : numpy.ndarray
        [control, unit]; may have no row, and then means are plain.
    known : numpy.ndarray
        Exact mean of each control, [control].

    Returns
    -------
    numpy.ndarray
        [`REPLICATIONS`].

    Raises
    ------
    ValueError
        If the replications do not come out even.
    """
    if values.size == 0 or values.size % REPLICATIONS:
        raise ValueError(f"{values.size} values do not make {REPLICATIONS} equal replications")
    size = values.size // REPLICATIONS
    # Centered at what is known; the columns are 1, the controls and the value.
    rows = np.vstack([np.ones((1, values.size)), controls - known[:, None], values[None, :]])
    blocks = [rows[:, first : first + size] for first in range(0, values.size, size)]
    products = np.stack([block @ block.T for block in blocks])
    total = products.sum(axis=0)
    means = np.empty(REPLICATIONS)
    for place, own in enumerate(products):
        others = total - own
        own_means = own[0] / size
        # The least-squares solution of the smallest size: controls that never vary, or say the same, do no harm.
        coefficients = np.linalg.lstsq(others[:-1, :-1], others[:-1, -1], rcond=1e-10)[0][1:]
        means[place] = own_means[-1] - coefficients @ own_means[1:-1]
    return means


def residual_variance(values: NDArray[np.float64], controls: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Variance of what the controls leave of one unit's value, in the square of its unit; same arguments."""
    design = np.vstack([np.ones((1, values.size)), controls - known[:, None]])
    coefficients = np.linalg.lstsq(design @ design.T, design @ values, rcond=1e-10)[0]
    return float(np.var(values - coefficients @ design))


def grouped_variance_ratio(values: NDArray[np.float64], size: int) -> float:
    """How much less a mean varies because values of a group hang together.

    Parameters
    ----------
    values : numpy.ndarray
        [unit]; groups are runs of ``size`` units, independent of each other.
    size : int
        Units a group; divides their number and leaves two groups at least.

    Returns
    -------
    float
        Variance of a mean of independent units over that of the mean of as many grouped ones, positive: below 1 where
        groups do harm, infinite where their means do not vary, 1 where nothing does.

    Raises
    ------
    ValueError
        If the groups do not come out even, or there are fewer than two.
    """
    if values.size % size or values.size < 2 * size:
        raise ValueError(f"{values.size} values do not make two or more groups of {size}")
    plain = float(values.var())
    left = size * float(values.reshape(-1, size).mean(axis=1).var(ddof=1))
    if plain == 0.0:
        return 1.0
    return math.inf if left <= 1e-9 * plain else plain / left
