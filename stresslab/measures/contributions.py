"""Who makes the tail: contributions to expected shortfall that add up to it (METHODS M54)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import mean_bounds, quantile_ranks
from stresslab.measures.tails import Tail, tail

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
    rank = quantile_ranks(level, losses.size)[1] - 1
    value_at_risk = np.partition(losses, rank)[rank]
    further, same = losses > value_at_risk, losses == value_at_risk
    share = (beyond - np.count_nonzero(further)) / np.count_nonzero(same)
    return np.asarray(further + share * same, dtype=np.float64)


@dataclass(frozen=True)
class TailPaths:
    """The paths that a contribution hangs on.

    Parameters
    ----------
    places : numpy.ndarray
        Their indices, rising, [place].
    weights : numpy.ndarray
        Weight of each in the tail, [place], as `tail_weights` gives them.
    near : numpy.ndarray
        Whether it is one of those nearest to the value at risk, [place].
    paths : int
        Number of all paths.
    """

    places: NDArray[np.intp]
    weights: Floats
    near: NDArray[np.bool_]
    paths: int


def tail_paths(losses: Floats, level: float) -> TailPaths:
    """The paths in the tail of the whole, and those about its edge.

    Parameters
    ----------
    losses, level
        As of `tail_weights`.
    """
    weights = tail_weights(losses, level)
    rank = losses.size - round(float(weights.sum()))
    reach = max(_FEWEST_NEAR, round(_NEAR * float(weights.sum())))
    first, last = max(rank - reach, 0), min(rank + reach, losses.size) - 1
    ordered = np.partition(losses, [first, last])
    # Paths that lose exactly as much as one at the edge are as near as it is.
    near = (losses >= ordered[first]) & (losses <= ordered[last])
    places = np.flatnonzero(near | (weights > 0.0))
    return TailPaths(places, weights[places], near[places], losses.size)


def contributions_of(tail_of_whole: TailPaths, parts: Floats) -> Contributions:
    """Contributions of parts to the expected shortfall of their sum (METHODS M54).

    Parameters
    ----------
    tail_of_whole : TailPaths
        Of the sum of the parts.
    parts : numpy.ndarray
        Loss of each part on its places, [part, place], positive = loss.

    Returns
    -------
    Contributions
        The error is that of the mean of ``w (L_i - c_i)``, with w the weight in the tail and c_i the mean of L_i where
        the whole loses its value at risk: moving the edge of the tail trades the one for the other. For the whole it is
        the error of the expected shortfall (M25).
    """
    weights, paths = tail_of_whole.weights, tail_of_whole.paths
    total = float(weights.sum())
    values = parts @ weights / total
    if total < 1.0:
        return Contributions(values, np.full(len(parts), math.nan))
    edge = parts[:, tail_of_whole.near].mean(axis=1)
    # Where the weight is zero there is nothing to add.
    excess = weights * (parts - edge[:, None])
    mean = excess.sum(axis=1) / paths
    deviation = np.sqrt(np.maximum((excess**2).sum(axis=1) / paths - mean**2, 0.0))
    return Contributions(values, deviation / math.sqrt(paths) / (total / paths))


def shortfall_contributions(parts: Floats, level: float) -> Contributions:
    """The same of parts that are known on every path, [part, path]."""
    found = tail_paths(parts.sum(axis=0), level)
    return contributions_of(found, parts[:, found.places])


def diversification(parts: Iterable[Floats], whole: Floats, levels: Sequence[float]) -> list[tuple[float, float]]:
    """Sum of the parts' own expected shortfalls less that of their sum.

    Parameters
    ----------
    parts : iterable of numpy.ndarray
        Loss of each part, [path], positive = loss; read one by one.
    whole : numpy.ndarray
        Their sum, [path].
    levels : sequence of float
        Such as 0.975, in (0, 1).

    Returns
    -------
    list of tuple of float
        By level: money, not negative but for rounding (expected shortfall is subadditive); and its standard error, from
        the excesses of all over their values at risk on the same paths, missing (NaN) where the tail holds no path.
    """
    tails = _tails(whole, levels)
    values = [-each.expected_shortfall for each in tails]
    excess = [-np.maximum(whole - each.value_at_risk, 0.0) for each in tails]
    for part in parts:
        for place, own in enumerate(_tails(part, levels)):
            values[place] += own.expected_shortfall
            excess[place] += np.maximum(part - own.value_at_risk, 0.0)
    errors = [
        float(np.std(each)) / math.sqrt(whole.size) / (1.0 - level) for each, level in zip(excess, levels, strict=True)
    ]
    return [
        (value, error if math.isfinite(each.standard_error) else math.nan)
        for value, error, each in zip(values, errors, tails, strict=True)
    ]


def _tails(losses: Floats, levels: Sequence[float]) -> list[Tail]:
    """Tails at several levels of losses in any order; what lies below all of them need not be sorted."""
    lowest = quantile_ranks(min(levels), losses.size)[0] - 1
    ordered = np.partition(losses, lowest)
    ordered[lowest:].sort()
    return [tail(ordered, level) for level in levels]


def liquidation_ranks(position_step: Sequence[NDArray[np.int32]], steps: int) -> Iterator[Floats]:
    """Place of each position in the order of liquidations, on the paths on which it is liquidated.

    Parameters
    ----------
    position_step : sequence of numpy.ndarray
        Step in which each position was liquidated, [position] of [path]; above ``steps`` if never. Read one by one.
    steps : int
        Steps of the run.

    Yields
    ------
    numpy.ndarray
        For each position, [path on which it is liquidated]: 1 for the first; those of one step share the mean of their
        places.
    """
    for own in position_step:
        hit = np.flatnonzero(own <= steps)
        step = own[hit]
        ranks = np.full(hit.size, 0.5)
        for other in position_step:
            there = other[hit]
            ranks += (there < step) + 0.5 * (there == step)
        yield ranks
