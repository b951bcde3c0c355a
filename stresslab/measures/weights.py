"""Estimates from weighted samples, and how far they can be trusted (METHODS M23, M30)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import wilson_of_size

FEW_EFFECTIVE = 100.0
# Below this the scatter of the values says nothing of the values that were not drawn.
TOO_FEW_EFFECTIVE = 10.0
LARGE_SHARE = 0.05
WIDE_ERROR = 0.25


@dataclass(frozen=True)
class WeightedEstimate:
    """A probability from weighted values.

    Parameters
    ----------
    probability : float
        Mean of the values, in [0, 1].
    standard_error : float
        Of that mean, not negative.
    lower, upper : float
        95 % interval: Wilson's, for as many paths of plain counting as would have this standard error; for no more
        than there are, untilted, where the effective sample size is below `TOO_FEW_EFFECTIVE`.
    effective_sample_size : float
        (sum v)^2 / sum v^2 over the values v, 0 to the number of paths; 0 where all are 0.
    largest_share : float
        Share of the largest value in the sum, 0 to 1.
    paths : int
        Number of values.
    """

    probability: float
    standard_error: float
    lower: float
    upper: float
    effective_sample_size: float
    largest_share: float
    paths: int

    @property
    def relative_error(self) -> float:
        """Standard error over probability; infinite where the probability is 0."""
        return self.standard_error / self.probability if self.probability > 0.0 else math.inf


def weighted_probability(values: NDArray[np.floating], share_untilted: float = 1.0) -> WeightedEstimate:
    """Estimate a probability as the mean of independent values.

    Parameters
    ----------
    values : numpy.ndarray
        [path], not negative, at least two: chances of the event times likelihood ratios.
    share_untilted : float
        Share of the paths that no tilt moved, in (0, 1]. Where every value is 0 the upper bound rests on these alone.

    Returns
    -------
    WeightedEstimate

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    exact = values.astype(np.float64)
    if not np.isfinite(exact).all():
        raise ValueError("a weighted value is not finite")
    paths, total, squares = exact.size, float(exact.sum()), float((exact**2).sum())
    mean = total / paths
    error = float(exact.std(ddof=1)) / math.sqrt(paths)
    probability = min(mean, 1.0)
    spread = probability * (1.0 - probability)
    # Counting hits over so many paths would have the same error.
    size = spread / error**2 if error > 0.0 and spread > 0.0 else paths * share_untilted
    effective = total**2 / squares if squares > 0.0 else 0.0
    if effective < TOO_FEW_EFFECTIVE:
        size = min(size, paths * share_untilted)
    lower, upper = wilson_of_size(probability, size)
    largest = float(exact.max()) / total if total > 0.0 else 0.0
    return WeightedEstimate(probability, error, lower, upper, effective, largest, paths)


def warning_signs(estimate: WeightedEstimate) -> tuple[str, ...]:
    """What speaks against an estimate, in words; nothing where nothing does."""
    if estimate.effective_sample_size == 0.0:
        return ("no path came near a liquidation; only the upper bound says anything",)
    signs = []
    if estimate.effective_sample_size < FEW_EFFECTIVE:
        signs.append(f"the effective sample size is {estimate.effective_sample_size:.0f}, below {FEW_EFFECTIVE:.0f}")
    if estimate.largest_share > LARGE_SHARE:
        signs.append(f"one path makes up {estimate.largest_share:.0%} of the estimate")
    if estimate.relative_error > WIDE_ERROR:
        signs.append(f"the standard error is {estimate.relative_error:.0%} of the estimate")
    return tuple(signs)
