"""Who makes the tail: contributions to expected shortfall that add up to it (METHODS M54)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import mean_bounds
from stresslab.measures.tails import tail

Floats = NDArray[np.float64]

# Paths on either side of the value at risk, as a share of the tail, from which the mean part at it is taken.
_NEAR = 0.1
_FEWEST_NEAR = 20


@dataclass(frozen=True)
class Contributions:
    """Parts of an expected shortfall.

    Parameters
    ----------
    values : numpy.ndarray
        Mean loss of each part in the tail of the whole, [part], money, signed: negative where a part earns there. They
        add up to the whole's expected shortfall.
    standard_errors : numpy.ndarray
        Of these, not negative; missing (NaN) where the tail holds less than one path.
    """

    values: Floats
    standard_errors: Floats

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Normal 95 % intervals."""
        return mean_bounds(self.values, self.standard_errors)


def tail_weights(losses: Floats, level: float) -> Floats:
    """Weight of every path in the tail, [path], 0 to 1, adding up to ``n (1 - level)``.

    Parameters
    ----------
    losses : numpy.ndarray
        Of the whole, [path], positive = loss.
    level : float
        Such as 0.975, in (0, 1).

    Returns
    -------
    numpy.ndarray
        1 beyond the value at risk; paths that lose exactly as much share evenly what is left, so that the order of the
        paths does not matter.
    """
    beyond = float((1 - Fraction(str(level))) * losses.size)
    value_at_risk = tail(np.sort(losses), level).value_at_risk
    further, same = losses > value_at_risk, losses == value_at_risk
    share = (beyond - np.count_nonzero(further)) / np.count_nonzero(same)
    return np.asarray(further + share * same, dtype=np.float64)


def shortfall_contributions(parts: Floats, level: float) -> Contributions:
    """Contributions of parts to the expected shortfall of their sum (METHODS M54).

    Parameters
    ----------
    parts : numpy.ndarray
        Loss of each part, [part, path], positive = loss.
    level : float
        Such as 0.975, in (0, 1).

    Returns
    -------
    Contributions
        The error is that of the mean of ``w (L_i - c_i)``, with w the weight in the tail and c_i the mean of L_i where
        the whole loses its value at risk: moving the edge of the tail trades the one for the other. For the whole it is
        the error of the expected shortfall (M25).
    """
    losses = parts.sum(axis=0)
    weights = tail_weights(losses, level)
    paths, total = losses.size, float(weights.sum())
    values = parts @ weights / total
    if total < 1.0:
        return Contributions(values, np.full(len(parts), math.nan))
    excess = weights * (parts - _at_the_edge(parts, losses, weights)[:, None])
    deviation = np.sqrt(np.maximum((excess**2).mean(axis=1) - excess.mean(axis=1) ** 2, 0.0))
    return Contributions(values, deviation / math.sqrt(paths) / (total / paths))


def _at_the_edge(parts: Floats, losses: Floats, weights: Floats) -> Floats:
    """Mean of each part among the paths nearest to the value at risk in rank, [part]."""
    order = np.argsort(losses, kind="stable")
    rank = losses.size - round(float(weights.sum()))
    reach = max(_FEWEST_NEAR, round(_NEAR * float(weights.sum())))
    near = order[max(rank - reach, 0) : rank + reach]
    # Paths that lose exactly as much as one at the edge are as near as it is.
    tied = losses == losses[order[min(rank, losses.size - 1)]]
    chosen = tied if np.count_nonzero(tied) > near.size else near
    return np.asarray(parts[:, chosen].mean(axis=1))


def diversification(parts: Floats, level: float) -> tuple[float, float]:
    """Sum of the parts' own expected shortfalls less that of their sum.

    Parameters
    ----------
    parts : numpy.ndarray
        Loss of each part, [part, path], positive = loss.
    level : float
        Such as 0.975, in (0, 1).

    Returns
    -------
    tuple of float
        Money, not negative but for rounding (expected shortfall is subadditive); and its standard error, from the
        excesses of all over their values at risk on the same paths, missing (NaN) where the tail holds no path.
    """
    whole = tail(np.sort(parts.sum(axis=0)), level)
    own = [tail(np.sort(part), level) for part in parts]
    value = math.fsum(each.expected_shortfall for each in own) - whole.expected_shortfall
    excess = sum(
        (np.maximum(part - each.value_at_risk, 0.0) for part, each in zip(parts, own, strict=True)),
        start=-np.maximum(parts.sum(axis=0) - whole.value_at_risk, 0.0),
    )
    error = float(np.std(excess)) / math.sqrt(parts.shape[1]) / (1.0 - level)
    return value, error if math.isfinite(whole.standard_error) else math.nan


def liquidation_ranks(position_step: NDArray[np.int32], steps: int) -> Floats:
    """Place of each position in the order of liquidations, on every path.

    Parameters
    ----------
    position_step : numpy.ndarray
        Step in which each position was liquidated, [position, path]; above ``steps`` if never.
    steps : int
        Steps of the run.

    Returns
    -------
    numpy.ndarray
        [position, path], 1 for the first; those of one step share the mean of their places; missing (NaN) if never.
    """
    ranks = np.full(position_step.shape, np.nan)
    for own, place in zip(position_step, ranks, strict=True):
        earlier = np.count_nonzero(position_step < own, axis=0)
        same = np.count_nonzero(position_step == own, axis=0)
        place[:] = np.where(own <= steps, 1.0 + earlier + 0.5 * (same - 1), np.nan)
    return ranks
