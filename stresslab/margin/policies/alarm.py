"""How long a desk takes to answer when a pool's margin runs low, if anybody answers at all.

An alarm is raised when a pool falls below the trigger. The desk acts after a lognormal delay, longer where the alarm is
raised at night or at a weekend. Where nobody answers, the alarm is raised anew after a day. An alarm ends when the pool
is above the trigger again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.market import noise

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import Answer
    from stresslab.margin.policies.sight import Sight
    from stresslab.scenario.scenario import Scenario

_QUIET = np.int32(np.iinfo(np.int32).max)
_HOURS_PER_DAY, _SATURDAY = 24.0, 5


class Alarm(NamedTuple):
    """A desk's answer as arrays.

    Parameters
    ----------
    keys : jax.Array
        Key of each pool's stream of draws, [pool, 2], uint32.
    median : jax.Array
        Median delay in steps, scalar.
    spread, no_answer : jax.Array
        Standard deviation of the delay's logarithm, and probability that nobody answers, scalars.
    night : jax.Array
        Hours of the day from which and to which it is night, [2]; equal where there is none.
    night_factor, weekend_factor : jax.Array
        By which the delay is longer, scalars.
    first_hour, step_hours : jax.Array
        Hours from a Monday's midnight to the start of the run, and length of a step in hours, scalars.
    again : jax.Array
        Steps until an alarm that nobody answered is raised anew, int32 scalar.
    """

    keys: Array
    median: Array
    spread: Array
    no_answer: Array
    night: Array
    night_factor: Array
    weekend_factor: Array
    first_hour: Array
    step_hours: Array
    again: Array

    def delay(self, sight: Sight) -> tuple[Array, Array]:
        """Steps until the desk acts on an alarm raised now, int32, and whether it does at all, [pool, path]."""
        first, second = noise.words(self.keys, sight.counter)
        hours = self.first_hour + sight.number * self.step_hours
        hour, day = hours % _HOURS_PER_DAY, (hours // _HOURS_PER_DAY) % 7
        start, end = self.night[0], self.night[1]
        over_midnight = start > end
        at_night = jnp.where(over_midnight, (hour >= start) | (hour < end), (hour >= start) & (hour < end))
        factor = jnp.where(at_night, self.night_factor, 1.0) * jnp.where(day >= _SATURDAY, self.weekend_factor, 1.0)
        steps = self.median * factor * jnp.exp(self.spread * noise.normal(first))
        # What takes longer than this many steps is beyond every horizon.
        delay = jnp.ceil(jnp.minimum(steps, 1e8) - 1e-4).astype(jnp.int32)
        return delay, noise.uniform(second) >= self.no_answer


class State(NamedTuple):
    """An alarm of each pool, [pool, path].

    Parameters
    ----------
    due : jax.Array
        Step at whose end the desk acts, or the alarm is raised anew, int32; the largest number where none is raised.
    answered : jax.Array
        Whether the desk acts then.
    """

    due: Array
    answered: Array


def build(answer: Answer | None, name: str, scenario: Scenario, configuration: Configuration) -> Alarm | None:
    """Arrays of an answer; None where the desk acts at once."""
    if answer is None:
        return None
    names = [f"answer:{name}:{configuration.name}:{pool.name}" for pool in configuration.pools]
    keys: Any = noise.stream_keys(scenario.seed, names)
    start = scenario.start
    first_hour = 0.0 if start is None else start.weekday() * 24.0 + start.hour + start.minute / 60 + start.second / 3600

    def single(value: object) -> Any:
        return np.asarray(value, np.float32)

    return Alarm(
        keys=keys,
        median=single(answer.median_delay / scenario.step),
        spread=single(answer.spread),
        no_answer=single(answer.no_answer),
        night=single(answer.night or (0.0, 0.0)),
        night_factor=single(answer.night_factor),
        weekend_factor=single(answer.weekend_factor),
        first_hour=single(first_hour),
        step_hours=single(scenario.step * 24.0),
        again=np.int32(max(1, math.ceil(1.0 / scenario.step - 1e-9))),  # type: ignore[arg-type]
    )


def quiet(pools: int, paths: int) -> State:
    """No alarm is raised."""
    return State(jnp.full((pools, paths), _QUIET), jnp.zeros((pools, paths), bool))


def ring(alarm: Alarm | None, state: State | None, low: Array, sight: Sight) -> tuple[State | None, Array]:
    """Raise alarms for pools that are low, and tell which of them the desk acts on now, [pool, path]."""
    if alarm is None or state is None:
        return state, sight.able(low)
    over = low & (state.due <= sight.number) & ~state.answered
    new = low & ((state.due == _QUIET) | over)
    delay, answered = alarm.delay(sight)
    due = jnp.where(new, sight.number + jnp.where(answered, delay, alarm.again), state.due)
    due = jnp.where(low, due, _QUIET)
    answered = jnp.where(new, answered, state.answered)
    acts = sight.able(low & answered & (due <= sight.number))
    return State(jnp.where(acts, _QUIET, due), answered), acts
