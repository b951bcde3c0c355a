"""Withdrawal: money taken out of a pool that holds more than it needs.

At the end of a step each open pool whose margin ratio is above the trigger, and from which nothing is on its way out,
is marked for what exceeds the target, within its cash and its cap. After the delay it leaves, as far as it still
exceeds the target. Profit that is not realized cannot be taken out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.policies.sight import Action, Sight

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import Withdrawal
    from stresslab.scenario.scenario import Scenario

_NONE = np.int32(np.iinfo(np.int32).max)


class State(NamedTuple):
    """What was taken out of each pool so far, and the step in which the next amount leaves (int32), [pool, path]."""

    taken: Array
    due: Array


class Acting(NamedTuple):
    """The policy's numbers, scalars; the delay in steps, int32."""

    trigger: Array
    target: Array
    cap: Array
    delay: Array

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        return False

    def init(self, pools: int, paths: int) -> State:
        """Nothing taken yet."""
        return State(jnp.zeros((pools, paths), jnp.float32), jnp.full((pools, paths), _NONE))

    def act(self, state: State, sight: Sight) -> tuple[State, Action]:
        """Do at the end of a step what the module's text says."""
        high = sight.is_open & (sight.equity > self.trigger * sight.requirement) & (state.taken < self.cap)
        due = jnp.where(sight.able(high & (state.due == _NONE)), sight.number + self.delay, state.due)
        leaves = sight.able(sight.is_open & (due <= sight.number))
        excess = jnp.minimum(sight.equity - self.target * sight.requirement, sight.cash)
        amount = jnp.where(leaves, jnp.maximum(jnp.minimum(excess, self.cap - state.taken), 0.0), 0.0)
        return State(state.taken + amount, jnp.where(leaves, _NONE, due)), Action(deposit=-amount)


def build(policy: Withdrawal, scenario: Scenario, configuration: Configuration) -> Acting:
    """The policy's numbers as arrays, on the grid of the scenario."""

    def single(value: float) -> Any:
        return np.float32(value)

    return Acting(
        trigger=single(policy.trigger),
        target=single(policy.target),
        cap=single(policy.cap),
        delay=np.int32(math.ceil(policy.delay / scenario.step - 1e-9)),  # type: ignore[arg-type]
    )
