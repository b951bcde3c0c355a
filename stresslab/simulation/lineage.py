"""Paths that share their beginning: one pool followed along lineages of draws, for splitting.

Every draw is a pure function of path and step. So a path that branches off another one at some step is nothing but the
other's index before it and an index of its own from there on; no state needs to be kept, of any price process.
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
from stresslab.simulation.breach import BLOCK_WIDTH, chance_of_breach

# Rows of a lineage: a path and those it branched off from.
MOST_STAGES = 16


class Followed(NamedTuple):
    """What a block of paths did between two levels.

    Parameters
    ----------
    value : jax.Array
        Chance of liquidation after the step `entered` and up to the step at which the level was reached, [path].
    reached : jax.Array
        That step, from 0; -1 where it was not, [path], int32.
    closeness : jax.Array
        Largest closeness to liquidation at any end of a step: 0 today, 1 at liquidation, [path].
    """

    value: Array
    reached: Array
    closeness: Array


@partial(jax.jit, static_argnames=("layout",))
def follow_block(
    layout: Layout,
    parameters: PoolParameters,
    process: Any,
    keys: Array,
    dt: Array,
    steps: Array,
    lineage: Array,
    branches: Array,
    entered: Array,
    level: Array,
) -> Followed:
    """Follow one pool along a block of lineages.

    Parameters
    ----------
    layout, parameters : Layout, PoolParameters
        A problem of one stake, not liquidated today.
    process : pytree
        The market, see `stresslab.market.process`.
    keys : jax.Array
        Keys of the process's streams, uint32, [stream, 2].
    dt : jax.Array
        Length of a step in years, float32 scalar.
    steps : jax.Array
        Number of steps, int32 scalar.
    lineage : jax.Array
        Index of the path whose draws count from the step in `branches` on, [`MOST_STAGES`, path], uint32.
    branches : jax.Array
        First step of each row, [`MOST_STAGES`, path], int32, 0 in the first row, rising; `steps` where a row has none.
    entered : jax.Array
        Step at which the level before was reached, [path], int32; -1 from the start.
    level : jax.Array
        Closeness at which a path is done, float32 scalar; infinite for the last stage.
    """
    closeness = _closeness_on_one_price if layout.single_stakes else _closeness_on_several

    def step(index: Array, carry: Any) -> Any:
        state, surviving, value, reached, best = carry
        path = lineage[0]
        for row in range(1, MOST_STAGES):
            path = jnp.where(index >= branches[row], lineage[row], path)
        state, market = process.step(state, process.draw(keys, noise.Counter(path, index.astype(jnp.uint32))), dt)
        now = chance_of_breach(layout, parameters, market)
        counts = (index > entered) & (reached < 0)
        value = value + jnp.where(counts, surviving * now, 0.0)
        best = jnp.maximum(best, closeness(layout, parameters, market))
        arrives = (reached < 0) & (index >= entered) & (best >= level)
        return state, surviving * (1.0 - now), value, jnp.where(arrives, index, reached), best

    zero = jnp.zeros(BLOCK_WIDTH, jnp.float32)
    nowhere = jnp.full(BLOCK_WIDTH, -1, jnp.int32)
    start = process.init(BLOCK_WIDTH), jnp.ones(BLOCK_WIDTH, jnp.float32), zero, nowhere, zero
    _, _, value, reached, best = lax.fori_loop(0, steps, step, start)
    return Followed(value, reached, best)


def _closeness_on_one_price(layout: Layout, parameters: PoolParameters, market: MarketStep) -> Array:
    """Way of the log price to the nearer barrier, as a share of the whole, [path]."""
    assets = tuple(layout.rows[row][0] for row in layout.watches)
    side = jnp.array([[layout.rows[row][1]] for row in layout.watches], jnp.float32)
    place = side * rows_of(market.log_price, assets)
    if market.low_log_price is not None and market.high_log_price is not None:
        low, high = rows_of(market.low_log_price, assets), rows_of(market.high_log_price, assets)
        place = jnp.maximum(place, jnp.where(side > 0, high, -low))
    return (place / parameters.barrier).max(axis=0)


def _closeness_on_several(layout: Layout, parameters: PoolParameters, market: MarketStep) -> Array:
    """Part of today's surplus that is gone, [path]."""
    legs = Legs(layout, parameters)

    def surplus(ratio: Array) -> Array:
        return (parameters.threshold - legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio)))[0]

    now = jnp.exp(rows_of(market.log_price, legs.assets))
    return 1.0 - surplus(now) / surplus(jnp.ones_like(now))
