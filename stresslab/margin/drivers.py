"""Which position ended a pool: the one whose surplus, pnl less requirement, fell most from today to the liquidation."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.places import Places
from stresslab.margin.pool_classes import PoolClass
from stresslab.margin.pool_variance import members_of
from stresslab.margin.problem import NOBODY, PoolParameters

# Legs up to which a comparison with each is written out, which fuses; more would take long to compile.
_WRITTEN_OUT = 16


def surplus_lost(legs: Legs, price_ratio: Array) -> Array:
    """What each position's pnl less its requirement has fallen by since today, [leg, path], money, signed.

    Parameters
    ----------
    legs : Legs
        The positions.
    price_ratio : jax.Array
        Price over start price of every leg, [leg, path], or one row for all.
    """
    today = legs.requirement(legs.notional_at(jnp.ones_like(price_ratio[:1]))) - legs.pnl_today
    return legs.requirement(legs.notional_at(price_ratio)) - legs.pnl_at(price_ratio) - today


def drivers_on_several(places: Places, legs: Legs, price_ratio: Array) -> Array:
    """The member of each stake on several prices that has lost most surplus, the first of equals.

    Parameters
    ----------
    places, legs : Places, Legs
        The problem and its legs.
    price_ratio : jax.Array
        Price over start price of each leg, [leg, path].

    Returns
    -------
    jax.Array
        Its place among the book's positions, [stake, path], int16.
    """
    membership = jnp.asarray(legs.membership)
    own = jnp.arange(membership.shape[1]) if places.leg is None else jnp.asarray(places.leg)
    positions = own.astype(jnp.int16)
    lost = surplus_lost(legs, price_ratio)
    whole = membership[: membership.shape[0] - sum(each.leg.shape[0] for each in legs.classes)]
    found = [_among_legs(whole, positions, lost)] if whole.shape[0] else []
    found += [_among_members(each, positions, lost) for each in legs.classes]
    return rows_of(found[0] if len(found) == 1 else jnp.concatenate(found), places.several_stake)


def _among_legs(membership: Array, positions: Array, lost: Array) -> Array:
    """The leg of each pool that has lost most, as the number of its position, [pool, path]."""

    # Leg by leg: an array of pools by legs by paths would leave the cache.
    def look(leg: Array | int, best: tuple[Array, Array]) -> tuple[Array, Array]:
        own = jnp.where(membership[:, leg][:, None] > 0.0, lost[leg][None, :], -jnp.inf)
        return _larger(best, own, positions[leg])

    value, position = _nobody(membership.shape[0], lost)
    if len(lost) > _WRITTEN_OUT:
        best: tuple[Array, Array] = lax.fori_loop(0, len(lost), look, (value, position))
        return best[1]
    for leg in range(len(lost)):
        value, position = look(leg, (value, position))
    return position


def _among_members(each: PoolClass, positions: Array, lost: Array) -> Array:
    """The same for the pools of a class, which costs what their members do."""
    best = _nobody(each.leg.shape[0], lost)
    for place in range(each.leg.shape[1]):
        leg = each.leg[:, place]
        own = jnp.where(each.present[:, place : place + 1] > 0.0, members_of(each, lost, place), -jnp.inf)
        best = _larger(best, own, rows_of(positions, leg)[:, None])
    return best[1]


def _nobody(pools: int, lost: Array) -> tuple[Array, Array]:
    shape = pools, lost.shape[1]
    return jnp.full(shape, -jnp.inf, lost.dtype), jnp.full(shape, NOBODY, jnp.int16)


def _larger(best: tuple[Array, Array], own: Array, position: Array) -> tuple[Array, Array]:
    return jnp.maximum(best[0], own), jnp.where(own > best[0], position, best[1])


def drivers_on_one_price(places: Places, parameters: PoolParameters, reached: Array, survived: Array) -> Array:
    """The same for stakes on one price, at the price that liquidates them.

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The problem.
    reached, survived : jax.Array
        As the account of the pool engine holds them, [watch, path].

    Returns
    -------
    jax.Array
        [stake, path], int16; of no meaning where no barrier was reached.
    """
    if not places.stake_watches.shape[0]:
        return jnp.zeros((0, reached.shape[1]), jnp.int16)
    side = rows_of(places.row_side, places.watch_row)
    log_price = first_reached(places, side * jnp.where(reached > 0.0, reached, parameters.barrier), survived)
    positions = Legs(places, parameters, every_position=True)
    members = rows_of(parameters.membership, places.stake_pool[: places.stake_watches.shape[0]])

    def driver(stake: tuple[Array, Array]) -> Array:
        member, reached = stake
        lost = surplus_lost(positions, jnp.exp(reached)[None, :])
        return jnp.where(member[:, None] > 0.0, lost, -jnp.inf).argmax(axis=0).astype(jnp.int16)

    return jnp.asarray(lax.map(driver, (members, log_price)))


def first_reached(places: Places, values: Array, survived: Array) -> Array:
    """Values at the barrier that each stake on one price came to first, [stake, path], of values [watch, path]."""
    one, other = places.stake_watches[:, 0], places.stake_watches[:, 1]
    earlier = rows_of(survived, other) < rows_of(survived, one)
    return jnp.where(earlier, rows_of(values, other), rows_of(values, one))
