"""Deleveraging: a pool's contracts cut in proportion before the venue does it.

Where the margin ratio of a pool is below the trigger, and the desk answers, the cut comes after the latency: as much as
restores the target at the marks of that moment, if the requirement falls in proportion. It costs slippage and a fee.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.policies import alarm
from stresslab.margin.policies.sight import Action, Sight

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import Deleveraging
    from stresslab.scenario.scenario import Scenario

_NONE = np.int32(np.iinfo(np.int32).max)


class State(NamedTuple):
    """Step at whose end each pool is cut, [pool, path], int32, and the alarms."""

    due: Array
    alarm: alarm.State | None


class Acting(NamedTuple):
    """The policy's numbers, scalars; the latency in steps, int32."""

    trigger: Array
    target: Array
    slippage: Array
    fee_rate: Array
    latency: Array
    alarm: alarm.Alarm | None

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        return True

    def init(self, pools: int, paths: int) -> State:
        """No cut is on its way."""
        raised = None if self.alarm is None else alarm.quiet(pools, paths)
        return State(jnp.full((pools, paths), _NONE), raised)

    def act(self, state: State, sight: Sight) -> tuple[State, Action]:
        """Do at the end of a step what the module's text says."""
        low = sight.has_ratio & (sight.equity < self.trigger * sight.requirement) & (state.due == _NONE)
        raised, acts = alarm.ring(self.alarm, state.alarm, low, sight)
        due = jnp.where(acts, sight.number + self.latency, state.due)
        now = sight.able(due <= sight.number)
        goal = self.target * sight.requirement
        part = 1.0 - sight.equity / jnp.where(goal > 0.0, goal, jnp.inf)
        cut = jnp.where(now & sight.is_open & (goal > 0.0), jnp.clip(part, 0.0, 1.0), 0.0)
        action = Action(cut=cut, slippage=self.slippage, fee_rate=self.fee_rate)
        return State(jnp.where(now, _NONE, due), raised), action


def build(policy: Deleveraging, scenario: Scenario, configuration: Configuration) -> Acting:
    """The policy's numbers as arrays, on the grid of the scenario."""

    def single(value: float) -> Any:
        return np.float32(value)

    return Acting(
        trigger=single(policy.trigger),
        target=single(policy.target),
        slippage=single(policy.slippage),
        fee_rate=single(policy.fee_rate),
        latency=np.int32(math.ceil(policy.latency / scenario.step - 1e-9)),  # type: ignore[arg-type]
        alarm=alarm.build(policy.answer, policy.name, scenario, configuration),
    )
