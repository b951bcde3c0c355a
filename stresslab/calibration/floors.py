"""A floor under volatilities, from the rougher stretches of each asset's own past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.estimate import Estimate
from stresslab.calibration.short_histories import VOLATILITY_FIGURES

# The share of an asset's rolling windows that were calmer than the floor.
FLOOR_QUANTILE = 0.75
# A window with fewer of its days is left out.
_FULL = 0.8
_YEAR = 365


def volatility_floor(returns: NDArray[np.float64], days: int) -> float:
    """Upper quartile of an asset's rolling volatilities.

    Parameters
    ----------
    returns : numpy.ndarray
        Daily log returns, [day]; NaN where missing.
    days : int
        Length of a window, at least 2.

    Returns
    -------
    float
        The 75th percentile, over all windows of that many days with at least 80 % of their returns, of the standard
        deviation times sqrt(365); NaN where there is no such window.
    """
    if len(returns) < days:
        return float("nan")
    windows = np.lib.stride_tricks.sliding_window_view(returns, days)
    full = windows[(~np.isnan(windows)).sum(axis=1) >= max(_FULL * days, 2)]
    if not len(full):
        return float("nan")
    return float(np.quantile(np.nanstd(full, axis=1, ddof=1), FLOOR_QUANTILE) * np.sqrt(_YEAR))


def raised(
    estimate: Estimate, errors: Estimate, measured: NDArray[np.float64], floors: NDArray[np.float64]
) -> tuple[Estimate, Estimate]:
    """Figures in which no asset's volatility lies below its floor.

    Every figure of the asset that is a volatility is multiplied by the floor over what was measured where that is
    above 1, so that the shape of the model stays (a Heston variance times f^2 is one whose volatility is times f).

    Parameters
    ----------
    estimate, errors : Estimate
        The fit; errors are scaled alike, the floor's own error is not counted.
    measured, floors : numpy.ndarray
        Volatility of the returns and its floor, [asset], a year, positive.

    Returns
    -------
    tuple of Estimate
        Figures and standard errors.
    """
    factor = np.maximum(floors / measured, 1.0)
    return _scaled(estimate, factor), _scaled(errors, factor)


def _scaled(figures: Estimate, factor: NDArray[np.float64]) -> Estimate:
    by_asset = {
        key: values * factor if key in VOLATILITY_FIGURES else values for key, values in figures.by_asset.items()
    }
    return replace(figures, volatilities=figures.volatilities * factor, by_asset=by_asset)
