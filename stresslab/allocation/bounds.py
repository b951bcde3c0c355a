"""How collateral may be split: floors, caps, fixed amounts, and the grid of whole units between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.sampling import AllocationError
from stresslab.book.book import Book
from stresslab.book.wallet import ROUNDING, initial_margin, money
from stresslab.documents.names import shown, suggestion
from stresslab.margin.pool_figures import mark_of

# Units into which the free part of a budget is cut where the user names no increment.
_UNITS = 1024

Levels = NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """What each position may get, in money, and in whole units above its floor.

    Parameters
    ----------
    budget : float
        Money to split, positive.
    floors : tuple of float
        Least collateral of each position, money.
    room : tuple of int
        Most units above its floor that each position may get, not negative; 0 where it is fixed.
    unit : float
        Money of a unit, positive.
    units : int
        Units that are split: what the floors leave of the budget, as far as the caps allow.
    """

    budget: float
    floors: tuple[float, ...]
    room: tuple[int, ...]
    unit: float
    units: int

    def collateral(self, levels: Levels) -> NDArray[np.float64]:
        """Money of each position by its units above the floor."""
        return np.asarray(self.floors) + self.unit * np.asarray(levels, np.float64)

    @property
    def idle_cash(self) -> float:
        """What remains of the budget: less than a unit, or what the caps refuse."""
        return max(self.budget - math.fsum(self.floors) - self.unit * self.units, 0.0)

    def nearest(self, wanted: Sequence[float] | NDArray[np.float64]) -> Levels:
        """Levels that spend all units and lie close to wanted shares of the budget.

        What a bound refuses is given to the others in the same proportion; rounding goes to the largest remainders.
        """
        share = np.maximum(np.asarray(wanted, np.float64), 1e-300)
        floors, room = np.asarray(self.floors), np.asarray(self.room, np.float64)

        def above(scale: float) -> NDArray[np.float64]:
            return np.asarray(np.clip((scale * share - floors) / self.unit, 0.0, room))

        low, high = 0.0, 1.0
        while above(high).sum() < min(self.units, room.sum()) - 1e-9 and high < 1e280:
            high *= 2.0
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if above(middle).sum() < self.units else (low, middle)
        exact = above(high)
        levels = np.minimum(np.floor(exact + 1e-9), room).astype(np.int64)
        for place in np.argsort(levels - exact, kind="stable"):
            levels[place] += int(levels.sum() < self.units and levels[place] < self.room[place])
        for place in range(levels.size):
            missing = self.units - int(levels.sum())
            levels[place] += min(max(missing, 0), self.room[place] - int(levels[place]))
        for place in range(levels.size):
            levels[place] -= min(max(int(levels.sum()) - self.units, 0), int(levels[place]))
        return levels


def bounds_of(
    book: Book,
    budget: float,
    *,
    cap: float | None = None,
    increment: float | None = None,
    fixed: Mapping[str, float] | None = None,
) -> Bounds:
    """Bounds of a book's positions: initial margin at the mark as the floor, all else as asked.

    Parameters
    ----------
    book : Book
        With the mark price of every position resolved.
    budget : float
        Money to split.
    cap : float, optional
        Most that any one position that is not fixed may get, money.
    increment : float, optional
        Amounts that are not fixed are whole multiples of it; floors are rounded up to one.
    fixed : mapping of str to float, optional
        Amounts of positions that are settled already, by id.

    Returns
    -------
    Bounds
        At least one allocation keeps them.

    Raises
    ------
    AllocationError
        If an id is unknown, an amount is not positive, or the floors do not fit below the caps or into the budget.
    """
    fixed = dict(fixed or {})
    ids = [position.id for position in book.positions]
    for name, amount in fixed.items():
        if name not in ids:
            raise AllocationError(f"there is no position {shown(name)}; {suggestion(name, ids, 'positions')}")
        if not (math.isfinite(amount) and amount > 0.0):
            raise AllocationError(f"the amount fixed for {shown(name)} is {amount:g}; give one above 0")
    for what, value in (("budget", budget), ("cap", cap), ("increment", increment)):
        if value is not None and not (math.isfinite(value) and value > 0.0):
            raise AllocationError(f"the {what} is {value:g}; give an amount above 0")

    floors, caps = [], []
    for position in book.positions:
        margin = initial_margin(position, mark_of(position))
        if position.id in fixed:
            if fixed[position.id] < margin * (1.0 - ROUNDING):
                raise AllocationError(
                    f"{money(fixed[position.id])} fixed for {shown(position.id)} is below its initial margin; give at "
                    f"least {money(margin)}"
                )
            floors.append(fixed[position.id])
            caps.append(fixed[position.id])
            continue
        floor = margin if increment is None else increment * math.ceil(margin / increment * (1.0 - ROUNDING))
        most = math.inf if cap is None else cap if increment is None else increment * math.floor(cap / increment)
        if floor > most * (1.0 + ROUNDING):
            raise AllocationError(
                f"the cap of {money(cap or 0.0)} is below what {shown(position.id)} needs at the least; give at least "
                f"{money(floor)}"
            )
        floors.append(floor)
        caps.append(max(most, floor))
    least = math.fsum(floors)
    if least > budget * (1.0 + ROUNDING):
        raise AllocationError(
            f"the budget of {money(budget)} is below the positions' floors, which add up to {money(least)} (initial "
            f"margin, or what is fixed); give at least that, or hold less"
        )
    free = max(budget - least, 0.0)
    unit = increment if increment is not None else free / _UNITS if free > 0.0 else budget / _UNITS
    units = math.floor(free / unit * (1.0 + ROUNDING))
    room = [min(math.floor((most - floor) / unit * (1.0 + ROUNDING)), units) if most < math.inf else units
            for floor, most in zip(floors, caps, strict=True)]  # fmt: skip
    room = [0 if name in fixed else units_above for name, units_above in zip(ids, room, strict=True)]
    return Bounds(budget, tuple(floors), tuple(room), unit, min(units, sum(room)))
