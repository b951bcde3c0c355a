"""What policies are worth: a configuration that has some, against the one whose pools it took (METHODS M59)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.measures.account import AccountPaths, differences, mean_with_bounds
from stresslab.measures.intervals import mean_bounds
from stresslab.measures.named import FEWEST, Arrays, place, probability, quantiles, triple

Triple = tuple[float, float, float]

MEASURES = ("account_liquidation_probability", "expected_loss", "expected_pnl", "expected_shortfall")
"""Measures whose differences are taken; the loss given liquidation comes besides."""
_MISSING = (np.nan, np.nan, np.nan)
# The engines' outcomes are single precision, and two of them agree to this share of the account.
_PRECISION = 1e-5


def policy_base(configuration: Configuration, configurations: Sequence[Configuration]) -> str | None:
    """Name of the configuration that tells what one's policies are worth: the one it is like, else the first.

    None where the configuration has no policies.
    """
    return (configuration.base or configurations[0].name) if configuration.policies else None


def rounding(configuration: Configuration, account: AccountPaths) -> float:
    """Money within which two losses of an account count as equal: 1e-5 of its collateral, or of its largest loss."""
    held = sum(pool.collateral for pool in configuration.pools)
    return _PRECISION * max(held, float(account.loss.max()))


def without_rounding(acting: AccountPaths, resting: AccountPaths, within: float) -> AccountPaths:
    """Paths of a configuration, with the other's loss wherever the two differ by rounding alone.

    Parameters
    ----------
    acting, resting : AccountPaths
        The two configurations.
    within : float
        See `rounding`.

    Returns
    -------
    AccountPaths
        The first. Where nothing acts its difference to the second is exactly zero, not a tiny one that never varies
        and would pass for certain.
    """
    same = np.abs(acting.loss - resting.loss) <= within
    return replace(acting, loss=np.where(same, resting.loss, acting.loss))


def loss_given_liquidation(paths: AccountPaths) -> Triple:
    """Mean loss of the account over the paths on which any pool was liquidated.

    Parameters
    ----------
    paths : AccountPaths
        Of one configuration.

    Returns
    -------
    tuple of float
        Estimate, lower and upper bound, in the account's currency, positive = loss; missing (NaN) with fewer than
        `FEWEST` such paths. The number of such paths is random too: a ratio of two means, its error by the delta
        method.
    """
    return loss_given_liquidation_difference(paths, None)


def loss_given_liquidation_difference(first: AccountPaths, second: AccountPaths | None) -> Triple:
    """Loss given liquidation of one configuration less that of another, on the same paths.

    Parameters
    ----------
    first, second : AccountPaths
        The two configurations; without a second, the first alone.

    Returns
    -------
    tuple of float
        Estimate, lower and upper bound, positive = the first loses more; missing (NaN) where either was liquidated on
        fewer than `FEWEST` paths.
    """
    both = [first] if second is None else [first, second]
    if min(int(np.count_nonzero(each.any_liquidated)) for each in both) < FEWEST:
        return _MISSING
    (value, influence), *others = (_conditional_mean(each.loss, each.any_liquidated) for each in both)
    for other, other_influence in others:
        value, influence = value - other, influence - other_influence
    lower, upper = mean_bounds(value, float(influence.std(ddof=1)) / np.sqrt(influence.size))
    return value, float(lower), float(upper)


def _conditional_mean(values: NDArray[np.float64], condition: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Mean where a condition holds, and how much each path moves it to first order (its influence), [path]."""
    mean = float(values[condition].mean())
    return mean, np.where(condition, values - mean, 0.0) / float(condition.mean())


def policy_arrays(
    configurations: Sequence[Configuration],
    accounts: Sequence[AccountPaths],
    cash: Sequence[NDArray[np.floating] | None],
    levels: Sequence[float],
    probabilities: Sequence[float],
) -> Arrays:
    """What every configuration with policies gains and needs by them.

    Parameters
    ----------
    configurations : sequence of Configuration
        All of the run.
    accounts : sequence of AccountPaths
        What became of each.
    cash : sequence of numpy.ndarray or None
        Largest amount moved in from outside the wallet, [path], not negative; None where nothing can be.
    levels : sequence of float
        Of the expected shortfall.
    probabilities : sequence of float
        Of the quantiles of cash.

    Returns
    -------
    dict of str to numpy.ndarray
        By variable name, [configuration] or with a further axis; missing (NaN) where a configuration has no policies.
        ``account_loss_given_liquidation`` stands for all configurations, and alone where none has policies.
    """
    arrays: Arrays = {}
    outer = (len(configurations),)
    names = [configuration.name for configuration in configurations]
    for row, (configuration, account) in enumerate(zip(configurations, accounts, strict=True)):
        values = triple("account_loss_given_liquidation", loss_given_liquidation(account))
        base = policy_base(configuration, configurations)
        if base is not None:
            before = names.index(base)
            within = rounding(configurations[before], accounts[before])
            values |= _worth(without_rounding(account, accounts[before], within), accounts[before], levels)
        moved = cash[row]
        if base is not None and moved is not None:
            amounts = moved.astype(np.float64)
            values |= probability("cash_used_probability", amounts > 0.0)
            values |= triple("expected_cash_used", mean_with_bounds(amounts))
            values |= quantiles("cash_used_quantile", np.sort(amounts), probabilities)
        for name, value in values.items():
            place(arrays, name, outer, (row,), value)
    return arrays


def _worth(with_policies: AccountPaths, without: AccountPaths, levels: Sequence[float]) -> dict[str, object]:
    found = differences(with_policies, without, levels)
    values: dict[str, object] = {}
    for name in MEASURES:
        values |= triple(f"{name}_policy_difference", found[name])
    given = loss_given_liquidation_difference(with_policies, without)
    return values | triple("account_loss_given_liquidation_policy_difference", given)
