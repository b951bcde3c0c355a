"""Walk forward: at each origin forecast from the past alone, then look at what happened."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.backtest.bars import DAY, Bars, extremes_after, required_collateral
from stresslab.backtest.forecasters import Forecaster, Task
from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.faults import Fault, InputError

SIDES = ("long", "short")
LEVELS = (0.01, 0.05)
"""Nominal rates of exceedance, exact as text."""
LEVERAGES = (3.0, 5.0, 10.0, 20.0)
PATHS = 4_000
SEED = 20260930
_FIRST_PAST = 365 * DAY
_LEAST_PAST = 180 * DAY
_LONGEST_HORIZON = 90 * DAY


@dataclass(frozen=True)
class Plan:
    """When forecasts are made, and how far ahead.

    Parameters
    ----------
    origins : numpy.ndarray
        [origin], seconds since 1970, midnights UTC for whole days, in order.
    count : int
        Bars to the horizon.
    horizon, every : int
        Seconds.
    skipped : int
        Origins left out since a bar of the window after them is missing.
    """

    origins: NDArray[np.int64]
    count: int
    horizon: int
    every: int
    skipped: int

    @property
    def overlapping(self) -> bool:
        """Whether windows share bars, so that outcomes that follow each other are not independent."""
        return self.every < self.horizon


@dataclass(frozen=True)
class Walk:
    """Forecasts and outcomes; collateral is a share of the notional at the origin.

    Parameters
    ----------
    outcome : numpy.ndarray
        Required collateral as it came, [origin, side, asset].
    forecast : numpy.ndarray
        Forecast of its upper quantiles, [model, origin, level, side, asset].
    transform : numpy.ndarray
        Probability integral transform of the outcome, [model, origin, side, asset], in (0, 1).
    liquidation : numpy.ndarray
        Probability of liquidation at each leverage, [model, origin, leverage, side, asset].
    """

    outcome: NDArray[np.float64]
    forecast: NDArray[np.float64]
    transform: NDArray[np.float64]
    liquidation: NDArray[np.float64]


def plan_origins(
    bars: Bars, horizon: str, every: str, since: dt.date | None = None, until: dt.date | None = None
) -> Plan:
    """Origins at steps of ``every`` whose windows lie in the bars.

    Parameters
    ----------
    bars : Bars
        Past and future.
    horizon, every : str
        Durations such as ``7d``; whole bars, the horizon at most 90 days.
    since, until : datetime.date, optional
        First origin, and last day on which one may stand. By default the first is the first midnight UTC with a year of
        past, and the last has its window's end in the bars.

    Raises
    ------
    InputError
        Where the durations do not fit the bars, or no origin has its past and its window in them.
    """
    ahead, step = (_seconds(text, option, bars) for text, option in ((horizon, "--horizon"), (every, "--every")))
    if ahead > _LONGEST_HORIZON:
        problem = f"a horizon of {horizon} is longer than 90 days"
        raise InputError([Fault("--horizon", 1, 1, problem, "choose a shorter one")])
    begin, end = int(bars.ends[0]) - bars.interval, int(bars.ends[-1])
    first = -(-(begin + _FIRST_PAST) // DAY) * DAY if since is None else _midnight(since)
    if first - begin < _LEAST_PAST:
        earliest = dt.datetime.fromtimestamp(begin + _LEAST_PAST + DAY, dt.UTC).date()
        problem = f"the common history begins less than 180 days before the first origin, {since}"
        raise InputError([Fault("--since", 1, 1, problem, f"give {earliest} or a later day, or longer histories")])
    last = end - ahead if until is None else min(end - ahead, _midnight(until) + DAY - 1)
    candidates = np.arange(first, last + 1, step, dtype=np.int64)
    count = ahead // bars.interval
    whole = np.array([extremes_after(bars, int(moment), count) is not None for moment in candidates], dtype=bool)
    if not whole.any():
        have = f"the common history lasts {(end - begin) // DAY} days"
        problem = f"no origin has its past and its window of {horizon} in the bars: {have}"
        raise InputError([Fault("HISTORY", 1, 1, problem, "give histories of a year and more, or an earlier --since")])
    return Plan(candidates[whole], count, ahead, step, int((~whole).sum()))


def _seconds(text: str, option: str, bars: Bars) -> int:
    try:
        seconds = minutes_of(text) * 60
    except ValueError as error:
        raise InputError([Fault(option, 1, 1, *error.args)]) from None
    if seconds % bars.interval:
        bar = duration_text(bars.interval // 60)
        raise InputError([Fault(option, 1, 1, f"{text} is no whole number of bars of {bar}", "give a multiple of it")])
    return seconds


def _midnight(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * DAY


def walk_forward(
    bars: Bars,
    plan: Plan,
    models: Mapping[str, Forecaster],
    *,
    paths: int = PATHS,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Walk:
    """Make every forecast and hold it against its outcome.

    A forecast is given the bars up to its origin as a table of their own, and noise keyed by the model's name and the
    origin alone; so nothing later, and no other origin or model, can move it.

    Parameters
    ----------
    bars, plan : Bars and Plan
        From `align` and `plan_origins`.
    models : mapping of str to Forecaster
        By name.
    paths : int
        Samples of a forecast, at least 100.
    threads : int
        Origins in flight.
    progress : callable, optional
        Takes the number of origins done.
    """
    done = 0

    def one(moment: int) -> tuple[NDArray[np.float64], list[tuple[NDArray[np.float64], ...]]]:
        extremes = extremes_after(bars, moment, plan.count)
        assert extremes is not None, "the plan holds whole windows alone"
        outcome = required_collateral(*extremes)
        past = bars.before(moment)
        return outcome, [
            _forecast(name, model, past, moment, plan.count, paths, outcome) for name, model in models.items()
        ]

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for result in pool.map(one, plan.origins.tolist()):
            found.append(result)
            done += 1
            if progress is not None:
                progress(done)
    outcome = np.array([outcome for outcome, _ in found])
    forecast, transform, liquidation = (
        np.array([[parts[model][kind] for _, parts in found] for model in range(len(models))]) for kind in range(3)
    )
    return Walk(outcome, forecast, transform, liquidation)


def _forecast(
    name: str, model: Forecaster, past: Bars, moment: int, count: int, paths: int, outcome: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode()), moment])
    samples = required_collateral(*model.extremes(Task(past, moment, count, paths, generator)))
    samples = np.moveaxis(samples, 1, -1)  # [side, asset, sample]
    transform = _transform(samples, outcome, generator)
    liquidation = np.array([(samples >= 1.0 / leverage).mean(axis=-1) for leverage in LEVERAGES])
    return upper_quantiles(samples, LEVELS), transform, liquidation


def upper_quantiles(samples: NDArray[np.float64], rates: Sequence[float]) -> NDArray[np.float64]:
    """Order statistics that a further draw exceeds with a given probability, [rate, ...]; samples on the last axis.

    The k-th largest of n is exceeded by a further draw with probability k / (n + 1); ranks between are interpolated.
    """
    count = samples.shape[-1]
    ordered = np.sort(samples, axis=-1)
    places = [min(max(count - rate * (count + 1), 0.0), count - 1.0) for rate in rates]
    found = []
    for place in places:
        below = int(place)
        above = min(below + 1, count - 1)
        found.append(ordered[..., below] + (place - below) * (ordered[..., above] - ordered[..., below]))
    return np.array(found)


def _transform(
    samples: NDArray[np.float64], outcome: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    # The outcome's rank among samples and itself, ties and the step itself broken at random: uniform if they are alike.
    below = (samples < outcome[..., None]).sum(axis=-1)
    equal = (samples == outcome[..., None]).sum(axis=-1)
    return np.asarray((below + generator.random(outcome.shape) * (equal + 1)) / (samples.shape[-1] + 1))
