"""Alerts: when the margin ratio of each pool first fell below each of some levels. Nothing is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.policies.sight import Action, Sight

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import Alerts
    from stresslab.scenario.scenario import Scenario

_NEVER = np.int32(np.iinfo(np.int32).max)


class State(NamedTuple):
    """Step of the first alert of each level, [level, pool, path], int32; the largest number where there was none."""

    first: Array


class Acting(NamedTuple):
    """Levels of the margin ratio, [level, 1, 1]."""

    levels: Array

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        return False

    def init(self, pools: int, paths: int) -> State:
        """No alert yet."""
        return State(jnp.full((self.levels.shape[0], pools, paths), _NEVER))

    def act(self, state: State, sight: Sight) -> tuple[State, Action]:
        """Note the alerts of a step: at its end, of pools that are open then."""
        low = sight.has_ratio & (sight.equity < self.levels * sight.requirement)
        return State(jnp.where(low, jnp.minimum(state.first, sight.number), state.first)), Action()


def build(policy: Alerts, scenario: Scenario, configuration: Configuration) -> Acting:
    """The levels as an array."""
    levels: Any = np.array(policy.levels, np.float32)[:, None, None]
    return Acting(levels)
