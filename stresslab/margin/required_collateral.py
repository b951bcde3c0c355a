"""Required collateral at the end of a path, from the extremes that the pool engine kept."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.places import Places
from stresslab.margin.problem import PoolParameters

# A fee's share of the collateral is far below 1, and each iteration multiplies the error by it.
_FEE_ITERATIONS = 6


def required_collateral(
    places: Places, parameters: PoolParameters, extreme: Array, worst: Array, log_price: Array
) -> Array:
    """The largest deficit of each pool on a path, and the fees in its trigger (DESIGN section 2).

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The problem.
    extreme : jax.Array
        Side times the most extreme log price, [row, path]; at least 0.
    worst : jax.Array
        Largest deficit of each pool on several prices, [pool, path].
    log_price : jax.Array
        [asset, path]; only its shape counts.

    Returns
    -------
    jax.Array
        In the account's currency, [pool, path].
    """
    # The deficit of a single-price pool is a straight line between the edges of tiers, and most are convex: its maximum
    # lies at one of the extremes, or, where it jumps, at an edge between them.
    positions = Legs(places, parameters, every_position=True)
    deficits = []
    for wanted in (-1.0, 1.0):
        reached = jnp.zeros_like(log_price)
        outermost = jnp.where(places.row_side == wanted, extreme, 0.0)
        rows = jnp.arange(extreme.shape[0]) if places.row_asset is None else places.row_asset
        reached = wanted * reached.at[rows].max(outermost)
        ratio = jnp.exp(rows_of(reached, positions.assets))
        deficit = positions.requirement(positions.notional(ratio)) - positions.pnl(ratio)
        deficits.append(parameters.membership @ deficit)
    required = jnp.maximum(*deficits).at[places.several_pool].set(worst)
    if places.edge_pool.shape[0]:
        reached = extreme[places.edge_row] >= parameters.edge_reach
        required = required.at[places.edge_pool].max(jnp.where(reached, parameters.edge_deficit, -jnp.inf))
    return _with_bankruptcy_fees(parameters, required)


def _with_bankruptcy_fees(parameters: PoolParameters, required: Array) -> Array:
    """Collateral that just meets a deficit and the fees at the bankruptcy prices that it brings about, [pool, path]."""
    fees = parameters.bankruptcy_fee
    if fees is None:
        return required
    collateral = required
    for _ in range(_FEE_ITERATIONS):
        fee = jnp.zeros_like(required)
        for position in range(fees.level.shape[1]):
            here = slice(position, position + 1)
            fee = fee + jnp.maximum(fees.level[:, here] + fees.slope[:, here] * collateral, 0.0)
        collateral = required + fee
    return collateral
