"""Calm and stress: a Markov chain common to all assets sets volatility, correlation and drift (METHODS M45, M47).

The chain lives in continuous time and is looked at once a step, so the share of stress does not depend on the step. In
stress a factor common to all assets raises every correlation towards one. Within a step prices are Brownian, so the
bridge is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stresslab.market.parameters import Between, ByAsset, by_asset, leaf
from stresslab.market.process import MarketStep, Noise, asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "regimes: calm and stress follow each other, with volatilities, correlations and drifts of their own"

Days = Annotated[float, Field(ge=1e-3, le=1e5, allow_inf_nan=False)]


class Parameters(BaseModel):
    """The chain, and what stress changes; calm is what the market states."""

    model_config = ConfigDict(extra="forbid", strict=True)

    calm_days: Annotated[Days, Field(description="Mean length of a calm spell in days.", examples=[60.0])]
    stress_days: Annotated[Days, Field(description="Mean length of a stress spell in days.", examples=[4.0])]
    stress_volatility: Annotated[
        ByAsset, Between(0.0, 10.0), Field(description="Volatility in stress, a year.", examples=[1.5])
    ]
    stress_drift: Annotated[
        ByAsset | None,
        Between(-100.0, 100.0),
        Field(description="Drift in stress, a year; default: the market's.", examples=[-2.0]),
    ] = None
    stress_correlation: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="How far stress moves every correlation towards 1: 0 not at all, 1 wholly.",
            examples=[0.5],
        ),
    ] = 0.0
    start_regime: Annotated[
        Literal["stationary", "calm", "stress"],
        Field(
            description="Regime of the first step; stationary: drawn by its share of time.",
            examples=["stationary"],
        ),
    ] = "stationary"


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """Any step will do: given the regime the process is exact on every grid."""
    return None


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """The assets' streams, and one for the regime and the factor that stress brings."""
    return (*asset_streams(assets), "shared:regime")


class State(NamedTuple):
    """Log price, [asset, path], and the probability that the next step is one of stress, [path]."""

    log_price: Array
    stress_probability: Array


class Regimes(NamedTuple):
    """Brownian motion with the figures of the step's regime.

    Parameters
    ----------
    drift, volatility, stress_drift, stress_volatility : jax.Array
        A year, [asset, 1].
    factor : jax.Array
        C of the calm correlation, [asset, asset].
    stress_common : jax.Array
        Weight of the common factor in stress, 0 to 1, scalar.
    enter, remain, start : jax.Array
        Probability that a step is one of stress: after a calm one, after one of stress, and at the start; scalars.
    """

    drift: Array
    volatility: Array
    stress_drift: Array
    stress_volatility: Array
    factor: Array
    stress_common: Array
    enter: Array
    remain: Array
    start: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw as Brownian motion does, and a uniform for the regime and a normal for its factor, each [path]."""
        from stresslab.market import noise

        first, second = noise.words(keys[:-1], counter)
        regime, common = noise.words(keys[-1:], counter)
        shared = noise.uniform(regime)[0], noise.normal(common)[0]
        return Noise(noise.normal(first), noise.uniform(second), shared)

    def init(self, paths: int) -> State:
        """Log price 0 on every path, its regime not yet drawn."""
        import jax.numpy as jnp

        log_price = jnp.zeros((self.volatility.shape[0], paths), jnp.float32)
        return State(log_price, jnp.broadcast_to(self.start, (paths,)))

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Draw the regime of the step, and advance by ``dt`` years in it."""
        import jax.numpy as jnp

        uniform, common = noise.shared
        stress = uniform < state.stress_probability
        weight = jnp.where(stress, self.stress_common, 0.0)
        volatility = jnp.where(stress, self.stress_volatility, self.volatility)
        drift = jnp.where(stress, self.stress_drift, self.drift)
        deviation = volatility * dt**0.5
        shock = jnp.sqrt(1.0 - weight) * (self.factor @ noise.normal) + jnp.sqrt(weight) * common
        log_price = state.log_price + ((drift - 0.5 * volatility**2) * dt + deviation * shock)
        after = State(log_price, jnp.where(stress, self.remain, self.enter))
        return after, MarketStep(state.log_price, log_price, deviation, self.factor, common=weight)

    def log_price(self, state: State) -> Array:
        """The state holds it."""
        return state.log_price


def build(specification: MarketSpecification, step: float) -> Regimes:
    """Parameters as arrays.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; its volatilities, drifts and correlation are those of calm.
    step : float
        Length of a step in days.
    """
    extra = specification.extra
    drift = specification.drifts[:, None]
    share = extra["stress_days"] / (extra["calm_days"] + extra["stress_days"])
    # Of what the chain knows of its state this much is left after a step.
    memory = np.exp(-step * (1.0 / extra["calm_days"] + 1.0 / extra["stress_days"]))
    return Regimes(
        drift=leaf(drift),
        volatility=leaf(specification.volatilities[:, None]),
        stress_drift=leaf(drift if extra["stress_drift"] is None else by_asset(specification, "stress_drift")),
        stress_volatility=leaf(by_asset(specification, "stress_volatility")),
        factor=leaf(correlation_factor(specification.correlation)),
        stress_common=leaf(extra["stress_correlation"]),
        enter=leaf(share * (1.0 - memory)),
        remain=leaf(share + (1.0 - share) * memory),
        start=leaf({"stationary": share, "calm": 0.0, "stress": 1.0}[extra["start_regime"]]),
    )
