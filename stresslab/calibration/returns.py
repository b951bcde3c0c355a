"""Log returns of histories: only between two bars that both exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError

MINIMUM_DAYS = 30
_DAY = 86_400


@dataclass(frozen=True)
class DailyReturns:
    """Log returns of whole UTC days, of all assets in one window.

    Parameters
    ----------
    days : numpy.ndarray
        The days, [day], datetime64[D], without holes.
    values : numpy.ndarray
        From the close of the day before to the close of the day, [day, asset]; NaN where either close is missing.
    """

    days: NDArray[np.datetime64]
    values: NDArray[np.float64]


def daily_returns(histories: Sequence[History], since: dt.date | None, until: dt.date | None) -> DailyReturns:
    """Daily log returns in the longest window that all histories cover, or in the part of it that was asked for.

    A day's close is the close of the bar that ends at midnight UTC. An outage in the middle of a day leaves the day's
    return as it is, since both closes were traded; a missing last bar takes away the returns on both of its sides.

    Parameters
    ----------
    histories : sequence of History
        At least one.
    since, until : datetime.date or None
        First and last day of the window; None for the first or last day that every history has.

    Returns
    -------
    DailyReturns
        The window begins and ends with days on which some asset has a return.

    Raises
    ------
    InputError
        Where the window is empty, or an asset or a pair of assets has fewer than `MINIMUM_DAYS` returns in it.
    """
    closes = [_daily_closes(history) for history in histories]
    for history, (days, _) in zip(histories, closes, strict=True):
        if len(days) < 2:
            raise InputError(
                [
                    _fault(
                        history, "the history holds fewer than two ends of a day", f"give at least {MINIMUM_DAYS} days"
                    )
                ]
            )
    first = max(int(days[0]) for days, _ in closes) + 1
    last = min(int(days[-1]) for days, _ in closes)
    if first > last:
        late = histories[int(np.argmax([days[0] for days, _ in closes]))]
        early = histories[int(np.argmin([days[-1] for days, _ in closes]))]
        problem = f"no overlap: {late.asset} begins {late.times[0]}, when {early.asset} has ended ({early.times[-1]})"
        raise InputError([_fault(late, problem, "give histories of one period")])
    first = max(first, _day_number(since)) if since else first
    last = min(last, _day_number(until)) if until else last
    if first > last:
        problem = f"no history in the window from {since or 'the first day'} to {until or 'the last day'}"
        raise InputError([_fault(histories[0], problem, "choose a window that all histories cover")])
    returns = _between(closes, first, last)
    check_overlap(histories, returns)
    return DailyReturns(np.arange(first, last + 1).astype("datetime64[D]"), returns)


def returns_on(histories: Sequence[History], days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Daily log returns on given days, whether a history covers them or not.

    Parameters
    ----------
    histories : sequence of History
        At least one.
    days : numpy.ndarray
        Consecutive UTC days, [day], datetime64[D].

    Returns
    -------
    numpy.ndarray
        [day, asset]; NaN where a history lacks one of the two closes.
    """
    numbers = days.astype(np.int64)
    return _between([_daily_closes(history) for history in histories], int(numbers[0]), int(numbers[-1]))


def own_days(history: History, since: dt.date | None, until: dt.date | None) -> NDArray[np.datetime64]:
    """The days from a history's first daily return to its last, inside the window, [day]; empty where there is none."""
    days, _ = _daily_closes(history)
    if len(days) < 2:
        return np.empty(0, dtype="datetime64[D]")
    first = max(int(days[0]) + 1, _day_number(since)) if since else int(days[0]) + 1
    last = min(int(days[-1]), _day_number(until)) if until else int(days[-1])
    return np.arange(first, last + 1).astype("datetime64[D]")


def _between(
    closes: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]], first: int, last: int
) -> NDArray[np.float64]:
    logarithms = np.full((last - first + 2, len(closes)), np.nan)
    for column, (days, close) in enumerate(closes):
        inside = (days >= first - 1) & (days <= last)
        logarithms[days[inside] - first + 1, column] = np.log(close[inside])
    return np.asarray(np.diff(logarithms, axis=0))


def bar_returns(history: History) -> NDArray[np.float64]:
    """Log returns between bars that follow each other without a gap, [bar]; a bar after a gap has none."""
    consecutive = np.diff(history.times) == np.timedelta64(history.interval * 1000, "ms")
    return np.asarray(np.diff(np.log(history.close))[consecutive])


def _daily_closes(history: History) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    ends = history.times.astype("datetime64[s]").astype(np.int64) + history.interval
    last_of_day = ends % _DAY == 0
    return ends[last_of_day] // _DAY - 1, history.close[last_of_day]


def check_overlap(histories: Sequence[History], returns: NDArray[np.float64]) -> None:
    """Refuse fewer than `MINIMUM_DAYS` returns of an asset or of a pair; an `InputError` with every fault."""
    present = (~np.isnan(returns)).astype(np.int64)
    counts = present.T @ present
    faults = []
    for i, history in enumerate(histories):
        for j, other in enumerate(histories[: i + 1]):
            if counts[i, j] < MINIMUM_DAYS:
                pair = history.asset if i == j else f"{history.asset} and {other.asset} together"
                problem = f"{pair}: {counts[i, j]} daily returns in the window"
                faults.append(_fault(history, problem, f"at least {MINIMUM_DAYS} are needed"))
    if faults:
        raise InputError(faults)


def _day_number(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


def _fault(history: History, problem: str, remedy: str) -> Fault:
    return Fault(history.path, 1, 1, problem, remedy)
