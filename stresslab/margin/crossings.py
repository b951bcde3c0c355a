"""The least surplus of a pool inside a step, and what it is worth where it crosses zero (METHODS M13, M14, M19)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.account_problem import AccountLayout
from stresslab.margin.legs import Legs, PoolGroup, rows_of
from stresslab.margin.problem import PoolParameters
from stresslab.market.process import MarketStep

# Newton's method on a surplus that is concave and piecewise linear ends after as many iterations as tiers are crossed
# between its start and the root. A step crosses few.
_ITERATIONS = 8


class Inside(NamedTuple):
    """Prices of a step over start prices, as pools on one price meet them, each [asset, path].

    Parameters
    ----------
    low, high : jax.Array
        Extremes inside the step.
    """

    low: Array
    high: Array


def inside_of_step(market: MarketStep, bridge: Array) -> Inside:
    """Extremes of every price inside a step, before a gap at its end; one uniform serves both."""
    if market.low_log_price is not None and market.high_log_price is not None:
        return Inside(jnp.exp(market.low_log_price), jnp.exp(market.high_log_price))
    end = market.before_gap
    middle = 0.5 * (market.start_log_price + end)
    square, variance = (end - market.start_log_price) ** 2, market.deviation**2

    def reach(draw: Array) -> Array:
        return 0.5 * jnp.sqrt(square - 2.0 * variance * jnp.log(draw))

    return Inside(jnp.exp(middle - reach(bridge)), jnp.exp(middle + reach(1.0 - bridge)))


def _group(layout: AccountLayout, parameters: PoolParameters, *, single: bool) -> Legs:
    """Positions of the pools on one price, or of the others."""
    places = range(layout.single_pools) if single else range(layout.single_pools, len(layout.pools))
    legs = tuple(sorted(position for place in places for position in layout.pools[place]))
    return Legs(PoolGroup(layout.position_assets, tuple(places), legs), parameters)


def _deficit(legs: Legs, ratio: Array) -> Array:
    return legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio))


def worst_inside(
    layout: AccountLayout,
    parameters: PoolParameters,
    before: Array,
    after: Array,
    market: MarketStep,
    inside: Inside,
    pool_bridge: Array,
) -> tuple[Array, Array]:
    """Largest deficit before a gap at the step's end, and that at the lowest price of single prices, [pool, path]."""
    if layout.bridge == "none":
        return after, after
    worst, low = [], []
    if layout.single_pools:
        legs = _group(layout, parameters, single=True)
        ends = [_deficit(legs, rows_of(extreme, legs.assets)) for extreme in inside]
        worst.append(jnp.maximum(*ends))
        low.append(ends[0])
    if layout.single_pools < len(layout.pools):
        after = after[layout.single_pools :]
        if layout.bridge == "every_pool":
            legs = _group(layout, parameters, single=False)
            middle = legs.notional(_middle(legs, market))
            variance = legs.variance((legs.side - legs.marginal_rate(middle)) * middle, market)
            before, draw = before[layout.single_pools :], rows_of(pool_bridge, layout.streams)
            if market.gap is not None:
                after = _deficit(legs, jnp.exp(rows_of(market.before_gap, legs.assets)))
            width = jnp.sqrt((after - before) ** 2 - 2.0 * variance * jnp.log(draw))
            after = 0.5 * (before + after + width)
        worst.append(after)
        low.append(after)
    return jnp.concatenate(worst), jnp.concatenate(low)


def _middle(legs: Legs, market: MarketStep) -> Array:
    start, end = (rows_of(log, legs.assets) for log in (market.start_log_price, market.before_gap))
    return jnp.exp(0.5 * (start + end))


def at_crossing(
    layout: AccountLayout, parameters: PoolParameters, cash: Array, falling: Array, market: MarketStep, inside: Inside
) -> tuple[Array, Array]:
    """Equity and gross notional where the surplus of a pool crosses zero, [pool, path]."""
    equity, gross = [], []
    if layout.single_pools:
        legs = _group(layout, parameters, single=True)
        here = slice(layout.single_pools)
        asset = np.array([layout.position_assets[pool[0]] for pool in layout.pools[here]], np.int32)

        # From outside the interval in which the surplus is positive every tangent of it meets zero before the root.
        def tangent(_: int, reached: Array) -> Array:
            ratio = legs.membership.T @ reached
            notional = legs.value * ratio
            surplus = cash[here] - legs.pooled(legs.requirement(notional) - legs.pnl_at(ratio))
            slope = legs.pooled(legs.value * (legs.side - legs.marginal_rate(notional)))
            return reached - jnp.where(slope == 0.0, 0.0, surplus / jnp.where(slope == 0.0, 1.0, slope))

        reached = jnp.where(falling[here], inside.low[asset], inside.high[asset])
        reached = lax.fori_loop(0, _ITERATIONS, tangent, reached)
        notional = legs.value * (legs.membership.T @ reached)
        equity.append(legs.pooled(legs.requirement(notional)))
        gross.append(legs.pooled(notional))
    if layout.single_pools < len(layout.pools):
        legs = _group(layout, parameters, single=False)
        notional = legs.notional(_middle(legs, market))
        equity.append(legs.pooled(legs.requirement(notional)))
        gross.append(legs.pooled(notional))
    return jnp.concatenate(equity), jnp.concatenate(gross)
