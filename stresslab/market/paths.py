"""Paths that the user brings: path i of the run is path i of the file, and nothing is drawn.

Where the file states lows and highs they are the extremes of the step for a pool on one price. A pool on several prices
is bridged with the local variance (high - low)^2 / (4 ln 2) of Parkinson, "The extreme value method for estimating the
variance of the rate of return" (1980), and the correlation of the file's returns (METHODS M19). Without them the local
variance is zero, and every pool is looked at where steps end and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from stresslab.documents.fields import PathText
from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "paths of your own: prices on the grid from a file, each path used once"

_PARKINSON = 1.0 / math.sqrt(4.0 * math.log(2.0))


class Parameters(BaseModel):
    """Where the paths are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    file: Annotated[
        PathText,
        Field(
            description="netCDF with dims path, time, asset, or Parquet with these columns; relative to this file.",
            examples=["paths.nc"],
        ),
    ]


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """Any step; the file must have the same, which is checked when it is read."""
    return None


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """None: nothing is drawn."""
    return ()


class GivenPaths(NamedTuple):
    """Prices by step and path.

    Parameters
    ----------
    end : jax.Array
        Log of price over start price at the end of each step, [step, asset, path].
    low, high : jax.Array or None
        Its extremes within each step, [step, asset, path].
    factor : jax.Array
        Cholesky factor of the correlation of returns, [asset, asset].
    """

    end: Array
    low: Array | None
    high: Array | None
    factor: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Read the step of each path; normals and bridge are not used."""
        import jax.numpy as jnp

        # A block is always full; what lies beyond the last path repeats it, and is cut off where blocks are folded.
        path = jnp.minimum(counter.path, self.end.shape[2] - 1)
        there = tuple(None if rows is None else rows[counter.step][:, path] for rows in (self.end, self.low, self.high))
        unused = jnp.full((self.end.shape[1], counter.path.shape[0]), 0.5, jnp.float32)
        return Noise(unused, unused, there)

    def init(self, paths: int) -> Array:
        """Log price 0 on every path."""
        import jax.numpy as jnp

        return jnp.zeros((self.end.shape[1], paths), jnp.float32)

    def step(self, state: Array, noise: Noise, dt: Array) -> tuple[Array, MarketStep]:
        """Go where the file says; its grid is the run's, so ``dt`` is not needed."""
        import jax.numpy as jnp

        end, low, high = noise.shared
        range_ = jnp.zeros_like(end) if low is None else high - low
        return end, MarketStep(state, end, range_ * _PARKINSON, self.factor, low_log_price=low, high_log_price=high)

    def log_price(self, state: Array) -> Array:
        """The state is it."""
        return state


def build(specification: MarketSpecification, step: float) -> GivenPaths:
    """The paths as arrays.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with its paths.
    step : float
        Length of a step in days, that of the paths.
    """
    import jax.numpy as jnp

    paths = specification.paths
    assert paths is not None, "the model comes with paths"
    # Put on the device once, not once a block.
    low, high = (None if each is None else jnp.asarray(each) for each in (paths.lows, paths.highs))
    return GivenPaths(jnp.asarray(paths.log_prices), low, high, leaf(correlation_factor(paths.correlation)))
