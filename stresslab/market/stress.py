"""Stress overlays: what a scenario does on top of any price process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.market.condition import Condition, conditioned
from stresslab.market.jumps import Jumping
from stresslab.market.parameters import leaf
from stresslab.market.recovering_gap import RecoveringGap

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter
    from stresslab.market.process import Process
    from stresslab.market.specification import MarketSpecification

# Parameters of models that are volatilities, beside those of the market, and parameters that are rates of jumps.
VOLATILITY_KEYS = ("start_volatility", "stress_volatility", "volatility_of_variance")
RATE_KEYS = ("common_jump_rate", "own_jump_rate")


@dataclass(frozen=True)
class StressSpecification:
    """An overlay as data.

    Parameters
    ----------
    volatility_factor : float
        What every volatility is multiplied by, positive.
    correlation_shift : float
        How far every correlation is moved towards one, 0 to 1 (METHODS M47).
    jump_rate_factor : float
        What every rate of jumps is multiplied by, not negative.
    gap_time : float or None
        Days from today at whose end all prices jump; None for no gap.
    gap_sizes : numpy.ndarray
        Log of the price after the gap over that before, [asset].
    condition : Condition or None
        Where one price stands at one time, the gap included; None where nothing is known.
    gap_half_life : float or None
        Days in which half of the gap's log is gone again, positive; None for a gap that stays.
    """

    volatility_factor: float
    correlation_shift: float
    jump_rate_factor: float
    gap_time: float | None
    gap_sizes: NDArray[np.float64]
    condition: Condition | None = None
    gap_half_life: float | None = None


class ScheduledGap(NamedTuple):
    """One jump of all assets at a known step, for `stresslab.market.jumps.Jumping`.

    Parameters
    ----------
    step : jax.Array
        Index of the step at whose end it stands, uint32 scalar.
    size : jax.Array
        Log of the price after it over that before, [asset, 1].
    """

    step: Array
    size: Array

    def stream_count(self) -> int:
        """None: nothing is drawn."""
        return 0

    def draw(self, keys: Array, counter: Counter) -> Array:
        """Whether this is the step."""
        return counter.step == self.step

    def log_jump(self, drawn: Array) -> Array:
        """Log jump of the step, [asset, 1]."""
        import jax.numpy as jnp

        return jnp.where(drawn, self.size, 0.0)


def stressed(specification: MarketSpecification) -> MarketSpecification:
    """The market with the figures of its overlay in place; the gap is no figure and stays apart."""
    stress = specification.stress
    if stress is None:
        return specification
    shift = stress.correlation_shift
    return replace(
        specification,
        volatilities=specification.volatilities * stress.volatility_factor,
        correlation=(1.0 - shift) * specification.correlation + shift,
        extra=scaled_parameters(specification.extra, stress),
    )


def scaled_parameters(parameters: Mapping[str, Any], stress: StressSpecification) -> dict[str, Any]:
    """A model's own parameters with the overlay's factors in them."""
    factors = dict.fromkeys(VOLATILITY_KEYS, stress.volatility_factor)
    factors |= dict.fromkeys(RATE_KEYS, stress.jump_rate_factor)
    return {key: _scaled(value, factors.get(key, 1.0)) for key, value in parameters.items()}


def with_condition(process: Process, specification: MarketSpecification, step: float) -> Process:
    """The process given where the overlay's condition puts a price, if there is one; only a Gaussian one has any."""
    stress = specification.stress
    if stress is None or stress.condition is None:
        return process
    target = diffusion_target(stress, stress.condition, specification.assets)
    return conditioned(process, stress.condition, specification.assets, step, target)  # type: ignore[arg-type]


def diffusion_target(stress: StressSpecification, condition: Condition, assets: Sequence[str]) -> float:
    """Log price over start price that a condition leaves to the model, when a gap up to then has made its part."""
    target = math.log1p(condition.move)
    if stress.gap_time is None or stress.gap_time > condition.time:
        return target
    size = float(stress.gap_sizes[assets.index(condition.asset)])
    return target - size * _share_kept(stress, condition.time - stress.gap_time)


def _share_kept(stress: StressSpecification, days: float) -> float:
    """Share of a gap's log that is left after a time."""
    return 1.0 if stress.gap_half_life is None else 0.5 ** (days / stress.gap_half_life)


def with_gap(process: Process, specification: MarketSpecification, step: float) -> Process:
    """The process, with the overlay's gap if there is one; ``step`` in days divides the gap's time."""
    stress = specification.stress
    if stress is None or stress.gap_time is None:
        return process
    index = np.uint32(round(stress.gap_time / step) - 1)
    sizes = leaf(stress.gap_sizes[:, None])
    if stress.gap_half_life is not None:
        return RecoveringGap(process, index, sizes, leaf(_share_kept(stress, step)))  # type: ignore[arg-type]
    return Jumping(process, ScheduledGap(index, sizes))  # type: ignore[arg-type]


def _scaled(value: Any, factor: float) -> Any:
    if value is None or factor == 1.0:
        return value
    return {asset: entry * factor for asset, entry in value.items()} if isinstance(value, Mapping) else value * factor
