"""GJR-GARCH(1,1) with Student-t innovations, and constant or dynamic correlation (METHODS M37, M40, M41).

The variance of each asset is constant within a bar and follows the shock of the bar before it. A step divides the bar
or is one. Innovations of a bar are multivariate Student-t: one draw ``W = (nu - 2) / chi2(nu)`` a bar for all assets.
Given the variances a step is Brownian, so the bridge is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import Duration, refuse
from stresslab.market.dynamic_correlation import DynamicCorrelation, dynamic_correlation
from stresslab.market.heston import StartVolatility
from stresslab.market.parameters import Between, ByAsset, by_asset, leaf
from stresslab.market.process import MarketStep, Noise, asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification
from stresslab.market.student_t import log_scale_table, scale_at

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "GJR-GARCH(1,1): each variance follows the last shock, falls more than rises; Student-t innovations"

Alpha = Annotated[
    ByAsset,
    Between(0.0, 1.0),
    Field(description="Weight of the last squared shock in the variance.", examples=[0.03]),
]
Gamma = Annotated[
    ByAsset, Between(0.0, 1.0), Field(description="Its further weight where the price fell.", examples=[0.02])
]
Beta = Annotated[ByAsset, Between(0.0, 1.0), Field(description="Weight of the last variance.", examples=[0.95])]


def check_stationary(beta: ByAsset, info: ValidationInfo) -> ByAsset:
    """Refuse weights under which a variance has no long-run mean; stands at the last of them."""
    terms: dict[str, ByAsset] = {"beta": beta, "alpha": info.data.get("alpha", 0.0)}
    terms["gamma"] = info.data.get("gamma", 0.0)
    named = dict.fromkeys(asset for value in terms.values() if isinstance(value, dict) for asset in value)
    for asset in list(named) or [""]:
        figure = {key: value.get(asset, 0.0) if isinstance(value, dict) else value for key, value in terms.items()}
        total = figure["alpha"] + 0.5 * figure["gamma"] + figure["beta"]
        if total >= 1.0:
            whose = f" of {asset}" if asset else ""
            problem = f"alpha + gamma / 2 + beta{whose} is {total:g}, so the variance has no long-run mean"
            refuse(problem, "lower them to a sum below 1")
    return beta


def check_correlation_stationary(beta: float, info: ValidationInfo) -> float:
    """Refuse weights under which the correlation has no long-run mean; stands at the last of them."""
    total = info.data.get("correlation_alpha", 0.0) + beta
    if total >= 1.0:
        problem = f"correlation_alpha + correlation_beta is {total:g}, so the correlation has no long-run mean"
        refuse(problem, "lower them to a sum below 1")
    return beta


class Parameters(BaseModel):
    """How a variance follows shocks; its long-run mean is the square of the market's volatility."""

    model_config = ConfigDict(extra="forbid", strict=True)

    bar: Annotated[
        Duration,
        Field(description="Length of a bar, the unit of the other figures; the step divides it.", examples=["1h"]),
    ] = "1h"
    alpha: Alpha
    gamma: Gamma = 0.0
    beta: Beta
    degrees_of_freedom: Annotated[
        float,
        Field(
            ge=2.5,
            le=1000.0,
            description="Degrees of freedom of Student-t shocks; near 2 the variance would be infinite.",
            examples=[4.0],
        ),
    ]
    start_volatility: StartVolatility = None
    correlation_alpha: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Weight of the last bar's products of shocks in the correlation; 0: it is constant.",
            examples=[0.02],
        ),
    ] = 0.0
    correlation_beta: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Weight of the last correlation; counts only with a correlation_alpha.",
            examples=[0.96],
        ),
    ] = 0.0

    _is_stationary = field_validator("beta")(check_stationary)
    _is_correlation_stationary = field_validator("correlation_beta")(check_correlation_stationary)


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """The step must divide a bar."""
    bar = minutes_of(parameters["bar"])
    minutes = round(step * 1440.0)
    if minutes > bar or bar % minutes:
        return f"the step must divide the bar of {parameters['bar']}, in which the variance is constant"
    return None


def draw_days(parameters: Mapping[str, Any]) -> float:
    """A bar has one draw of the variance."""
    return minutes_of(parameters["bar"]) / 1440.0


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """The assets' streams, and one for the variance that innovations share."""
    return (*asset_streams(assets), "shared:variance")


class State(NamedTuple):
    """Log price, variance a year, and the bar's shock so far, each [asset, path].

    A shock is the sum of its steps' moves, each over the root of its step in years.
    """

    log_price: Array
    variance: Array
    shock: Array


class Garch(NamedTuple):
    """``v' = omega + (alpha + gamma 1[r < 0]) r^2 + beta v`` after each bar, with r the bar's shock a root year.

    Parameters
    ----------
    mean : jax.Array
        Mean log return a year, [asset, 1].
    omega, alpha, gamma, beta : jax.Array
        [asset, 1]; variances and squared shocks as rates a year.
    start_variance : jax.Array
        A year, [asset, 1].
    factor : jax.Array
        Cholesky factor of the correlation, [asset, asset].
    log_scale : jax.Array
        Table of ln(W) / 2 by the standard normal score of the draw, [point].
    steps_per_bar : jax.Array
        uint32 scalar.
    """

    mean: Array
    omega: Array
    alpha: Array
    gamma: Array
    beta: Array
    start_variance: Array
    factor: Array
    log_scale: Array
    steps_per_bar: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw as Brownian motion does, the bar's common score, and whether the bar ends with this step."""
        from stresslab.market import noise

        first, second = noise.words(keys[:-1], counter)
        bar = noise.Counter(counter.path, counter.step // self.steps_per_bar)
        score = noise.normal(noise.words(keys[-1:], bar)[0])[0]
        ends = (counter.step + 1) % self.steps_per_bar == 0
        return Noise(noise.normal(first), noise.uniform(second), (score, ends))

    def init(self, paths: int) -> State:
        """Log price 0 and today's variance on every path, at the start of a bar."""
        import jax.numpy as jnp

        zero = jnp.zeros((self.mean.shape[0], paths), jnp.float32)
        return State(zero, jnp.broadcast_to(self.start_variance, zero.shape), zero)

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Advance the log prices by ``dt`` years, and at a bar's end the variances."""
        return self.advance(state, noise, dt, self.factor @ noise.normal)

    def advance(self, state: State, noise: Noise, dt: Array, correlated: Array) -> tuple[State, MarketStep]:
        """Advance as `step` does, with standard normals that are correlated already, [asset, path]."""
        import jax.numpy as jnp

        score, ends = noise.shared
        deviation = jnp.sqrt(state.variance * dt) * scale_at(self.log_scale, score)
        move = deviation * correlated
        log_price = state.log_price + (self.mean * dt + move)
        # By the step's own length: where a season makes it longer or shorter, the shock does not show it.
        shock = state.shock + move * dt**-0.5
        weight = self.alpha + jnp.where(shock < 0.0, self.gamma, 0.0)
        variance = self.omega + weight * (shock * shock / self.steps_per_bar) + self.beta * state.variance
        after = State(log_price, jnp.where(ends, variance, state.variance), jnp.where(ends, 0.0, shock))
        return after, MarketStep(state.log_price, log_price, deviation, self.factor)

    def log_price(self, state: State) -> Array:
        """The state holds it."""
        return state.log_price


def build(specification: MarketSpecification, step: float) -> Garch | DynamicCorrelation:
    """Parameters as arrays; without a ``correlation_alpha``, or for one asset, the correlation is constant.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; the square of a volatility is the variance's long-run mean.
    step : float
        Length of a step in days; it divides the bar.
    """
    long_run = specification.volatilities[:, None] ** 2
    alpha, gamma, beta = (by_asset(specification, key) for key in ("alpha", "gamma", "beta"))
    starts = specification.extra["start_volatility"] is not None
    bar = minutes_of(specification.extra["bar"]) / 1440.0
    constant = Garch(
        mean=leaf(specification.drifts[:, None] - 0.5 * long_run),
        omega=leaf((1.0 - alpha - 0.5 * gamma - beta) * long_run),
        alpha=leaf(alpha),
        gamma=leaf(gamma),
        beta=leaf(beta),
        start_variance=leaf(by_asset(specification, "start_volatility") ** 2 if starts else long_run),
        factor=leaf(correlation_factor(specification.correlation)),
        log_scale=leaf(log_scale_table(specification.extra["degrees_of_freedom"])),
        steps_per_bar=np.uint32(round(bar / step)),  # type: ignore[arg-type]
    )
    weight, memory = (specification.extra[key] for key in ("correlation_alpha", "correlation_beta"))
    if weight == 0.0 or len(specification.assets) == 1:
        return constant
    return dynamic_correlation(constant, specification.correlation, weight, memory)
