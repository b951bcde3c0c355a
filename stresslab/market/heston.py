"""Heston's stochastic volatility: each asset's variance reverts to its mean and moves with the price (METHODS M44).

The scheme is Euler's with full truncation (Lord, Koekkoek and van Dijk, "A comparison of biased simulation schemes for
stochastic volatility models", 2010): the stored variance may fall below zero, what drives prices and variance is its
positive part. Within a step the variance is constant, so the price is Brownian there and the bridge is exact, and
E[S] is exact on every grid. The variance's own law is approached as the step shrinks; docs/models.md states the bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from stresslab.market.parameters import Between, ByAsset, by_asset, figures_of, leaf
from stresslab.market.process import MarketStep, Noise, asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "Heston's stochastic volatility: each variance reverts to its mean and moves with the price"

# Share of a departure from the mean that one step may undo.
_MOST_REVERSION = 0.25

Reversion = Annotated[
    ByAsset,
    Between(0.0, 10_000.0),
    Field(description="Speed at which the variance reverts to its mean, a year.", examples=[4.0]),
]
VarianceVolatility = Annotated[
    ByAsset, Between(0.0, 100.0), Field(description="Volatility of the variance, a year.", examples=[1.2])
]
Leverage = Annotated[
    ByAsset,
    Between(-1.0, 1.0),
    Field(description="Correlation of an asset's variance with its price.", examples=[-0.3]),
]
StartVolatility = Annotated[
    ByAsset | None,
    Between(0.0, 10.0),
    Field(description="Volatility today, a year; default: the long-run volatility.", examples=[0.9]),
]


class Parameters(BaseModel):
    """Law of the variance; its mean is the square of the market's volatility."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mean_reversion: Reversion
    volatility_of_variance: VarianceVolatility
    leverage_correlation: Leverage = 0.0
    start_volatility: StartVolatility = None


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """A step may undo a quarter of a departure of the variance from its mean, and no more."""
    share = max(figures_of(parameters["mean_reversion"])) * step / 365.0
    if share <= _MOST_REVERSION:
        return None
    return f"the variance would revert by {share:.3g} of its departure in one step, above {_MOST_REVERSION:g}"


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """The assets' streams, and one for each variance."""
    return (*asset_streams(assets), *(f"variance:{asset}" for asset in assets))


class State(NamedTuple):
    """Log price, and variance a year before truncation, each [asset, path]."""

    log_price: Array
    variance: Array


class Heston(NamedTuple):
    """``dx = (mu - v / 2) dt + sqrt(v) C dW``, ``dv = kappa (theta - v) dt + xi sqrt(v) dB``.

    ``B = rho C W + sqrt(1 - rho^2) C W'``: the variances' own shocks are correlated as the assets are.

    Parameters
    ----------
    drift, long_run_variance, mean_reversion, volatility_of_variance : jax.Array
        mu, theta, kappa and xi, a year, [asset, 1].
    leverage : jax.Array
        rho, [asset, 1].
    start_variance : jax.Array
        A year, [asset, 1].
    factor : jax.Array
        C, [asset, asset].
    """

    drift: Array
    long_run_variance: Array
    mean_reversion: Array
    volatility_of_variance: Array
    leverage: Array
    start_variance: Array
    factor: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw as Brownian motion does, and a normal for every variance, [asset, path]."""
        from stresslab.market import noise

        assets = self.drift.shape[0]
        first, second = noise.words(keys[:assets], counter)
        own = noise.normal(noise.words(keys[assets:], counter)[0])
        return Noise(noise.normal(first), noise.uniform(second), (own,))

    def init(self, paths: int) -> State:
        """Log price 0 and today's variance on every path."""
        import jax.numpy as jnp

        shape = (self.drift.shape[0], paths)
        return State(jnp.zeros(shape, jnp.float32), jnp.broadcast_to(self.start_variance, shape))

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Advance prices and variances by ``dt`` years."""
        import jax.numpy as jnp

        variance = jnp.maximum(state.variance, 0.0)
        deviation = jnp.sqrt(variance * dt)
        shock = self.factor @ noise.normal
        own = self.factor @ noise.shared[0]
        increment = (self.drift - 0.5 * variance) * dt + deviation * shock
        variance_shock = self.leverage * shock + jnp.sqrt(1.0 - self.leverage**2) * own
        change = self.mean_reversion * (self.long_run_variance - variance) * dt
        change = change + self.volatility_of_variance * deviation * variance_shock
        log_price = state.log_price + increment
        after = State(log_price, state.variance + change)
        return after, MarketStep(state.log_price, log_price, deviation, self.factor)

    def log_price(self, state: State) -> Array:
        """The state holds it."""
        return state.log_price


def build(specification: MarketSpecification, step: float) -> Heston:
    """Parameters as arrays; the step plays no part.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; the square of a volatility is the variance's long-run mean.
    step : float
        Length of a step in days.
    """
    long_run = specification.volatilities[:, None] ** 2
    starts = specification.extra["start_volatility"] is not None
    return Heston(
        drift=leaf(specification.drifts[:, None]),
        long_run_variance=leaf(long_run),
        mean_reversion=leaf(by_asset(specification, "mean_reversion")),
        volatility_of_variance=leaf(by_asset(specification, "volatility_of_variance")),
        leverage=leaf(by_asset(specification, "leverage_correlation")),
        start_variance=leaf(by_asset(specification, "start_volatility") ** 2 if starts else long_run),
        factor=leaf(correlation_factor(specification.correlation)),
    )
