"""What is watched of single-price pools: the extremes of prices, barriers on them, and corners of the deficit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stresslab.margin.pool_barriers import barrier_distances, closed_at, edges_of, equity_at, watched_sides

if TYPE_CHECKING:
    from stresslab.book.book import Book, Position


class Watches:
    """Collects the barriers and corners of single-price pools and the extremes that they need.

    Parameters
    ----------
    book : Book
        The account.
    position_assets : tuple of int
        Asset of each position.
    """

    def __init__(self, book: Book, position_assets: tuple[int, ...]) -> None:
        self.book = book
        self.position_assets = position_assets
        self.rows: list[tuple[int, int]] = []
        self.row_of_watch: list[int] = []
        self.barriers: list[float] = []
        self.settlements: list[float] = []
        self.edges: list[tuple[int, int]] = []
        self.edge_reaches: list[float] = []
        self.edge_deficits: list[float] = []

    def of(self, pool: tuple[int, ...], collateral: float) -> tuple[int, ...]:
        """Watch a stake; the places of its barriers."""
        members = [self.book.positions[index] for index in pool]
        sides = zip((-1, +1), barrier_distances(members, collateral), strict=True)
        watched = watched_sides(members)
        return tuple(
            self._watch(pool, members, side, distance, collateral) for side, distance in sides if side in watched
        )

    def corners(self, number: int, pool: tuple[int, ...]) -> None:
        """Watch the prices at which the deficit of a pool jumps."""
        for edge in edges_of([self.book.positions[index] for index in pool]):
            side = 1 if edge.ratio > 1.0 else -1
            self.edges.append((number, self._row(pool, side)))
            self.edge_reaches.append(side * math.log(edge.ratio))
            self.edge_deficits.append(edge.deficit)

    def _row(self, pool: tuple[int, ...], side: int) -> int:
        row = (self.position_assets[pool[0]], side)
        if row not in self.rows:
            self.rows.append(row)
        return self.rows.index(row)

    def _watch(
        self, pool: tuple[int, ...], members: list[Position], side: int, distance: float, collateral: float
    ) -> int:
        settlement = 0.0
        if distance < math.inf:
            # What is left there after the fee: the requirement, unless the pool is below it already.
            ratio = math.exp(side * distance)
            fee = self.book.venue.liquidation_fee_rate * closed_at(members, ratio)
            settlement = equity_at(members, collateral, ratio) - fee
        self.row_of_watch.append(self._row(pool, side))
        self.barriers.append(distance)
        self.settlements.append(settlement)
        return len(self.barriers) - 1
