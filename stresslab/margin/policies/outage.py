"""Outages: times in which no order is filled, no money is sent, and nobody decides.

An outage is a window of the calendar, or follows a move: where the log price of some asset has moved more than so much
since the beginning of the current window of measurement. Windows of measurement follow each other without overlap. An
outage begins with the step after the one at whose end it is noticed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

if TYPE_CHECKING:
    from stresslab.book.policies import Outage
    from stresslab.scenario.scenario import Scenario


class State(NamedTuple):
    """What the next step needs.

    Parameters
    ----------
    until : jax.Array
        Number of the last step of an outage that a move caused, [path], int32.
    reference : jax.Array
        Log of price over start price at the beginning of the window of measurement, [asset, path].
    """

    until: Array
    reference: Array


class Acting(NamedTuple):
    """The outages' numbers.

    Parameters
    ----------
    first, last : jax.Array
        Number of the first and of the last step of each fixed outage, [outage, 1], int32.
    move : jax.Array
        Move of a log price that causes an outage, scalar; infinite where none does.
    window, duration : jax.Array
        Steps in which the move is measured, and that the outage lasts, int32 scalars.
    """

    first: Array
    last: Array
    move: Array
    window: Array
    duration: Array

    def init(self, assets: int, paths: int) -> State:
        """No outage."""
        return State(jnp.zeros(paths, jnp.int32), jnp.zeros((assets, paths), jnp.float32))

    def works(self, state: State, number: Array) -> Array:
        """Whether the tools work in a step, [path]."""
        fixed = ((self.first <= number) & (number <= self.last)).any()
        return (state.until < number) & ~fixed

    def step(self, state: State, log_price: Array, number: Array) -> State:
        """Look at the prices of a step's end."""
        moved = (jnp.abs(log_price - state.reference) > self.move).any(axis=0)
        until = jnp.where(moved, jnp.maximum(state.until, number + self.duration), state.until)
        return State(until, jnp.where(number % self.window == 0, log_price, state.reference))


def build(policy: Outage, scenario: Scenario) -> Acting:
    """The outages' numbers as arrays, on the grid of the scenario."""

    def steps(days: float) -> int:
        return math.ceil(days / scenario.step - 1e-9)

    windows = np.array(policy.windows, float).reshape(-1, 2)
    first: Any = (np.floor(windows[:, :1] / scenario.step + 1e-9) + 1).astype(np.int32)
    last: Any = np.ceil(windows.sum(axis=1, keepdims=True) / scenario.step - 1e-9).astype(np.int32)
    return Acting(
        first=first,
        last=last,
        move=np.float32(policy.move),  # type: ignore[arg-type]
        window=np.int32(max(1, steps(policy.window))),  # type: ignore[arg-type]
        duration=np.int32(steps(policy.duration)),  # type: ignore[arg-type]
    )
