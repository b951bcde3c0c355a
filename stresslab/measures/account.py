"""Paths of a configuration seen as an account: liquidation, losses, and their differences on the same paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.measures.intervals import mean_bounds, paired_difference, quantile_ranks
from stresslab.measures.tails import tail
from stresslab.simulation.outcomes import Outcomes

Triple = tuple[float, float, float]

# Number of consecutive groups of paths from which the error of a difference of quantiles is estimated.
_SECTIONS = 40


@dataclass(frozen=True)
class AccountPaths:
    """What became of one configuration, path by path.

    Parameters
    ----------
    first_step, last_step : numpy.ndarray
        Step of the first liquidation of a pool and of the last one, [path]; steps + 1 if none, or not all, were.
    position_step : sequence of numpy.ndarray
        For each position the step in which the pool that holds it was liquidated, [path]; steps + 1 if never.
    loss : numpy.ndarray
        Account value today less at the horizon, [path], float64, positive = loss.
    steps : int
        Steps of the run.
    """

    first_step: NDArray[np.int32]
    last_step: NDArray[np.int32]
    position_step: Sequence[NDArray[np.int32]]
    loss: NDArray[np.float64]
    steps: int

    @property
    def any_liquidated(self) -> NDArray[np.bool_]:
        """Whether any pool was liquidated, [path]."""
        return self.first_step <= self.steps

    def positions_liquidated(self, within: int | None = None) -> Iterator[NDArray[np.bool_]]:
        """For each position whether the pool that holds it was liquidated within so many steps, or at all, [path]."""
        return (step <= (self.steps if within is None else within) for step in self.position_step)

    @property
    def wiped(self) -> NDArray[np.bool_]:
        """Whether every pool was liquidated, [path]."""
        return self.last_step <= self.steps


class _Columns(Sequence[NDArray[np.int32]]):
    """Liquidation steps of some stakes, read one by one: all of them together would be the most of a run's memory."""

    def __init__(self, outcomes: Outcomes, stakes: Sequence[int], valid: NDArray[np.bool_]) -> None:
        self._outcomes, self._stakes, self._valid = outcomes, stakes, valid

    def __len__(self) -> int:
        return len(self._stakes)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.int32]: ...

    @overload
    def __getitem__(self, place: slice) -> _Columns: ...

    def __getitem__(self, place: int | slice) -> NDArray[np.int32] | _Columns:
        if isinstance(place, slice):
            return _Columns(self._outcomes, self._stakes[place], self._valid)
        return self._outcomes.column(self._outcomes.liquidation_step, self._stakes[place], self._valid)


def account_paths(
    outcomes: Outcomes, configuration: Configuration, stakes: Sequence[int], valid: NDArray[np.bool_]
) -> AccountPaths:
    """What became of a configuration, gathered from the stakes behind its pools.

    Parameters
    ----------
    outcomes : Outcomes
        Per path.
    configuration : Configuration
        Which one.
    stakes : sequence of int
        Stake of each of its pools.
    valid : numpy.ndarray
        False where a path failed and is left out, [path].
    """
    steps = outcomes.liquidation_step
    first = outcomes.column(steps, stakes[0], valid)
    last, profit = first.copy(), np.zeros(first.size)
    for stake in stakes:
        step = outcomes.column(steps, stake, valid)
        np.minimum(first, step, out=first)
        np.maximum(last, step, out=last)
        profit += outcomes.column(outcomes.profit, stake, valid)
    stake_of_position = {
        position: stake for stake, pool in zip(stakes, configuration.pools, strict=True) for position in pool.positions
    }
    return AccountPaths(
        first_step=first,
        last_step=last,
        position_step=_Columns(outcomes, [stake_of_position[each] for each in sorted(stake_of_position)], valid),
        loss=np.negative(profit, out=profit),
        steps=outcomes.steps,
    )


def mean_with_bounds(values: NDArray[np.float64]) -> Triple:
    """Mean of a sample and its normal 95 % interval.

    Parameters
    ----------
    values : numpy.ndarray
        [path].

    Returns
    -------
    tuple of float
        Mean, lower and upper bound; the bounds are missing (NaN) for a single path.
    """
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / np.sqrt(values.size) if values.size > 1 else np.nan
    lower, upper = mean_bounds(mean, error)
    return mean, float(lower), float(upper)


def differences(first: AccountPaths, second: AccountPaths, levels: Sequence[float]) -> dict[str, NDArray[np.float64]]:
    """Every headline number of one configuration less that of another, on the same paths.

    Parameters
    ----------
    first, second : AccountPaths
        The two configurations; positive differences mean that the first is higher.
    levels : sequence of float
        Levels of value at risk and expected shortfall.

    Returns
    -------
    dict of str to numpy.ndarray
        By the name of the measure: estimate, lower and upper bound, [3], or [3, position] or [3, level].
    """
    gain = mean_with_bounds(second.loss - first.loss)
    legs = zip(first.positions_liquidated(), second.positions_liquidated(), strict=True)
    ordered = np.sort(first.loss), np.sort(second.loss)
    tails = [_tail_difference(first.loss, second.loss, ordered, level) for level in levels]
    return {
        "account_liquidation_probability": np.array(paired_difference(first.any_liquidated, second.any_liquidated)),
        "account_wiped_probability": np.array(paired_difference(first.wiped, second.wiped)),
        "position_liquidation_probability": np.array([paired_difference(one, two) for one, two in legs]).T,
        "expected_loss": np.array(mean_with_bounds(np.maximum(first.loss, 0.0) - np.maximum(second.loss, 0.0))),
        "expected_pnl": np.array(gain),
        "value_at_risk": np.array([value_at_risk for value_at_risk, _ in tails]).T,
        "expected_shortfall": np.array([shortfall for _, shortfall in tails]).T,
    }


def quantile_differences(
    first: AccountPaths, second: AccountPaths, probabilities: Sequence[float]
) -> NDArray[np.float64]:
    """Quantiles of one configuration's loss less those of another's, on the same paths.

    Parameters
    ----------
    first, second : AccountPaths
        The two configurations.
    probabilities : sequence of float
        Of the quantiles, in (0, 1).

    Returns
    -------
    numpy.ndarray
        Estimate, lower and upper bound, [3, probability]; the bounds are missing (NaN) for fewer than four paths.
    """
    one, two = np.sort(first.loss), np.sort(second.loss)
    ranks = np.array([quantile_ranks(probability, one.size)[1] for probability in probabilities]) - 1
    difference = one[ranks] - two[ranks]
    return np.stack(
        [difference, *mean_bounds(difference, _quantile_difference_errors(first.loss, second.loss, probabilities))]
    )


def _quantile_difference_errors(
    first: NDArray[np.float64], second: NDArray[np.float64], probabilities: Sequence[float]
) -> NDArray[np.float64]:
    """Standard errors of differences of quantiles, from their spread over sections: there is no simple formula."""
    sections = min(_SECTIONS, first.size // 2)
    if sections < 2:
        return np.full(len(probabilities), np.nan)
    parts = [
        np.quantile(one, probabilities) - np.quantile(two, probabilities)
        for one, two in zip(np.array_split(first, sections), np.array_split(second, sections), strict=True)
    ]
    return np.asarray(np.std(parts, axis=0, ddof=1) / np.sqrt(sections))


def _tail_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    ordered: tuple[NDArray[np.float64], NDArray[np.float64]],
    level: float,
) -> tuple[Triple, Triple]:
    """Differences of value at risk and of expected shortfall; the losses come path by path, and rising."""
    one, two = (tail(each, level) for each in ordered)
    value_at_risk = one.value_at_risk - two.value_at_risk
    var_lower, var_upper = mean_bounds(value_at_risk, _quantile_difference_errors(first, second, [level])[0])
    # The error of a shortfall is that of the mean excess over the value at risk, here of the paired excesses.
    excess = np.maximum(first - one.value_at_risk, 0.0) - np.maximum(second - two.value_at_risk, 0.0)
    shortfall = one.expected_shortfall - two.expected_shortfall
    shortfall_error = float(excess.std(ddof=1)) / np.sqrt(excess.size) / (1 - level) if excess.size > 1 else np.nan
    lower, upper = mean_bounds(shortfall, shortfall_error)
    return (
        (value_at_risk, float(var_lower), float(var_upper)),
        (shortfall, float(lower), float(upper)),
    )
