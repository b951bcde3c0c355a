"""Liquidations of pools on several prices that wait to be settled, so that many are settled at once.

In most steps of a large work a few paths of a block see a liquidation. What it leaves and whom it is put down to follow
from the prices there alone, and nothing in later steps depends on it: so prices are kept, and settled when the queue
is full and at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from stresslab.margin.drivers import drivers_on_several
from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.places import Places
from stresslab.margin.problem import NOBODY, PoolParameters

PLACES = 256
"""Liquidations that wait at most, chosen by measurement; another number moves the last digits of what they leave."""
_TAKEN_AT_ONCE = 32


class Queue(NamedTuple):
    """Liquidations that wait, and what became of the others.

    Parameters
    ----------
    length : jax.Array
        Places in use, int32 scalar.
    path : jax.Array
        Path of each place within the block, [place], int32.
    liquidated : jax.Array
        Stakes that were liquidated there, [stake, place].
    log_price : jax.Array
        Log of price over start price of each leg at the liquidation, [leg, place].
    at_end : jax.Array
        Whether that is the end of a step, beyond the liquidation price, [place]; with a bridge for every pool alone it
        makes a difference.
    settlement : jax.Array
        Equity left after the fee at liquidation, less the collateral where prices jump to it, [stake, path].
    driver : jax.Array
        Position that ended each stake, [stake, path], int16; `NOBODY` for none.
    """

    length: Array
    path: Array
    liquidated: Array
    log_price: Array
    at_end: Array
    settlement: Array
    driver: Array


def empty_queue(legs: int, settlement: Array) -> Queue:
    """Nothing waits.

    Parameters
    ----------
    legs : int
        Number of legs.
    settlement : jax.Array
        What is left of stakes that are liquidated today, [stake, path]; 0 elsewhere.
    """
    return Queue(
        length=jnp.int32(0),
        path=jnp.zeros(PLACES, jnp.int32),
        liquidated=jnp.zeros((settlement.shape[0], PLACES), jnp.bool_),
        log_price=jnp.zeros((legs, PLACES), jnp.float32),
        at_end=jnp.zeros(PLACES, jnp.bool_),
        settlement=settlement,
        driver=jnp.full(settlement.shape, NOBODY, jnp.int16),
    )


def enqueue(
    places: Places, parameters: PoolParameters, queue: Queue, liquidated: Array, log_price: Array, *, at_end: bool
) -> Queue:
    """Let the liquidations of a step wait; where the places do not suffice, those that wait are settled first.

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The problem.
    queue : Queue
        What waits.
    liquidated : jax.Array
        [stake, path], each stake of a path once in a run.
    log_price : jax.Array
        Log of price over start price where they are liquidated, [asset, path].
    at_end : bool
        Whether that is the end of the step and not the liquidation price.
    """
    paths = liquidated.shape[1]
    some = min(_TAKEN_AT_ONCE, paths, PLACES)
    assets = Legs(places, parameters).market_assets()

    def take(state: tuple[Array, Queue]) -> tuple[Array, Queue]:
        waiting, queue = state
        # The first of them; beyond the last path where they are fewer.
        place = jnp.where(waiting, jnp.arange(paths, dtype=jnp.float32), jnp.float32(paths))
        columns = (-lax.top_k(-place, some)[0]).astype(jnp.int32)
        taken = columns < paths

        def at(values: Array) -> Array:
            return jnp.take(values, columns, axis=1, mode="clip")

        def put(values: Array, added: Array) -> Array:
            starts = (0,) * (values.ndim - 1)
            return lax.dynamic_update_slice(values, added, (*starts, queue.length))

        queue = queue._replace(
            length=queue.length + taken.sum(dtype=jnp.int32),
            path=put(queue.path, columns),
            liquidated=put(queue.liquidated, at(liquidated) & taken),
            log_price=put(queue.log_price, rows_of(at(log_price), assets)),
            at_end=put(queue.at_end, jnp.full(some, at_end)),
        )
        queue = _settled_from(places, parameters, queue, PLACES - some + 1)
        return waiting.at[columns].set(False, mode="drop"), queue

    waiting = liquidated[0]
    for row in range(1, liquidated.shape[0]):
        waiting = waiting | liquidated[row]
    done: tuple[Array, Queue] = lax.while_loop(lambda state: state[0].any(), take, (waiting, queue))
    return done[1]


def settled(places: Places, parameters: PoolParameters, queue: Queue) -> Queue:
    """The queue when nothing waits any more.

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The problem.
    queue : Queue
        What waits, perhaps nothing.
    """
    if not queue.settlement.shape[0]:
        return queue
    return _settled_from(places, parameters, queue, 1)


def _settled_from(places: Places, parameters: PoolParameters, queue: Queue, length: int) -> Queue:
    """Settle what waits if it is at least so much."""

    def settle(queue: Queue) -> Queue:
        return _settle(places, parameters, queue)

    # A loop that runs once or not at all: as a condition it would copy what it may change.
    done: Queue = lax.while_loop(lambda queue: queue.length >= length, settle, queue)
    return done


def _settle(places: Places, parameters: PoolParameters, queue: Queue) -> Queue:
    legs = Legs(places, parameters)
    collateral, closing_fee = (
        values[places.stake_watches.shape[0] :] for values in (parameters.collateral, parameters.closing_fee)
    )
    ratio = jnp.exp(queue.log_price)
    notional = legs.notional_at(ratio)

    def of_stakes(values: Array) -> Array:
        return rows_of(legs.pooled(values), places.several_stake)

    # Up to a jump prices move without one, and the pool is closed where its equity is the requirement.
    jumped = of_stakes(legs.pnl_at(ratio))
    if places.bridge == "every_pool":
        reached = of_stakes(legs.requirement(notional)) + closing_fee
        left = jnp.where(queue.at_end, jumped + collateral, reached)
    else:
        left = jumped
    left = left - of_stakes(parameters.fee_rate * legs.closed(notional))
    whom = drivers_on_several(places, legs, ratio)

    # One path after the other: as a scatter it would have the sums and members above worked out path by path as well.
    def put(place: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        path = queue.path[place]
        now = lax.dynamic_slice_in_dim(queue.liquidated, place, 1, axis=1)

        def column(values: Array, added: Array) -> Array:
            before = lax.dynamic_slice_in_dim(values, path, 1, axis=1)
            after = jnp.where(now, lax.dynamic_slice_in_dim(added, place, 1, axis=1), before)
            return lax.dynamic_update_slice_in_dim(values, after, path, axis=1)

        return column(state[0], left), column(state[1], whom)

    settlement, driver = lax.fori_loop(0, queue.length, put, (queue.settlement, queue.driver))
    return queue._replace(length=jnp.int32(0), settlement=settlement, driver=driver)
