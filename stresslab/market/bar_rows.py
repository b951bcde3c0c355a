"""Bars of the past as a market model draws them: whole rows, every asset of one hour together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_ROWS = 100


@dataclass(frozen=True)
class BarRows:
    """Log returns of bars, and how far each bar went on its way.

    Parameters
    ----------
    returns : numpy.ndarray
        Log of close over the close before, [row, asset].
    lows, highs : numpy.ndarray
        Log of the bar's extremes over the close before, [row, asset]; never inside the way from 0 to the return.
    bar : float
        Length of a bar in days.
    hashes : mapping of str to str
        SHA-256 of each asset's file, in hexadecimal digits.
    """

    returns: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    bar: float
    hashes: Mapping[str, str]

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Correlation of the returns, [asset, asset]."""
        matrix = np.atleast_2d(np.corrcoef(self.returns, rowvar=False))
        np.fill_diagonal(matrix, 1.0)
        return matrix

    @property
    def volatilities(self) -> NDArray[np.float64]:
        """Standard deviation of the returns a year, [asset]."""
        return self.volatilities_of(None)

    def volatilities_of(self, days: float | None) -> NDArray[np.float64]:
        """The same of the rows of the last days, or of all there are, [asset]."""
        rows = self.returns if days is None else self.returns[-max(round(days / self.bar), 1) :]
        return np.asarray(rows.std(axis=0) * np.sqrt(365.0 / self.bar))


def filtered_variances(
    returns: NDArray[np.float64], alpha: NDArray[np.float64], gamma: NDArray[np.float64], beta: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Variances of GJR-GARCH along a history, as shares of its mean variance (METHODS M37, M38).

    Parameters
    ----------
    returns : numpy.ndarray
        [row, asset].
    alpha, gamma, beta : numpy.ndarray
        Weights, [asset]; alpha + gamma / 2 + beta below 1.

    Returns
    -------
    numpy.ndarray
        Before each row, and after the last: [row + 1, asset]. The first is 1.
    """
    squares = ((returns - returns.mean(axis=0)) / returns.std(axis=0)) ** 2
    weights = alpha + gamma * (returns < returns.mean(axis=0))
    omega = 1.0 - alpha - 0.5 * gamma - beta
    variances = np.ones((len(returns) + 1, returns.shape[1]))
    for row in range(len(returns)):
        variances[row + 1] = omega + weights[row] * squares[row] + beta * variances[row]
    return variances


def standardized(rows: BarRows, variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows in units of their own deviation: returns of mean 0 and variance 1, with the extremes that went with them.

    Parameters
    ----------
    rows : BarRows
        The history.
    variances : numpy.ndarray
        Variance before each row, in any unit, [row, asset].

    Returns
    -------
    numpy.ndarray
        Returns, lows and highs side by side, [row, 3 x asset].
    """
    mean = rows.returns.mean(axis=0)
    residuals = (rows.returns - mean) / np.sqrt(variances)
    center, spread = residuals.mean(axis=0), residuals.std(axis=0)
    returns = (residuals - center) / spread
    # Extremes stretch as the returns do.
    return np.hstack([returns, *(extremes / np.sqrt(variances) / spread for extremes in (rows.lows, rows.highs))])
