"""Mirrored pairs of paths, on any process that draws independent normals.

Path 2k + 1 has the normals of path 2k with the other sign and its bridge uniforms u as 1 - u. What else a process draws
the two share: given that, normals are as likely as their mirror, so that each path by itself has the process's law. The
draws of pools on several prices are no part of a process and stay independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter


class Antithetic(NamedTuple):
    """A process whose paths come in mirrored pairs.

    Parameters
    ----------
    process : Process
        What moves prices; it must read the normals of its noise as independent and standard.
    """

    process: Any

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw for the pair, and mirror the draws of its second path."""
        import jax.numpy as jnp

        noise: Noise = self.process.draw(keys, counter._replace(path=counter.path >> 1))
        mirrored = (counter.path & 1) == 1
        return noise._replace(
            normal=jnp.where(mirrored, -noise.normal, noise.normal),
            bridge=jnp.where(mirrored, 1.0 - noise.bridge, noise.bridge),
        )

    def init(self, paths: int) -> Any:
        """The process's own state."""
        return self.process.init(paths)

    def step(self, state: Any, noise: Noise, dt: Array) -> tuple[Any, MarketStep]:
        """Advance the process by ``dt`` years."""
        advanced: tuple[Any, MarketStep] = self.process.step(state, noise, dt)
        return advanced

    def log_price(self, state: Any) -> Array:
        """Log price of the process."""
        log_price: Array = self.process.log_price(state)
        return log_price
