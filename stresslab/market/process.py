"""What a price process is: pure functions over a block of paths, parameters as leaves, noise as an argument.

A process is a named tuple of arrays with these methods:

``draw(keys, counter)``
    the noise of one step, a pure function of the stream keys and the counter;
``init(paths)``
    the state before the first step, on a block of paths;
``step(state, noise, dt)``
    the state after a step of ``dt`` years, and the `MarketStep` that the margin engine sees;
``log_price(state)``
    the log of price over start price that a state stands for.

The path axis is last everywhere. Nothing that the next step does not need is kept in the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter


class Noise(NamedTuple):
    """Draws of one step.

    Parameters
    ----------
    normal : jax.Array
        Independent standard normals, [asset, path], float32.
    bridge : jax.Array
        Independent uniforms in (0, 1) for the extremes inside the step, [asset, path], float32.
    shared : tuple
        What else the process draws: arrays with the path axis last, or tuples of them.
    """

    normal: Array
    bridge: Array
    shared: tuple[Any, ...] = ()


class MarketStep(NamedTuple):
    """What one step did to prices.

    Parameters
    ----------
    start_log_price, log_price : jax.Array
        Log of price over start price at the start and at the end of the step, [asset, path].
    deviation : jax.Array
        Standard deviation of the log return over this step, given what is known at its start, [asset, path or 1].
    factor : jax.Array
        Cholesky factor of the correlation of log returns, [asset, asset]; with `deviation` it gives the local
        covariance that the bridge needs.
    common : jax.Array or None
        Share of the correlation that one factor common to all assets has on each path, [path], 0 to 1: the correlation
        is then ``(1 - common) factor factor' + common 11'`` (METHODS M47). None where there is no such share.
    gap : jax.Array or None
        Log jump at the very end of the step, already in `log_price`, [asset, path]. The bridge covers what lies before
        it; prices just before and just after it are tested (METHODS M18). None where prices never jump.
    low_log_price, high_log_price : jax.Array or None
        Extremes of the step where the model draws them itself, [asset, path]; they take the place of the bridge of
        single prices. None where the bridge draws them.
    """

    start_log_price: Array
    log_price: Array
    deviation: Array
    factor: Array
    common: Array | None = None
    gap: Array | None = None
    low_log_price: Array | None = None
    high_log_price: Array | None = None

    @property
    def before_gap(self) -> Array:
        """Log of price over start price just before the jump at the end of the step, [asset, path]."""
        return self.log_price if self.gap is None else self.log_price - self.gap


class Process(Protocol):
    """A market model with its parameters as arrays; see the module's text."""

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw the noise of one step."""
        ...

    def init(self, paths: int) -> Any:
        """Return the state before the first step."""
        ...

    def step(self, state: Any, noise: Noise, dt: Array) -> tuple[Any, MarketStep]:
        """Advance by ``dt`` years."""
        ...

    def log_price(self, state: Any) -> Array:
        """Return the log of price over start price, [asset, path]."""
        ...


def asset_streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Names of the streams that serve the assets: an asset's draws do not change when another one is added."""
    return tuple(f"asset:{asset}" for asset in assets)


def correlation_factor(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower triangular factor of a positive semidefinite correlation matrix.

    Unlike the textbook routine it accepts singular matrices, such as a correlation of one.

    Parameters
    ----------
    correlation : numpy.ndarray
        [asset, asset], symmetric, positive semidefinite up to rounding.

    Returns
    -------
    numpy.ndarray
        Lower triangular C with C C' = correlation, [asset, asset].
    """
    size = len(correlation)
    factor = np.zeros((size, size))
    for column in range(size):
        variance = correlation[column, column] - factor[column, :column] @ factor[column, :column]
        if variance <= 1e-12:
            continue
        factor[column, column] = np.sqrt(variance)
        rest = correlation[column + 1 :, column] - factor[column + 1 :, :column] @ factor[column, :column]
        factor[column + 1 :, column] = rest / factor[column, column]
    return factor
