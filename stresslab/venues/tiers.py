"""Tiered maintenance margin: a convex, piecewise linear function of a position's notional."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class TierTable:
    """Maintenance rates and maximal leverage by notional, in the marginal rule of Binance, Bybit and Hyperliquid.

    Only floors and rates are stored. The maintenance amounts that make the requirement continuous follow from them by
    the recursion of METHODS M3, which venues' own published amounts obey to the last digit.

    Parameters
    ----------
    floors : tuple of float
        Notional at which each tier begins, in the account's currency; the first is 0, strictly rising.
    maintenance_rates : tuple of float
        Maintenance margin rate of each tier, a fraction in (0, 1), not falling; 0 for spot alone.
    maximal_leverages : tuple of float
        Largest leverage allowed in each tier, at least 1, not rising.
    """

    floors: tuple[float, ...]
    maintenance_rates: tuple[float, ...]
    maximal_leverages: tuple[float, ...]

    @cached_property
    def maintenance_amounts(self) -> tuple[float, ...]:
        """Amount subtracted in each tier, in the account's currency, not negative (METHODS M3)."""
        amounts = [0.0]
        for floor, previous, rate in zip(
            self.floors[1:], self.maintenance_rates, self.maintenance_rates[1:], strict=False
        ):
            amounts.append(amounts[-1] + floor * (rate - previous))
        return tuple(amounts)

    def maintenance_margin(self, notional: ArrayLike) -> NDArray[np.float64]:
        """Maintenance margin of a notional: the largest of the tiers' lines ``rate * notional - amount``.

        Parameters
        ----------
        notional : array_like
            Absolute position value at the mark price, in the account's currency, any shape, not negative.

        Returns
        -------
        numpy.ndarray
            Requirement in the account's currency, not negative, of the same shape.
        """
        value = np.asarray(notional, dtype=np.float64)[..., None]
        lines = np.asarray(self.maintenance_rates) * value - np.asarray(self.maintenance_amounts)
        return np.asarray(lines.max(axis=-1))

    def tier_of(self, notional: float) -> int:
        """Index of the tier that holds a notional; one on an edge belongs to the tier below, as venues print it."""
        return max(int(np.searchsorted(self.floors, notional, side="left")) - 1, 0)

    def maximal_leverage(self, notional: float) -> float:
        """Largest leverage that the venue allows at a notional, at least 1."""
        return self.maximal_leverages[self.tier_of(notional)]


UNMARGINED = TierTable((0.0,), (0.0,), (1.0,))
"""The table of spot: nothing is demanded, and nothing is lent."""
