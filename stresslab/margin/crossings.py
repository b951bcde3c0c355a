"""The least surplus of a pool inside a step, and what it is worth where it crosses zero (METHODS M13, M14, M19)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.account_problem import AccountLayout
from stresslab.margin.account_state import Marked, assets_of, by_pool, legs_of, marked, order_of, shares_of
from stresslab.margin.legs import Legs, PoolGroup, rows_of
from stresslab.margin.problem import PoolParameters
from stresslab.market.process import MarketStep

# A step's range halved this often is below the rounding of a log price.
_HALVINGS = 24
# Tangents of pools that are not crossed may lead anywhere; sums over pools need every one of them finite.
_LEAST_RATIO = 1e-6


class Inside(NamedTuple):
    """Extremes inside a step, log of price over start price, each [asset, path]."""

    low: Array
    high: Array


def inside_of_step(market: MarketStep, bridge: Array) -> Inside:
    """Extremes of every price inside a step, before a jump at its end; one uniform serves both."""
    if market.low_log_price is not None and market.high_log_price is not None:
        return Inside(market.low_log_price, market.high_log_price)
    end = market.before_gap
    middle = 0.5 * (market.start_log_price + end)
    square, variance = (end - market.start_log_price) ** 2, market.deviation**2

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
    assets : tuple of int
        Asset of each leg.
    share : jax.Array or None
        Size of each of these legs.
    market : MarketStep
        What the step does to prices.
    """

    legs: Legs
    assets: tuple[int, ...]
    share: Array | None
    market: MarketStep

    def deficit(self) -> Array:
        """Requirement less unrealized pnl at the end of the step, [pool, path]."""
        return self.marked(rows_of(jnp.exp(self.market.log_price), self.assets)).deficit

    def deficit_before_gap(self) -> Array:
        """The same just before the jump at the end of the step."""
        return self.marked(rows_of(jnp.exp(self.market.before_gap), self.assets)).deficit

    def middle_ratio(self) -> Array:
        """Price over start price of each leg at the geometric middle of the step, before a jump at its end."""
        return rows_of(jnp.exp(0.5 * (self.market.start_log_price + self.market.before_gap)), self.assets)

    def marked(self, ratio: Array) -> Marked:
        """The pools at a price of each leg."""
        legs, share = self.legs, self.share
        notional, pnl = legs.notional_at(ratio, share), legs.pnl_at(ratio, share)
        return Marked(notional, pnl, legs.pooled(pnl), legs.pooled(legs.requirement(notional, share)))


def several(layout: AccountLayout, parameters: PoolParameters, market: MarketStep, share: Array | None) -> Several:
    """The pools on several prices."""
    order = order_of(layout, layout.several)
    legs = Legs(PoolGroup(layout.leg_assets, layout.several, order), parameters)
    return Several(legs, assets_of(layout, layout.several), shares_of(share, layout, layout.several), market)


def worst_of_several(over: Several, before: Array, after: Array, draw: Array) -> Array:
    """Largest deficit inside the step: a bridge of the surplus between its ends (METHODS M19)."""
    legs, middle = over.legs, over.legs.notional_at(over.middle_ratio(), over.share)
    variance = legs.variance(legs.surplus_exposure(middle, over.share), over.market)
    return 0.5 * (before + after + jnp.sqrt((after - before) ** 2 - 2.0 * variance * jnp.log(draw)))


def crossing(
    layout: AccountLayout,
    parameters: PoolParameters,
    pools: tuple[int, ...],
    cash: Array,
    start: Array | None,
    reached: Array,
    share: Array | None,
) -> Array:
    """Log of price over start price at which pools on one price have no surplus left, [pool, path].

    Parameters
    ----------
    layout, parameters : AccountLayout, PoolParameters
        The accounts.
    pools : tuple of int
        Pools on one price.
    cash : jax.Array
        Of these pools, [pool, path].
    start, reached : jax.Array
        Log of price over start price on this side of the crossing and beyond it, [pool, path]; the first may be missing
        where every position is linear with marginal tiers.
    share : jax.Array or None
        Size of every leg of the layout.
    """
    legs, held = legs_of(layout, parameters, pools), shares_of(share, layout, pools)
    row_of_leg = np.array([row for row, pool in enumerate(pools) for _ in layout.pools[pool]], np.int32)

    def surplus(ratio: Array) -> tuple[Array, Array]:
        own = ratio[row_of_leg]
        notional = legs.notional(own, held)
        return cash - by_pool(layout, pools, legs.requirement(notional, held) - legs.pnl(own, held)), notional

    # A surplus that is concave in the price has tangents above it: from beyond the crossing each of them meets zero
    # before the crossing, and the root is reached after as many tangents as tiers are crossed on the way.
    def tangent(_: int, ratio: Array) -> Array:
        left, notional = surplus(ratio)
        slope = by_pool(layout, pools, legs.surplus_exposure(notional, held)) / ratio
        there = ratio - jnp.where(slope == 0.0, 0.0, left / jnp.where(slope == 0.0, 1.0, slope))
        return jnp.clip(there, _LEAST_RATIO, 1.0 / _LEAST_RATIO)

    def halved(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = 0.5 * (ends[0] + ends[1])
        survives = surplus(jnp.exp(middle))[0] > 0.0
        return jnp.where(survives, middle, ends[0]), jnp.where(survives, ends[1], middle)

    if parameters.rules is None:
        return jnp.log(lax.fori_loop(0, parameters.rate.shape[0] + 3, tangent, jnp.exp(reached)))
    assert start is not None, "any other rule needs both sides of the crossing"
    ends: tuple[Array, Array] = lax.fori_loop(0, _HALVINGS, halved, (start, reached))
    return ends[1]
