"""Dynamic conditional correlation on top of GARCH variances (Engle 2002; METHODS M40).

After each bar ``Q' = (1 - a - b) Q0 + a e e' + b Q`` with ``e`` the bar's shocks, each divided by the deviation that
its variance gave it, and ``Q0`` the stated correlation. The correlation of the next bar is Q scaled to a unit diagonal.
It differs from path to path, so its Cholesky factor is written out over the assets, each entry a row of paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.garch import Garch
    from stresslab.market.garch import State as GarchState
    from stresslab.market.noise import Counter

# The factor is written out, one term for each triple of assets: beyond this compiling takes too long.
MOST_ASSETS = 12
# Share of an asset's variance below which what the assets before it leave unexplained is rounding.
_ROUNDING = 1e-6


class State(NamedTuple):
    """State of the variances, and Q of the current bar, [asset, asset, path]."""

    garch: GarchState
    covariance: Array


class DynamicCorrelation(NamedTuple):
    """GARCH whose shocks have the correlation of the bar and the path.

    Parameters
    ----------
    garch : Garch
        The variances; its factor is that of the stated correlation.
    base : jax.Array
        ``Q0``, the stated correlation, [asset, asset, 1].
    weight, memory : jax.Array
        a and b, not negative, with a sum below 1; scalars.
    projection : jax.Array
        [asset, asset, 1]; its product with a correlation less the stated one, summed, is the share of the common
        factor in it (`common_share`).
    lowest_common : jax.Array
        Least share of the common factor with which the mixed matrix is valid, not above 0, scalar.
    """

    garch: Garch
    base: Array
    weight: Array
    memory: Array
    projection: Array
    lowest_common: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw as with constant correlation."""
        return self.garch.draw(keys, counter)

    def init(self, paths: int) -> State:
        """Start at the stated correlation on every path."""
        import jax.numpy as jnp

        return State(self.garch.init(paths), jnp.broadcast_to(self.base, (*self.base.shape[:2], paths)))

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Advance the log prices by ``dt`` years, and at a bar's end variances and correlation."""
        import jax.numpy as jnp

        before = state.garch
        correlated = correlate(state.covariance, noise.normal)
        after, market = self.garch.advance(before, noise, dt, correlated)
        shock = before.shock + market.deviation * correlated * dt**-0.5
        # A variance of zero has no shocks: its asset takes no part.
        standardized = shock / jnp.sqrt(jnp.maximum(before.variance * self.garch.steps_per_bar, 1e-30))
        products = standardized[:, None] * standardized[None]
        moved = (1.0 - self.weight - self.memory) * self.base + self.weight * products + self.memory * state.covariance
        covariance = jnp.where(noise.shared[1], moved, state.covariance)
        return State(after, covariance), market._replace(common=self.common_share(state.covariance))

    def common_share(self, covariance: Array) -> Array:
        """Share of the common factor that brings the stated correlation nearest to that of Q, [path].

        The bridge of a pool on several prices takes ``(1 - share) R0 + share 11'``, negative shares included. For two
        assets that is the correlation itself; for more it is the nearest such matrix by least squares over the
        pairs, which matters inside a step alone.
        """
        import jax.numpy as jnp

        size = covariance.shape[0]
        inverse = [1.0 / jnp.sqrt(covariance[i, i]) for i in range(size)]
        share = jnp.zeros_like(inverse[0])
        for i in range(size):
            for j in range(i):
                correlation = covariance[i, j] * inverse[i] * inverse[j]
                share = share + self.projection[i, j] * (correlation - self.base[i, j])
        return jnp.clip(share, self.lowest_common, 1.0)

    def log_price(self, state: State) -> Array:
        """The state of the variances holds it."""
        return self.garch.log_price(state.garch)


def correlate(covariance: Array, normal: Array) -> Array:
    """Standard normals with the correlation of a covariance that differs from path to path.

    Parameters
    ----------
    covariance : jax.Array
        Symmetric positive semidefinite, [asset, asset, path], diagonal above 0.
    normal : jax.Array
        Independent standard normals, [asset, path].

    Returns
    -------
    jax.Array
        ``D C z`` with C the Cholesky factor and D the inverse roots of the diagonal, [asset, path].
    """
    import jax.numpy as jnp

    size = covariance.shape[0]
    rows: list[list[Array]] = []
    inverses: list[Array] = []
    result = []
    for i in range(size):
        row: list[Array] = []
        for j in range(i):
            rest = covariance[i, j]
            for k in range(j):
                rest = rest - row[k] * rows[j][k]
            row.append(rest * inverses[j])
        pivot = covariance[i, i]
        for entry in row:
            pivot = pivot - entry * entry
        whole = pivot > _ROUNDING * covariance[i, i]
        # The inner choice keeps the root away from what rounding left below zero.
        inverse = jnp.where(whole, 1.0 / jnp.sqrt(jnp.where(whole, pivot, 1.0)), 0.0)
        inverses.append(inverse)
        row.append(pivot * inverse)
        rows.append(row)
        total = row[0] * normal[0]
        for k in range(1, i + 1):
            total = total + row[k] * normal[k]
        result.append(total / jnp.sqrt(covariance[i, i]))
    return jnp.stack(result)


def dynamic_correlation(
    garch: Garch, correlation: NDArray[np.float64], weight: float, memory: float
) -> DynamicCorrelation:
    """Parameters as arrays.

    Parameters
    ----------
    garch : Garch
        The variances.
    correlation : numpy.ndarray
        The stated correlation, [asset, asset], of at most `MOST_ASSETS` assets.
    weight, memory : float
        a and b, not negative, with a sum below 1.

    Raises
    ------
    ValueError
        More assets than `MOST_ASSETS`.
    """
    size = len(correlation)
    if size > MOST_ASSETS:
        raise ValueError(f"dynamic correlation takes at most {MOST_ASSETS} assets, and there are {size}")
    room = np.tril(1.0 - correlation, -1)
    norm = float(np.sum(room**2))
    return DynamicCorrelation(
        garch=garch,
        base=leaf(correlation[:, :, None]),
        weight=leaf(weight),
        memory=leaf(memory),
        projection=leaf((room / norm if norm > 0.0 else room)[:, :, None]),
        lowest_common=leaf(_lowest_common(correlation)),
    )


def _lowest_common(correlation: NDArray[np.float64]) -> float:
    """Least c with which (1 - c) R + c 11' is positive semidefinite.

    That is so while ``-c / (1 - c)`` is at most ``1 / (1' R^-1 1)``.
    """
    values, vectors = np.linalg.eigh(correlation)
    ones = vectors.sum(axis=0)
    most = 1.0 / float(np.sum(ones**2 / np.maximum(values, 1e-9)))
    return -most / (1.0 - most) if most < 1.0 - 1e-6 else 0.0
