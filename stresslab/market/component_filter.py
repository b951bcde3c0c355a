"""The variance of past bars as a level, a slow part and a fast part, found for a whole history at once.

Component volatility in the sense of Engle and Lee (1999) and the heterogeneous horizons of Corsi (2009), with shocks
that count up to a limit, as in the robust filters of Harvey (2013): after a bar that no volatility explains the next
ones are not expected to be like it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Level of a bar: that of so long before it.
LEVEL_DAYS = 365.0
# Before so much history has passed, the level is that of its first part.
_FIRST_DAYS = 30.0
# Of the whole history's mean square: an asset that stood still for months is no less risky than this, then or now.
_LEAST_LEVEL = 0.01
_PASSES = 200


@dataclass(frozen=True)
class VarianceParts:
    """How a variance follows the shocks of bars: ``fast_weight`` f + ``slow_weight`` s + the rest of the level.

    Parameters
    ----------
    fast_half_life, slow_half_life : float
        Bars after which a shock counts half in f and s, positive.
    fast_weight, slow_weight : float
        Not negative, with a sum below 1.
    largest_shock : float
        Deviations of the bar up to which a shock counts, positive.
    """

    fast_half_life: float
    slow_half_life: float
    fast_weight: float
    slow_weight: float
    largest_shock: float

    @property
    def decays(self) -> NDArray[np.float64]:
        """What is left of f and s after a bar, [part]."""
        return np.asarray(0.5 ** (1.0 / np.array([self.fast_half_life, self.slow_half_life])))

    @property
    def weights(self) -> NDArray[np.float64]:
        """Of f and s in the variance, [part]."""
        return np.array([self.fast_weight, self.slow_weight])


@dataclass(frozen=True)
class FilteredParts:
    """A history seen through `VarianceParts`.

    Parameters
    ----------
    variances : numpy.ndarray
        Before each bar, [row, asset], in squares of a return.
    parts : numpy.ndarray
        f and s after the last bar, [part, asset].
    level : numpy.ndarray
        Mean squared return of the last `LEVEL_DAYS`, [asset].
    makeup : numpy.ndarray
        Mean square of what is left of the returns over that up to the limit, [asset], at least 1. Shocks that are
        drawn are multiplied by it, so that the limit leaves the mean of a variance where it is. Those of the history
        are not: a burst beyond the limit says little about today.
    """

    variances: NDArray[np.float64]
    parts: NDArray[np.float64]
    level: NDArray[np.float64]
    makeup: NDArray[np.float64]


def filtered_parts(returns: NDArray[np.float64], law: VarianceParts, bar: float) -> FilteredParts:
    """Variances along a history, each from the bars before it.

    The level of a bar is the mean squared return of the `LEVEL_DAYS` before it, or of as much as there is; so old
    bars are held against the markets of their time.

    Parameters
    ----------
    returns : numpy.ndarray
        Log returns less their mean, [row, asset]; every asset moves at some time.
    law : VarianceParts
        How a variance moves.
    bar : float
        Length of a bar in days.
    """
    squares = returns**2
    levels = _trailing_mean(squares, round(LEVEL_DAYS / bar), round(_FIRST_DAYS / bar))
    levels = np.maximum(levels, _LEAST_LEVEL * squares.mean(axis=0))
    largest = law.largest_shock**2
    rest = 1.0 - law.weights.sum()
    counted = squares
    # A shock's limit hangs on the variance before it alone, so passes settle from the first bar on; most at once.
    for _ in range(_PASSES):
        parts = np.array([_smoothed(counted, decay, levels[0]) for decay in law.decays])
        variances = np.tensordot(law.weights, parts, axes=1) + rest * levels
        before, counted = counted, np.minimum(squares, largest * variances[:-1])
        if np.allclose(counted, before, rtol=1e-9, atol=0.0):
            break
    units = squares / variances[:-1]
    units /= units.mean(axis=0)
    return FilteredParts(variances[:-1], parts[:, -1], levels[-1], 1.0 / np.minimum(units, largest).mean(axis=0))


def _trailing_mean(values: NDArray[np.float64], length: int, first: int) -> NDArray[np.float64]:
    """Mean of ``length`` rows before each row and after the last, never of fewer than ``first``, [row + 1, asset]."""
    sums = np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])
    ends = np.maximum(np.arange(len(sums)), min(first, len(values)))
    begins = np.maximum(ends - length, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins)[:, None])


def _smoothed(values: NDArray[np.float64], decay: float, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exponentially weighted mean before each row and after the last, [row + 1, asset]."""
    from scipy.signal import lfilter

    following, _ = lfilter([1.0 - decay], [1.0, -decay], values, axis=0, zi=(decay * start)[None, :])
    return np.vstack([start, following])
