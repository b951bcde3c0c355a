"""Top-up: money sent into a pool whose margin ratio fell below a trigger, out of one reserve for all pools.

At the end of a step, in this order: money that is due arrives; money on its way to a pool that was liquidated meanwhile
goes back to the reserve; then each open pool whose margin ratio is below the trigger, and to which nothing is on its
way, is sent what restores the target, within what its cap and the reserve still allow. Pools are served in the
configuration's order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

if TYPE_CHECKING:
    from stresslab.book.policies import TopUp


class Parameters(NamedTuple):
    """The policy's numbers, scalars; the delay in steps, int32."""

    trigger: Array
    target: Array
    cap: Array
    reserve: Array
    delay: Array


class State(NamedTuple):
    """What the next step needs.

    Parameters
    ----------
    reserve : jax.Array
        Money left, [path].
    sent : jax.Array
        What each pool was sent so far and did not come back, [pool, path].
    coming : jax.Array
        What is on its way to each pool, [pool, path].
    due : jax.Array
        Number of the step at whose end it arrives, [pool, path], int32.
    """

    reserve: Array
    sent: Array
    coming: Array
    due: Array


def build(policy: TopUp, step: float) -> Parameters:
    """Parameters as arrays.

    Parameters
    ----------
    policy : TopUp
        Checked.
    step : float
        Length of a step in days.
    """
    return Parameters(
        trigger=np.float32(policy.trigger),  # type: ignore[arg-type]
        target=np.float32(policy.target),  # type: ignore[arg-type]
        cap=np.float32(policy.cap),  # type: ignore[arg-type]
        reserve=np.float32(policy.reserve),  # type: ignore[arg-type]
        delay=np.int32(math.ceil(policy.delay / step - 1e-9)),  # type: ignore[arg-type]
    )


def init(parameters: Parameters, pools: int, paths: int) -> State:
    """Nothing sent yet."""
    nothing = jnp.zeros((pools, paths), jnp.float32)
    return State(jnp.full(paths, parameters.reserve), nothing, nothing, jnp.zeros((pools, paths), jnp.int32))


def act(
    parameters: Parameters,
    state: State,
    order: tuple[int, ...],
    is_open: Array,
    equity: Array,
    requirement: Array,
    number: Array,
) -> tuple[State, Array]:
    """Do at the end of a step what the module's text says.

    Parameters
    ----------
    parameters, state : Parameters, State
        The policy.
    order : tuple of int
        Pools in the order in which they are served.
    is_open : jax.Array
        Whether the pool was not liquidated, [pool, path].
    equity, requirement : jax.Array
        At the marks of the step's end, [pool, path].
    number : jax.Array
        Number of the step, int32 scalar.

    Returns
    -------
    tuple of State and jax.Array
        The new state, and the money that arrives in each pool now, [pool, path].
    """
    on_its_way = state.coming > 0.0
    arrived = jnp.where(on_its_way & is_open & (state.due <= number), state.coming, 0.0)
    returned = jnp.where(on_its_way & ~is_open, state.coming, 0.0)
    coming = state.coming - arrived - returned
    sent = state.sent - returned
    equity = equity + arrived
    low = is_open & (coming == 0.0) & (equity < parameters.trigger * requirement)
    wanted = jnp.minimum(parameters.target * requirement - equity, jnp.maximum(parameters.cap - sent, 0.0))
    wanted = jnp.where(low, jnp.maximum(wanted, 0.0), 0.0)
    reserve = state.reserve + returned.sum(axis=0)
    grants = [jnp.zeros_like(reserve)] * len(order)
    for pool in order:
        grants[pool] = jnp.minimum(wanted[pool], reserve)
        reserve = reserve - grants[pool]
    granted = jnp.stack(grants)
    at_once = parameters.delay == 0
    new = State(
        reserve=reserve,
        sent=sent + granted,
        coming=coming + jnp.where(at_once, 0.0, granted),
        due=jnp.where(granted > 0.0, number + parameters.delay, state.due),
    )
    return new, arrived + jnp.where(at_once, granted, 0.0)
