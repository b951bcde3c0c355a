"""The cells of a price history: times, prices, and the grid that the bars lie on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stresslab.documents.faults import Fault, InputError, Notice

PRICES = ("open", "high", "low", "close")
_DAY = 86_400
# Epoch times between 1973 and 5138 in milliseconds; a thousand times that in microseconds.
_MILLISECONDS = (10**11, 10**14)


def to_times(
    path: str, frame: pd.DataFrame, lines: NDArray[np.int_]
) -> tuple[NDArray[np.datetime64], list[Fault], list[Notice]]:
    """Times of the bars.

    Parameters
    ----------
    path : str
        The file, for messages.
    frame : pandas.DataFrame
        With a column ``time``: datetimes, ISO text, or whole milliseconds or microseconds since 1970.
    lines : numpy.ndarray
        Line of each row, [bar].

    Returns
    -------
    tuple
        Times, [bar], UTC, datetime64[ms]; the faults; the notices.
    """
    column = frame["time"]
    notices: list[Notice] = []
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        micro = (values >= _MILLISECONDS[1]) & (values < _MILLISECONDS[1] * 1000)
        bad = ~(micro | ((values >= _MILLISECONDS[0]) & (values < _MILLISECONDS[1]))) | (values != np.floor(values))
        milliseconds = np.where(bad, 0.0, np.where(micro, values / 1000, values))
        times = milliseconds.astype(np.int64).astype("datetime64[ms]")
    else:
        parsed = pd.to_datetime(column, utc=True, errors="coerce", format=_format(column))
        bad = parsed.isna().to_numpy()
        times = np.asarray(parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[ms]"))
        shifted = _offsets(column)
        if shifted.any():
            problem = f"{plural(int(shifted.sum()), 'time')} in another zone than UTC"
            notices.append(Notice(path, int(lines[shifted][0]), 1, problem, "converted to UTC"))
    if not bad.any():
        return times, [], notices
    first = int(np.flatnonzero(bad)[0])
    problem = f"{plural(int(bad.sum()), 'cell')} without a valid time, the first {_shown(column.iloc[first])}"
    remedy = "write UTC as 2024-06-30T23:00:00Z, or whole milliseconds since 1970"
    return times, [Fault(path, int(lines[first]), 1, problem, remedy)], notices


def to_prices(
    path: str, frame: pd.DataFrame, lines: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[Fault]]:
    """Prices of the bars.

    Returns
    -------
    tuple
        Prices, [bar, 4] in the order of `PRICES`; where a bar lacks one of them, [bar]; one fault a kind and column.
    """
    faults = []
    columns = []
    for name in PRICES:
        column = frame[name]
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        given = ~column.isna().to_numpy()
        for wrong, what in (
            (np.isnan(values) & given, "is no number"),
            (np.isinf(values), "is not finite"),
            (values <= 0, "is not positive"),
        ):
            if wrong.any():
                first = int(np.flatnonzero(wrong)[0])
                count = f" ({wrong.sum()} such cells)" if wrong.sum() > 1 else ""
                problem = f"{name} {what}: {_shown(column.iloc[first])}{count}"
                remedy = "correct it, or leave the cell empty: the bar then counts as missing"
                faults.append(Fault(path, int(lines[first]), 1, problem, remedy))
        columns.append(values)
    prices = np.column_stack(columns)
    return prices, np.isnan(prices).any(axis=1), faults


def detect_interval(path: str, times: NDArray[np.datetime64], lines: NDArray[np.int_]) -> int:
    """Length of a bar in seconds: the most frequent distance of two rows.

    Raises
    ------
    InputError
        Where it does not divide a day, or bars do not open at whole multiples of it from midnight UTC.
    """
    milliseconds = times.astype(np.int64)
    distances, counts = np.unique(np.diff(milliseconds), return_counts=True)
    interval = int(distances[np.argmax(counts)])
    if _DAY * 1000 % interval or interval % 1000:
        problem = f"the bars are {interval / 60_000:g} minutes apart"
        raise InputError([Fault(path, int(lines[0]), 1, problem, "give bars whose length divides a day, such as 1h")])
    astray = np.flatnonzero(milliseconds % interval)
    if len(astray):
        first = int(astray[0])
        problem = f"{plural(len(astray), 'bar')} off the grid of {interval // 60_000} minutes from midnight UTC"
        remedy = f"the first opens at {times[first]}; give bars on the grid, with times in UTC"
        raise InputError([Fault(path, int(lines[first]), 1, problem, remedy)])
    return interval // 1000


def find_gaps(times: NDArray[np.datetime64], interval: int) -> list[tuple[np.datetime64, int]]:
    """Runs of missing bars: the open time of the first, and how many; ``times`` on the grid, strictly rising."""
    bar = np.timedelta64(interval * 1000, "ms")
    steps = np.diff(times) // bar
    return [(times[place] + bar, int(steps[place]) - 1) for place in np.flatnonzero(steps > 1)]


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as ``1 bar`` or ``3 bars``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _format(column: pd.Series[Any]) -> str | None:
    # Datetimes and dates need no format; for text ISO 8601 is the only one taken, so that 3/4/2024 is never guessed at.
    return None if pd.api.types.is_datetime64_any_dtype(column) else "ISO8601"


def _offsets(column: pd.Series[Any]) -> NDArray[np.bool_]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.full(len(column), str(column.dtype.tz) not in ("UTC", "+00:00"))
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.zeros(len(column), dtype=bool)
    offset = column.astype(str).str.extract(r"\d[T ]\d.*([+-]\d\d:?\d\d)$")[0]
    return np.asarray((offset.notna() & ~offset.isin(["+00:00", "+0000", "-00:00", "-0000"])).to_numpy(), dtype=bool)


def _shown(value: object) -> str:
    return "an empty cell" if pd.isna(value) else repr(str(value)[:40])  # type: ignore[call-overload]
