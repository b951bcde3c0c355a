"""Bars of the past for a replay: several files, one window, no gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from stresslab.documents.durations import duration_text
from stresslab.documents.faults import Fault, InputError
from stresslab.documents.names import shown
from stresslab.scenario.replay import Bars

if TYPE_CHECKING:
    from stresslab.calibration.history import History


def common_span(histories: Sequence[History]) -> tuple[np.datetime64, np.datetime64] | None:
    """First time at which every history has begun, and the end of the first to end; None where they do not overlap."""
    bar = np.timedelta64(histories[0].interval, "s")
    start = max(history.times[0] for history in histories)
    end = min(history.times[-1] for history in histories) + bar
    return (start, end) if start < end else None


def bars_between(histories: Sequence[History], start: np.datetime64, end: np.datetime64) -> Bars:
    """The bars of every history that open in [start, end).

    Parameters
    ----------
    histories : sequence of History
        At least one, of different assets.
    start, end : numpy.datetime64
        UTC, on the grid of the bars.

    Returns
    -------
    Bars
        The same times for every asset.

    Raises
    ------
    InputError
        If lengths of bars differ, an asset stands twice, or a bar is missing in the window.
    """
    from stresslab.calibration.history import cut

    first, faults, columns = histories[0], [], []
    interval = np.timedelta64(first.interval, "s")
    wanted = np.arange(start, end, interval)
    seen: set[str] = set()
    for history in histories:
        if history.interval != first.interval:
            lengths = duration_text(history.interval // 60), duration_text(first.interval // 60)
            problem = f"the bars are of {lengths[0]}, and those of {shown(first.asset)} of {lengths[1]}"
            faults.append(Fault(history.path, 1, 1, problem, "give histories with bars of one length"))
            continue
        if history.asset in seen:
            problem = f"{shown(history.asset)} has two histories"
            faults.append(Fault(history.path, 1, 1, problem, "give one, or name the asset: ASSET=FILE"))
            continue
        seen.add(history.asset)
        window = cut(history, start, end)
        missing = np.setdiff1d(wanted, window.times)
        if len(missing):
            problem = f"{len(missing)} of {len(wanted)} bars from {start} on are missing, the first {missing[0]}"
            faults.append(Fault(history.path, 1, 1, problem, "give bars without gaps, or another window"))
            continue
        columns.append(window)
    if faults:
        raise InputError(faults)
    prices = {
        name: np.column_stack([getattr(each, name) for each in columns]) for name in ("open", "high", "low", "close")
    }
    began = dt.datetime.fromisoformat(str(np.datetime_as_string(wanted[0], unit="s"))).replace(tzinfo=dt.UTC)
    return Bars(
        assets=tuple(each.asset for each in columns),
        start=began,
        minutes=first.interval / 60.0,
        hashes={each.asset: each.sha256 for each in columns},
        **prices,
    )
