"""The premium of one asset as data: the law of its size, and what it remembers.

Behind a premium stands a standard normal score. Between two scores the premium runs straight from one premium to
another; beyond them each side has a scale and a tail of its own: ``scale u exp(tail u^2 / 2)`` at a distance u of
scores (the h of Tukey's g-and-h family: Hoaglin, "Summarizing shape numerically", 1985). With both scores 0, one scale
and no tails that is the normal law.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PremiumLaw:
    """Law of a premium, in rates of one interval.

    Parameters
    ----------
    low_score, high_score : float
        Scores between which the premium runs straight, low not above high.
    low_premium, high_premium : float
        Premiums there; equal where the scores are.
    low_scale, high_scale : float
        Growth with the score just beyond each of them, not negative.
    low_tail, high_tail : float
        0 for a normal tail; moments of order 1 / tail and above do not exist.
    """

    low_score: float
    high_score: float
    low_premium: float
    high_premium: float
    low_scale: float
    high_scale: float
    low_tail: float = 0.0
    high_tail: float = 0.0

    @classmethod
    def normal(cls, mean: float, deviation: float) -> PremiumLaw:
        """The normal law."""
        return cls(0.0, 0.0, mean, mean, deviation, deviation)

    @property
    def slope(self) -> float:
        """Growth with the score between the two scores; 0 where they are one."""
        width = self.high_score - self.low_score
        return (self.high_premium - self.low_premium) / width if width > 0 else 0.0

    def premium(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Premium of a normal score."""
        below, above = np.maximum(self.low_score - score, 0.0), np.maximum(score - self.high_score, 0.0)
        middle = self.low_premium + self.slope * (np.clip(score, self.low_score, self.high_score) - self.low_score)
        low = self.low_scale * below * np.exp(0.5 * self.low_tail * below**2)
        high = self.high_scale * above * np.exp(0.5 * self.high_tail * above**2)
        return np.asarray(middle + high - low)


@dataclass(frozen=True)
class Premium:
    """One asset's premium: its score is ``sqrt(1 - slow_share) fast + sqrt(slow_share) slow``, two reverting parts.

    The draws of the two parts are uncorrelated with each other, so the squares of their correlations with the price's
    add up to at most 1.

    Parameters
    ----------
    law : PremiumLaw
        From score to premium.
    half_life : float
        Days in which half of a departure of the fast part is gone, positive.
    price_correlation : float
        Correlation of the fast part's draw with the price's of the same step, -1 to 1.
    slow_share : float
        Part of the score's variance that is slow, 0 to 1.
    slow_half_life, slow_price_correlation : float
        The same of the slow part.
    """

    law: PremiumLaw
    half_life: float
    price_correlation: float = 0.0
    slow_share: float = 0.0
    slow_half_life: float = 1.0
    slow_price_correlation: float = 0.0

    def autocorrelation(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Autocorrelation of the score at a distance in days."""
        fast, slow = 0.5 ** (days / self.half_life), 0.5 ** (days / self.slow_half_life)
        return np.asarray((1 - self.slow_share) * fast + self.slow_share * slow)


# The figures of a law by name, in order.
LAW_FIGURES = tuple(field.name for field in fields(PremiumLaw))
