"""Volatility from the highs and lows of days, which know more of a day than its close does (METHODS M49)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.history import History

# How a volatility of days may be measured.
VOLATILITY_METHODS = ("close", "parkinson", "garman-klass", "yang-zhang")
_DAY = 86_400
_YEAR = 365


def daily_ranges(histories: Sequence[History], days: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Open, high, low and close of UTC days, as logs.

    Parameters
    ----------
    histories : sequence of History
        One an asset.
    days : numpy.ndarray
        Consecutive days, [day], datetime64[D].

    Returns
    -------
    numpy.ndarray
        [day, asset, 4]: the open over the close of the day before, then high, low and close over the open. NaN where a
        bar of the day, or the last of the day before, is missing. A high or low that another price of its bar exceeds
        gives way to that price.
    """
    result = np.full((len(days), len(histories), 4), np.nan)
    first = int(days[0].astype(np.int64)) - 1
    for column, history in enumerate(histories):
        bars_a_day = _DAY // history.interval
        bars = history.times.astype("datetime64[s]").astype(np.int64) // history.interval - first * bars_a_day
        inside = (bars >= 0) & (bars < (len(days) + 1) * bars_a_day)
        grid = np.full(((len(days) + 1) * bars_a_day, 4), np.nan)
        prices = np.stack([history.open, history.high, history.low, history.close], axis=1)[inside]
        grid[bars[inside]] = np.log(prices)
        by_day = grid.reshape(len(days) + 1, bars_a_day, 4)
        open_, close = by_day[1:, 0, 0], by_day[1:, -1, 3]
        high, low = by_day[1:].max(axis=(1, 2)), by_day[1:].min(axis=(1, 2))
        result[:, column] = np.stack([open_ - by_day[:-1, -1, 3], high - open_, low - open_, close - open_], axis=1)
    result[np.isnan(result).any(axis=2)] = np.nan
    return result


def range_volatility(ranges: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """Volatility from daily ranges.

    Parkinson (1980) has the mean of ``(u - d)^2 / (4 ln 2)``, Garman and Klass (1980) that of
    ``(u - d)^2 / 2 - (2 ln 2 - 1) c^2``, with u, d and c the logs of high, low and close over the open. Yang and Zhang
    (2000) add the sample variances of the opens over the closes before, and of the closes over the opens times k, to
    1 - k times the mean of ``u (u - c) + d (d - c)`` (Rogers and Satchell 1991), which does not mind a drift;
    ``k = 0.34 / (1.34 + (n + 1) / (n - 1))`` for n days.

    All hold for a continuous Brownian path. One that is seen m times a day has a range that is short by about
    2 x 0.5826 daily deviations over sqrt(m) [Broadie, Glasserman and Kou 1997].

    Parameters
    ----------
    ranges : numpy.ndarray
        As `daily_ranges` has them, [day, asset, 4].
    method : str
        One of `VOLATILITY_METHODS` but ``close``.

    Returns
    -------
    numpy.ndarray
        [asset], a year of 365 days, positive; NaN with fewer than two days.

    Raises
    ------
    ValueError
        An unknown method.
    """
    variances = []
    for column in range(ranges.shape[1]):
        overnight, up, down, close = ranges[~np.isnan(ranges[:, column]).any(axis=1), column].T
        if len(close) < 2:
            variances.append(np.nan)
        elif method == "parkinson":
            variances.append(((up - down) ** 2).mean() / (4 * np.log(2)))
        elif method == "garman-klass":
            variances.append((0.5 * (up - down) ** 2 - (2 * np.log(2) - 1) * close**2).mean())
        elif method == "yang-zhang":
            days = len(close)
            weight = 0.34 / (1.34 + (days + 1) / (days - 1))
            inside = (up * (up - close) + down * (down - close)).mean()
            variances.append(overnight.var(ddof=1) + weight * close.var(ddof=1) + (1 - weight) * inside)
        else:
            raise ValueError(f"no volatility from ranges is called {method!r}")
    return np.asarray(np.sqrt(np.array(variances) * _YEAR))
