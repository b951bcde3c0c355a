"""Margin figures in closed form: pnl, liquidation and bankruptcy prices, and the barriers of a pool on one price.

Linear contracts only. Everything here is plain float64 NumPy on plain numbers: it serves reports, checks and set-up,
not the inner loop. A quantity is signed, positive long and negative short, in base units; money is in the account's
currency.

The requirement of a tier table is a maximum of lines, so the surplus of a pool, as a function of one price, is a
minimum of lines. Where such a minimum is positive is an interval whose ends are roots of single lines. All prices below
come from that fact, by division alone, without a search and without a tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stresslab.venues.tiers import TierTable


def unrealized_pnl(quantity: float, entry_price: float, mark_price: float) -> float:
    """Profit and loss of an open linear position at the mark (METHODS M1).

    Parameters
    ----------
    quantity : float
        Signed size in base units.
    entry_price, mark_price : float
        Prices in the account's currency per base unit, positive.

    Returns
    -------
    float
        Money, positive for a profit.
    """
    # A short at its entry would otherwise show a profit of -0.0.
    return quantity * (mark_price - entry_price) + 0.0


def margin_ratio(equity: float, maintenance_margin: float) -> float:
    """Equity over maintenance margin; a pool is liquidated at 1 or below (DESIGN section 8).

    Parameters
    ----------
    equity : float
        Collateral plus unrealized pnl, any sign.
    maintenance_margin : float
        Requirement, positive.

    Returns
    -------
    float
        Pure number, negative where the equity is. Venues that show a margin ratio show its inverse.

    Raises
    ------
    ValueError
        If the maintenance margin is not positive.
    """
    if not maintenance_margin > 0.0:
        raise ValueError(f"maintenance margin must be positive, got {maintenance_margin}")
    return equity / maintenance_margin


def pool_surplus(
    quantities: ArrayLike,
    entry_prices: ArrayLike,
    mark_prices: ArrayLike,
    tiers: Sequence[TierTable],
    collateral: float,
) -> float:
    """Surplus of a pool: collateral plus unrealized pnl minus maintenance margin (METHODS M8, one collateral currency).

    Parameters
    ----------
    quantities : array_like
        Signed sizes, [position].
    entry_prices, mark_prices : array_like
        Positive prices, [position].
    tiers : sequence of TierTable
        Tier table of each position.
    collateral : float
        Money behind the pool.

    Returns
    -------
    float
        Money; the pool is liquidated where it is 0 or negative.

    Raises
    ------
    ValueError
        If the arguments differ in length or are empty.
    """
    quantity, entry_price, mark_price = _positions(quantities, entry_prices, mark_prices, tiers)
    notional = np.abs(quantity) * mark_price
    requirement = sum(float(table.maintenance_margin(value)) for table, value in zip(tiers, notional, strict=True))
    return collateral + float(quantity @ (mark_price - entry_price)) - requirement


def liquidation_price_in_tier(
    quantity: float,
    entry_price: float,
    maintenance_rate: float,
    maintenance_amount: float,
    collateral: float,
    other_unrealized_pnl: float = 0.0,
    other_maintenance_margin: float = 0.0,
) -> float:
    """Price at which the surplus is 0 if one given tier were in force at every price (METHODS M4 and M7).

    Parameters
    ----------
    quantity : float
        Signed size in base units, not 0.
    entry_price : float
        Average entry price, positive.
    maintenance_rate : float
        The tier's rate, in [0, 1). A closing fee that the venue counts in the trigger is added to it.
    maintenance_amount : float
        The tier's amount, money subtracted from rate times notional.
    collateral : float
        Money behind the pool: the isolated margin, or all of the cross pool's collateral.
    other_unrealized_pnl, other_maintenance_margin : float
        Sums over the pool's other positions at their present marks; 0 for an isolated position.

    Returns
    -------
    float
        A root in the price, which can be 0 or negative and then means that there is none. Nothing here looks whether
        the tier holds that price's notional: `liquidation_price` does.
    """
    available = collateral + other_unrealized_pnl - other_maintenance_margin
    return (quantity * entry_price - available - maintenance_amount) / (quantity - maintenance_rate * abs(quantity))


def liquidation_price(
    quantity: float,
    entry_price: float,
    tiers: TierTable,
    collateral: float,
    other_unrealized_pnl: float = 0.0,
    other_maintenance_margin: float = 0.0,
) -> float | None:
    """Liquidation price of an isolated position, or of one leg of a cross pool with all other marks still (M4, M7).

    The tier in force is that of the notional at the liquidation price itself, whatever tier holds today's notional.

    Parameters
    ----------
    quantity : float
        Signed size in base units, not 0.
    entry_price : float
        Average entry price, positive.
    tiers : TierTable
        The contract's tiers.
    collateral : float
        Money behind the pool: the isolated margin, or all of the cross pool's collateral.
    other_unrealized_pnl, other_maintenance_margin : float
        Sums over the pool's other positions at their present marks; 0 for an isolated position.

    Returns
    -------
    float or None
        The price at which the surplus is 0, positive. It lies on the wrong side of the mark where the pool is
        liquidated already. None where there is no such price: for a long, the surplus is positive at every price
        above 0; for a short, it is positive at none.
    """
    roots = [
        liquidation_price_in_tier(
            quantity, entry_price, rate, amount, collateral, other_unrealized_pnl, other_maintenance_margin
        )
        for rate, amount in zip(tiers.maintenance_rates, tiers.maintenance_amounts, strict=True)
    ]
    # Each tier's line overstates the surplus outside its tier, so the surplus is their minimum. For a long all lines
    # rise and the last to become positive decides; for a short all fall and the first to reach 0 does.
    root = max(roots) if quantity > 0.0 else min(roots)
    return root if root > 0.0 else None


def bankruptcy_price(
    quantity: float, entry_price: float, collateral: float, other_unrealized_pnl: float = 0.0
) -> float | None:
    """Price at which the equity of the pool is 0, all other marks still (METHODS M6, DESIGN section 8).

    Parameters
    ----------
    quantity : float
        Signed size in base units, not 0.
    entry_price : float
        Average entry price, positive.
    collateral : float
        Money behind the pool: the isolated margin, or all of the cross pool's collateral.
    other_unrealized_pnl : float
        Sum over the pool's other positions at their present marks; 0 for an isolated position.

    Returns
    -------
    float or None
        The price, positive; None where equity is 0 at no positive price.
    """
    price = entry_price - (collateral + other_unrealized_pnl) / quantity
    return price if price > 0.0 else None


def surviving_price_ratios(
    quantities: ArrayLike,
    entry_prices: ArrayLike,
    mark_prices: ArrayLike,
    tiers: Sequence[TierTable],
    collateral: float,
) -> tuple[float, float] | None:
    """Price ratios at which a pool on one underlying has a positive surplus.

    Every mark moves by the same factor, the price ratio: price over today's price. The surplus is concave in it, so
    the ratios form one interval.

    Parameters
    ----------
    quantities : array_like
        Signed sizes, [position], long and short as it comes.
    entry_prices, mark_prices : array_like
        Positive prices, [position]; the marks are today's and keep their proportion to each other.
    tiers : sequence of TierTable
        Tier table of each position.
    collateral : float
        Money behind the pool; for a part of a pool, with the pnl of the rest added and its requirement subtracted.

    Returns
    -------
    tuple of float or None
        Lower and upper end, open: lower in [0, inf), upper in (0, inf]. A lower end of 0 and an upper end of infinity
        mean that no fall and no rise liquidates. None where no positive price leaves a surplus. Today's ratio, 1, lies
        outside the interval if the pool is liquidated today.

    Raises
    ------
    ValueError
        If the arguments differ in length or are empty.
    """
    quantity, entry_price, mark_price = _positions(quantities, entry_prices, mark_prices, tiers)
    notional = np.abs(quantity) * mark_price
    kinks = np.unique(np.concatenate([np.asarray(t.floors) / n for t, n in zip(tiers, notional, strict=True)]))

    # Between two kinks every position stays in one tier, so the surplus is the line slope * ratio + level.
    slope = np.full(kinks.size, float(quantity @ mark_price))
    level = np.full(kinks.size, collateral - float(quantity @ entry_price))
    for table, value in zip(tiers, notional, strict=True):
        tier = np.searchsorted(np.asarray(table.floors) / value, kinks, side="right") - 1
        slope -= np.asarray(table.maintenance_rates)[tier] * value
        level += np.asarray(table.maintenance_amounts)[tier]

    rising, falling = slope > 0.0, slope < 0.0
    if np.any(level[~rising & ~falling] <= 0.0):
        return None
    lower = max(0.0, float(np.max(-level[rising] / slope[rising], initial=0.0)))
    upper = float(np.min(-level[falling] / slope[falling], initial=math.inf))
    return (lower, upper) if lower < upper else None


def single_price_barriers(
    quantities: ArrayLike,
    entry_prices: ArrayLike,
    mark_prices: ArrayLike,
    tiers: Sequence[TierTable],
    collateral: float,
) -> tuple[float, float]:
    """Barriers of a pool whose positions all sit on one underlying, as ratios to today's price.

    Parameters
    ----------
    quantities : array_like
        Signed sizes, [position], long and short as it comes.
    entry_prices, mark_prices : array_like
        Positive prices, [position]; the marks are today's and keep their proportion to each other.
    tiers : sequence of TierTable
        Tier table of each position.
    collateral : float
        Money behind the pool.

    Returns
    -------
    tuple of float
        Lower barrier in [0, 1] and upper barrier in [1, inf]. The pool is liquidated when the price over today's price
        reaches either. 0 means that no fall liquidates, infinity that no rise does. A pool that is liquidated today,
        its surplus being 0 or negative, has both barriers at 1.

    Raises
    ------
    ValueError
        If the arguments differ in length or are empty.
    """
    interval = surviving_price_ratios(quantities, entry_prices, mark_prices, tiers, collateral)
    surplus = pool_surplus(quantities, entry_prices, mark_prices, tiers, collateral)
    # Both are asked, because at a surplus of 0 they may round to different sides.
    if surplus <= 0.0 or interval is None or not interval[0] < 1.0 < interval[1]:
        return 1.0, 1.0
    return interval


def _positions(
    quantities: ArrayLike, entry_prices: ArrayLike, mark_prices: ArrayLike, tiers: Sequence[TierTable]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    # A shorter list would otherwise broadcast and give the figures of another pool.
    arrays = tuple(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (quantities, entry_prices, mark_prices))
    if len(tiers) == 0 or any(array.shape != (len(tiers),) for array in arrays):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"positions differ in number: arrays of {shapes} and {len(tiers)} tier tables")
    quantity, entry_price, mark_price = arrays
    return quantity, entry_price, mark_price
