"""Seasonality of volatility: hours of the day and days of the week at which a market moves more, and less.

A profile of the week multiplies the variance of every step. The model itself runs on a clock that goes faster in busy
hours and slower in quiet ones: a step of ``dt`` years is one of ``weight dt`` to it, and the weights have a mean of one
over a week. So the stated volatility is that of a whole week, a variance that follows shocks sees them free of the hour
in which they fell (Andersen and Bollerslev 1997; Engle and Sokalska 2012), and between the ends of a step prices move
as they do in the model. Jumps that a model places by itself keep their rates: the clock is that of what lies between.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from stresslab.documents.fields import TABLE
from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

HOURS, WEEKDAYS = 24, 7
_HOUR = 60
_WEEK = WEEKDAYS * HOURS * _HOUR
# Minutes since 1970-01-01, a Thursday, to the first Monday.
_FIRST_MONDAY = 4 * HOURS * _HOUR


_Factor = Annotated[float, Field(ge=0.01, le=100.0, allow_inf_nan=False)]
_EVEN_HOURS, _EVEN_WEEKDAYS = (1.0,) * HOURS, (1.0,) * WEEKDAYS


class ProfileTable(BaseModel):
    """Volatility by hour of the day and by day of the week, in any unit; the market's own is that of a whole week."""

    model_config = TABLE
    hours: Annotated[
        list[_Factor] | None,
        Field(
            min_length=HOURS,
            max_length=HOURS,
            description="Volatility of each hour of the day, UTC, from midnight on; default: all alike.",
            examples=[[*[0.8] * 8, *[1.2] * 12, *[1.0] * 4]],
        ),
    ] = None
    weekdays: Annotated[
        list[_Factor] | None,
        Field(
            min_length=WEEKDAYS,
            max_length=WEEKDAYS,
            description="Volatility of each day of the week, UTC, from Monday on; default: all alike.",
            examples=[[1.1, 1.1, 1.1, 1.1, 1.1, 0.7, 0.8]],
        ),
    ] = None

    def profile(self) -> Profile:
        """The table as a profile."""
        return Profile(
            _EVEN_HOURS if self.hours is None else tuple(self.hours),
            _EVEN_WEEKDAYS if self.weekdays is None else tuple(self.weekdays),
        )


@dataclass(frozen=True)
class Profile:
    """How volatile each hour of a week is.

    Parameters
    ----------
    hours : tuple of float
        Volatility of each hour of the day, UTC, in any unit, positive, 24 figures from midnight on.
    weekdays : tuple of float
        The same of each day of the week, 7 figures from Monday on.
    """

    hours: tuple[float, ...] = _EVEN_HOURS
    weekdays: tuple[float, ...] = _EVEN_WEEKDAYS

    @property
    def weights(self) -> NDArray[np.float64]:
        """Variance of each hour of the week over the mean of them all, [168], from Monday on; their mean is one."""
        variances = np.outer(np.square(self.weekdays), np.square(self.hours)).ravel()
        return np.asarray(variances / variances.mean())

    def over(self, start: NDArray[np.int64], length: int) -> NDArray[np.float64]:
        """Mean weight of spans of time.

        Parameters
        ----------
        start : numpy.ndarray
            Minutes since the beginning of a Monday, UTC, whole, of any sign and shape.
        length : int
            Minutes, positive.

        Returns
        -------
        numpy.ndarray
            Of the same shape, positive.
        """
        sums = np.concatenate([[0.0], np.cumsum(np.repeat(self.weights, _HOUR))])
        begin = np.asarray(start) % _WEEK
        more, end = np.divmod(begin + length, _WEEK)
        return np.asarray((sums[end] - sums[begin] + more * sums[-1]) / length)

    def of_bars(self, times: NDArray[np.datetime64], minutes: int) -> NDArray[np.float64]:
        """Mean weight of bars that open at these times (UTC) and last so many minutes, of the shape of the times."""
        opened = times.astype("datetime64[m]").astype(np.int64)
        return self.over(opened - _FIRST_MONDAY, minutes)


@dataclass(frozen=True)
class Seasonality:
    """A profile, and where in the week a run begins.

    Parameters
    ----------
    profile : Profile
        How volatile each hour is.
    start : int
        Minutes from the beginning of Monday, UTC, to the first step; 0 to 10,079.
    """

    profile: Profile
    start: int

    def weights(self, step: float) -> NDArray[np.float64]:
        """Mean weight of each step until the week repeats, for steps of so many days; [step], with a mean of one."""
        minutes = round(step * HOURS * _HOUR)
        count = _WEEK // math.gcd(minutes, _WEEK)
        return self.profile.over(self.start + minutes * np.arange(count), minutes)


def seasonality(profile: Profile, start: dt.datetime) -> Seasonality:
    """The profile of a run that begins at a time in UTC; seconds are left out of account."""
    return Seasonality(profile, (start.weekday() * HOURS + start.hour) * _HOUR + start.minute)


class Seasonal(NamedTuple):
    """A process on the clock of the week.

    Parameters
    ----------
    process : Process
        What moves prices.
    weights : jax.Array
        Length of each step on the process's own clock, in steps, until the week repeats, [step], positive.
    """

    process: Any
    weights: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """The process's own draws, and the weight of this step."""
        noise: Noise = self.process.draw(keys, counter)
        return noise._replace(shared=(noise.shared, self.weights[counter.step % self.weights.shape[0]]))

    def init(self, paths: int) -> Any:
        """The process's own state."""
        return self.process.init(paths)

    def step(self, state: Any, noise: Noise, dt: Array) -> tuple[Any, MarketStep]:
        """Advance the process by ``dt`` years times the weight of the step."""
        own, weight = noise.shared
        after: tuple[Any, MarketStep] = self.process.step(state, noise._replace(shared=own), weight * dt)
        return after

    def log_price(self, state: Any) -> Array:
        """Log price of the process."""
        log_price: Array = self.process.log_price(state)
        return log_price


def with_seasonality(process: Any, seasonal: Seasonality | None, step: float) -> Any:
    """The process on the clock of the week, where it has one; ``step`` in days."""
    return process if seasonal is None else Seasonal(process, leaf(seasonal.weights(step)))
