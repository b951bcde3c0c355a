"""Seasonality of volatility from bars: how much larger moves are in some hours of the day and days of the week.

The size of a bar's move, without its sign, over the mean size of its week tells nothing of the level of volatility and
much of the hour. Weeks follow each other nearly independently in it, so they are the sample: means over weeks are the
profile, their scatter its error, and Hotelling's test of equal means says whether there is a profile at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import aligned_returns
from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError
from stresslab.market.seasonality import HOURS, WEEKDAYS, Profile

# A year: fewer weeks know the 24 hours of a day badly.
FEWEST_WEEKS = 52
# A profile is kept where chance would make one as uneven less often than this.
SIGNIFICANCE = 0.01
_HOUR = 3600
_FIRST_MONDAY = 4 * 24 * _HOUR
_WEEK_HOURS = HOURS * WEEKDAYS
# Of the hours of a week, how many must have bars for the week to count.
_FULL_ENOUGH = 0.9


@dataclass(frozen=True)
class SeasonalityFit:
    """A profile of the week, and how well it is known.

    Parameters
    ----------
    hours, weekdays : numpy.ndarray or None
        Volatility of each hour of the day, [24], and of each day of the week, [7], UTC, over its root mean square;
        None where the bars show no difference.
    hour_errors, weekday_errors : numpy.ndarray
        One standard error of each.
    hour_chance, weekday_chance : float
        Probability of differences as large where there are none; NaN where the bars are too long to tell.
    weeks : int
        Weeks that count.
    """

    hours: NDArray[np.float64] | None
    weekdays: NDArray[np.float64] | None
    hour_errors: NDArray[np.float64]
    weekday_errors: NDArray[np.float64]
    hour_chance: float
    weekday_chance: float
    weeks: int

    @property
    def profile(self) -> Profile | None:
        """What is kept of it; None where nothing is."""
        if self.hours is None and self.weekdays is None:
            return None
        even = Profile()
        return Profile(
            even.hours if self.hours is None else tuple(self.hours.tolist()),
            even.weekdays if self.weekdays is None else tuple(self.weekdays.tolist()),
        )

    @property
    def remark(self) -> str:
        """What was found, in a sentence."""
        found = []
        for name, values, chance in (
            ("hours of the day", self.hours, self.hour_chance),
            ("days of the week", self.weekdays, self.weekday_chance),
        ):
            if np.isnan(chance):
                found.append(f"bars longer than an hour say nothing of {name}")
            elif values is None:
                found.append(f"{name} do not differ beyond chance (p = {chance:.2g}), so they are taken as alike")
            else:
                found.append(f"volatility of {name} from {values.min():.2f} to {values.max():.2f} of its mean")
        return f"Seasonality over {self.weeks} weeks: {'; '.join(found)}."


def fit_seasonality(windows: Sequence[History]) -> SeasonalityFit:
    """How volatile the hours of the day and the days of the week are, one profile for all assets.

    Each bar's absolute log return is divided by the mean of its asset's week, and averaged over the assets. Means over
    the weeks by hour and by weekday are the factors: as long as returns of all hours have one shape, a mean absolute
    return stands to another as the volatilities do, and a few wild bars weigh less in it than in squares. Assets of one
    market share a profile, and with all of them it is better known than with one.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.

    Returns
    -------
    SeasonalityFit
        With what differs beyond chance.

    Raises
    ------
    InputError
        Where bars are longer than a day, or fewer than `FEWEST_WEEKS` weeks are nearly whole.
    """
    sizes = _sizes_by_hour(windows)
    weeks = len(sizes)
    if weeks < FEWEST_WEEKS:
        problem = f"{weeks} whole weeks, of which a seasonality is to be found"
        raise InputError([Fault(windows[0].path, 1, 1, problem, f"give at least {FEWEST_WEEKS} weeks of bars")])
    by_hour, by_day = np.nanmean(sizes, axis=1), np.nanmean(sizes, axis=2)
    tells_hours = windows[0].interval <= _HOUR
    hour_chance = _chance_of_equal_means(by_hour) if tells_hours else float("nan")
    day_chance = _chance_of_equal_means(by_day)
    hours, hour_errors = _factors(by_hour)
    days, day_errors = _factors(by_day)
    return SeasonalityFit(
        hours=hours if hour_chance < SIGNIFICANCE else None,
        weekdays=days if day_chance < SIGNIFICANCE else None,
        hour_errors=hour_errors,
        weekday_errors=day_errors,
        hour_chance=hour_chance,
        weekday_chance=day_chance,
        weeks=weeks,
    )


def without_seasonality(window: History, profile: Profile) -> History:
    """A history whose every bar is that of an hour like any other: its moves from the close before, over their factor.

    Parameters
    ----------
    window : History
        Bars; the first one keeps its open.
    profile : Profile
        How volatile each hour is.

    Returns
    -------
    History
        Of the same times, with prices that never were: for fits alone.
    """
    deviation = np.sqrt(profile.of_bars(window.times, window.interval // 60))
    before = np.log(np.concatenate([window.open[:1], window.close[:-1]]))
    moved = {
        name: (np.log(prices) - before) / deviation
        for name, prices in (
            ("open", window.open),
            ("high", window.high),
            ("low", window.low),
            ("close", window.close),
        )
    }
    closes = np.cumsum(moved["close"])
    start = before[0] + closes - moved["close"]
    return replace(window, **{name: np.exp(start + move) for name, move in moved.items()})


def _sizes_by_hour(windows: Sequence[History]) -> NDArray[np.float64]:
    """Sizes of moves over the mean of their week, all assets' mean, [week, day, hour]; NaN where there is no bar."""
    interval = windows[0].interval
    if interval > HOURS * _HOUR:
        problem = "bars longer than a day, of which a seasonality is to be found"
        raise InputError([Fault(windows[0].path, 1, 1, problem, "give shorter bars")])
    sizes = np.abs(aligned_returns(windows))
    # A bar that spans several hours stands for each of them; several bars of one hour for their mean.
    origin = min(int(window.times[0].astype("datetime64[s]").astype(np.int64)) for window in windows) - _FIRST_MONDAY
    opened = origin + interval * np.arange(1, len(sizes) + 1)
    if interval > _HOUR:
        sizes = np.repeat(sizes, interval // _HOUR, axis=0)
        opened = (opened[:, None] + _HOUR * np.arange(interval // _HOUR)).ravel()
    hour = opened // _HOUR
    first = hour[0] // _WEEK_HOURS * _WEEK_HOURS
    slots = (hour[-1] // _WEEK_HOURS + 1) * _WEEK_HOURS - first
    shares = []
    for column in sizes.T:
        there = ~np.isnan(column)
        sums = np.bincount(hour[there] - first, column[there], slots)
        counts = np.bincount(hour[there] - first, minlength=slots)
        table = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).reshape(-1, _WEEK_HOURS)
        table[(~np.isnan(table)).mean(axis=1) < _FULL_ENOUGH] = np.nan
        mean = np.array([np.nanmean(row) if (~np.isnan(row)).any() else np.nan for row in table])
        shares.append(table / np.where(mean > 0.0, mean, np.nan)[:, None])
    stacked = np.stack(shares)
    counted = (~np.isnan(stacked)).sum(axis=0)
    means = np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)
    kept = means[(~np.isnan(means)).mean(axis=1) >= _FULL_ENOUGH].reshape(-1, WEEKDAYS, HOURS)
    # A week without one of its weekdays or hours has no figure for it.
    whole = ~np.isnan(kept).all(axis=2).any(axis=1) & ~np.isnan(kept).all(axis=1).any(axis=1)
    return np.asarray(kept[whole])


def _factors(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means over weeks, [factor], in units of their root mean square, and their standard errors."""
    means = table.mean(axis=0)
    unit = np.sqrt((means**2).mean())
    return means / unit, table.std(axis=0, ddof=1) / np.sqrt(len(table)) / unit


def _chance_of_equal_means(table: NDArray[np.float64]) -> float:
    """Probability of differences between the columns as large as these where there are none (Hotelling 1931)."""
    from scipy import stats

    # The columns of a week add up to about the same in every week, so differences are what is tested.
    differences = table[:, 1:] - table[:, :1]
    weeks, count = differences.shape
    mean, covariance = differences.mean(axis=0), np.cov(differences, rowvar=False)
    square = weeks * float(mean @ np.linalg.solve(covariance, mean))
    return float(stats.f.sf(square * (weeks - count) / (count * (weeks - 1)), count, weeks - count))
