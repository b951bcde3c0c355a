"""A tilt on top of any process that draws independent normals: their means are shifted, and the ratio is kept.

Paths come from a mixture: each follows one of several shifts, and the first of them is none, so that the likelihood
ratio never exceeds one over that component's share (METHODS M28, M30). The ratio of the draws up to now is a martingale
under the mixture: it may be stopped where the breach is (M29).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

COMPONENT_STREAM = "shared:tilt"


class Tilted(NamedTuple):
    """A process whose normals have another mean.

    Parameters
    ----------
    process : Process
        What moves prices; it must read the normals of its noise as independent and standard.
    shifts : jax.Array
        Mean of the normals of one step under each component, [component, asset]; zeros in the first row.
    log_shares : jax.Array
        Log of each component's share of the paths, [component, 1].
    """

    process: Any
    shifts: Array
    log_shares: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw for the process, whose streams come first, and shift the normals of each path by its component."""
        noise: Noise = self.process.draw(keys[:-1], counter)
        chosen = self.component(keys, counter.path)
        shift = sum((chosen == row) * self.shifts[row][:, None] for row in range(self.shifts.shape[0]))
        return noise._replace(normal=noise.normal + shift)

    def component(self, keys: Array, path: Array) -> Array:
        """Component of each path, [path], int32: the same at every step."""
        import jax.numpy as jnp

        from stresslab.market import noise

        draw = noise.uniform(noise.words(keys[-1:], noise.Counter(path, np.uint32(0)))[0])[0]  # type: ignore[arg-type]
        shares = jnp.cumsum(jnp.exp(self.log_shares[:, 0]))
        return (draw[None, :] > shares[:-1, None]).sum(axis=0)

    def init(self, paths: int) -> tuple[Any, Array]:
        """The process's own state, and the log of each component's density over the untilted one, [component, path]."""
        import jax.numpy as jnp

        return self.process.init(paths), jnp.zeros((self.shifts.shape[0], paths), jnp.float32)

    def step(self, state: tuple[Any, Array], noise: Noise, dt: Array) -> tuple[tuple[Any, Array], MarketStep]:
        """Advance the process by ``dt`` years, and the ratios by the step's normals."""
        inner, market = self.process.step(state[0], noise, dt)
        half_squares = 0.5 * (self.shifts**2).sum(axis=1, keepdims=True)
        return (inner, state[1] + (self.shifts @ noise.normal - half_squares)), market

    def log_price(self, state: tuple[Any, Array]) -> Array:
        """Log price of the process."""
        log_price: Array = self.process.log_price(state[0])
        return log_price

    def likelihood_ratio(self, state: tuple[Any, Array]) -> Array:
        """Untilted density over the mixture's, of the draws so far, [path]; positive."""
        import jax.numpy as jnp
        from jax.scipy.special import logsumexp

        return jnp.exp(-logsumexp(self.log_shares + state[1], axis=0))


def tilted(process: Any, shifts: NDArray[np.float64], shares: Sequence[float]) -> Tilted:
    """A process with a tilt.

    Parameters
    ----------
    process : Process
        See `Tilted`.
    shifts : numpy.ndarray
        Mean of the normals of one step under each component, [component, asset]; zeros in the first row.
    shares : sequence of float
        Share of the paths under each component, positive, adding up to 1.
    """
    logs = np.log(np.asarray(shares, np.float64))[:, None]
    return Tilted(process, shifts.astype(np.float32), logs.astype(np.float32))  # type: ignore[arg-type]
