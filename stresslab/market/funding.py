"""Funding on the path: a premium that reverts to its mean and moves with the price, and the rate it makes (M10, M46).

The premium of an asset is stepped with the market. At the hours of settlement the interval's rate follows from it:
``premium + clamp(interest - premium)``, held within the venue's cap. Longs pay a positive rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter
    from stresslab.market.process import MarketStep
    from stresslab.market.specification import MarketSpecification


@dataclass(frozen=True)
class FundingSpecification:
    """Funding as data.

    Parameters
    ----------
    interval : float
        Days between two settlements, a whole number of steps; the first one is one interval from today.
    interest_rate, clamp, cap : float
        Of one interval: the interest, the most by which the rate leaves the premium towards it, and the largest
        absolute rate (infinite where the venue has none).
    premium_means, premium_deviations : numpy.ndarray
        Mean and standard deviation of the premium in the long run, as a rate of one interval, [asset].
    premium_half_lives : numpy.ndarray
        Days in which half of a departure from the mean is gone, [asset], positive.
    price_correlations : numpy.ndarray
        Correlation of the premium's draw with the price's of the same step, [asset], -1 to 1.
    """

    interval: float
    interest_rate: float
    clamp: float
    cap: float
    premium_means: NDArray[np.float64]
    premium_deviations: NDArray[np.float64]
    premium_half_lives: NDArray[np.float64]
    price_correlations: NDArray[np.float64]


class Funding(NamedTuple):
    """``p' = mean + (p - mean) decay + scale z`` with z correlated with the price's draw.

    Parameters
    ----------
    mean, decay, scale, correlation : jax.Array
        Of the premium, a step, [asset, 1].
    log_return : jax.Array
        Mean log return of a step, [asset, 1]: what a price does beyond it is its draw.
    interest_rate, clamp, cap : jax.Array
        Of an interval, scalars.
    interval : jax.Array
        Steps between two settlements, int32 scalar.
    """

    mean: Array
    decay: Array
    scale: Array
    correlation: Array
    log_return: Array
    interest_rate: Array
    clamp: Array
    cap: Array
    interval: Array

    def init(self, paths: int) -> Array:
        """The premium today: its mean, [asset, path]."""
        import jax.numpy as jnp

        return jnp.broadcast_to(self.mean, (self.mean.shape[0], paths))

    def step(self, premium: Array, market: MarketStep, keys: Array, counter: Counter) -> Array:
        """Premium after a step of the market, [asset, path]."""
        import jax.numpy as jnp

        from stresslab.market import noise

        own = noise.normal(noise.words(keys, counter)[0])
        surprise = market.log_price - market.start_log_price - self.log_return
        moves = market.deviation > 0.0
        shared = jnp.where(moves, surprise / jnp.where(moves, market.deviation, 1.0), 0.0)
        draw = self.correlation * shared + jnp.sqrt(1.0 - self.correlation**2) * own
        return self.mean + (premium - self.mean) * self.decay + self.scale * draw

    def rate(self, premium: Array) -> Array:
        """Rate of an interval, [asset, path]; a long pays it on its notional at the mark."""
        import jax.numpy as jnp

        rate = premium + jnp.clip(self.interest_rate - premium, -self.clamp, self.clamp)
        return jnp.clip(rate, -self.cap, self.cap)


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Names of the streams of the premium's own draws."""
    return tuple(f"funding:{asset}" for asset in assets)


def build(market: MarketSpecification, step: float) -> Funding | None:
    """Parameters as arrays; None where the market has no funding.

    Parameters
    ----------
    market : MarketSpecification
        A checked market.
    step : float
        Length of a step in days; it divides the interval.
    """
    funding = market.funding
    if funding is None:
        return None
    decay = 0.5 ** (step / funding.premium_half_lives)

    def column(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.asarray(values[:, None], np.float32)

    return Funding(
        mean=column(funding.premium_means),  # type: ignore[arg-type]
        decay=column(decay),  # type: ignore[arg-type]
        scale=column(funding.premium_deviations * np.sqrt(1.0 - decay**2)),  # type: ignore[arg-type]
        correlation=column(funding.price_correlations),  # type: ignore[arg-type]
        log_return=column((market.drifts - 0.5 * market.volatilities**2) * step / 365.0),  # type: ignore[arg-type]
        interest_rate=np.float32(funding.interest_rate),  # type: ignore[arg-type]
        clamp=np.float32(funding.clamp),  # type: ignore[arg-type]
        cap=np.float32(funding.cap),  # type: ignore[arg-type]
        interval=np.int32(round(funding.interval / step)),  # type: ignore[arg-type]
    )
