"""Reallocation: collateral moved between the pools of an account from time to time.

At the end of every so many steps the equity of all open pools is divided anew: in proportion to maintenance margin, so
that all margin ratios are equal; or so that what each holds beyond its maintenance margin is in proportion to the
standard deviation of its pnl under the scenario's volatilities and correlations, to which the collateral that a given
probability of liquidation requires is nearly proportional. A pool gives no more than its cash. What pools give is on
its way for the delay; what was meant for a pool that is closed when it arrives stays outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.policies.sight import Action, Sight
from stresslab.market.process import correlation_factor

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.book.policies import Reallocation
    from stresslab.scenario.scenario import Scenario


class State(NamedTuple):
    """What is on its way to each pool, [pool, path], and the step at whose end it arrives, int32 scalar."""

    coming: Array
    due: Array


class Acting(NamedTuple):
    """The policy's numbers.

    Parameters
    ----------
    every, delay : jax.Array
        Steps, int32 scalars.
    loads : jax.Array or None
        Of each leg in each pool the pnl of one of notional under a unit move of each independent factor,
        [pool, factor, leg]; None where margin ratios are made equal.
    """

    every: Array
    delay: Array
    loads: Array | None

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        return False

    def init(self, pools: int, paths: int) -> State:
        """Nothing is on its way."""
        return State(jnp.zeros((pools, paths), jnp.float32), jnp.int32(0))

    def act(self, state: State, sight: Sight) -> tuple[State, Action]:
        """Do at the end of a step what the module's text says."""

        def divide() -> tuple[State, Array]:
            gives, gets = self._divided(sight)
            at_once = self.delay == 0
            coming = state.coming + jnp.where(at_once, 0.0, gets)
            return State(coming, sight.number + self.delay), jnp.where(at_once, gets, 0.0) - gives

        def rest() -> tuple[State, Array]:
            return state, jnp.zeros_like(state.coming)

        state, moved = lax.cond(sight.number % self.every == 0, divide, rest)
        arrives = sight.able(jnp.broadcast_to(state.due <= sight.number, state.coming.shape))
        arrived = jnp.where(arrives & sight.is_open, state.coming, 0.0)
        return State(jnp.where(arrives, 0.0, state.coming), state.due), Action(deposit=moved + arrived)

    def _divided(self, sight: Sight) -> tuple[Array, Array]:
        takes_part = sight.able(sight.is_open)
        requirement = jnp.where(takes_part, sight.requirement, 0.0)
        equity = jnp.where(takes_part, sight.equity, 0.0)
        needed, total = requirement.sum(axis=0), equity.sum(axis=0)
        if self.loads is None:
            wanted = total * requirement / jnp.where(needed > 0.0, needed, 1.0)
        else:
            moves = jnp.einsum("pfl,lt->pft", self.loads, sight.leg_notional)
            risk = jnp.where(takes_part, jnp.sqrt((moves**2).sum(axis=1)), 0.0)
            every = risk.sum(axis=0)
            wanted = requirement + jnp.maximum(total - needed, 0.0) * risk / jnp.where(every > 0.0, every, 1.0)
        change = jnp.where(takes_part & (needed > 0.0), wanted - equity, 0.0)
        gives = jnp.clip(-change, 0.0, jnp.maximum(sight.cash, 0.0))
        gets = jnp.maximum(change, 0.0)
        asked = gets.sum(axis=0)
        # What pools cannot give out of cash the others do not get, and nothing is given that nobody gets.
        scale = jnp.where(asked > 0.0, gives.sum(axis=0) / jnp.where(asked > 0.0, asked, 1.0), 0.0)
        return jnp.where(asked > 0.0, gives, 0.0), gets * scale


def build(policy: Reallocation, scenario: Scenario, configuration: Configuration) -> Acting:
    """The policy's numbers as arrays, on the grid of the scenario."""
    loads: Any = None
    if policy.aim == "required_collateral":
        market, positions = scenario.market, scenario.book.positions
        factor = correlation_factor(market.correlation) * market.volatilities[:, None]
        legs = [position for pool in configuration.pools for position in pool.positions]
        homes = [row for row, pool in enumerate(configuration.pools) for _ in pool.positions]
        loads = np.zeros((len(configuration.pools), len(market.assets), len(legs)), np.float32)
        for leg, (position, home) in enumerate(zip(legs, homes, strict=True)):
            asset = market.assets.index(positions[position].symbol.underlying)
            loads[home, :, leg] = math.copysign(1.0, positions[position].quantity) * factor[asset]
    return Acting(
        every=np.int32(max(1, round(policy.every / scenario.step))),  # type: ignore[arg-type]
        delay=np.int32(math.ceil(policy.delay / scenario.step - 1e-9)),  # type: ignore[arg-type]
        loads=loads,
    )
