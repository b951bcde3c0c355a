"""The chance that one pool is liquidated, path by path and without drawing the bridge (METHODS M21, M29).

Instead of drawing whether a pool is liquidated inside a step, the probability of it is summed: over the steps,
(survived so far) x (probability of the step) x (likelihood ratio up to its end).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.problem import Layout, PoolParameters
from stresslab.market import noise
from stresslab.market.process import MarketStep
from stresslab.market.tilt import Tilted

BLOCK_WIDTH = 1024


class Breach(NamedTuple):
    """What a block says of a pool.

    Parameters
    ----------
    value : jax.Array
        Weighted chance of liquidation, [path], not negative; its mean is P(liquidation).
    component : jax.Array
        Component of the tilt that the path came from, [path], int32.
    """

    value: Array
    component: Array


@partial(jax.jit, static_argnames=("layout",))
def breach_block(
    layout: Layout,
    parameters: PoolParameters,
    process: Tilted,
    keys: Array,
    dt: Array,
    steps: Array,
    first_path: Array,
) -> Breach:
    """Follow one pool over paths ``first_path`` to ``first_path + BLOCK_WIDTH - 1``.

    Parameters
    ----------
    layout, parameters : Layout, PoolParameters
        A problem of one stake, not liquidated today.
    process : Tilted
        The market.
    keys : jax.Array
        Keys of the process's streams and of the components, uint32, [stream, 2].
    dt : jax.Array
        Length of a step in years, float32 scalar.
    steps : jax.Array
        Number of steps, int32 scalar.
    first_path : jax.Array
        uint32 scalar.
    """
    path = first_path + jnp.arange(BLOCK_WIDTH, dtype=jnp.uint32)

    def step(index: Array, carry: Any) -> Any:
        state, surviving, value = carry
        draws = process.draw(keys, noise.Counter(path, index.astype(jnp.uint32)))
        state, market = process.step(state, draws, dt)
        now = chance_of_breach(layout, parameters, market)
        value = value + surviving * now * process.likelihood_ratio(state)
        return state, surviving * (1.0 - now), value

    start = process.init(BLOCK_WIDTH), jnp.ones(BLOCK_WIDTH, jnp.float32), jnp.zeros(BLOCK_WIDTH, jnp.float32)
    _, _, value = lax.fori_loop(0, steps, step, start)
    return Breach(value, process.component(keys, path))


def chance_of_breach(layout: Layout, parameters: PoolParameters, market: MarketStep) -> Array:
    """Probability that a pool, the only one of its problem, is liquidated in a step, given the step's ends, [path]."""
    return (_chance_on_one_price if layout.single_stakes else _chance_on_several)(layout, parameters, market)


def _chance_on_one_price(layout: Layout, parameters: PoolParameters, market: MarketStep) -> Array:
    """Probability that the step reaches a barrier of the pool, given its ends, [path]; exact for one barrier (M13)."""
    assets = tuple(layout.rows[row][0] for row in layout.watches)
    side = jnp.array([[layout.rows[row][1]] for row in layout.watches], jnp.float32)
    if market.low_log_price is not None and market.high_log_price is not None:
        low, high = rows_of(market.low_log_price, assets), rows_of(market.high_log_price, assets)
        chance = (jnp.where(side > 0, high, -low) >= parameters.barrier).astype(jnp.float32)
    else:
        start, last = (side * rows_of(each, assets) for each in (market.start_log_price, market.before_gap))
        variance = rows_of(market.deviation, assets) ** 2
        chance = _bridge(parameters.barrier - start, parameters.barrier - last, variance)
    if market.gap is not None:
        chance = jnp.where(side * rows_of(market.log_price, assets) >= parameters.barrier, 1.0, chance)
    # The engine's one uniform for both extremes makes the two sides exclude each other; so does the sum.
    return jnp.minimum(chance.sum(axis=0), 1.0)


def _chance_on_several(layout: Layout, parameters: PoolParameters, market: MarketStep) -> Array:
    """Probability that the pool's surplus reaches zero in the step, given its ends, [path] (METHODS M19)."""
    legs = Legs(layout, parameters)

    def surplus(log_price: Array) -> Array:
        ratio = jnp.exp(rows_of(log_price, legs.assets))
        return parameters.threshold - legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio))

    middle = legs.notional(jnp.exp(0.5 * rows_of(market.start_log_price + market.before_gap, legs.assets)))
    variance = legs.variance(legs.surplus_exposure(middle), market)
    chance = _bridge(surplus(market.start_log_price), surplus(market.before_gap), variance)
    if market.gap is not None:
        chance = jnp.where(surplus(market.log_price) <= 0.0, 1.0, chance)
    return chance[0]


def _bridge(before: Array, after: Array, variance: Array) -> Array:
    """Probability that a Brownian bridge between two distances from zero reaches it."""
    inside = (before > 0.0) & (after > 0.0)
    exponent = -2.0 * before * after / jnp.maximum(variance, 1e-30)
    return jnp.where(inside, jnp.exp(jnp.where(inside, exponent, 0.0)), 1.0)
