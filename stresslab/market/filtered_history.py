"""Filtered historical simulation: past bars drawn in blocks, their volatility rebuilt by GARCH (METHODS M38, M39).

Barone-Adesi, Giannopoulos and Vosper (1999). Each return of the history is divided by the volatility that GJR-GARCH
gives the hour before it. The simulation draws whole rows of what is left, all assets of one hour together, in blocks of
random length, and multiplies them by today's volatility and its own way from there. A bar's low and high are drawn with
its return and stretched as it is, so the least price inside a step is that of a real bar and needs no bridge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import Duration, Name, PathText, refuse
from stresslab.market import garch
from stresslab.market.bar_rows import BarRows, filtered_variances, standardized
from stresslab.market.heston import StartVolatility
from stresslab.market.parameters import by_asset, leaf
from stresslab.market.process import MarketStep, Noise, correlation_factor
from stresslab.market.specification import MarketSpecification

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

SUMMARY = "filtered historical simulation: real bars with their lows and highs, volatility rebuilt by GARCH"

Histories = Annotated[
    dict[Name, PathText],
    Field(
        min_length=1,
        description="File of bars of each asset (CSV or Parquet, as `calibrate` reads them), relative to this file.",
        examples=[{"BTC": "history/BTC_1h.csv"}],
    ),
]
Bar = Annotated[
    Duration, Field(description="Length of a bar, the unit of the other figures; the step is one.", examples=["1h"])
]
MeanBlock = Annotated[
    Duration, Field(description="Mean length of the blocks in which bars are drawn.", examples=["1d"])
]


def check_block(block: str, info: ValidationInfo) -> str:
    """Refuse blocks shorter than a bar."""
    bar = info.data.get("bar")
    if bar is not None and minutes_of(block) < minutes_of(bar):
        refuse(f"blocks of {block} are shorter than a bar of {bar}", "give at least the length of a bar")
    return block


class Parameters(BaseModel):
    """Where the bars are, how they are drawn, and how a variance follows shocks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    histories: Histories
    bar: Bar = "1h"
    mean_block: MeanBlock = "1d"
    alpha: garch.Alpha
    gamma: garch.Gamma = 0.0
    beta: garch.Beta
    start_volatility: StartVolatility = None

    _has_long_blocks = field_validator("mean_block")(check_block)
    _is_stationary = field_validator("beta")(garch.check_stationary)


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """A step is one bar."""
    if round(step * 1440.0) == minutes_of(parameters["bar"]):
        return None
    return f"every step draws one bar of {parameters['bar']}, so the step must have that length"


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """One stream: a row holds all assets."""
    return ("shared:rows",)


class State(NamedTuple):
    """Log price and variance a year, each [asset, path]; and the row last drawn, [path], int32, -1 before the first."""

    log_price: Array
    variance: Array
    row: Array


class DrawnRows(NamedTuple):
    """Rows of a history as they are drawn: in blocks of geometric length that wrap around.

    Parameters
    ----------
    rows : jax.Array
        Standardized returns, lows and highs side by side, [row, 3 x asset].
    factor : jax.Array
        Cholesky factor of the rows' correlation, [asset, asset].
    restart : jax.Array
        Probability that a step begins a new block, scalar.
    """

    rows: Array
    factor: Array
    restart: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """A uniform that may begin a block and one for its first row, each [path]; normals and bridge are not used."""
        import jax.numpy as jnp

        from stresslab.market import noise

        first, second = noise.words(keys, counter)
        unused = jnp.full((self.factor.shape[0], counter.path.shape[0]), 0.5, jnp.float32)
        return Noise(unused, unused, (noise.uniform(first)[0], noise.uniform(second)[0]))

    def following(self, row: Array, noise: Noise) -> Array:
        """The row after a row, both [path]; -1 stands before the first."""
        import jax.numpy as jnp

        begin, place = noise.shared
        count = self.rows.shape[0]
        fresh = jnp.minimum((place * count).astype(jnp.int32), count - 1)
        return jnp.where((row < 0) | (begin < self.restart), fresh, jnp.where(row == count - 1, 0, row + 1))

    def moved(self, row: Array, log_price: Array, deviation: Array, drift: Array) -> tuple[Array, MarketStep]:
        """The shock of a row, [asset, path], and the step that it makes from a log price, with the bar's extremes."""
        import jax.numpy as jnp

        assets = self.factor.shape[0]
        # One gather of whole rows, then the path axis last: far cheaper than a gather for each asset.
        drawn = self.rows[row].T
        shock = deviation * drawn[:assets]
        end = log_price + (drift + shock)
        low = jnp.minimum(log_price + deviation * drawn[assets : 2 * assets], jnp.minimum(log_price, end))
        high = jnp.maximum(log_price + deviation * drawn[2 * assets :], jnp.maximum(log_price, end))
        return shock, MarketStep(log_price, end, deviation, self.factor, low_log_price=low, high_log_price=high)


def drawn_rows(
    specification: MarketSpecification, history: BarRows, rows: np.ndarray[Any, np.dtype[np.float64]]
) -> DrawnRows:
    """Standardized rows as arrays, with their own correlation and the market's length of blocks."""
    correlation = np.atleast_2d(np.corrcoef(rows[:, : len(specification.assets)], rowvar=False))
    bars = minutes_of(specification.extra["mean_block"]) / 1440.0 / history.bar
    return DrawnRows(leaf(rows), leaf(correlation_factor(correlation)), leaf(1.0 / bars))


class FilteredHistory(NamedTuple):
    """``x(t + dt) = x(t) + (mu - sigma^2 / 2) dt + sqrt(v dt) z`` with z a row of the history, v as in `garch`.

    Parameters
    ----------
    rows : DrawnRows
        What is drawn.
    mean : jax.Array
        Mean log return a year, [asset, 1].
    omega, alpha, gamma, beta : jax.Array
        [asset, 1]; the variance as a rate a year.
    start_variance : jax.Array
        A year, [asset, 1].
    """

    rows: DrawnRows
    mean: Array
    omega: Array
    alpha: Array
    gamma: Array
    beta: Array
    start_variance: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """As `DrawnRows` draws."""
        return self.rows.draw(keys, counter)

    def init(self, paths: int) -> State:
        """Log price 0 and today's variance on every path, no row drawn yet."""
        import jax.numpy as jnp

        zero = jnp.zeros((self.mean.shape[0], paths), jnp.float32)
        return State(zero, jnp.broadcast_to(self.start_variance, zero.shape), jnp.full((paths,), -1, jnp.int32))

    def step(self, state: State, noise: Noise, dt: Array) -> tuple[State, MarketStep]:
        """Draw a bar and advance by it; ``dt`` is its length in years."""
        import jax.numpy as jnp

        row = self.rows.following(state.row, noise)
        deviation = jnp.sqrt(state.variance * dt)
        shock, market = self.rows.moved(row, state.log_price, deviation, self.mean * dt)
        weight = self.alpha + jnp.where(shock < 0.0, self.gamma, 0.0)
        variance = self.omega + weight * (shock * shock / dt) + self.beta * state.variance
        return State(market.log_price, variance, row), market

    def log_price(self, state: State) -> Array:
        """The state holds it."""
        return state.log_price


def build(specification: MarketSpecification, step: float) -> FilteredHistory:
    """Parameters as arrays; the history is filtered here, once.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with its history; the square of a volatility is the variance's long-run mean.
    step : float
        Length of a step in days, that of a bar.
    """
    assert specification.history is not None, "the model comes with a history"
    weights = tuple(by_asset(specification, key) for key in ("alpha", "gamma", "beta"))
    alpha, gamma, beta = (weight[:, 0] for weight in weights)
    variances = filtered_variances(specification.history.returns, alpha, gamma, beta)
    if specification.extra["start_volatility"] is None:
        start = variances[-1][:, None] * specification.volatilities[:, None] ** 2
    else:
        start = by_asset(specification, "start_volatility") ** 2
    rows = standardized(specification.history, variances[:-1])
    return process(specification, specification.history, rows, weights, start)


def process(
    specification: MarketSpecification,
    history: BarRows,
    rows: np.ndarray[Any, np.dtype[np.float64]],
    weights: Sequence[np.ndarray[Any, np.dtype[np.float64]]],
    start_variance: np.ndarray[Any, np.dtype[np.float64]],
) -> FilteredHistory:
    """Parameters as arrays, from standardized rows and the weights of the variance, each [asset, 1]."""
    long_run = specification.volatilities[:, None] ** 2
    alpha, gamma, beta = weights
    return FilteredHistory(
        rows=drawn_rows(specification, history, rows),
        mean=leaf(specification.drifts[:, None] - 0.5 * long_run),
        omega=leaf((1.0 - alpha - 0.5 * gamma - beta) * long_run),
        alpha=leaf(alpha),
        gamma=leaf(gamma),
        beta=leaf(beta),
        start_variance=leaf(start_variance),
    )
