"""Common advice, tested on the book at hand: how large the effect is, where the opposite happened, and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.measures.account import AccountPaths, account_paths, differences, mean_with_bounds
from stresslab.measures.intervals import mean_bounds, paired_difference, wilson
from stresslab.measures.named import FEWEST
from stresslab.measures.policies import policy_base, rounding, without_rounding
from stresslab.measures.recorded import cash_by_configuration
from stresslab.measures.tails import tail
from stresslab.simulation.outcomes import Outcomes

Triple = tuple[float, float, float]
Kind = Literal["probability", "share", "money", "positions"]
Verdict = Literal["holds", "does not hold", "undecided"]

LEVEL = 0.975
"""Level of the quantiles and shortfalls of the losses that are compared."""
_MISSING = (np.nan, np.nan, np.nan)
_KINDS = {"TopUp": "a top-up helps", "StopLoss": "a stop helps"}
_TOGETHER = "the policies help"


@dataclass(frozen=True)
class Claim:
    """A claim and what the paths say to it.

    Parameters
    ----------
    statement : str
        The claim; no two are the same.
    configuration, against : str
        Names of the two that it compares; the same where it is about one alone.
    measure : str
        What its size is the size of.
    kind : {"probability", "share", "money", "positions"}
        Of the size: ``probability`` for one, ``share`` for a difference or ratio of probabilities.
    size : tuple of float
        Estimate with its 95 % interval, positive = as claimed; missing (NaN) where the paths hold too few cases.
    exceptions : tuple of float
        Share of the paths on which the opposite happened, with its Wilson interval.
    verdict : {"holds", "does not hold", "undecided"}
        Whether the interval of the size lies on one side of zero. A claim that something never happens holds where no
        path is an exception, and does not where one is.
    """

    statement: str
    configuration: str
    against: str
    measure: str
    kind: Kind
    size: Triple
    exceptions: Triple
    verdict: Verdict


def claims(
    outcomes: Outcomes, configurations: Sequence[Configuration], equity: Sequence[NDArray[np.float64]]
) -> tuple[Claim, ...]:
    """All claims for which the run has a configuration.

    Parameters
    ----------
    outcomes : Outcomes
        Per path, at least one of them valid.
    configurations : sequence of Configuration
        ``all_isolated`` and ``all_cross`` among them.
    equity : sequence of numpy.ndarray
        Today's equity of every pool of each configuration, [pool], in the account's currency.

    Returns
    -------
    tuple of Claim
        Isolation, cross margin and diversification; then two for every configuration with policies. What compares
        positions with each other is left out where there is only one.
    """
    valid = ~outcomes.failed
    accounts = [
        account_paths(outcomes, configuration, stakes, valid)
        for configuration, stakes in zip(configurations, outcomes.configuration_stakes, strict=True)
    ]
    names = [configuration.name for configuration in configurations]
    isolated, cross = names.index("all_isolated"), names.index("all_cross")
    stakes_alone = outcomes.configuration_stakes[isolated]

    def losses() -> Iterator[NDArray[np.float64]]:
        return (-outcomes.column(outcomes.profit, stake, valid).astype(np.float64) for stake in stakes_alone)

    within = rounding(configurations[isolated], accounts[isolated])
    found = [_capped(losses(), np.maximum(equity[isolated], 0.0), within)]
    if len(stakes_alone) > 1:
        found += [
            _lower_tail(accounts[isolated], accounts[cross], within),
            _taken_along(accounts[isolated], accounts[cross]),
            _dragged_down(accounts[isolated], accounts[cross]),
            _diversified(losses, within),
        ]
    cash = cash_by_configuration(outcomes, valid)
    for row, configuration in enumerate(configurations):
        base = policy_base(configuration, configurations)
        if base is not None:
            before = names.index(base)
            acting = without_rounding(accounts[row], accounts[before], within)
            found += _policy(configuration, configurations[before], acting, accounts[before])
            moved = cash[row]
            if moved is not None and moved.any():
                found.append(_capped_with_cash(configuration.name, accounts[row], equity[row], moved, within))
    return tuple(found)


def verdict_of(size: Triple) -> Verdict:
    """What an estimate's interval says of a claim that it is positive."""
    _, lower, upper = size
    if lower > 0.0:
        return "holds"
    return "does not hold" if upper < 0.0 else "undecided"


def _share(hit: NDArray[np.bool_]) -> Triple:
    hits = int(np.count_nonzero(hit))
    lower, upper = wilson(hits, hit.size)
    return hits / hit.size, float(lower), float(upper)


def _never(statement: str, configuration: str, measure: str, exception: NDArray[np.bool_]) -> Claim:
    """A claim that something never happens: one path refutes it."""
    verdict: Verdict = "does not hold" if exception.any() else "holds"
    return Claim(
        statement, configuration, configuration, measure, "probability", _share(~exception), _share(exception), verdict
    )


def _capped(losses: Iterator[NDArray[np.float64]], posted: NDArray[np.float64], within: float) -> Claim:
    beyond = reduce(np.logical_or, (loss > held + within for loss, held in zip(losses, posted, strict=True)))
    return _never(
        "isolation caps the loss of each position at what stands behind it",
        "all_isolated",
        "P(no pool loses more than stands behind it today)",
        beyond,
    )


def _capped_with_cash(
    name: str, account: AccountPaths, equity: NDArray[np.float64], moved: NDArray[np.floating], within: float
) -> Claim:
    beyond = account.loss > np.maximum(equity, 0.0).sum() + moved.astype(np.float64) + within
    return _never(
        f"the loss ends at what was posted and moved in ({name})",
        name,
        "P(the loss stays within the equity of all pools today and the cash used)",
        beyond,
    )


def _lower_tail(isolated: AccountPaths, cross: AccountPaths, within: float) -> Claim:
    estimate, lower, upper = differences(cross, isolated, [LEVEL])["value_at_risk"][:, 0]
    size = float(estimate), float(lower), float(upper)
    return Claim(
        "isolation caps the loss of the account",
        "all_isolated",
        "all_cross",
        "Value at risk 97.5 %, crossed less isolated",
        "money",
        size,
        _share(isolated.loss > cross.loss + within),
        verdict_of(size),
    )


def _taken_along(isolated: AccountPaths, cross: AccountPaths) -> Claim:
    """All lost, given that any is: certain for the single pool of all_cross, so its Wilson interval is the other's."""
    alone = isolated.wiped[isolated.any_liquidated]
    size: Triple = _MISSING
    if alone.size >= FEWEST and np.count_nonzero(cross.any_liquidated) >= FEWEST:
        share, lower, upper = _share(alone)
        size = 1.0 - share, 1.0 - upper, 1.0 - lower
    return Claim(
        "cross margin turns one liquidation into the loss of all",
        "all_cross",
        "all_isolated",
        "P(all lost, given any), crossed less isolated",
        "share",
        size,
        _share(isolated.wiped & ~cross.wiped),
        verdict_of(size),
    )


def _dragged_down(isolated: AccountPaths, cross: AccountPaths) -> Claim:
    more = np.zeros(cross.loss.size)
    for crossed, alone in zip(cross.positions_liquidated(), isolated.positions_liquidated(), strict=True):
        more += crossed
        more -= alone
    size = mean_with_bounds(more) if more.any() else _MISSING
    return Claim(
        "cross margin drags more positions down than fall alone",
        "all_cross",
        "all_isolated",
        "Positions liquidated on average, crossed less isolated",
        "positions",
        size,
        _share(more < 0.0),
        verdict_of(size),
    )


def _diversified(losses: Callable[[], Iterator[NDArray[np.float64]]], within: float) -> Claim:
    """Shortfalls of the pools alone, summed, less that of their sum; the errors are paired path by path."""
    total = reduce(np.add, losses())
    alone, together = [tail(np.sort(each), LEVEL) for each in losses()], tail(np.sort(total), LEVEL)
    limit = sum(each.expected_shortfall for each in alone)
    excess = np.zeros(total.size)
    for each, found in zip(losses(), alone, strict=True):
        excess += np.maximum(each - found.value_at_risk, 0.0)
    excess -= np.maximum(total - together.value_at_risk, 0.0)
    error = float(np.std(excess, ddof=1)) / np.sqrt(total.size) / (1 - LEVEL) if total.size > 1 else np.nan
    estimate = limit - together.expected_shortfall
    lower, upper = mean_bounds(estimate, error)
    size = estimate, float(lower), float(upper)
    return Claim(
        "diversification helps: the book’s tail is lighter than its parts’",
        "all_isolated",
        "all_isolated",
        "Shortfall 97.5 %, sum of the positions alone less that of the book",
        "money",
        size,
        _share(total > limit + within),
        verdict_of(size),
    )


def _policy(
    configuration: Configuration, base: Configuration, acting: AccountPaths, resting: AccountPaths
) -> list[Claim]:
    """Fewer liquidations, and a lower expected loss, by what a configuration does and its base does not."""
    # Alerts change nothing by themselves.
    before, after = (
        [policy for policy in one.policies if not hasattr(policy, "levels")] for one in (base, configuration)
    )
    added = [policy for policy in after if policy not in before]
    if not added:
        return []
    alone = len(added) == 1 and all(policy in after for policy in before)
    advice = _KINDS.get(type(added[0]).__name__, _TOGETHER) if alone else _TOGETHER
    rarer = paired_difference(resting.any_liquidated, acting.any_liquidated)
    cheaper = mean_with_bounds(np.maximum(resting.loss, 0.0) - np.maximum(acting.loss, 0.0))
    return [
        Claim(
            f"{advice} ({configuration.name}): fewer liquidations",
            configuration.name,
            base.name,
            "P(any pool liquidated), without less with",
            "share",
            rarer,
            _share(acting.any_liquidated & ~resting.any_liquidated),
            verdict_of(rarer),
        ),
        Claim(
            f"{advice} ({configuration.name}): less is lost",
            configuration.name,
            base.name,
            "Expected loss, without less with",
            "money",
            cheaper,
            _share(acting.loss > resting.loss),
            verdict_of(cheaper),
        ),
    ]
