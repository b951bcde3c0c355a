"""Several accounts on the same paths seen as one: losses of the whole, who makes its tail, and who falls with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.account import mean_with_bounds
from stresslab.measures.contagion import first_liquidated, liquidations_or_more
from stresslab.measures.contributions import contributions_of, diversification, tail_paths
from stresslab.measures.evaluate import NoValidPathError
from stresslab.measures.intervals import curve_band, mean_bounds, quantile_ranks, wilson
from stresslab.measures.named import FEWEST, Arrays, place, probabilities, quantiles, share, triple
from stresslab.measures.tails import tail

Floats = NDArray[np.float64]
Steps = NDArray[np.int32]


@dataclass(frozen=True)
class AccountRecord:
    """What became of one of several accounts, path by path, money in the reporting currency.

    Parameters
    ----------
    loss : numpy.ndarray
        Value today less at the horizon, [configuration, path], positive = loss.
    first_step : numpy.ndarray
        Step of the first liquidation of a pool, [configuration, path]; steps + 1 if none was.
    cash : numpy.ndarray
        What would have had to be moved in so that no pool was liquidated, [configuration, path], not negative; missing
        (NaN) on all paths of a configuration on which something acts.
    failed : numpy.ndarray
        True where a number of the path is not finite, [path].
    """

    loss: Floats
    first_step: Steps
    cash: Floats
    failed: NDArray[np.bool_]


@dataclass(frozen=True)
class InstitutionAxes:
    """What the arrays of `institution_arrays` stand along.

    Parameters
    ----------
    levels, quantiles, profile : tuple of float
        Probabilities, as of an account's results.
    time_steps : numpy.ndarray
        Steps at whose end survival is counted, [time], from 0.
    steps : int
        Steps of the run.
    """

    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    profile: tuple[float, ...]
    time_steps: NDArray[np.int64]
    steps: int


def loss_in_reporting_currency(loss: Floats, value_today: float, rate_today: float, rate_at_end: Floats) -> Floats:
    """Loss of an account whose worth is told in another currency.

    Parameters
    ----------
    loss : numpy.ndarray
        In the account's currency, [path], positive = loss.
    value_today : float
        Account value today, in its currency.
    rate_today : float
        Worth of one unit of its currency today, in the reporting currency, positive.
    rate_at_end : numpy.ndarray
        The same at the horizon, [path], or of a shape that broadcasts.

    Returns
    -------
    numpy.ndarray
        ``rate_today * V(0) - rate_at_end * V(T)``, [path]: where the rate stands still, the rate times the loss.
    """
    lost = (rate_today - rate_at_end) * value_today + rate_at_end * loss
    return np.asarray(lost, np.float64)


def institution_arrays(records: Sequence[AccountRecord], axes: InstitutionAxes) -> Arrays:
    """All estimates of the whole and of its accounts, with their intervals.

    Parameters
    ----------
    records : sequence of AccountRecord
        One an account, of the same configurations and paths; paths that failed in one of them are left out of all.
    axes : InstitutionAxes
        What the arrays stand along.

    Returns
    -------
    dict of str to numpy.ndarray
        By name of variable and of its companions.

    Raises
    ------
    NoValidPathError
        If no path is left.
    """
    valid = ~reduce(np.logical_or, [each.failed for each in records])
    if not valid.any():
        raise NoValidPathError("every path failed in one account or another, so that nothing can be added up")
    arrays: Arrays = {"failed_paths": np.asarray(float((~valid).sum()))}
    rows = len(records[0].loss)
    for row in range(rows):
        losses = [each.loss[row][valid] for each in records]
        steps = [each.first_step[row][valid] for each in records]
        cash = [each.cash[row][valid] for each in records]
        values = _whole(losses, axes) | _contagion(steps, axes) | _cash(cash, axes.levels)
        for name, value in values.items():
            place(arrays, name, (rows,), (row,), value)
    return arrays


def _whole(losses: Sequence[Floats], axes: InstitutionAxes) -> dict[str, object]:
    """Figures of every account's loss, of their sum, and how the parts make the tail of the whole."""
    whole = reduce(np.add, losses)
    values = _losses(whole, axes)
    by_account = [_losses(each, axes) for each in losses]
    values |= {f"account_{name}": np.stack([np.asarray(each[name]) for each in by_account]) for name in values}
    contributions = []
    for level in axes.levels:
        in_tail = tail_paths(whole, level)
        found = contributions_of(in_tail, np.stack([each[in_tail.places] for each in losses]))
        contributions.append((found.values, found.standard_errors, *found.bounds))
    apart = [(value, error, *mean_bounds(value, error)) for value, error in diversification(losses, whole, axes.levels)]
    for suffix, part in zip(_SUFFIXES, np.stack(contributions, axis=-1), strict=True):
        values[f"account_shortfall_contribution{suffix}"] = part
    for suffix, part in zip(_SUFFIXES, np.array(apart, np.float64).T, strict=True):
        values[f"shortfall_diversification{suffix}"] = part
    return values


_SUFFIXES = ("", "_standard_error", "_lower", "_upper")


def _losses(loss: Floats, axes: InstitutionAxes) -> dict[str, object]:
    values = triple("expected_loss", mean_with_bounds(np.maximum(loss, 0.0)))
    values |= triple("expected_pnl", mean_with_bounds(-loss))
    ordered = np.sort(loss)
    values |= quantiles("loss_quantile", ordered, axes.quantiles)
    values["loss_profile"] = ordered[[quantile_ranks(each, ordered.size)[1] - 1 for each in axes.profile]]
    tails = [tail(ordered, level) for level in axes.levels]
    values |= {
        f"value_at_risk{end}": np.array([getattr(each, f"value_at_risk{end}") for each in tails])
        for end in ("", "_lower", "_upper")
    }
    values["expected_shortfall"] = np.array([each.expected_shortfall for each in tails])
    values["expected_shortfall_standard_error"] = np.array([each.standard_error for each in tails])
    bounds = np.array([each.expected_shortfall_bounds for each in tails])
    return values | {"expected_shortfall_lower": bounds[:, 0], "expected_shortfall_upper": bounds[:, 1]}


def _contagion(first_step: Sequence[Steps], axes: InstitutionAxes) -> dict[str, object]:
    """Which accounts see a liquidation, alone and together, and in which order."""
    paths, steps = first_step[0].size, axes.steps
    hit = np.stack([each <= steps for each in first_step])
    least = reduce(np.minimum, first_step)
    values = probabilities("account_liquidation_probability", hit, paths)
    values |= share("any_liquidation_probability", int(hit.any(axis=0).sum()), paths)
    values |= share("every_liquidation_probability", int(hit.all(axis=0).sum()), paths)
    values |= share("liquidations_or_more_probability", liquidations_or_more(hit) * paths, paths)
    values |= share("first_liquidation_probability", first_liquidated(first_step, steps) * paths, paths)
    # Those that fall in one step are all among the first.
    ahead = np.stack([own & (step == least) for own, step in zip(hit, first_step, strict=True)])
    values |= _conditional("liquidation_given_liquidation", hit, hit)
    values |= _conditional("liquidation_given_first", ahead, hit)
    survived = 1.0 - np.searchsorted(np.sort(least), axes.time_steps, side="right") / paths
    return values | triple("survival", (survived, *curve_band(survived, paths)))


def _conditional(name: str, given: NDArray[np.bool_], hit: NDArray[np.bool_]) -> dict[str, object]:
    """P(j hit | i given), [i, j], with Wilson intervals of the paths on which i is; missing with fewer than ten."""
    together = given.astype(np.float64) @ hit.astype(np.float64).T
    found = np.full((3, *together.shape), np.nan)
    for row, count in enumerate(given.sum(axis=1).tolist()):
        if count >= FEWEST:
            found[:, row] = together[row] / count, *wilson(together[row], count)
    return triple(name, found)


def _cash(cash: Sequence[Floats], levels: Sequence[float]) -> dict[str, object]:
    """Cash that suffices with the probability of each level, of every account and of the whole."""
    by_account = [quantiles("cash_at_risk", np.sort(each), levels) for each in cash]
    values = {f"account_{name}": np.stack([np.asarray(each[name]) for each in by_account]) for name in by_account[0]}
    return values | quantiles("cash_at_risk", np.sort(reduce(np.add, cash)), levels)
