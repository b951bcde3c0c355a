"""Filtered historical simulation whose volatility has a fast part, a slow part and a level (METHODS M38, M39).

As in `stresslab.market.filtered_history` whole rows of past bars are drawn in blocks, each in units of the volatility
of its hour. The variance is a weighted mean of what the last day did, of what the last weeks did, and of its level; so
a burst dies away quickly at first and slowly later, as those of crypto assets do. The weights are not fitted to the
user's history: they were chosen once by the walk-forward backtest (docs/backtest.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import Duration, refuse
from stresslab.market import filtered_history
from stresslab.market.bar_rows import standardized
from stresslab.market.component_filter import VarianceParts, filtered_parts
from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "filtered historical simulation: real bars, volatility of a fast part, a slow part and a level"

FAST, SLOW = "1d", "10d"
WEIGHTS = (0.5, 0.3)
LARGEST_SHOCK = 5.0

streams = filtered_history.streams
step_fault = filtered_history.step_fault

Weight = Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False, description="Weight of the part in the variance.")]
HalfLife = Annotated[Duration, Field(description="Time after which a shock counts half in the part.", examples=["1d"])]


class Parameters(BaseModel):
    """Where the bars are, how they are drawn, and how a variance follows shocks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    histories: filtered_history.Histories
    bar: filtered_history.Bar = "1h"
    mean_block: filtered_history.MeanBlock = "1d"
    fast_half_life: HalfLife = FAST
    slow_half_life: HalfLife = SLOW
    fast_weight: Weight = WEIGHTS[0]
    slow_weight: Weight = WEIGHTS[1]
    largest_shock: Annotated[
        float,
        Field(ge=1.0, le=1000.0, description="Deviations of a bar up to which its shock counts.", examples=[5.0]),
    ] = LARGEST_SHOCK

    _has_long_blocks = field_validator("mean_block")(filtered_history.check_block)

    @field_validator("slow_half_life")
    @classmethod
    def _is_slower(cls, slow: str, info: ValidationInfo) -> str:
        fast = info.data.get("fast_half_life")
        if fast is not None and minutes_of(slow) <= minutes_of(fast):
            refuse(f"a slow half-life of {slow} is not longer than the fast one of {fast}", "give a longer one")
        return slow

    @field_validator("slow_weight")
    @classmethod
    def _leaves_a_level(cls, slow: float, info: ValidationInfo) -> float:
        total = slow + info.data.get("fast_weight", 0.0)
        if total >= 1.0:
            refuse(f"the weights sum to {total:g}, so the variance has no level", "lower them to a sum below 1")
        return slow


class State(NamedTuple):
    """Log price, fast and slow part of the variance a year, each [asset, path]; the row last drawn, [path], int32."""

    log_price: Array
    fast: Array
    slow: Array
    row: Array


class ComponentHistory(NamedTuple):
    """``x(t + dt) = x(t) + (mu - sigma^2 / 2) dt + sqrt(v dt) z``, z a row of the history, v = w_f f + w_s s + rest.

    Parameters
    ----------
    rows : filtered_history.DrawnRows
        What is drawn.
    mean : jax.Array
        Mean log return a year, [asset, 1].
    rest : jax.Array
        What of the variance no part moves, a year, [asset, 1].
    start : jax.Array
        Today's parts, a year, [part, asset, 1].
    weights, decays : jax.Array
        Of each part in the variance, and what is left of it after a bar, [part].
    limit : jax.Array
        Largest square of a shock that counts, in variances of its bar, scalar.
    makeup : jax.Array
        What squares are multiplied by to make up for the limit, [asset, 1].
    """

    rows: filtered_history.DrawnRows
    mean: Array
    rest: Array
    start: Array
    weights: Array
    decays: Array
    limit: Array
    makeup: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """As `filtered_history` draws."""
        return self.rows.draw(keys, counter)

    def init(self, paths: int) -> State:
        """Log price 0 and today's variance on every path, no row drawn yet."""
        import jax.numpy as jnp

        zero = jnp.zeros((self.mean.shape[0], paths), jnp.float32)
        fast, slow = (jnp.broadcast_to(part, zero.shape) for part in self.start)
        return State(zero, fast, slow, jnp.full((paths,), -1, jnp.int32))

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Draw a bar and advance by it; ``dt`` is its length in years."""
        import jax.numpy as jnp

        row = self.rows.following(state.row, noise)
        variance = self.weights[0] * state.fast + self.weights[1] * state.slow + self.rest
        deviation = jnp.sqrt(variance * dt)
        shock, market = self.rows.moved(row, state.log_price, deviation, self.mean * dt)
        counted = self.makeup * jnp.minimum(shock * shock / dt, self.limit * variance)
        fast, slow = (
            part + (1.0 - decay) * (counted - part)
            for part, decay in zip((state.fast, state.slow), self.decays, strict=True)
        )
        return State(market.log_price, fast, slow, row), market

    def log_price(self, state: State) -> Array:
        """The state holds it."""
        return state.log_price


def build(specification: MarketSpecification, step: float) -> ComponentHistory:
    """Parameters as arrays; the history is filtered here, once.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with its history; the square of a volatility is the variance's level.
    step : float
        Length of a step in days, that of a bar.
    """
    history = specification.history
    assert history is not None, "the model comes with a history"
    law = variance_parts(specification.extra)
    found = filtered_parts(history.returns - history.returns.mean(axis=0), law, history.bar)
    level = specification.volatilities[:, None] ** 2
    return ComponentHistory(
        rows=filtered_history.drawn_rows(specification, history, standardized(history, found.variances)),
        mean=leaf(specification.drifts[:, None] - 0.5 * level),
        rest=leaf((1.0 - law.weights.sum()) * level),
        start=leaf((found.parts / found.level)[:, :, None] * level),
        weights=leaf(law.weights),
        decays=leaf(law.decays),
        limit=leaf(np.float64(law.largest_shock**2)),
        makeup=leaf(found.makeup[:, None]),
    )


def chosen_parts(bar: float) -> VarianceParts:
    """What the backtest chose, for bars of so many minutes."""
    return VarianceParts(minutes_of(FAST) / bar, minutes_of(SLOW) / bar, *WEIGHTS, LARGEST_SHOCK)


def variance_parts(parameters: Mapping[str, Any]) -> VarianceParts:
    """The parameters in units of a bar."""
    bar = minutes_of(parameters["bar"])
    return VarianceParts(
        minutes_of(parameters["fast_half_life"]) / bar,
        minutes_of(parameters["slow_half_life"]) / bar,
        parameters["fast_weight"],
        parameters["slow_weight"],
        parameters["largest_shock"],
    )
