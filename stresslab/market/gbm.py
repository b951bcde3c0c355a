"""Correlated geometric Brownian motion (METHODS M36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from stresslab.market.process import MarketStep, Noise, asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "correlated geometric Brownian motion: constant volatility, normal log returns"

streams = asset_streams


class Parameters(BaseModel):
    """Geometric Brownian motion needs nothing beyond volatilities, drifts and correlation."""

    model_config = ConfigDict(extra="forbid", strict=True)


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """Any step will do: the process is exact on every grid."""
    return None


class GeometricBrownianMotion(NamedTuple):
    """``x(t + dt) = x(t) + (mu - sigma^2 / 2) dt + sigma sqrt(dt) C z`` with C C' the correlation.

    Parameters
    ----------
    drift, volatility : jax.Array
        A year, [asset, 1].
    factor : jax.Array
        C, [asset, asset].
    """

    drift: Array
    volatility: Array
    factor: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw a normal and a bridge uniform for every asset and path from one call of the generator."""
        from stresslab.market import noise

        first, second = noise.words(keys, counter)
        return Noise(noise.normal(first), noise.uniform(second))

    def init(self, paths: int) -> Array:
        """Log price 0 on every path, [asset, path]."""
        import jax.numpy as jnp

        return jnp.zeros((self.volatility.shape[0], paths), jnp.float32)

    def step(self, state: Array, noise: Noise, dt: Array) -> tuple[Array, MarketStep]:
        """Advance the log prices by ``dt`` years."""
        deviation = self.volatility * dt**0.5
        # The whole increment first: a constant added to a rounded state would be rounded the same way at every step.
        increment = (self.drift - 0.5 * self.volatility**2) * dt + deviation * (self.factor @ noise.normal)
        log_price = state + increment
        return log_price, MarketStep(state, log_price, deviation, self.factor)

    def log_price(self, state: Array) -> Array:
        """The state is the log price."""
        return state


def build(specification: MarketSpecification, step: float) -> GeometricBrownianMotion:
    """Parameters as arrays; the step plays no part.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market.
    step : float
        Length of a step in days.
    """
    return GeometricBrownianMotion(
        np.float32(specification.drifts[:, None]),  # type: ignore[arg-type]
        np.float32(specification.volatilities[:, None]),  # type: ignore[arg-type]
        np.float32(correlation_factor(specification.correlation)),  # type: ignore[arg-type]
    )
