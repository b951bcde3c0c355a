"""Histories drawn from a known market, by NumPy alone: the oracle of the recovery tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from stresslab.calibration.history import History, read_history

BARS_A_DAY = 24


def closes(
    volatilities: list[float],
    correlation: list[list[float]],
    *,
    days: int,
    degrees_of_freedom: float | None = None,
    bars_a_day: int = BARS_A_DAY,
    seed: int = 20260930,
) -> np.ndarray:
    """Closing prices, [bar, asset]: normal bars, whose variance is mixed anew each day where degrees are given."""
    generator = np.random.default_rng(seed)
    assets = len(volatilities)
    normals = generator.standard_normal((days, bars_a_day, assets)) @ np.linalg.cholesky(np.array(correlation)).T
    variance = np.ones(days)
    if degrees_of_freedom is not None:
        # Unit variance: nu / chi2 has mean nu / (nu - 2).
        variance = (degrees_of_freedom - 2) / generator.chisquare(degrees_of_freedom, days)
    scale = np.array(volatilities) / np.sqrt(365 * bars_a_day)
    returns = (normals * np.sqrt(variance)[:, None, None] * scale).reshape(-1, assets)
    return np.asarray(100 * np.exp(np.cumsum(returns, axis=0)))


def frame(close: np.ndarray, start: str = "2021-01-01", hours: float = 1.0) -> pd.DataFrame:
    """Bars that open at their predecessor's close."""
    open_ = np.concatenate([close[:1], close[:-1]])
    times = pd.date_range(start, periods=len(close), freq=f"{round(hours * 60)}min", tz="UTC")
    return pd.DataFrame(
        {
            "ts": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
        }
    )


def histories(folder: Path, prices: np.ndarray, names: list[str], hours: float = 1.0) -> list[History]:
    """The prices written as CSV and read back."""
    read = []
    for name, close in zip(names, prices.T, strict=True):
        path = folder / f"{name}_1h.csv"
        frame(close, hours=hours).to_csv(path, index=False)
        read.append(read_history(path))
    return read
