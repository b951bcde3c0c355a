"""Multivariate Student-t diffusion: Brownian motion whose variance is drawn anew each day (METHODS M41).

On each day one draw ``W = (nu - 2) / chi2(nu)``, with mean one, multiplies the variance of every asset. Daily log
returns are then multivariate Student-t with ``nu`` degrees of freedom and the stated volatility (DESIGN section 8). The
stated correlation is that of the Gaussian core; given W the steps are Brownian, so the bridge inside a step is exact
with the mixed variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stresslab.market.process import MarketStep, Noise, asset_streams, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "multivariate Student-t diffusion: one common variance draw a day gives joint fat tails"

# The mixing draw is read from a table over the standard normal score of its uniform. At this many points linear
# interpolation of the logarithm is within 2e-6 of the exact quantile.
_TABLE_POINTS = 2048
_TABLE_BOUND = 5.4


class Parameters(BaseModel):
    """What the model adds to volatilities, drifts and correlation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    degrees_of_freedom: Annotated[
        float,
        Field(
            ge=2.5,
            le=1000.0,
            description="Degrees of freedom of daily returns; near 2 the variance would be infinite.",
            examples=[4.0],
        ),
    ]


def draw_days(parameters: Mapping[str, Any]) -> float:
    """A day has one draw of the variance."""
    return 1.0


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """The assets' streams, and one for the variance that they share."""
    return (*asset_streams(assets), "shared:variance")


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """The variance is drawn once a day, so the step must divide a day."""
    per_day = 1.0 / step
    if abs(per_day - round(per_day)) > 1e-9 * per_day or round(per_day) < 1:
        return "the step must divide a day, because the model draws its variance once a day"
    return None


class StudentTDiffusion(NamedTuple):
    """``x(t + dt) = x(t) + (mu - sigma^2 / 2) dt + sigma sqrt(W dt) C z``, one W a day for all assets.

    Parameters
    ----------
    drift, volatility : jax.Array
        A year, [asset, 1]; the volatility is that of the mixed returns, since E[W] = 1.
    factor : jax.Array
        C, [asset, asset].
    log_scale : jax.Array
        Table of ln(W) / 2 by the standard normal score of the draw, [point]; or one for each asset, [asset, point].
    steps_per_day : jax.Array
        uint32 scalar.
    """

    drift: Array
    volatility: Array
    factor: Array
    log_scale: Array
    steps_per_day: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw as Brownian motion does, and the day's common score, equal on all steps of a day."""
        from stresslab.market import noise

        first, second = noise.words(keys[:-1], counter)
        day = noise.Counter(counter.path, counter.step // self.steps_per_day)
        score = noise.normal(noise.words(keys[-1:], day)[0])
        return Noise(noise.normal(first), noise.uniform(second), (score[0],))

    def init(self, paths: int) -> Array:
        """Log price 0 on every path, [asset, path]."""
        import jax.numpy as jnp

        return jnp.zeros((self.volatility.shape[0], paths), jnp.float32)

    def step(self, state: Array, noise: Noise, dt: Array) -> tuple[Array, MarketStep]:
        """Advance the log prices by ``dt`` years under the day's variance."""
        deviation = self.volatility * dt**0.5 * scale_at(self.log_scale, noise.shared[0])
        # The whole increment first: a constant added to a rounded state would be rounded the same way at every step.
        increment = (self.drift - 0.5 * self.volatility**2) * dt + deviation * (self.factor @ noise.normal)
        log_price = state + increment
        return log_price, MarketStep(state, log_price, deviation, self.factor)

    def log_price(self, state: Array) -> Array:
        """The state is the log price."""
        return state


def scale_at(log_scale: Array, score: Array) -> Array:
    """sqrt(W) at scores of the draw, by a table or by several: [path], or [table, path]."""
    import jax.numpy as jnp

    place = (score + _TABLE_BOUND) * np.float32((_TABLE_POINTS - 1) / (2.0 * _TABLE_BOUND))
    below = place.astype(jnp.int32)
    left, right = log_scale[..., below], log_scale[..., below + 1]
    return jnp.exp(left + (place - below) * (right - left))


def log_scale_table(degrees_of_freedom: float) -> NDArray[np.float64]:
    """Table of ln(W) / 2 with ``W = (nu - 2) / chi2(nu)`` over standard normal scores of the draw.

    Parameters
    ----------
    degrees_of_freedom : float
        nu, at least 2.5.

    Returns
    -------
    numpy.ndarray
        [point], rising: a high score is a day of high variance. Over all draws that the generator can make, W has mean
        one.
    """
    from scipy.special import gammainccinv, gammaincinv, ndtr

    score = np.linspace(-_TABLE_BOUND, _TABLE_BOUND, _TABLE_POINTS)
    half = degrees_of_freedom / 2.0
    # Each tail by the function that keeps its digits there.
    chi2 = 2.0 * np.where(score > 0.0, gammaincinv(half, ndtr(-score)), gammainccinv(half, ndtr(score)))
    scale = (degrees_of_freedom - 2.0) / chi2 / attained_mean(degrees_of_freedom)
    return np.asarray(0.5 * np.log(scale))


def attained_mean(degrees_of_freedom: float) -> float:
    """Mean of ``(nu - 2) / chi2(nu)`` over the 2**23 uniforms that there are, a little below one.

    A uniform never comes closer to 0 than 2**-24, and near nu = 2 a good part of the mean lies beyond. What is missing
    is made up by scaling, so that the stated volatility is the one that is simulated: by 0.15 % at nu = 3, by 1.5 % at
    nu = 2.5.

    Parameters
    ----------
    degrees_of_freedom : float
        nu, above 2.
    """
    from scipy.special import gammaincc, gammaincinv

    half = degrees_of_freedom / 2.0
    # The outermost draws one by one; further in the midpoints sum to the integral E[W; chi2 > c], a closed form.
    outermost, spacing = 4096, 2.0**-23
    chi2 = 2.0 * gammaincinv(half, (np.arange(outermost) + 0.5) * spacing)
    inside = gammaincc(half - 1.0, float(gammaincinv(half, outermost * spacing)))
    return float((degrees_of_freedom - 2.0) / chi2 @ np.full(outermost, spacing) + inside)


def build(specification: MarketSpecification, step: float) -> StudentTDiffusion:
    """Parameters as arrays.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with ``degrees_of_freedom`` among its extra parameters.
    step : float
        Length of a step in days; it divides a day.
    """
    return diffusion(specification, step, log_scale_table(specification.extra["degrees_of_freedom"]))


def diffusion(specification: MarketSpecification, step: float, log_scale: NDArray[np.float64]) -> StudentTDiffusion:
    """Parameters as arrays, with the table or tables of the variance."""
    return StudentTDiffusion(
        np.float32(specification.drifts[:, None]),  # type: ignore[arg-type]
        np.float32(specification.volatilities[:, None]),  # type: ignore[arg-type]
        np.float32(correlation_factor(specification.correlation)),  # type: ignore[arg-type]
        np.float32(log_scale),  # type: ignore[arg-type]
        np.uint32(round(1.0 / step)),  # type: ignore[arg-type]
    )
