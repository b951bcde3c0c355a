"""Funding on the path: premiums that revert and move with the price, and the rate they make (M10, M46).

The score behind an asset's premium is stepped with the market: a fast part and, where it has one, a slow part that
keeps what past returns did to it. Only settlements look at it, so what it does of its own accord between two of them is
drawn once, at the second. There the interval's rate follows from the premium: ``premium + clamp(interest - premium)``,
held within the venue's cap. Longs pay a positive rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.market.premium import Premium

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter
    from stresslab.market.process import MarketStep
    from stresslab.market.specification import MarketSpecification

# The draws that all premiums share; no asset's name holds a blank.
_SHARED_STREAM = "funding of all"


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
    premiums : tuple of Premium
        By asset.
    own_correlation : float
        Correlation of any two assets' own draws, those that are not the price's, 0 to 1.
    """

    interval: float
    interest_rate: float
    clamp: float
    cap: float
    premiums: tuple[Premium, ...]
    own_correlation: float = 0.0


class Part(NamedTuple):
    """A reverting part of the scores, of variance 1.

    A step makes ``x' = x decay + price draw``; a settlement adds ``first own + second own`` draws of the interval.

    Parameters
    ----------
    weight : jax.Array
        With which it enters the score, [asset, 1].
    decay, price : jax.Array
        Of a step, [asset, 1].
    first, second : jax.Array
        Of the two own draws of an interval, [asset, 1].
    """

    weight: Array
    decay: Array
    price: Array
    first: Array
    second: Array


class Law(NamedTuple):
    """Figures of `PremiumLaw` as arrays, [asset, 1], with the slope between its scores."""

    low_score: Array
    high_score: Array
    premium: Array
    slope: Array
    low_scale: Array
    high_scale: Array
    low_tail: Array
    high_tail: Array


class Funding(NamedTuple):
    """Scores of premiums and the rates they make.

    Parameters
    ----------
    fast : Part
        The part that every premium has.
    slow : Part or None
        None where no asset has one.
    law : Law
        From score to premium.
    shared_weight, own_weight : jax.Array
        Of the draws that all assets share and of the asset's own, scalars whose squares add up to 1.
    log_return : jax.Array
        Mean log return of a step, [asset, 1]: what a price does beyond it is its draw.
    interest_rate, clamp, cap : jax.Array
        Of an interval, scalars.
    interval : jax.Array
        Steps between two settlements, int32 scalar.
    """

    fast: Part
    slow: Part | None
    law: Law
    shared_weight: Array
    own_weight: Array
    log_return: Array
    interest_rate: Array
    clamp: Array
    cap: Array
    interval: Array

    def init(self, paths: int) -> tuple[Array, ...]:
        """The parts of the scores today, all 0, each [asset, path]: every premium starts at its median."""
        import jax.numpy as jnp

        zero = jnp.zeros((self.fast.decay.shape[0], paths), jnp.float32)
        return (zero,) if self.slow is None else (zero, zero)

    def step(self, state: tuple[Array, ...], market: MarketStep) -> tuple[Array, ...]:
        """The parts after a step of the market, each [asset, path]."""
        import jax.numpy as jnp

        surprise = market.log_price - market.start_log_price - self.log_return
        moves = market.deviation > 0.0
        draw = jnp.where(moves, surprise / jnp.where(moves, market.deviation, 1.0), 0.0)
        parts = (self.fast,) if self.slow is None else (self.fast, self.slow)
        return tuple(each * part.decay + part.price * draw for each, part in zip(state, parts, strict=True))

    def settle(self, state: tuple[Array, ...], keys: Array, counter: Counter) -> tuple[tuple[Array, ...], Array]:
        """The parts with their own draws of the interval, and the interval's rate; `keys` are those of `streams`."""
        from stresslab.market import noise

        def own(word: Array) -> Array:
            draws = noise.normal(word)
            return self.own_weight * draws[:-1] + self.shared_weight * draws[-1:]

        words = noise.words(keys, counter)
        first = own(words[0])
        settled: tuple[Array, ...] = (state[0] + self.fast.first * first,)
        if self.slow is not None:
            settled = (*settled, state[1] + self.slow.first * first + self.slow.second * own(words[1]))
        return settled, self.rate(settled)

    def premium(self, state: tuple[Array, ...]) -> Array:
        """Premium of an interval, [asset, path]."""
        import jax.numpy as jnp

        score = self.fast.weight * state[0]
        if self.slow is not None:
            score = score + self.slow.weight * state[1]
        law = self.law
        below, above = jnp.maximum(law.low_score - score, 0.0), jnp.maximum(score - law.high_score, 0.0)
        middle = law.premium + law.slope * (jnp.clip(score, law.low_score, law.high_score) - law.low_score)
        low = law.low_scale * below * jnp.exp(0.5 * law.low_tail * below * below)
        return middle + law.high_scale * above * jnp.exp(0.5 * law.high_tail * above * above) - low

    def rate(self, state: tuple[Array, ...]) -> Array:
        """Rate of an interval, [asset, path]; a long pays it on its notional at the mark."""
        import jax.numpy as jnp

        premium = self.premium(state)
        rate = premium + jnp.clip(self.interest_rate - premium, -self.clamp, self.clamp)
        return jnp.clip(rate, -self.cap, self.cap)


def own_loadings(fast: float, slow: float) -> tuple[float, float, float]:
    """Loadings of the fast part's draw on the first own draw, and of the slow part's on the first and the second.

    They make both draws standard normal and uncorrelated with each other, whatever the price gives to both.

    Parameters
    ----------
    fast, slow : float
        Correlations with the price's draw, the squares adding up to at most 1.
    """
    first = np.sqrt(1.0 - fast * fast)
    across = 0.0 if first == 0.0 else -fast * slow / first
    return float(first), float(across), float(np.sqrt(max(0.0, 1.0 - slow * slow - across * across)))


def interval_loadings(premium: Premium, step: float, steps: int) -> tuple[float, float, float]:
    """The same for the draws of a whole interval, so that the parts are as if each step had drawn its own.

    Parameters
    ----------
    premium : Premium
        Half-lives and correlations.
    step : float
        Length of a step in days.
    steps : int
        Steps of an interval.
    """
    first, across, second = own_loadings(premium.price_correlation, premium.slow_price_correlation)
    fast, slow = (0.5 ** (step / half_life) for half_life in (premium.half_life, premium.slow_half_life))
    of_fast, of_slow = np.sqrt(1.0 - fast ** (2 * steps)), np.sqrt(1.0 - slow ** (2 * steps))
    # Correlation of the two sums that one draw a step makes of both parts.
    shared = (1.0 - (fast * slow) ** steps) / (1.0 - fast * slow)
    shared *= np.sqrt((1.0 - fast * fast) * (1.0 - slow * slow)) / (of_fast * of_slow)
    rest = np.sqrt(max(0.0, across * across * (1.0 - shared * shared) + second * second))
    return float(of_fast * first), float(of_slow * across * shared), float(of_slow * rest)


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Names of the streams of the premiums' own draws; the last one is shared by all."""
    return (*(f"funding:{asset}" for asset in assets), _SHARED_STREAM)


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
    steps = round(funding.interval / step)

    def column(value: Callable[[Premium], float]) -> NDArray[np.float32]:
        return np.array([[value(premium)] for premium in funding.premiums], np.float32)

    def part(
        weight: Callable[[Premium], float],
        half_life: Callable[[Premium], float],
        price: Callable[[Premium], float],
        loading: Callable[[tuple[float, float, float]], tuple[float, float]],
    ) -> Part:
        def loadings(premium: Premium) -> tuple[float, float]:
            return loading(interval_loadings(premium, step, steps))

        def scale(premium: Premium) -> float:
            return float(np.sqrt(1.0 - 0.25 ** (step / half_life(premium))))

        return Part(
            weight=column(weight),  # type: ignore[arg-type]
            decay=column(lambda premium: 0.5 ** (step / half_life(premium))),  # type: ignore[arg-type]
            price=column(lambda premium: scale(premium) * price(premium)),  # type: ignore[arg-type]
            first=column(lambda premium: loadings(premium)[0]),  # type: ignore[arg-type]
            second=column(lambda premium: loadings(premium)[1]),  # type: ignore[arg-type]
        )

    slow = None
    if any(premium.slow_share > 0.0 for premium in funding.premiums):
        slow = part(
            lambda premium: np.sqrt(premium.slow_share),
            lambda premium: premium.slow_half_life,
            lambda premium: premium.slow_price_correlation,
            lambda loadings: (loadings[1], loadings[2]),
        )
    log_return = (market.drifts - 0.5 * market.volatilities**2) * step / 365.0
    return Funding(
        fast=part(
            lambda premium: np.sqrt(1.0 - premium.slow_share),
            lambda premium: premium.half_life,
            lambda premium: premium.price_correlation,
            lambda loadings: (loadings[0], 0.0),
        ),
        slow=slow,
        law=Law(
            low_score=column(lambda premium: premium.law.low_score),  # type: ignore[arg-type]
            high_score=column(lambda premium: premium.law.high_score),  # type: ignore[arg-type]
            premium=column(lambda premium: premium.law.low_premium),  # type: ignore[arg-type]
            slope=column(lambda premium: premium.law.slope),  # type: ignore[arg-type]
            low_scale=column(lambda premium: premium.law.low_scale),  # type: ignore[arg-type]
            high_scale=column(lambda premium: premium.law.high_scale),  # type: ignore[arg-type]
            low_tail=column(lambda premium: premium.law.low_tail),  # type: ignore[arg-type]
            high_tail=column(lambda premium: premium.law.high_tail),  # type: ignore[arg-type]
        ),
        shared_weight=np.float32(np.sqrt(funding.own_correlation)),  # type: ignore[arg-type]
        own_weight=np.float32(np.sqrt(1.0 - funding.own_correlation)),  # type: ignore[arg-type]
        log_return=np.asarray(log_return[:, None], np.float32),  # type: ignore[arg-type]
        interest_rate=np.float32(funding.interest_rate),  # type: ignore[arg-type]
        clamp=np.float32(funding.clamp),  # type: ignore[arg-type]
        cap=np.float32(funding.cap),  # type: ignore[arg-type]
        interval=np.int32(steps),  # type: ignore[arg-type]
    )
