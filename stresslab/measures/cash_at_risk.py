"""Cash that must stand ready so that a pool survives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import quantile_ranks


def cash_at_risk(required: NDArray[np.floating], collateral: float, level: float) -> tuple[float, float, float]:
    """Quantile of the top-up that would have kept a pool alive (METHODS M55, alert at the liquidation level).

    Parameters
    ----------
    required : numpy.ndarray
        Required collateral until the day in question, [path], money.
    collateral : float
        Money behind the pool.
    level : float
        Such as 0.99, in (0, 1): with this probability the cash suffices.

    Returns
    -------
    tuple of float
        Cash, and its 95 % interval from order statistics (M25), at least 0, money.
    """
    lower, rank, upper = quantile_ranks(level, required.size)
    places = [rank - 1, lower - 1, upper - 1]
    ordered = np.partition(required, places)[places]
    cash, low, high = (max(float(amount) - collateral, 0.0) for amount in ordered)
    return cash, low, high
