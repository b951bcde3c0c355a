"""What each position of a pool lost, where a run keeps what the pool lost and where prices ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 5
_FLAT = 0.1
# Beyond this a log price stands for nothing, and its exponential must stay finite.
_FARTHEST = 50.0


@dataclass(frozen=True)
class Holdings:
    """Positions of a pool, as straight lines in unit value.

    Parameters
    ----------
    value : numpy.ndarray
        Slope of pnl in the ratio of unit value to today's, [position], signed money.
    power : numpy.ndarray
        What the log price is multiplied by to give the log of that ratio, [position]: +1, or -1 where inverse.
    asset : numpy.ndarray
        Row of each position's underlying, [position]; -1 for one whose price stands still.
    """

    value: Floats
    power: Floats
    asset: NDArray[np.intp]

    def pnl(self, log_price: Floats) -> Floats:
        """Change of pnl from today, [position, path], at log prices over today's, [asset, path]."""
        return self.value[:, None] * np.expm1(self.power[:, None] * self.own(log_price))

    def slope(self, log_price: Floats) -> Floats:
        """Derivative of that in the position's own log price, [position, path]."""
        return (self.value * self.power)[:, None] * np.exp(self.power[:, None] * self.own(log_price))

    def own(self, log_price: Floats) -> Floats:
        """The log price of each position's underlying, [position, path]."""
        moves = np.concatenate([np.clip(log_price, -_FARTHEST, _FARTHEST), np.zeros((1, log_price.shape[1]))])
        return np.asarray(moves[self.asset])


def position_losses(
    holdings: Holdings,
    loss: Floats,
    end: Floats,
    liquidated: NDArray[np.bool_],
    share_of_time: Floats,
    covariance: Floats,
) -> Floats:
    """Loss of each position of a pool on every path; they add up to the pool's.

    Where the pool survives, each position has lost what its price says at the horizon. Where it is liquidated at a
    share of the horizon, its prices there are those that are likeliest given where they end and what the pool lost: the
    mean of the bridge, moved along ``covariance times the pool's weights`` until the pnl is the loss. For Brownian log
    prices and a pool that is a straight line in them this is the mean of each position's pnl exactly, as what is
    perpendicular to the pool's value knows nothing of when it reached its barrier. What prices do not explain, such as
    funding, falls on the positions by their size.

    Parameters
    ----------
    holdings : Holdings
        The pool's positions.
    loss : numpy.ndarray
        Of the pool, [path], positive = loss.
    end : numpy.ndarray
        Log of the price at the horizon over today's, [asset, path].
    liquidated : numpy.ndarray
        Whether the pool was, [path].
    share_of_time : numpy.ndarray
        When it was over the horizon, [path], 0 to 1; not used where it was not.
    covariance : numpy.ndarray
        Of the assets' log returns, [asset, asset], in any unit.

    Returns
    -------
    numpy.ndarray
        [position, path], positive = loss.
    """
    place = end * np.where(liquidated, share_of_time, 1.0)
    weights = np.zeros(len(covariance))
    moves = holdings.asset >= 0
    np.add.at(weights, holdings.asset[moves], (holdings.value * holdings.power)[moves])
    direction = covariance @ weights
    variance = float(weights @ direction)
    if variance > 0.0:
        along = (direction / variance)[:, None]
        amount = np.zeros(np.count_nonzero(liquidated))
        for _ in range(_ROUNDS):
            here = place[:, liquidated] + along * amount
            missing = -loss[liquidated] - holdings.pnl(here).sum(axis=0)
            # One where pnl is a straight line in log prices; far from that Newton's step leads nowhere.
            slope = (holdings.slope(here) * holdings.own(along)).sum(axis=0)
            amount = amount + np.where(slope > _FLAT, missing / np.maximum(slope, _FLAT), 0.0)
        place[:, liquidated] += along * amount
    lost = -holdings.pnl(place)
    size = np.abs(holdings.value)
    return np.asarray(lost + (size / size.sum())[:, None] * (loss - lost.sum(axis=0)))
