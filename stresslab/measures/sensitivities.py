"""Changes of the main numbers when an input is moved, on the same random numbers (METHODS M26)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.account import AccountPaths, differences
from stresslab.measures.intervals import paired_difference

_Z = 1.959963984540054  # standard normal quantile of 0.975


@dataclass(frozen=True)
class Change:
    """A paired difference.

    Parameters
    ----------
    value : float
        The first less the second, in the unit of the number.
    standard_error : float
        Of the mean of the pairs' differences, not negative; missing (NaN) for a single path.
    lower, upper : float
        95 % interval.
    """

    value: float
    standard_error: float
    lower: float
    upper: float

    def over(self, width: float) -> Change:
        """Per unit of what was moved by this width, positive."""
        return Change(self.value / width, self.standard_error / width, self.lower / width, self.upper / width)


def probability_change(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Change:
    """Difference of two probabilities.

    Parameters
    ----------
    first, second : numpy.ndarray
        Whether the event occurred, [path], on the same random numbers.

    Returns
    -------
    Change
        In [-1, 1], with the interval of `stresslab.measures.intervals.paired_difference`, which has a width even where
        no path differs.
    """
    difference, lower, upper = paired_difference(first, second)
    apart = np.count_nonzero(first != second) / first.size
    return Change(difference, math.sqrt(max(apart - difference**2, 0.0) / first.size), lower, upper)


def account_changes(first: AccountPaths, second: AccountPaths, level: float) -> dict[str, Change]:
    """Differences of an account's main numbers.

    Parameters
    ----------
    first, second : AccountPaths
        One account under two sets of inputs, on the same random numbers.
    level : float
        Of the expected shortfall, in (0, 1).

    Returns
    -------
    dict of str to Change
        ``account_liquidation_probability``, ``expected_loss`` and ``expected_shortfall``. The error of a shortfall is
        that of the paired excesses over the two values at risk (M25, M26).
    """
    found = differences(first, second, (level,))
    loss, shortfall = found["expected_loss"], found["expected_shortfall"][:, 0]
    return {
        "account_liquidation_probability": probability_change(first.any_liquidated, second.any_liquidated),
        **{
            name: Change(float(part[0]), float(part[2] - part[1]) / (2.0 * _Z), float(part[1]), float(part[2]))
            for name, part in (("expected_loss", loss), ("expected_shortfall", shortfall))
        },
    }
