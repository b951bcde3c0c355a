"""Price histories: read, put in order, checked. What is missing is reported and stays missing."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stresslab.calibration.bars import PRICES, detect_interval, find_gaps, plural, to_prices, to_times
from stresslab.documents.faults import Fault, InputError, Notice
from stresslab.documents.names import LONGEST_NAME, name_problem, shown

_EXCHANGE_DUMP = (
    "open_time",
    *PRICES,
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_base",
    "taker_quote",
    "_",
)
_ASSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_STALE_DAYS = 1.0


@dataclass(frozen=True)
class Gap:
    """Bars that a history lacks.

    Parameters
    ----------
    start : numpy.datetime64
        Open time of the first missing bar, UTC.
    bars : int
        Number of missing bars, at least 1.
    """

    start: np.datetime64
    bars: int


@dataclass(frozen=True)
class History:
    """Bars of one asset on a regular grid, in order of time, without duplicates.

    Parameters
    ----------
    path : str
        The file as the user named it.
    asset : str
        The asset whose price it is.
    times : numpy.ndarray
        Open time of each bar, [bar], UTC, datetime64[ms], strictly rising.
    open, high, low, close : numpy.ndarray
        Prices, [bar], positive and finite, in the history's currency.
    interval : int
        Length of a bar in seconds; it divides a day.
    gaps : tuple of Gap
        Every run of missing bars between the first bar and the last.
    findings : tuple of Notice
        What a reader of the figures should know about the file.
    sha256 : str
        Hash of the file's bytes.
    """

    path: str
    asset: str
    times: NDArray[np.datetime64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    interval: int
    gaps: tuple[Gap, ...]
    findings: tuple[Notice, ...]
    sha256: str


def read_history(path: str | Path, asset: str | None = None) -> History:
    """Read a CSV or Parquet file of bars.

    Columns are ``ts`` (UTC: text in ISO 8601, or a datetime; a stated offset is converted) or ``open_time`` (whole
    milliseconds since 1970, or microseconds as Binance writes them since 2025), and ``open``, ``high``, ``low``,
    ``close``; others are ignored. Binance's file of twelve columns without a header is recognized.

    Identical duplicates are dropped, rows out of order are sorted, bars without a price count as missing, and each of
    these is reported. No bar is ever made up.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    asset : str, optional
        The asset; by default the file's name up to its first ``_``.

    Returns
    -------
    History
        The bars with the gaps and everything else worth reporting.

    Raises
    ------
    InputError
        Where the file cannot be read, a column is missing, a cell is no time or no positive number, bars of one time
        differ, or the bars lie on no grid that divides a day. Lines are those of the CSV (of a Parquet file: the row).
    """
    name = str(path)
    content = read_bytes(name)
    frame = _frame(name, content)
    asset = asset_name(name, asset)
    lines = frame.index.to_numpy()
    faults: list[Fault] = []
    findings: list[Notice] = []
    times, time_faults, time_notes = to_times(name, frame, lines)
    prices, missing, price_faults = to_prices(name, frame, lines)
    faults += [*time_faults, *price_faults]
    if faults:
        raise InputError(faults)
    findings += time_notes

    if missing.any():
        findings.append(
            _notice(
                name,
                lines[missing][0],
                f"{plural(int(missing.sum()), 'bar')} without a price",
                "counted as missing, and no return is taken across them",
            )
        )
    times, prices, lines = times[~missing], prices[~missing], lines[~missing]
    if len(times) < 3:
        raise InputError(
            [Fault(name, 1, 1, f"{plural(len(times), 'bar')} with a price", "a history needs at least 3 bars")]
        )
    steps = np.diff(times)
    if (steps < np.timedelta64(0, "ms")).any():
        backwards = np.flatnonzero(steps < np.timedelta64(0, "ms"))
        findings.append(
            _notice(
                name,
                lines[backwards[0] + 1],
                f"{plural(len(backwards), 'row')} earlier than the row before",
                "sorted by time",
            )
        )
        order = np.argsort(times, kind="stable")
        times, prices, lines = times[order], prices[order], lines[order]
    times, prices, lines, repeated = _without_duplicates(name, times, prices, lines)
    if repeated is not None:
        findings.append(repeated)
    if len(times) < 3:
        raise InputError(
            [Fault(name, 1, 1, f"{plural(len(times), 'bar')} of different times", "a history needs at least 3 bars")]
        )

    interval = detect_interval(name, times, lines)
    gaps = tuple(Gap(start, bars) for start, bars in find_gaps(times, interval))
    if gaps:
        longest = max(gaps, key=lambda gap: gap.bars)
        place = int(np.searchsorted(times, longest.start))
        findings.append(
            _notice(
                name,
                lines[min(place, len(lines) - 1)],
                f"{plural(len(gaps), 'gap')}, {plural(sum(gap.bars for gap in gaps), 'bar')} missing; "
                f"the longest lacks {plural(longest.bars, 'bar')} from {_minute(longest.start)}",
                "left open, and no return is taken across them",
            )
        )
    findings += _price_findings(name, times, prices, lines, interval)
    columns = dict(zip(PRICES, prices.T.copy(), strict=True))
    return History(
        path=name,
        asset=asset,
        times=times,
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        interval=interval,
        gaps=gaps,
        findings=tuple(findings),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def read_specification(specification: str) -> History:
    """Read a history named on a command line as ``FILE`` or ``ASSET=FILE``.

    A file whose own name holds a ``=`` is taken as it is where such a file exists.

    Raises
    ------
    InputError
        As `read_history` does.
    """
    asset, separator, path = specification.partition("=")
    if separator and not _is_file(specification):
        return read_history(path, asset)
    return read_history(specification)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # too long a name, or a folder that may not be searched
        return False


def cut(history: History, start: np.datetime64, end: np.datetime64) -> History:
    """The bars that open in [start, end), with the gaps in between; the findings stay those of the whole file."""
    inside = (history.times >= start) & (history.times < end)
    return replace(
        history,
        times=history.times[inside],
        open=history.open[inside],
        high=history.high[inside],
        low=history.low[inside],
        close=history.close[inside],
        gaps=tuple(Gap(first, bars) for first, bars in find_gaps(history.times[inside], history.interval)),
    )


def read_bytes(name: str) -> bytes:
    """The content of a file; an `InputError` where it cannot be read."""
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        fault = Fault(name, 1, 1, "no such file", "give the path of a CSV or Parquet file of bars")
    except OSError as error:
        fault = Fault(
            name, 1, 1, f"the file cannot be read: {error.strerror}", "give a readable CSV or Parquet file of bars"
        )
    raise InputError([fault])


def _frame(name: str, content: bytes) -> pd.DataFrame:
    # The content decides, not the suffix: a renamed file must not be read as something else.
    if content[:4] == b"PAR1":
        return _numbered(_parquet_frame(name, content), 1)
    try:
        head = content.split(b"\n", 1)[0].decode("utf-8-sig")
        content.decode("utf-8")
    except UnicodeDecodeError:
        problem, remedy = "the file is neither Parquet nor text in UTF-8", "unpack it, or save it as CSV in UTF-8"
        raise InputError([Fault(name, 1, 1, problem, remedy)]) from None
    cells = head.strip().split(",")
    headless = len(cells) == len(_EXCHANGE_DUMP) and cells[0].strip().isdigit()
    if not headless:
        # pandas gives the second of two columns of one name another name, so it is too late to ask it.
        _check_columns_once(name, [cell for row in csv.reader([head.split("\r", 1)[0]]) for cell in row])
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would lose cells with no more than a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(content),
                names=list(_EXCHANGE_DUMP) if headless else None,
                header=None if headless else 0,
                index_col=False,
                skip_blank_lines=False,
                encoding="utf-8-sig",
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) if found else 1
        raise InputError(
            [Fault(name, line, 1, "the file is no table", "give every row as many cells as the header")]
        ) from None
    return _numbered(_with_columns(name, frame), 1 if headless else 2)


def _numbered(frame: pd.DataFrame, first: int) -> pd.DataFrame:
    # Rows keep the number of their line; a blank line is no bar.
    frame.index = pd.RangeIndex(first, first + len(frame))
    return frame.dropna(how="all")


def _parquet_frame(name: str, content: bytes) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except ImportError:
        problem, remedy = (
            "Parquet files need pyarrow",
            "install the extra stresslab[parquet], or convert the file to CSV",
        )
        raise InputError([Fault(name, 1, 1, problem, remedy)]) from None
    except (ValueError, OSError):
        # pyarrow's own errors derive from these two.
        problem, remedy = "the Parquet file is damaged", "write it anew, or convert it to CSV"
        raise InputError([Fault(name, 1, 1, problem, remedy)]) from None
    if frame.index.name in ("ts", "open_time"):
        frame = frame.reset_index()
    return _with_columns(name, frame)


def _with_columns(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    frame.columns = pd.Index([str(column).strip().lower() for column in frame.columns])
    time = "ts" if "ts" in frame.columns else "open_time"
    absent = [column for column in (time, *PRICES) if column not in frame.columns]
    if absent:
        shown = ["ts (or open_time)" if column == "open_time" else column for column in absent]
        problem = f"columns are missing: {', '.join(shown)}"
        raise InputError([Fault(name, 1, 1, problem, "name the columns ts or open_time, open, high, low, close")])
    _check_columns_once(name, list(frame.columns))
    return frame[[time, *PRICES]].rename(columns={time: "time"})


def _check_columns_once(name: str, columns: Sequence[str]) -> None:
    columns = [column.strip().lower() for column in columns]
    time = "ts" if "ts" in columns else "open_time"
    twice = [column for column in (time, *PRICES) if columns.count(column) > 1]
    if twice:
        raise InputError([Fault(name, 1, 1, f"columns stand twice: {', '.join(twice)}", "keep one of each")])


def asset_name(name: str, asset: str | None) -> str:
    """The asset as it was given, else the file's name up to its first `_`; an `InputError` where it is no name."""
    candidate = Path(name).name.split("_")[0].split(".")[0] if asset is None else asset
    if not _ASSET.fullmatch(candidate) or name_problem(candidate) is not None:
        problem = f"{shown(candidate)} cannot be the name of an asset"
        raise InputError(
            [Fault(name, 1, 1, problem, f"write ASSET=FILE, with up to {LONGEST_NAME} letters, digits and - in ASSET")]
        )
    return candidate


def _without_duplicates(
    name: str, times: NDArray[np.datetime64], prices: NDArray[np.float64], lines: NDArray[np.int_]
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.int_], Notice | None]:
    again = np.flatnonzero(times[1:] == times[:-1]) + 1
    if not len(again):
        return times, prices, lines, None
    conflicts = again[(prices[again] != prices[again - 1]).any(axis=1)]
    if len(conflicts):
        first = conflicts[0]
        problem = (
            f"{plural(len(conflicts), 'bar')} given twice with different prices, the first {_minute(times[first])}"
        )
        remedy = f"keep one of the bars (the other stands in line {lines[first - 1]})"
        raise InputError([Fault(name, int(lines[first]), 1, problem, remedy)])
    notice = _notice(
        name,
        lines[again[0]],
        f"{plural(len(again), 'bar')} given twice, the first {_minute(times[again[0]])}",
        "the copies were dropped",
    )
    kept = np.ones(len(times), dtype=bool)
    kept[again] = False
    return times[kept], prices[kept], lines[kept], notice


def _price_findings(
    name: str, times: NDArray[np.datetime64], prices: NDArray[np.float64], lines: NDArray[np.int_], interval: int
) -> list[Notice]:
    findings = []
    open_, high, low, close = prices.T
    crossed = np.flatnonzero((high < low) | (np.maximum(open_, close) > high) | (np.minimum(open_, close) < low))
    if len(crossed):
        problem = (
            f"{plural(len(crossed), 'bar')} with a high below or a low above another of the prices, "
            f"the first {_minute(times[crossed[0]])}"
        )
        findings.append(
            _notice(
                name, lines[crossed[0]], problem, "kept as they are; unless ranges are asked for, fits use closes alone"
            )
        )
    if (close == close[0]).all():
        raise InputError([Fault(name, int(lines[0]), 1, "the price never moves", "give a history of a traded asset")])
    # Where a price stands still, the run's length is the distance between the moves around it.
    moves = np.concatenate([[0], np.flatnonzero(np.diff(close) != 0) + 1, [len(close)]])
    runs = np.diff(moves)
    longest = int(np.argmax(runs))
    if runs[longest] * interval > _STALE_DAYS * 86_400:
        start = moves[longest]
        problem = f"the close stands still for {runs[longest]} bars from {_minute(times[start])}"
        findings.append(_notice(name, lines[start], problem, "check whether the asset traded; the bars were kept"))
    return findings


def _notice(name: str, line: int | np.int_, problem: str, remedy: str) -> Notice:
    return Notice(name, int(line), 1, problem, remedy)


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ") + " UTC"
