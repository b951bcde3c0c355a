"""A jump of the mark at a known time that goes back by half in a stated time: a basis that opens and closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter


class RecoveringGap(NamedTuple):
    """A process with a distance on top that opens at once and closes exponentially.

    Parameters
    ----------
    process : Process
        What moves prices besides.
    step_of_gap : jax.Array
        Index of the step at whose end the gap stands, uint32 scalar.
    size : jax.Array
        Log of the price after it over that before, [asset, 1].
    kept : jax.Array
        Share of the log distance that is left after a step, scalar, 0 to 1.
    """

    process: Any
    step_of_gap: Array
    size: Array
    kept: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """The process's own draws, and which step this is."""
        noise: Noise = self.process.draw(keys, counter)
        return noise._replace(shared=(noise.shared, counter.step))

    def init(self, paths: int) -> tuple[Any, Array]:
        """The process's own state, and the log distance, [asset, 1]."""
        import jax.numpy as jnp

        return self.process.init(paths), jnp.zeros_like(self.size)

    def step(self, state: tuple[Any, Array], noise: Noise, dt: Array) -> tuple[tuple[Any, Array], MarketStep]:
        """Advance the process by ``dt`` years, close a part of the distance, then jump."""
        import jax.numpy as jnp

        inner, before = state
        own, index = noise.shared
        inner, market = self.process.step(inner, noise._replace(shared=own), dt)
        gap = jnp.where(index == self.step_of_gap, self.size, 0.0)
        closed = before * self.kept
        after = closed + gap
        whole_gap = jnp.broadcast_to(gap, market.log_price.shape)
        low, high = market.low_log_price, market.high_log_price
        market = market._replace(
            start_log_price=market.start_log_price + before,
            log_price=market.log_price + after,
            gap=whole_gap if market.gap is None else market.gap + gap,
            # A bar's extremes may fall anywhere in the step: each is taken where the distance widens it.
            low_log_price=None if low is None else low + jnp.minimum(before, closed),
            high_log_price=None if high is None else high + jnp.maximum(before, closed),
        )
        return (inner, after), market

    def log_price(self, state: tuple[Any, Array]) -> Array:
        """Log price of the process and the distance."""
        log_price: Array = self.process.log_price(state[0]) + state[1]
        return log_price
