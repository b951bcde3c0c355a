"""Who drags whom: liquidations of positions given those of others, their order, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray


def conditional_liquidation(liquidated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """P(j liquidated by the horizon | i liquidated by the horizon) (METHODS M53).

    Parameters
    ----------
    liquidated : numpy.ndarray
        Whether each position was liquidated, [position, path].

    Returns
    -------
    numpy.ndarray
        [i, j], in [0, 1]; 1 on the diagonal, missing (NaN) in the row of a position that never was. To be read beside
        the base rate P(j): no order in time is implied.
    """
    hits = liquidated.astype(np.float64)
    together = hits @ hits.T
    times = together.diagonal()[:, None]
    return np.asarray(np.where(times > 0.0, together / np.where(times > 0.0, times, 1.0), np.nan))


def first_liquidated(liquidation_step: Sequence[NDArray[np.int32]], steps: int) -> NDArray[np.float64]:
    """Probability that each position is the first to be liquidated.

    Parameters
    ----------
    liquidation_step : sequence of numpy.ndarray
        Step in which each position was liquidated, [position] of [path]; above ``steps`` if never. Read one by one.
    steps : int
        Steps of the run.

    Returns
    -------
    numpy.ndarray
        [position], adding up to P(any). Those that fall in the same step, as members of one pool do, share it equally.
    """
    least = reduce(np.minimum, liquidation_step)
    # On a path without any no step is the first.
    least = np.where(least <= steps, least, -1)
    shared = np.zeros(least.size, np.int16)
    for own in liquidation_step:
        shared += own == least
    return np.array([float(((own == least) / np.maximum(shared, 1)).mean()) for own in liquidation_step])


def liquidations_or_more(liquidated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """P(k or more positions are liquidated) for k from 1 to their number, [k] (METHODS M52)."""
    count = liquidated.sum(axis=0)
    return np.array([float((count >= k).mean()) for k in range(1, len(liquidated) + 1)])
