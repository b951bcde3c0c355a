"""Stop-loss and take-profit orders: positions that the desk closes at a price, if it gets there first.

Inside a step an order is reached where an extreme of its price passes its level, and is filled at that level, or at the
price at the start of the step where that lay beyond it already, as after an outage. Where a price jumps over the level
it is filled at the price that the jump reached. An order with a latency is filled at the end of a step instead, as many
steps later as its latency needs. A stop that looks at the last price is set off while the mark is still a wick away. If
a step reaches both orders of a position, the stop comes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.book.policies import StopLoss, TakeProfit

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.scenario.scenario import Scenario

_NONE = np.int32(np.iinfo(np.int32).max)


class Order(NamedTuple):
    """One order of each leg, [leg, 1], seen along the leg: gains count upward, whether it is long or short.

    Parameters
    ----------
    level : jax.Array
        Log of price over start price at which it is filled; minus infinity for no stop, infinity for no take-profit.
    trigger : jax.Array
        Log of mark over start price at which it is set off.
    slippage, fee_rate : jax.Array
        Cost of the fill as shares of its notional.
    latency : jax.Array or None
        Steps between trigger and fill, int32; 0: at once. None where no order has any.
    """

    level: Array
    trigger: Array
    slippage: Array
    fee_rate: Array
    latency: Array | None


class Parameters(NamedTuple):
    """The orders of all legs, and the legs' sides: +1 long, -1 short, [leg, 1]."""

    side: Array
    stop: Order
    profit: Order


class State(NamedTuple):
    """Orders on their way to be filled, [leg, path].

    Parameters
    ----------
    due : jax.Array
        Number of the step at whose end they are filled, int32; the largest number where there is none.
    slippage, fee_rate : jax.Array
        Their costs.
    """

    due: Array
    slippage: Array
    fee_rate: Array


class Fill(NamedTuple):
    """Orders that are reached, [leg, path].

    Parameters
    ----------
    reached : jax.Array
        Whether there is one.
    log_price : jax.Array
        Log of price over start price at which it is filled, unless it has a latency; finite where there is none.
    slippage, fee_rate, latency : jax.Array
        As in `Order`.
    """

    reached: Array
    log_price: Array
    slippage: Array
    fee_rate: Array
    latency: Array | None


def build(scenario: Scenario, configurations: Sequence[Configuration], legs: Sequence[int]) -> Parameters | None:
    """Orders of all accounts as arrays, from the position of each leg; None where no configuration has any."""
    positions = scenario.book.positions
    stop, profit = _no_orders(len(legs), -np.inf), _no_orders(len(legs), np.inf)
    sides = [math.copysign(1.0, positions[position].quantity) for position in legs]
    found = False
    for place, each in enumerate(configurations):
        for policy in each.policies:
            if not isinstance(policy, StopLoss | TakeProfit):
                continue
            loses = isinstance(policy, StopLoss)
            order = stop if loses else profit
            for leg in range(place * len(positions), (place + 1) * len(positions)):
                distance = policy.distances.get(positions[legs[leg]].id)
                if distance is None:
                    continue
                found, away = True, -distance if loses else distance
                level = sides[leg] * math.log1p(sides[leg] * away)
                order["level"][leg] = order["trigger"][leg] = level
                if isinstance(policy, StopLoss):
                    order["trigger"][leg] -= sides[leg] * math.log1p(-sides[leg] * policy.wick)
                order["slippage"][leg], order["fee_rate"][leg] = policy.slippage, policy.fee_rate
                order["latency"][leg] = math.ceil(policy.latency / scenario.step - 1e-9)
    if not found:
        return None
    side: Any = np.array(sides, np.float32)[:, None]
    delayed = bool((stop["latency"] > 0.0).any() or (profit["latency"] > 0.0).any())
    return Parameters(side, _order(stop, delayed), _order(profit, delayed))


def _no_orders(count: int, level: float) -> dict[str, Any]:
    orders = {name: np.zeros((count, 1)) for name in Order._fields}
    orders["level"][:] = orders["trigger"][:] = level
    return orders


def _order(columns: dict[str, Any], delayed: bool) -> Order:
    single = {name: values.astype(np.float32) for name, values in columns.items()}
    return Order(**{**single, "latency": columns["latency"].astype(np.int32) if delayed else None})


def init(parameters: Parameters, paths: int) -> State | None:
    """No order is on its way; None where none ever is."""
    if parameters.stop.latency is None:
        return None
    shape = (parameters.side.shape[0], paths)
    return State(jnp.full(shape, _NONE), jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32))


def passed(parameters: Parameters, low: Array, high: Array) -> Array:
    """Whether the extremes of each leg's price pass an order of it, [leg, path]."""
    side, stop, profit = parameters
    is_long = side > 0.0
    worst, best = jnp.where(is_long, low, -high), jnp.where(is_long, high, -low)
    return (worst <= stop.trigger) | (best >= profit.trigger)


def reached(parameters: Parameters, start: Array, low: Array, high: Array) -> Fill:
    """Orders that a price passes.

    Parameters
    ----------
    parameters : Parameters
        The orders.
    start, low, high : jax.Array
        Log of price over start price of each leg at the start of the step, and its extremes; to fill at a price that
        was jumped to, that price thrice. [leg, path].
    """
    side, stop, profit = parameters
    is_long = side > 0.0
    here, worst, best = side * start, jnp.where(is_long, low, -high), jnp.where(is_long, high, -low)
    stopped, gained = worst <= stop.trigger, best >= profit.trigger
    level = jnp.where(stopped, jnp.minimum(stop.level, here), jnp.where(gained, jnp.maximum(profit.level, here), here))

    def chosen(name: str) -> Array:
        return jnp.where(stopped, getattr(stop, name), getattr(profit, name))

    latency = None if stop.latency is None else chosen("latency")
    return Fill(stopped | gained, side * level, chosen("slippage"), chosen("fee_rate"), latency)


def send(state: State | None, fill: Fill, sent: Array, number: Array) -> State | None:
    """Put orders with a latency on their way, where none is."""
    if state is None or fill.latency is None:
        return state
    new = sent & (fill.latency > 0) & (state.due == _NONE)
    return State(
        jnp.where(new, number + fill.latency - 1, state.due),
        jnp.where(new, fill.slippage, state.slippage),
        jnp.where(new, fill.fee_rate, state.fee_rate),
    )
