"""Bars made up for tests."""

from __future__ import annotations

import numpy as np

from stresslab.backtest.bars import Bars

START = 1_577_836_800  # 2020-01-01 UTC


def bars_of(returns: np.ndarray, wick: float = 0.0) -> Bars:
    """Hourly bars from 2020-01-01 on, whose extremes reach a little beyond their ends."""
    count, assets = returns.shape
    ends = START + 3600 * np.arange(1, count + 1)
    lows, highs = np.minimum(returns, 0.0) - wick, np.maximum(returns, 0.0) + wick
    return Bars(tuple(f"A{index}" for index in range(assets)), ends, returns, lows, highs, 3600)
