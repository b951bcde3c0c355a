"""Bars of several assets in one table, and what prices did after a moment in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError

# Of notional at the mark, in every required collateral of a backtest: the first tier of the large contracts.
MAINTENANCE_RATE = 0.005
DAY = 86_400


@dataclass(frozen=True)
class Bars:
    """Log returns of bars that every asset has, and how far each bar went on its way.

    Parameters
    ----------
    assets : tuple of str
        In the order of every array with an asset axis.
    ends : numpy.ndarray
        When each bar closes, [row], seconds since 1970, strictly rising.
    returns : numpy.ndarray
        Log of close over the close before, [row, asset].
    lows, highs : numpy.ndarray
        Log of the bar's extremes over the close before, [row, asset]; never inside the way from 0 to the return.
    interval : int
        Length of a bar in seconds.
    """

    assets: tuple[str, ...]
    ends: NDArray[np.int64]
    returns: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    interval: int

    @property
    def day(self) -> int:
        """Bars in a day."""
        return DAY // self.interval

    def before(self, moment: int, seconds: int | None = None) -> Bars:
        """The bars that have closed by a moment, and no others; with ``seconds`` those of so long before it alone."""
        end = int(np.searchsorted(self.ends, moment, side="right"))
        start = 0 if seconds is None else int(np.searchsorted(self.ends, moment - seconds, side="right"))
        rows = slice(min(start, end), end)
        return Bars(self.assets, self.ends[rows], self.returns[rows], self.lows[rows], self.highs[rows], self.interval)


def align(histories: Sequence[History]) -> Bars:
    """The bars for which every asset has a price, and had one a bar before.

    Parameters
    ----------
    histories : sequence of History
        One an asset.

    Returns
    -------
    Bars
        At least one row.

    Raises
    ------
    InputError
        Where none is given, an asset stands twice, the bars differ in length, or no bar is common to all.
    """
    _check(histories)
    common = histories[0].times
    for history in histories[1:]:
        common = np.intersect1d(common, history.times)
    follows = np.diff(common) == np.timedelta64(histories[0].interval, "s")
    if not follows.any():
        problem = "the histories have no two bars in common that follow each other"
        raise InputError([Fault(histories[0].path, 1, 1, problem, "give histories of one period")])
    returns, lows, highs = [], [], []
    for history in histories:
        chosen = np.searchsorted(history.times, common)
        close, low, high = (np.log(values[chosen]) for values in (history.close, history.low, history.high))
        move = (close[1:] - close[:-1])[follows]
        returns.append(move)
        lows.append(np.minimum((low[1:] - close[:-1])[follows], np.minimum(move, 0.0)))
        highs.append(np.maximum((high[1:] - close[:-1])[follows], np.maximum(move, 0.0)))
    ends = common[1:][follows].astype("datetime64[s]").astype(np.int64) + histories[0].interval
    return Bars(
        tuple(history.asset for history in histories),
        ends,
        np.column_stack(returns),
        np.column_stack(lows),
        np.column_stack(highs),
        histories[0].interval,
    )


def _check(histories: Sequence[History]) -> None:
    if not histories:
        raise InputError([Fault("HISTORY", 1, 1, "no history is given", "give one file of bars an asset")])
    faults = []
    seen: dict[str, str] = {}
    first = histories[0]
    for history in histories:
        if history.asset in seen:
            problem = f"{history.asset} is also the asset of {seen[history.asset]}"
            faults.append(Fault(history.path, 1, 1, problem, "give one file an asset, or name it with ASSET=FILE"))
        seen.setdefault(history.asset, history.path)
        if history.interval != first.interval:
            problem = f"bars of {history.interval // 60} minutes, where {first.asset} has {first.interval // 60}"
            faults.append(Fault(history.path, 1, 1, problem, "give bars of one length"))
    if faults:
        raise InputError(faults)


def extremes_after(bars: Bars, moment: int, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Least and greatest log price of each asset within ``count`` bars after a moment, over the price then.

    Returns
    -------
    tuple of numpy.ndarray or None
        Lows, not positive, and highs, not negative, each [asset]; None where a bar is missing.
    """
    start = int(np.searchsorted(bars.ends, moment, side="right"))
    rows = slice(start, start + count)
    ends = bars.ends[rows]
    if len(ends) < count or ends[-1] - moment != count * bars.interval or ends[0] - moment != bars.interval:
        return None
    before = np.cumsum(bars.returns[rows], axis=0) - bars.returns[rows]
    return (before + bars.lows[rows]).min(axis=0), (before + bars.highs[rows]).max(axis=0)


def required_collateral(lows: NDArray[np.float64], highs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Required collateral of a unit long and a unit short (METHODS M60), as shares of the notional at the start.

    ``R = max over time of (maintenance requirement - pnl)``, so for a long ``1 - (1 - m) P_min / P_0`` and for a short
    ``(1 + m) P_max / P_0 - 1`` with m = `MAINTENANCE_RATE`.

    Parameters
    ----------
    lows, highs : numpy.ndarray
        Log of the least and greatest price over that at the start, any shape.

    Returns
    -------
    numpy.ndarray
        [2, ...], long and short, at least m.
    """
    return np.stack([1.0 - (1.0 - MAINTENANCE_RATE) * np.exp(lows), (1.0 + MAINTENANCE_RATE) * np.exp(highs) - 1.0])
