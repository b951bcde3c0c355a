"""Paths given where one asset's price stands at a stated time (METHODS M48), on a Gaussian process.

The asset's draws of each step are made those of a Brownian bridge to the required price, one step after another: given
the distance and the time that remain, the next increment is normal. What the other assets' draws have in common with
the asset's moves with it by regression on it; the rest is untouched. The law is that of the process given the price, up
to that time and after it, on every grid; prices inside a step need nothing more than its two ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.gbm import GeometricBrownianMotion
    from stresslab.market.noise import Counter


@dataclass(frozen=True)
class Condition:
    """Where one price stands at one time.

    Parameters
    ----------
    asset : str
        An underlying of the market.
    move : float
        Price at that time over the start price, less 1; above -1.
    time : float
        Days from today, positive, a whole number of steps.
    """

    asset: str
    move: float
    time: float


class Conditioned(NamedTuple):
    """A geometric Brownian motion that arrives where it is told.

    Parameters
    ----------
    process : GeometricBrownianMotion
        The law that is conditioned.
    asset : jax.Array
        1 for the asset, 0 for the others, [asset, 1].
    target : jax.Array
        Its log price over start price at that time, scalar.
    steps : jax.Array
        Number of steps until then, uint32 scalar.
    """

    process: GeometricBrownianMotion
    asset: Array
    target: Array
    steps: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """The process's own draws, and the number of steps that remain, this one included; 0 when it is past."""
        import jax.numpy as jnp

        noise = self.process.draw(keys, counter)
        remaining = jnp.where(counter.step < self.steps, self.steps - counter.step, 0).astype(jnp.float32)
        return noise._replace(shared=(noise.shared, remaining))

    def init(self, paths: int) -> Any:
        """The process's own state."""
        return self.process.init(paths)

    def step(self, state: Any, noise: Noise, dt: Array) -> tuple[Any, MarketStep]:
        """Advance the process by ``dt`` years with draws that lead to the target."""
        import jax.numpy as jnp

        own, remaining = noise.shared
        volatility = (self.asset * self.process.volatility).sum()
        drift = (self.asset * self.process.drift).sum() - 0.5 * volatility**2
        distance = self.target - (self.asset * self.process.log_price(state)).sum(axis=0, keepdims=True)
        # Row of the correlation's factor: of length one, so that what it makes of the normals is a normal itself.
        loading = (self.asset * self.process.factor).sum(axis=0)[:, None]
        plain = (loading * noise.normal).sum(axis=0, keepdims=True)
        left = jnp.maximum(remaining, 1.0)
        # The mean of the bridge's increment, in deviations of a free one, and the share of the deviation that is left.
        mean = (distance / left - drift * dt) / (volatility * dt**0.5)
        bridged = mean + jnp.sqrt((left - 1.0) / left) * plain
        normal = jnp.where(remaining > 0.0, noise.normal + loading * (bridged - plain), noise.normal)
        return self.process.step(state, noise._replace(normal=normal, shared=own), dt)

    def log_price(self, state: Any) -> Array:
        """Log price of the process."""
        return self.process.log_price(state)


def conditioned(
    process: GeometricBrownianMotion, condition: Condition, assets: tuple[str, ...], step: float, target: float
) -> Conditioned:
    """The process given where a price stands.

    Parameters
    ----------
    process : GeometricBrownianMotion
        The volatility of the condition's asset is above 0.
    condition : Condition
        Its asset is one of ``assets``.
    assets : tuple of str
        In the order of the asset axis.
    step : float
        Days; divides the condition's time.
    target : float
        Log price over start price of the asset at that time, without what jumps on top of the process.
    """
    row = np.array([asset == condition.asset for asset in assets], dtype=np.float64)[:, None]
    steps = np.uint32(round(condition.time / step))
    return Conditioned(process, leaf(row), leaf(target), steps)  # type: ignore[arg-type]
