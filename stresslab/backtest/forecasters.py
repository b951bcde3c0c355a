"""The ways to forecast that a backtest compares: the default model, and the baselines that it must beat, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stresslab.backtest.bars import DAY, Bars
from stresslab.backtest.drawing import (
    Extremes,
    Filter,
    Weights,
    brownian_extremes,
    component_filter,
    drawn_extremes,
    garch_filter,
    past_extremes,
)
from stresslab.market import component_history

YEAR = 365 * DAY
_EWMA_HALF_LIFE = 3 * DAY
_MEAN_BLOCK = DAY


@dataclass(frozen=True)
class Task:
    """What one forecast is made from; nothing in it is later than the origin.

    Parameters
    ----------
    past : Bars
        Every bar that has closed by the origin.
    origin : int
        Seconds since 1970.
    count : int
        Bars to the horizon.
    paths : int
        Number of paths to draw.
    generator : numpy.random.Generator
        Noise.
    """

    past: Bars
    origin: int
    count: int
    paths: int
    generator: np.random.Generator

    def last(self, seconds: int) -> Bars:
        """The bars of so long before the origin."""
        return self.past.before(self.origin, seconds)


@dataclass(frozen=True)
class Forecaster:
    """A way to forecast.

    Parameters
    ----------
    summary : str
        One line for people.
    extremes : callable
        Takes a `Task`; returns log lows and highs over the price at the origin, each [sample, asset].
    """

    summary: str
    extremes: Callable[[Task], Extremes]


def variance_of(bars: Bars) -> NDArray[np.float64]:
    """Variance of the bars' returns, [asset]."""
    return np.asarray(bars.returns.var(axis=0))


def ewma_variance(bars: Bars, half_life: int) -> NDArray[np.float64]:
    """Mean of squared returns with weights that halve every ``half_life`` seconds into the past (M49), [asset]."""
    weights = 0.5 ** ((bars.ends[-1] - bars.ends) / half_life)
    return np.asarray(weights @ bars.returns**2 / weights.sum())


def _brownian(variance: Callable[[Task], NDArray[np.float64]]) -> Callable[[Task], Extremes]:
    def extremes(task: Task) -> Extremes:
        return brownian_extremes(variance(task), count=task.count, paths=task.paths, generator=task.generator)

    return extremes


def _own_history(task: Task) -> Extremes:
    return past_extremes(task.last(YEAR), task.count)


def _drawn(weights: Weights, *, drawn_from: int, reverts_to: int) -> Callable[[Task], Extremes]:
    """Bars of the last ``drawn_from`` seconds; the mean variance is that of the last ``reverts_to`` seconds."""

    def extremes(task: Task) -> Extremes:
        past = task.last(drawn_from)
        return _of_blocks(task, past, garch_filter(past, variance_of(task.last(reverts_to)), weights))

    return extremes


def _of_components(task: Task) -> Extremes:
    law = component_history.chosen_parts(task.past.interval / 60.0)
    return _of_blocks(task, task.past, component_filter(task.past, law))


def _of_blocks(task: Task, past: Bars, seen: Filter) -> Extremes:
    bars = max(_MEAN_BLOCK / past.interval, 1.0)
    return drawn_extremes(past, seen, count=task.count, paths=task.paths, mean_block=bars, generator=task.generator)


# The market model that the backtest chose (docs/backtest.md); the others are what it must beat.
DEFAULT = "component_history"

FORECASTERS: Mapping[str, Forecaster] = MappingProxyType(
    {
        DEFAULT: Forecaster(
            "bars of all the past in blocks of a day on average, volatility rebuilt from a fast part (half-life a day, "
            "weight 0.5), a slow part (ten days, 0.3) and the level of the last year; shocks count up to 5 deviations",
            _of_components,
        ),
        "brownian_90d": Forecaster(
            "Brownian motion with the volatility of the last 90 days",
            _brownian(lambda task: variance_of(task.last(90 * DAY))),
        ),
        "brownian_ewma": Forecaster(
            "Brownian motion with an exponentially weighted volatility, half-life 3 days",
            _brownian(lambda task: ewma_variance(task.past, _EWMA_HALF_LIFE)),
        ),
        "own_history": Forecaster("what happened in every such window of the last year", _own_history),
        "block_bootstrap": Forecaster(
            "bars of two years in blocks of a day on average, at the volatility of the last year",
            _drawn(Weights(), drawn_from=2 * YEAR, reverts_to=YEAR),
        ),
        "filtered_bootstrap": Forecaster(
            "the same, volatility rebuilt by GARCH of hourly weights (0.03, 0.965), not fitted",
            _drawn(Weights(0.03, 0.965), drawn_from=2 * YEAR, reverts_to=YEAR),
        ),
    }
)
