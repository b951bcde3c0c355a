"""Histories whose clocks differ: one asset's moves found again in another's, hours apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import aligned_returns
from stresslab.calibration.history import History
from stresslab.documents.faults import Fault

# Clocks of the world are at most 14 hours from UTC.
_MOST_HOURS = 14
# A correlation hours apart that no market has: this high, and so many times the one at the same time.
_LEAST = 0.25
_TIMES = 3.0
_FEWEST_RETURNS = 200
_CLIP = 4.0


def shift_faults(windows: Sequence[History]) -> list[Fault]:
    """Assets whose bars seem to bear another zone's times.

    Returns of two assets of one market move at the same time. Where their correlation is 0.25 or more at a distance of
    whole hours, up to 14, and at least three times that at the same time, one of the two clocks is taken to be wrong:
    correlations and common jumps would be lost without a word. Returns are clipped at four deviations, so that one
    crash cannot decide. Only histories with bars of the same length are compared.

    Parameters
    ----------
    windows : sequence of History
        The bars inside the window.

    Returns
    -------
    list of Fault
        One an asset, the one that is shifted against most others first; of two assets it is the second.
    """
    faults: list[Fault] = []
    for interval in sorted({window.interval for window in windows}):
        alike = [window for window in windows if window.interval == interval]
        hours = [hour for hour in range(1, _MOST_HOURS + 1) if hour * 3600 % interval == 0]
        if len(alike) > 1 and hours:
            faults += _faults_of(alike, interval, hours)
    return faults


def _faults_of(windows: Sequence[History], interval: int, hours: Sequence[int]) -> list[Fault]:
    returns = aligned_returns(windows)
    there = ~np.isnan(returns)
    spread = np.nanstd(returns, axis=0)
    clipped = np.clip(np.where(there, returns, 0.0), -_CLIP * spread, _CLIP * spread)
    scale = np.sqrt((clipped**2).sum(axis=0) / np.maximum(there.sum(axis=0), 1))
    standard = clipped / np.where(scale > 0, scale, 1.0)
    present = there.astype(np.float64)
    together = np.abs(_correlations(standard, present, 0))
    # [hour, late, early]: the first of a pair does what the second did so many hours before.
    apart = np.stack([_correlations(standard, present, hour * 3600 // interval) for hour in hours])
    best = np.abs(apart).max(axis=0)
    shifted = (best >= _LEAST) & (best >= _TIMES * together)
    either = shifted | shifted.T
    faults = []
    while either.any():
        # The last of equals: of two assets the second.
        asset = int(len(windows) - 1 - np.argmax(either.sum(axis=1)[::-1]))
        other = int(np.argmax(either[asset]))
        late = bool(shifted[asset, other])
        pair = (asset, other) if late else (other, asset)
        hour = hours[int(np.argmax(np.abs(apart[(slice(None), *pair)])))]
        problem = (
            f"the times of {windows[asset].asset} are {hour} {'hour' if hour == 1 else 'hours'} "
            f"{'later' if late else 'earlier'} than those of {windows[other].asset}: at that distance their returns "
            f"have a correlation of {best[pair]:.2f}, at the same time one of {together[pair]:.2f}"
        )
        faults.append(Fault(windows[asset].path, 1, 1, problem, "give both histories in UTC"))
        either[asset, :] = either[:, asset] = False
    return faults


def _correlations(standard: NDArray[np.float64], present: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """Correlation of each asset with another ``lag`` bars before, [late, early]; 0 where too few bars tell."""
    late, early = slice(lag, None), slice(0, len(standard) - lag)
    number = present[late].T @ present[early]
    moments = standard[late].T @ standard[early]
    return np.asarray(np.where(number >= _FEWEST_RETURNS, moments / np.maximum(number, 1.0), 0.0))
