"""Correlation matrices: estimated pair by pair, and repaired where the pairs do not fit together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

_TOLERANCE = 1e-12
_ITERATIONS = 10_000


@dataclass(frozen=True)
class Repair:
    """What was done to a correlation matrix.

    Parameters
    ----------
    smallest_eigenvalue : float
        Of the matrix before the repair; negative where no random variables have these correlations.
    distance : float
        Frobenius norm of the change, 0 where none was needed.
    """

    smallest_eigenvalue: float
    distance: float


def pearson_correlation(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product-moment correlation of each pair over the rows that both have; the likeliest one of normal returns.

    Parameters
    ----------
    returns : numpy.ndarray
        [time, asset], NaN where missing.

    Returns
    -------
    numpy.ndarray
        [asset, asset], symmetric, unit diagonal, entries in [-1, 1]; not always positive semidefinite.
    """
    return _pairwise(returns, lambda x, y: float(np.corrcoef(x, y)[0, 1]))


def rank_correlation(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the Gaussian core from Kendall's tau of each pair, ``sin(pi tau / 2)``.

    The identity holds for every elliptical distribution, Student-t with any degrees of freedom included, and tau
    depends on the order of the returns alone, so that one day of a single asset cannot move it. The product-moment
    estimate has no finite variance below four degrees of freedom [McNeil, Frey and Embrechts, Quantitative Risk
    Management, 2015, section 7.3.1].

    Parameters
    ----------
    returns : numpy.ndarray
        [time, asset], NaN where missing.

    Returns
    -------
    numpy.ndarray
        [asset, asset], symmetric, unit diagonal, entries in [-1, 1]; not always positive semidefinite.
    """
    return _pairwise(returns, lambda x, y: float(np.sin(np.pi / 2 * kendalltau(x, y).statistic)))


def nearest_correlation(matrix: NDArray[np.float64], floor: float = 0.0) -> tuple[NDArray[np.float64], Repair]:
    """The correlation matrix nearest to a symmetric matrix in the Frobenius norm (METHODS M47).

    Alternating projections onto the matrices with eigenvalues of at least ``floor`` and onto those with a unit
    diagonal, with Dykstra's correction on the first set, which is no subspace [Higham 2002, algorithm 3.3].

    Parameters
    ----------
    matrix : numpy.ndarray
        [asset, asset], symmetric.
    floor : float
        Smallest eigenvalue allowed, in [0, 1).

    Returns
    -------
    tuple of numpy.ndarray and Repair
        The matrix, [asset, asset], and how far it is from the one given; where nothing is needed, the one given.

    Raises
    ------
    ValueError
        Where the matrix is not symmetric.
    """
    given = np.asarray(matrix, dtype=np.float64)
    if given.ndim != 2 or not np.array_equal(given, given.T):
        raise ValueError("the matrix is not symmetric")
    smallest = float(np.linalg.eigvalsh(given)[0])
    if smallest >= floor and (np.diag(given) == 1).all():
        return given, Repair(smallest, 0.0)
    current = given
    correction = np.zeros_like(given)
    for _ in range(_ITERATIONS):
        shifted = current - correction
        values, vectors = np.linalg.eigh(shifted)
        definite = (vectors * np.maximum(values, floor)) @ vectors.T
        correction = definite - shifted
        following = (definite + definite.T) / 2
        np.fill_diagonal(following, 1.0)
        change = np.linalg.norm(following - current)
        current = following
        if change <= _TOLERANCE * np.linalg.norm(current):
            break
    return current, Repair(smallest, float(np.linalg.norm(current - given)))


def _pairwise(
    returns: NDArray[np.float64], estimate: Callable[[NDArray[np.float64], NDArray[np.float64]], float]
) -> NDArray[np.float64]:
    assets = returns.shape[1]
    present = ~np.isnan(returns)
    matrix = np.eye(assets)
    for i in range(assets):
        for j in range(i):
            both = present[:, i] & present[:, j]
            value = estimate(returns[both, i], returns[both, j])
            matrix[i, j] = matrix[j, i] = min(max(value, -1.0), 1.0)
    return matrix
