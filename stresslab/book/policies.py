"""Policies: what a desk does about its margin, as data.

Durations are in days, margin ratios are equity over maintenance margin, and money is in the account's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """How long the desk takes to act on an alert, if anybody acts at all.

    Parameters
    ----------
    median_delay : float
        Median of the lognormal delay in days, positive.
    spread : float
        Standard deviation of the delay's logarithm, not negative; 0 for a delay that is always the same.
    no_answer : float
        Probability in [0, 1] that nobody answers; the alert is raised anew after one day.
    night : tuple of float or None
        Hours of the day in UTC, each in [0, 24], from which and to which it is night; the first may be the later one.
    night_factor : float
        By which a delay is multiplied where the alert is raised at night, at least 1.
    weekend_factor : float
        By which it is multiplied on Saturday and Sunday, UTC, at least 1.
    """

    median_delay: float
    spread: float
    no_answer: float
    night: tuple[float, float] | None
    night_factor: float
    weekend_factor: float


@dataclass(frozen=True)
class StopLoss:
    """Orders that close positions whose price moved against them.

    Parameters
    ----------
    name : str
        Name of the policy.
    distances : mapping of str to float
        By position id, for each position that has a stop: how far from today's mark on the losing side, a fraction of
        it; positive, and below 1 for a long.
    trigger_price : {"mark", "last"}
        Which price sets it off.
    wick : float
        How far the last price runs beyond the mark at an extreme, a fraction of it in [0, 1), below every distance; 0
        where the mark sets it off.
    slippage : float
        Loss of price of the closing order, a fraction of notional in [0, 1).
    fee_rate : float
        Trading fee, a fraction of notional in [0, 1).
    latency : float
        Days between the trigger and the close, not negative.
    """

    name: str
    distances: Mapping[str, float]
    trigger_price: Literal["mark", "last"]
    wick: float
    slippage: float
    fee_rate: float
    latency: float


@dataclass(frozen=True)
class TakeProfit:
    """Orders that close positions whose price moved in their favor.

    Parameters
    ----------
    name : str
        Name of the policy.
    distances : mapping of str to float
        By position id, for each position that has an order: how far from today's mark on the winning side, a fraction
        of it; positive, and below 1 for a short.
    slippage, fee_rate : float
        Loss of price and trading fee, fractions of notional in [0, 1).
    latency : float
        Days between the trigger and the close, not negative.
    """

    name: str
    distances: Mapping[str, float]
    slippage: float
    fee_rate: float
    latency: float


@dataclass(frozen=True)
class Alerts:
    """Levels of the margin ratio at which the desk is told.

    Parameters
    ----------
    name : str
        Name of the policy.
    levels : tuple of float
        Margin ratios above 1, falling, one to eight.
    """

    name: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class TopUp:
    """Money moved into a pool whose margin runs low, from a reserve outside the wallet.

    Parameters
    ----------
    name : str
        Name of the policy.
    trigger : float
        Margin ratio below which money is sent, above 1.
    target : float
        Margin ratio that it is meant to restore, above the trigger.
    cap : float
        Most that one pool gets in all, in the account's currency, positive.
    reserve : float
        Money that there is for all pools of the configuration, in the account's currency, positive.
    delay : float
        Days between the decision and the arrival, not negative; counted in whole steps, rounded up.
    answer : Answer or None
        How long the desk takes to decide; None where it does at once.
    """

    name: str
    trigger: float
    target: float
    cap: float
    reserve: float
    delay: float
    answer: Answer | None = None


@dataclass(frozen=True)
class Withdrawal:
    """Money taken out of a pool that holds more than it needs.

    Parameters
    ----------
    name : str
        Name of the policy.
    trigger : float
        Margin ratio above which money is taken out, above the target.
    target : float
        Margin ratio down to which it is taken out, above 1.
    cap : float
        Most that is taken out of one pool in all, in the account's currency, positive; infinite where there is no
        limit.
    delay : float
        Days between the decision and the departure, not negative.
    """

    name: str
    trigger: float
    target: float
    cap: float
    delay: float


@dataclass(frozen=True)
class Reallocation:
    """Collateral moved between the pools of a configuration from time to time.

    Parameters
    ----------
    name : str
        Name of the policy.
    every : float
        Days between two reallocations, at least one step and at most the horizon.
    aim : {"margin_ratio", "required_collateral"}
        What is made equal: the pools' margin ratios, or their collateral over their required collateral.
    delay : float
        Days between the decision and the transfer, not negative.
    """

    name: str
    every: float
    aim: Literal["margin_ratio", "required_collateral"]
    delay: float


@dataclass(frozen=True)
class Deleveraging:
    """Positions of a pool cut in proportion before it is liquidated.

    Parameters
    ----------
    name : str
        Name of the policy.
    trigger : float
        Margin ratio below which positions are cut, above 1.
    target : float
        Margin ratio that it is meant to restore, above the trigger.
    slippage, fee_rate : float
        Loss of price and trading fee, fractions of the notional closed in [0, 1).
    latency : float
        Days between the decision and the trade, not negative.
    answer : Answer or None
        How long the desk takes to decide; None where it does at once.
    """

    name: str
    trigger: float
    target: float
    slippage: float
    fee_rate: float
    latency: float
    answer: Answer | None = None


@dataclass(frozen=True)
class Outage:
    """Times in which nothing of the desk's tools works: no order, no transfer, no answer.

    Parameters
    ----------
    name : str
        Name of the policy.
    windows : tuple of tuple of float
        Start and duration of each fixed outage in days, by start; a start lies in [0, horizon), a duration is positive.
    move : float
        Absolute move of some asset's log price within the window that causes an outage, positive; infinite where none
        does.
    window : float
        Days in which the move is measured, positive; 0 where no move causes an outage.
    duration : float
        Days that such an outage lasts, positive; 0 where no move causes one.
    """

    name: str
    windows: tuple[tuple[float, float], ...]
    move: float
    window: float
    duration: float


Policy = StopLoss | TakeProfit | Alerts | TopUp | Withdrawal | Reallocation | Deleveraging | Outage
