"""The least surplus of a pool inside a step, and what it is worth where it crosses zero (METHODS M13, M14, M19)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.account_problem import AccountLayout
from stresslab.margin.account_state import assets_of, legs_of, marked, order_of, shares_of
from stresslab.margin.legs import Legs, PoolGroup, rows_of
from stresslab.margin.problem import PoolParameters
from stresslab.market.process import MarketStep


class Inside(NamedTuple):
    """Extremes inside a step, log of price over start price, each [asset, path]."""

    low: Array
    high: Array


def inside_of_step(market: MarketStep, bridge: Array) -> Inside:
    """Extremes of every price inside a step; one uniform serves both, as in the pool engine."""
    middle = 0.5 * (market.start_log_price + market.log_price)
    square, variance = (market.log_price - market.start_log_price) ** 2, market.deviation**2

    def reach(draw: Array) -> Array:
        return 0.5 * jnp.sqrt(square - 2.0 * variance * jnp.log(draw))

    return Inside(middle - reach(bridge), middle + reach(1.0 - bridge))


def worst_of_single(
    layout: AccountLayout, parameters: PoolParameters, inside: Inside, share: Array | None
) -> tuple[Array, Array]:
    """Largest deficit of the pools on one price inside a step, and the log price at which it stands, [pool, path]."""
    deficits, reached = [], []
    if layout.alone:
        # A position alone in its pool is hurt from one side only.
        legs = order_of(layout, layout.alone)
        rows = [layout.leg_assets[leg] + (0 if layout.falling[leg] else inside.low.shape[0]) for leg in legs]
        log_price = jnp.concatenate(inside)[np.array(rows, np.int32)]
        deficits.append(marked(layout, parameters, layout.alone, jnp.exp(log_price), share).deficit)
        reached.append(log_price)
    if layout.together:
        own = np.array(assets_of(layout, layout.together), np.int32)
        first = np.array([layout.leg_assets[layout.pools[pool][0]] for pool in layout.together], np.int32)
        low, high = (marked(layout, parameters, layout.together, jnp.exp(log[own]), share).deficit for log in inside)
        deficits.append(jnp.maximum(low, high))
        reached.append(jnp.where(low >= high, inside.low[first], inside.high[first]))
    return jnp.concatenate(deficits), jnp.concatenate(reached)


class Several(NamedTuple):
    """Pools on several prices over a step.

    Parameters
    ----------
    legs : Legs
        Their legs, with a row of prices for each asset among them.
    share : jax.Array or None
        Size of each of these legs.
    market : MarketStep
        What the step does to prices.
    """

    legs: Legs
    share: Array | None
    market: MarketStep

    def deficit(self) -> Array:
        """Requirement less unrealized pnl at the end of the step, [pool, path]."""
        legs = self.legs
        ratio = jnp.exp(rows_of(self.market.log_price, legs.assets))
        required = legs.requirement(legs.notional(ratio, self.share), self.share)
        return legs.pooled(required - legs.pnl(ratio, self.share))

    def middle(self) -> Array:
        """Notional of each leg at the geometric middle of the step."""
        logs = (self.market.start_log_price, self.market.log_price)
        start, end = (rows_of(log, self.legs.assets) for log in logs)
        return self.legs.notional(jnp.exp(0.5 * (start + end)), self.share)

    def worst(self, before: Array, after: Array, draw: Array) -> Array:
        """Largest deficit inside the step: a bridge of the surplus between its ends (METHODS M19)."""
        legs, middle = self.legs, self.middle()
        variance = legs.variance((legs.side - legs.marginal_rate(middle, self.share)) * middle, self.market)
        return 0.5 * (before + after + jnp.sqrt((after - before) ** 2 - 2.0 * variance * jnp.log(draw)))


def several(
    layout: AccountLayout, parameters: PoolParameters, market: MarketStep, share: Array | None
) -> Several:
    """The pools on several prices."""
    legs = Legs(PoolGroup(layout.leg_assets, layout.several, order_of(layout, layout.several)), parameters)
    return Several(legs, shares_of(share, layout, layout.several), market)


def crossing_ratio(
    layout: AccountLayout,
    parameters: PoolParameters,
    pools: tuple[int, ...],
    cash: Array,
    reached: Array,
    share: Array | None,
) -> Array:
    """Price over start price at which pools on one price have no surplus left, for each of their legs, [leg, path].

    Parameters
    ----------
    layout, parameters : AccountLayout, PoolParameters
        The accounts.
    pools : tuple of int
        Pools on one price.
    cash, reached : jax.Array
        Of these pools: cash, and log of price over start price beyond the crossing, [pool, path].
    share : jax.Array or None
        Size of every leg of the layout.
    """
    legs, held = legs_of(layout, parameters, pools), shares_of(share, layout, pools)
    home = {leg: row for row, pool in enumerate(pools) for leg in layout.pools[pool]}
    pool_of_leg = np.array([home[leg] for leg in order_of(layout, pools)], np.int32)

    # A surplus that is concave in the price has tangents above it: from beyond the crossing each of them meets zero
    # before the crossing, and the root is reached after as many tangents as tiers are crossed on the way.
    def tangent(_: int, ratio: Array) -> Array:
        own = ratio[pool_of_leg]
        notional = legs.notional(own, held)
        surplus = cash - legs.pooled(legs.requirement(notional, held) - legs.pnl(own, held))
        slope = legs.pooled((legs.side - legs.marginal_rate(notional, held)) * notional) / ratio
        return ratio - jnp.where(slope == 0.0, 0.0, surplus / jnp.where(slope == 0.0, 1.0, slope))

    return lax.fori_loop(0, parameters.rate.shape[0] + 3, tangent, jnp.exp(reached))[pool_of_leg]
