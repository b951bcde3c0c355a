"""Funding histories: read, put in order, laid on the grid of settlements. What is missing stays missing."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stresslab.calibration.bars import plural, to_times
from stresslab.calibration.history import asset_name, read_bytes
from stresslab.documents.durations import duration_text
from stresslab.documents.faults import Fault, InputError, Notice
from stresslab.documents.names import shown, suggestion

# Names under which venues and their users write the columns.
_TIMES = ("ts", "fundingtime", "funding_time", "calc_time")
_RATES = ("rate", "fundingrate", "funding_rate", "last_funding_rate")
_LARGEST_RATE = 0.1
# As many equal distances in a row are no gaps but another interval.
_RUN = 3


@dataclass(frozen=True)
class FundingHistory:
    """Funding rates of one asset, in order of time, without duplicates, one interval or a multiple of it apart.

    Parameters
    ----------
    path, asset : str
        The file as the user named it, and the asset.
    times : numpy.ndarray
        Settlements, [settlement], UTC, datetime64[m], strictly rising.
    rates : numpy.ndarray
        Rate of the interval that ends there, [settlement]; positive where longs pay.
    interval : int
        Minutes between settlements.
    findings : tuple of Notice
        What a reader of the figures should know about the file.
    sha256 : str
        Hash of the file's bytes.
    """

    path: str
    asset: str
    times: NDArray[np.datetime64]
    rates: NDArray[np.float64]
    interval: int
    findings: tuple[Notice, ...]
    sha256: str


def read_funding_history(
    specification: str, since: np.datetime64 | None = None, until: np.datetime64 | None = None
) -> FundingHistory:
    """Read ``FILE`` or ``ASSET=FILE``: CSV or Parquet with a column of times and one of rates.

    The time is ``ts``, ``fundingTime``, ``funding_time`` or ``calc_time`` (UTC as for price histories), to the minute;
    the rate is ``rate``, ``fundingRate``, ``funding_rate`` or ``last_funding_rate``. Where a column ``symbol`` holds
    several, the rows of the asset are taken. Identical duplicates are dropped and missing settlements left open, both
    with a notice.

    Parameters
    ----------
    specification : str
        The file, with its asset where that is not the file's name up to the first ``_``.
    since, until : numpy.datetime64, optional
        First time to use, and the first one after the last.

    Raises
    ------
    InputError
        Where the file cannot be read, a column is missing, a cell is no time or no rate, rates of one time differ, or
        the interval changes within the span.
    """
    given, separator, path = specification.partition("=")
    name, asset = (path, given) if separator and not Path(specification).is_file() else (specification, None)
    content = read_bytes(name)
    asset = asset_name(name, asset)
    frame = _of_asset(name, _frame(name, content), asset)
    lines = frame.index.to_numpy()
    times, faults, notices = to_times(name, frame, lines)
    rates = pd.to_numeric(frame["rate"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~(np.abs(rates) <= _LARGEST_RATE)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        problem = f"{plural(int(wrong.sum()), 'cell')} without a rate, the first {str(frame['rate'].iloc[place])!r}"
        remedy = f"give fractions of an interval, such as 0.0001, of at most {_LARGEST_RATE:g} either way"
        faults.append(Fault(name, int(lines[place]), 1, problem, remedy))
    if faults:
        raise InputError(faults)
    # Venues stamp a settlement some milliseconds after its time.
    minutes = np.asarray((times + np.timedelta64(30, "s")).astype("datetime64[m]"))
    order = np.argsort(minutes, kind="stable")
    minutes, rates, lines = minutes[order], rates[order], lines[order]
    inside = np.ones(len(minutes), dtype=bool)
    if since is not None:
        inside &= minutes >= since
    if until is not None:
        inside &= minutes < until
    minutes, rates, lines = minutes[inside], rates[inside], lines[inside]
    again = np.flatnonzero(minutes[1:] == minutes[:-1]) + 1
    conflicts = again[rates[again] != rates[again - 1]]
    if len(conflicts):
        twice = f"{plural(len(conflicts), 'settlement')} given twice with different rates"
        problem = f"{twice}, the first {_at(minutes, conflicts[0])}"
        raise InputError([Fault(name, int(lines[conflicts[0]]), 1, problem, "keep one of the rates")])
    if len(again):
        problem = f"{plural(len(again), 'settlement')} given twice, the first {_at(minutes, again[0])}"
        notices.append(Notice(name, int(lines[again[0]]), 1, problem, "the copies were dropped"))
        minutes, rates, lines = (np.delete(each, again) for each in (minutes, rates, lines))
    if len(minutes) < 3:
        problem = f"{plural(len(minutes), 'settlement')} of {asset} in the span"
        raise InputError([Fault(name, 1, 1, problem, "give a history that reaches into it")])
    interval, missing = _interval(name, minutes, lines)
    if missing is not None:
        notices.append(missing)
    sha256 = hashlib.sha256(content).hexdigest()
    return FundingHistory(name, asset, minutes, rates, interval, tuple(notices), sha256)


def common_grid(histories: Sequence[FundingHistory]) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """All settlements from the first of any asset to the last, and the rates, [asset, time], NaN where there is none.

    Raises
    ------
    InputError
        Where the intervals of two histories differ.
    """
    first = histories[0]
    for history in histories:
        if history.interval != first.interval:
            problem = f"{history.asset} settles every {duration_text(history.interval)}, {first.asset} every "
            problem += duration_text(first.interval)
            raise InputError([Fault(history.path, 1, 1, problem, "calibrate assets of one interval together")])
    step = np.timedelta64(first.interval, "m")
    start, end = min(each.times[0] for each in histories), max(each.times[-1] for each in histories)
    times = np.arange(start, end + step, step)
    rates = np.full((len(histories), len(times)), np.nan)
    for row, history in zip(rates, histories, strict=True):
        row[((history.times - start) // step).astype(int)] = history.rates
    return times, rates


def _interval(name: str, minutes: NDArray[np.datetime64], lines: NDArray[np.int_]) -> tuple[int, Notice | None]:
    """Minutes between settlements, and what is missing of them; a fault where they change within the span."""
    distances = np.diff(minutes).astype(int)
    values, counts = np.unique(distances, return_counts=True)
    interval = int(values[np.argmax(counts)])
    steps = distances // interval
    run = np.convolve((steps[1:] == steps[:-1]) & (steps[1:] > 1), np.ones(_RUN - 1, dtype=int), "valid") == _RUN - 1
    other = np.concatenate([np.flatnonzero(distances % interval), np.flatnonzero(run)])
    if len(other):
        place = int(other.min())
        problem = f"rates are {duration_text(interval)} apart, but {duration_text(int(distances[place]))} after "
        problem += _at(minutes, place)
        remedy = "a rate belongs to its interval: choose a span of one interval with --since and --until"
        raise InputError([Fault(name, int(lines[place + 1]), 1, problem, remedy)])
    if 1440 % interval or minutes[0].astype(int) % interval:
        problem = f"settlements every {duration_text(interval)} from {_at(minutes, 0)}"
        remedy = "give settlements at whole multiples, from midnight UTC, of an interval that divides a day"
        raise InputError([Fault(name, int(lines[0]), 1, problem, remedy)])
    gaps = np.flatnonzero(steps > 1)
    if not len(gaps):
        return interval, None
    lost = plural(int((steps[gaps] - 1).sum()), "settlement")
    problem = f"{plural(len(gaps), 'gap')}, {lost} missing, the first after {_at(minutes, gaps[0])}"
    return interval, Notice(name, int(lines[gaps[0]]), 1, problem, "left open, and nothing is inferred across them")


def _frame(name: str, content: bytes) -> pd.DataFrame:
    parquet = content[:4] == b"PAR1"
    try:
        frame = pd.read_parquet(io.BytesIO(content)) if parquet else pd.read_csv(io.BytesIO(content), index_col=False)
    except ImportError:
        remedy = "install the extra stresslab[parquet], or convert the file to CSV"
        raise InputError([Fault(name, 1, 1, "Parquet files need pyarrow", remedy)]) from None
    except (ValueError, OSError):
        problem, remedy = "the file is no table", "give CSV in UTF-8 with a header, or Parquet"
        raise InputError([Fault(name, 1, 1, problem, remedy)]) from None
    frame.columns = pd.Index([str(column).strip().lower() for column in frame.columns])
    frame.index = pd.RangeIndex(1 if parquet else 2, len(frame) + (1 if parquet else 2))
    chosen: dict[str, str] = {}
    for key, names in (("time", _TIMES), ("rate", _RATES)):
        found = [column for column in frame.columns if column in names]
        if len(found) != 1:
            problem = f"{'no' if not found else 'more than one'} column of {key}s"
            raise InputError([Fault(name, 1, 1, problem, f"name one column {names[0]}")])
        chosen[found[0]] = key
    kept = [*chosen, *(["symbol"] if "symbol" in frame.columns else [])]
    return frame[kept].rename(columns=chosen).dropna(how="all")


def _of_asset(name: str, frame: pd.DataFrame, asset: str) -> pd.DataFrame:
    if "symbol" not in frame.columns or frame["symbol"].nunique() < 2:
        return frame
    symbols = [str(symbol) for symbol in frame["symbol"].unique()]
    if asset not in symbols:
        problem = f"the file holds {plural(len(symbols), 'symbol')}, and none of them is {shown(asset)}"
        raise InputError([Fault(name, 1, 1, problem, f"write SYMBOL=FILE: {suggestion(asset, symbols, 'symbols')}")])
    return frame[frame["symbol"] == asset]


def _at(minutes: NDArray[np.datetime64], place: int | np.int_) -> str:
    return str(minutes[place]).replace("T", " ") + " UTC"
