"""Value at risk and expected shortfall of a sample of losses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import mean_bounds, quantile_ranks


@dataclass(frozen=True)
class Tail:
    """The tail of a sample of losses beyond a level, in the losses' unit.

    Parameters
    ----------
    value_at_risk, value_at_risk_lower, value_at_risk_upper : float
        Loss exceeded with one less the level's probability, with its interval from order statistics.
    expected_shortfall, standard_error : float
        Mean loss at and beyond it, and its standard error; missing (NaN) where the tail holds less than one path.
    """

    value_at_risk: float
    value_at_risk_lower: float
    value_at_risk_upper: float
    expected_shortfall: float
    standard_error: float

    @property
    def expected_shortfall_bounds(self) -> tuple[float, float]:
        """Normal interval of the expected shortfall."""
        lower, upper = mean_bounds(self.expected_shortfall, self.standard_error)
        return float(lower), float(upper)


def tail(sorted_losses: NDArray[np.floating], level: float) -> Tail:
    """Value at risk and expected shortfall by counts (METHODS M25, M51).

    Parameters
    ----------
    sorted_losses : numpy.ndarray
        Losses, rising, [path], positive = loss.
    level : float
        Such as 0.975, in (0, 1).

    Returns
    -------
    Tail
        ``n (1 - level)`` is taken as an exact fraction; where it is not whole, the boundary loss counts with the rest.
    """
    paths = sorted_losses.size
    lower, rank, upper = quantile_ranks(level, paths)
    beyond = (1 - Fraction(str(level))) * paths
    whole = math.floor(beyond)
    worst = sorted_losses[paths - whole :].astype(np.float64)
    value_at_risk = float(sorted_losses[rank - 1])
    shortfall = (float(worst.sum()) + float(beyond - whole) * value_at_risk) / float(beyond)
    # Var[(L - VaR)+] needs the exceedances alone; all other paths contribute zeros.
    excess = np.maximum(worst - value_at_risk, 0.0)
    mean = excess.sum() / paths
    variance = (excess**2).sum() / paths - mean**2
    error = math.sqrt(max(variance, 0.0) / paths) / (1 - level) if whole else math.nan
    return Tail(value_at_risk, float(sorted_losses[lower - 1]), float(sorted_losses[upper - 1]), shortfall, error)
