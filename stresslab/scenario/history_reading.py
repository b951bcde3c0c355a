"""The histories that a market model draws from: files of bars, read, aligned and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.faults import InputError
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath, Place
from stresslab.market.bar_rows import FEWEST_ROWS, BarRows
from stresslab.market.seasonality import Profile

if TYPE_CHECKING:
    from stresslab.calibration.history import History


@dataclass(frozen=True)
class DatedBarRows(BarRows):
    """Rows of bars that know when they were; a market model has no use for that, a reader of its results has.

    Parameters
    ----------
    times : numpy.ndarray
        When each bar opened, UTC, [row].
    """

    times: NDArray[np.datetime64]


def read_histories(
    document: Document,
    at: KeyPath,
    folder: Path,
    paths: Mapping[str, str],
    bar: str,
    assets: Sequence[str],
    findings: Findings,
    profile: Profile | None = None,
) -> BarRows | None:
    """Read the bars of the book's assets; None where something is wrong with them.

    A row is a bar for which every asset has a price, and had one a bar before; all else that the files hold is left
    out.

    Parameters
    ----------
    document, at : Document and path
        Where the table of files stands.
    folder : pathlib.Path
        Where relative paths start.
    paths : mapping of str to str
        File of each asset; more assets than the book's may be there.
    bar : str
        Length that the bars must have.
    assets : sequence of str
        Underlyings of the book.
    findings : Findings
        Takes the faults, those of the files among them.
    profile : Profile, optional
        How volatile each hour of the week is; bars are then those of an hour like any other.
    """
    # pandas, which reads the files, takes a while to load.
    from stresslab.calibration.history import read_history

    histories: list[History] = []
    before = len(findings.faults)
    for asset in assets:
        if asset not in paths:
            continue  # already a fault
        try:
            history = read_history(folder / paths[asset], asset)
        except InputError as error:
            for fault in error.faults:
                findings.fault_at(fault.path, Place(fault.line, fault.column), fault.problem, fault.remedy)
            continue
        minutes = history.interval // 60
        if history.interval != 60 * minutes_of(bar):
            problem = f"the history of {shown(asset)} has bars of {duration_text(minutes)}, not of {bar}"
            findings.fault(document, at, problem, f'write bar = "{duration_text(minutes)}", or give other files')
        histories.append(history)
    if len(findings.faults) > before or len(histories) < len(assets):
        return None
    rows = _aligned(histories, minutes_of(bar), profile)
    if len(rows.returns) < FEWEST_ROWS:
        problem = f"the histories share {len(rows.returns)} bars, fewer than {FEWEST_ROWS}"
        findings.fault(document, at, problem, "give histories of one period")
        return None
    still = [asset for asset, spread in zip(assets, rows.returns.std(axis=0), strict=True) if spread == 0.0]
    for asset in still:
        findings.fault(document, at, f"the price of {shown(asset)} never moves", "give a history of a traded asset")
    return None if still else rows


def _aligned(histories: Sequence[History], minutes: int, profile: Profile | None) -> BarRows:
    common = histories[0].times
    for history in histories[1:]:
        common = np.intersect1d(common, history.times)
    follows = np.diff(common) == np.timedelta64(histories[0].interval, "s")
    returns, lows, highs = [], [], []
    for history in histories:
        chosen = np.searchsorted(history.times, common)
        close, low, high = (values[chosen] for values in (history.close, history.low, history.high))
        move = np.log(close[1:] / close[:-1])[follows]
        returns.append(move)
        lows.append(np.minimum(np.log(low[1:] / close[:-1])[follows], np.minimum(move, 0.0)))
        highs.append(np.maximum(np.log(high[1:] / close[:-1])[follows], np.maximum(move, 0.0)))
    opened = common[1:][follows]
    weights = np.ones(len(opened)) if profile is None else profile.of_bars(opened, minutes)
    deviation = np.sqrt(weights)[:, None]
    moves, least, most = (np.column_stack(columns) / deviation for columns in (returns, lows, highs))
    hashes = {history.asset: history.sha256 for history in histories}
    return DatedBarRows(moves, least, most, minutes / 1440.0, hashes, opened)
