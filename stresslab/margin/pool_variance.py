"""Variances of the surpluses of pools, each at the cost of the members that it has (METHODS M19)."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array, lax

from stresslab.margin.pool_classes import PoolClass


def member_factors(
    classes: Sequence[PoolClass], asset_of_leg: Sequence[int] | Array | None, factor: Array
) -> tuple[Array, ...]:
    """A factor of the correlation of the members of each pool, with as many columns as the pool has members.

    A variance is then a sum of that many squares, and of no more terms than a triangle has, whatever the number of
    assets; being a sum of squares it cannot fall below zero by rounding, as a sum over pairs can.

    Parameters
    ----------
    classes : sequence of PoolClass
        The pools.
    asset_of_leg : sequence of int or jax.Array or None
        Row of the factor for each leg; None for all rows in order.
    factor : jax.Array
        C with C C' the correlation of all assets, [asset, factor].

    Returns
    -------
    tuple of jax.Array
        For each class lower triangular L with L L' the correlation of the members, [factor, pool, member]; or the
        members' rows of C where there are more of them than assets.
    """
    assets = factor.shape[1]
    of_legs = factor_rows(factor, asset_of_leg)
    rows = [of_legs[each.leg] * each.present[:, :, None] for each in classes]
    triangles = [each for each in rows if each.shape[1] <= assets]
    if not triangles:
        return tuple(jnp.moveaxis(each, 2, 0) for each in rows)

    def column(rest: Array, row: Array) -> tuple[Array, Array]:
        # Gram and Schmidt on what earlier members leave (the modified order, whose triangle is as good as any). A
        # member that adds nothing, or a filled-up row, has no direction.
        left = jnp.take(rest, row, axis=1)
        length = jnp.sqrt((left * left).sum(axis=1, keepdims=True))
        direction = left / jnp.where(length > 0.0, length, 1.0)
        along = (rest * direction[:, None, :]).sum(axis=2)
        return rest - along[:, :, None] * direction[:, None, :], along

    # All pools at once, with rows of zeros below those of smaller classes.
    size = max(each.shape[1] for each in triangles)
    filled = jnp.concatenate([jnp.pad(each, ((0, 0), (0, size - each.shape[1]), (0, 0))) for each in triangles])
    columns = lax.scan(column, filled, jnp.arange(size))[1]
    results, first = [], 0
    for each in rows:
        count, own = each.shape[:2]
        if own <= assets:
            results.append(columns[:own, first : first + count, :own])
            first += count
        else:
            results.append(jnp.moveaxis(each, 2, 0))
    return tuple(results)


def factor_rows(factor: Array, asset_of_leg: Sequence[int] | Array | None) -> Array:
    """The factor's row of each leg, [leg, factor]; arguments as those of `member_factors`."""
    if asset_of_leg is None:
        return jnp.asarray(factor)
    return jnp.take(factor, jnp.asarray(asset_of_leg, jnp.int32), axis=0, mode="clip")


def class_squares(each: PoolClass, factors: Array, values: Array) -> Array:
    """Sums of the squares of ``L' values`` over each pool's members, [pool, path].

    Parameters
    ----------
    each : PoolClass
        The pools.
    factors : jax.Array
        L of `member_factors`.
    values : jax.Array
        [leg, path].
    """
    size = each.leg.shape[1]
    own = [members_of(each, values, place) for place in range(size)]
    triangular = factors.shape[0] == size  # members' rows of C are fewer
    total = None
    for row in range(factors.shape[0]):
        first = row if triangular else 0
        load = factors[row, :, first : first + 1] * own[first]
        for place in range(first + 1, size):
            load = load + factors[row, :, place : place + 1] * own[place]
        total = load * load if total is None else total + load * load
    assert total is not None, "a class has members"
    return total


def members_of(each: PoolClass, values: Array, place: int) -> Array:
    """The rows of one member of each pool, [pool, path], of values [leg, path]."""
    # Places are within bounds by construction, and without a mode the compiler would have each of them checked.
    return jnp.take(values, each.leg[:, place], axis=0, mode="clip")
