"""Jumps on top of any price process: common to all assets and an asset's own (METHODS M42).

Jumps stand at the end of the step in which they happen, so the diffusion fills the whole step and prices are tested
just before and just after (M18). Their times are thus right to one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stresslab.market.parameters import Between, ByAsset
from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

MOST_JUMPS_A_YEAR = 10_000.0
_WORDS = 2.0**32

CommonRate = Annotated[
    float,
    Field(
        ge=0.0,
        le=MOST_JUMPS_A_YEAR,
        allow_inf_nan=False,
        description="Jumps a year that strike all assets together.",
        examples=[12.0],
    ),
]
OwnRate = Annotated[
    ByAsset, Between(0.0, MOST_JUMPS_A_YEAR), Field(description="Jumps a year of an asset alone.", examples=[20.0])
]


class Jumping(NamedTuple):
    """A process whose log prices jump besides.

    Parameters
    ----------
    process : Process
        What moves prices between jumps.
    jumps : NormalJumps, DoubleExponentialJumps or ScheduledGap
        When they jump, and how far.
    """

    process: Any
    jumps: Any

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw for the process, whose streams come first, and for the jumps."""
        own = keys.shape[0] - self.jumps.stream_count()
        noise: Noise = self.process.draw(keys[:own], counter)
        return noise._replace(shared=(noise.shared, self.jumps.draw(keys[own:], counter)))

    def init(self, paths: int) -> tuple[Any, Array]:
        """The process's own state, and the sum of all jumps so far, [asset, path]."""
        import jax.numpy as jnp

        state = self.process.init(paths)
        return state, jnp.zeros_like(self.process.log_price(state))

    def step(self, state: tuple[Any, Array], noise: Noise, dt: Array) -> tuple[tuple[Any, Array], MarketStep]:
        """Advance the process by ``dt`` years, then jump."""
        inner, jumped = state
        own, drawn = noise.shared
        inner, market = self.process.step(inner, noise._replace(shared=own), dt)
        gap = self.jumps.log_jump(drawn)
        total = jumped + gap
        market = market._replace(
            start_log_price=market.start_log_price + jumped,
            log_price=market.log_price + total,
            gap=gap if market.gap is None else market.gap + gap,
            low_log_price=None if market.low_log_price is None else market.low_log_price + jumped,
            high_log_price=None if market.high_log_price is None else market.high_log_price + jumped,
        )
        return (inner, total), market

    def log_price(self, state: tuple[Any, Array]) -> Array:
        """Log price of the process and all jumps."""
        log_price: Array = self.process.log_price(state[0]) + state[1]
        return log_price


class NormalJumps(NamedTuple):
    """Poisson numbers of jumps with normal logs (Merton 1976).

    Of n jumps in one step the sum is drawn at once: it is normal with n times the mean and the variance.

    Parameters
    ----------
    common : jax.Array
        P(at least 1, 2, ... common jumps in a step), in units of 2^-32, [number], uint32.
    own : jax.Array
        The same for each asset's own jumps, [number, asset, 1], uint32.
    common_mean, common_deviation, own_mean, own_deviation : jax.Array
        Of the log of one jump, [asset, 1].
    factor : jax.Array
        Cholesky factor of the correlation of the assets' sizes in a common jump, [asset, asset].
    """

    common: Array
    own: Array
    common_mean: Array
    common_deviation: Array
    own_mean: Array
    own_deviation: Array
    factor: Array

    def stream_count(self) -> int:
        """How many streams the jumps read."""
        return 1 + 2 * self.common_mean.shape[0]

    def draw(self, keys: Array, counter: Counter) -> tuple[Array, ...]:
        """Number and standard size of the common jumps, then of the own: [path] and thrice [asset, path]."""
        from stresslab.market import noise

        assets = self.common_mean.shape[0]
        own_number, own_size = noise.words(keys[1 : 1 + assets], counter)
        common_size = noise.words(keys[1 + assets :], counter)[0]
        common_number = noise.words(keys[:1], counter)[0][0]
        return (
            _number(common_number, self.common),
            noise.normal(common_size),
            _number(own_number, self.own),
            noise.normal(own_size),
        )

    def log_jump(self, drawn: tuple[Array, ...]) -> Array:
        """Log of all jumps of the step, [asset, path]."""
        import jax.numpy as jnp

        common_number, common_size, own_number, own_size = drawn
        common = common_number * self.common_mean
        common += jnp.sqrt(common_number) * self.common_deviation * (self.factor @ common_size)
        return common + own_number * self.own_mean + jnp.sqrt(own_number) * self.own_deviation * own_size


class DoubleExponentialJumps(NamedTuple):
    """Jumps whose logs are exponential upward and downward (Kou 2002), at most two of each kind in a step.

    A step has two chances of a common jump and, for each asset, two of an own, each of half the rate times the step.
    One random word tells whether a chance comes to something, and if so its place below the threshold is the uniform
    that gives the size. In a common jump all assets share that uniform.

    Parameters
    ----------
    common : jax.Array
        Probability of one chance of a common jump, in units of 2^-32, uint32 scalar.
    own : jax.Array
        The same for each asset's own jumps, [asset, 1], uint32.
    up_probability, mean_rise, mean_fall : jax.Array
        Probability that a jump goes up, and mean log size of either kind, positive, [asset, 1].
    """

    common: Array
    own: Array
    up_probability: Array
    mean_rise: Array
    mean_fall: Array

    def stream_count(self) -> int:
        """How many streams the jumps read."""
        return 1 + self.own.shape[0]

    def draw(self, keys: Array, counter: Counter) -> tuple[Array, ...]:
        """The words of both chances: common, twice [1, path], then own, twice [asset, path]."""
        from stresslab.market import noise

        return (*noise.words(keys[:1], counter), *noise.words(keys[1:], counter))

    def log_jump(self, drawn: tuple[Array, ...]) -> Array:
        """Log of all jumps of the step, [asset, path]."""
        first, second, own_first, own_second = drawn
        common = self._size(first, self.common) + self._size(second, self.common)
        return common + self._size(own_first, self.own) + self._size(own_second, self.own)

    def _size(self, word: Array, threshold: Array) -> Array:
        import jax.numpy as jnp

        # Both tails from whole numbers: neither share rounds to 0.
        low = (word.astype(jnp.float32) + 0.5) / threshold
        high = ((threshold - word).astype(jnp.float32) - 0.5) / threshold
        rise = -self.mean_rise * jnp.log(low / self.up_probability)
        fall = self.mean_fall * jnp.log(high / (1.0 - self.up_probability))
        return jnp.where(word < threshold, jnp.where(low < self.up_probability, rise, fall), 0.0)


def normal_streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Streams of `NormalJumps`."""
    own = (f"jump:{asset}" for asset in assets)
    return ("shared:jump", *own, *(f"common_jump:{asset}" for asset in assets))


def double_exponential_streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Streams of `DoubleExponentialJumps`."""
    return ("shared:jump", *(f"jump:{asset}" for asset in assets))


def poisson_thresholds(mean: NDArray[np.float64]) -> NDArray[np.uint32]:
    """P(N >= 1), P(N >= 2), ... of Poisson numbers, in units of 2^-32, until less than one unit is left.

    Parameters
    ----------
    mean : numpy.ndarray
        Of any shape, 0 to 1.

    Returns
    -------
    numpy.ndarray
        [number, ...], uint32. The numbers are a power of two, so that a change of the rate seldom compiles anew.
    """
    from scipy.special import gammainc

    count = 1
    while gammainc(count + 1, mean.max(initial=0.0)) * _WORDS >= 1.0:
        count *= 2
    number = np.arange(1, count + 1).reshape(-1, *([1] * mean.ndim))
    return np.minimum(np.round(gammainc(number, mean) * _WORDS), _WORDS - 1.0).astype(np.uint32)


def threshold(probability: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Probabilities below 1 in units of 2^-32."""
    return np.asarray(np.round(probability * _WORDS)).astype(np.uint32)


def too_many(rates: Sequence[float], step: float, most: float) -> str | None:
    """What is wrong where jumps are expected more often in a step of so many days than the model can place."""
    expected = max(rates, default=0.0) * step / 365.0
    if expected <= most:
        return None
    return f"{expected:.3g} jumps are expected in a step, and all of them stand at its end; at most {most:g} may be"


def _number(word: Array, thresholds: Array) -> Array:
    """How many jumps a word stands for, float32."""
    import jax.numpy as jnp

    number = (word < thresholds[0]).astype(jnp.float32)
    for row in range(1, thresholds.shape[0]):
        number = number + (word < thresholds[row])
    return number
