"""Top-up: money sent into a pool whose margin ratio fell below a trigger, out of one reserve for all pools.

At the end of a step, in this order: money that is due arrives; money on its way to a pool that was closed meanwhile
goes back to the reserve; then each open pool whose margin ratio is below the trigger, and to which nothing is on its
way, is sent what restores the target, within what its cap and the reserve still allow. Pools are served in the
configuration's order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.legs import any_of, sum_of
from stresslab.margin.policies import alarm
from stresslab.margin.policies.sight import Action, Sight

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import TopUp
    from stresslab.scenario.scenario import Scenario


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
    alarm : stresslab.margin.policies.alarm.State or None
        None where the desk decides at once.
    """

    reserve: Array
    sent: Array
    coming: Array
    due: Array
    alarm: alarm.State | None


class Acting(NamedTuple):
    """The policy's numbers, scalars; the delay in steps, int32."""

    trigger: Array
    target: Array
    cap: Array
    reserve: Array
    delay: Array
    alarm: alarm.Alarm | None

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        return False

    def init(self, pools: int, paths: int) -> State:
        """Nothing sent yet."""
        nothing = jnp.zeros((pools, paths), jnp.float32)
        raised = None if self.alarm is None else alarm.quiet(pools, paths)
        return State(jnp.full(paths, self.reserve), nothing, nothing, jnp.zeros((pools, paths), jnp.int32), raised)

    def act(self, state: State, sight: Sight) -> tuple[State, Action]:
        """Do at the end of a step what the module's text says."""
        number, is_open = sight.number, sight.is_open
        on_its_way = state.coming > 0.0
        arrived = jnp.where(sight.able(on_its_way & is_open & (state.due <= number)), state.coming, 0.0)
        returned = jnp.where(on_its_way & ~is_open, state.coming, 0.0)
        coming = state.coming - arrived - returned
        sent = state.sent - returned
        equity = sight.equity + arrived
        low = sight.has_ratio & (coming == 0.0) & (equity < self.trigger * sight.requirement)
        raised, acts = alarm.ring(self.alarm, state.alarm, low, sight)
        wanted = jnp.minimum(self.target * sight.requirement - equity, jnp.maximum(self.cap - sent, 0.0))
        wanted = jnp.where(acts, jnp.maximum(wanted, 0.0), 0.0)
        reserve = state.reserve + sum_of(returned)[0]

        def grant() -> tuple[Array, Array]:
            left, grants = reserve, []
            for row in wanted:
                grants.append(jnp.minimum(row, left))
                left = left - grants[-1]
            return left, jnp.stack(grants)

        # Mostly nobody asks. Where somebody does, each pool's grant depends on those before it.
        reserve, granted = lax.cond(any_of(acts), grant, lambda: (reserve, jnp.zeros_like(wanted)))
        at_once = self.delay == 0
        new = State(
            reserve=reserve,
            sent=sent + granted,
            coming=coming + jnp.where(at_once, 0.0, granted),
            due=jnp.where(granted > 0.0, number + self.delay, state.due),
            alarm=raised,
        )
        return new, Action(deposit=arrived + jnp.where(at_once, granted, 0.0))


def build(policy: TopUp, scenario: Scenario, configuration: Configuration) -> Acting:
    """The policy's numbers as arrays, on the grid of the scenario."""

    def single(value: float) -> Any:
        return np.float32(value)

    return Acting(
        trigger=single(policy.trigger),
        target=single(policy.target),
        cap=single(policy.cap),
        reserve=single(policy.reserve),
        delay=np.int32(math.ceil(policy.delay / scenario.step - 1e-9)),  # type: ignore[arg-type]
        alarm=alarm.build(policy.answer, policy.name, scenario, configuration),
    )
