"""Paths of prices that a user brings, as a market model takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DAYS_A_YEAR = 365.0


@dataclass(frozen=True)
class PricePaths:
    """Prices on the grid of a scenario, relative to where each path begins.

    Parameters
    ----------
    log_prices : numpy.ndarray
        Log of the price at the end of each step over the path's first, [step, asset, path], float32.
    lows, highs : numpy.ndarray or None
        Log of the least and of the greatest price within each step over the path's first, [step, asset, path], float32;
        never inside the way between the step's ends. Both, or neither.
    step : float
        Length of a step in days.
    hashes : mapping of str to str
        SHA-256 of the files behind them, in hexadecimal digits.
    """

    log_prices: NDArray[np.float32]
    lows: NDArray[np.float32] | None
    highs: NDArray[np.float32] | None
    step: float
    hashes: Mapping[str, str]

    @property
    def returns(self) -> NDArray[np.float32]:
        """Log returns of the steps, [step, asset, path]."""
        return np.diff(self.log_prices, axis=0, prepend=np.zeros_like(self.log_prices[:1]))

    @property
    def volatilities(self) -> NDArray[np.float64]:
        """Standard deviation of the returns a year, over all steps and paths, [asset]."""
        deviation = self.returns.std(axis=(0, 2), dtype=np.float64)
        return np.asarray(deviation * np.sqrt(_DAYS_A_YEAR / self.step))

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Correlation of the returns over all steps and paths, [asset, asset]; 0 where a price never moves."""
        returns = self.returns.astype(np.float64)
        centered = returns - returns.mean(axis=(0, 2), keepdims=True)
        covariance = np.einsum("tap,tbp->ab", centered, centered)
        scale = np.sqrt(np.diag(covariance))
        scale = np.where(scale > 0.0, scale, 1.0)
        matrix = covariance / np.outer(scale, scale)
        np.fill_diagonal(matrix, 1.0)
        return np.asarray(matrix)


def relative_paths(
    prices: NDArray[np.float64],
    lows: NDArray[np.float64] | None,
    highs: NDArray[np.float64] | None,
    step: float,
    hashes: Mapping[str, str],
) -> PricePaths:
    """Paths from prices at grid points, the start among them.

    Parameters
    ----------
    prices : numpy.ndarray
        [path, point, asset], positive; the first point is the start.
    lows, highs : numpy.ndarray or None
        Extremes of the step that ends at each point, [path, point, asset]; those of the first point are not read.
    step : float
        Length of a step in days.
    hashes : mapping of str to str
        SHA-256 of the files behind them.

    Returns
    -------
    PricePaths
        The extremes widened to hold both ends of their step.
    """
    ends = np.log(prices / prices[:, :1])
    before, after = ends[:, :-1], ends[:, 1:]
    reached = [
        None if values is None else widest(widest(np.log(values[:, 1:] / prices[:, :1]), before), after)
        for values, widest in ((lows, np.minimum), (highs, np.maximum))
    ]
    least, greatest = (None if values is None else _kernel_order(values) for values in reached)
    return PricePaths(_kernel_order(after), least, greatest, step, hashes)


def _kernel_order(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """From [path, step, asset] to [step, asset, path]."""
    return np.ascontiguousarray(values.transpose(1, 2, 0), dtype=np.float32)
