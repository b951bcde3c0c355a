"""Configurations of a book: as it is booked, all isolated, all crossed, and any other (DESIGN 7.1, 7.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.marks import with_marks
from stresslab.book.wallet import ROUNDING, initial_margin

CROSS = "cross"
STANDARD = ("as_booked", "all_isolated", "all_cross")


def standard_configurations(book: Book) -> tuple[Configuration, ...]:
    """The three configurations that every run evaluates.

    Parameters
    ----------
    book : Book
        Checked; a position without a mark price counts at that of its contract, else at its entry price.

    Returns
    -------
    tuple of Configuration
        ``as_booked``, ``all_isolated`` and ``all_cross``, in this order.
    """
    return as_booked(book), all_isolated(book), all_cross(book)


def as_booked(book: Book) -> Configuration:
    """Each isolated position in a pool of its own; the others in the cross pool, on what is left of the wallet."""
    pools = [
        Pool(position.id, (index,), position.collateral)
        for index, position in enumerate(book.positions)
        if position.margin == "isolated" and position.collateral is not None
    ]
    return configuration(book, STANDARD[0], pools)


def all_isolated(book: Book) -> Configuration:
    """Every position in a pool of its own.

    Isolated positions keep their collateral, and cross positions that state one get exactly that. The other cross
    positions divide what these leave of the cross pool's collateral in proportion to initial margin at the mark. Cash
    is left over only where every cross position states its collateral. A collateral asset stands alone, without cash; a
    debt counts as a position of its full value.
    """
    stated = [position.collateral for position in book.positions]
    shares = [
        0.0
        if position.collateral is not None or (position.is_collateral and position.quantity > 0.0)
        else initial_margin(position, position.mark_price or position.entry_price)
        for position in with_marks(book.positions)
    ]
    free = _without_rounding(
        book, math.fsum([book.wallet_balance, *(-amount for amount in stated if amount is not None)])
    )
    total = math.fsum(shares)
    pools = [
        Pool(position.id, (index,), amount if amount is not None else free * share / (total or 1.0))
        for index, (position, amount, share) in enumerate(zip(book.positions, stated, shares, strict=True))
    ]
    idle = free if total == 0.0 else 0.0
    return Configuration(STANDARD[1], tuple(pools), idle)


def all_cross(book: Book) -> Configuration:
    """Every position in the cross pool, on the whole wallet."""
    return configuration(book, STANDARD[2], ())


def configuration(book: Book, name: str, pools: Sequence[Pool]) -> Configuration:
    """A partition from named pools; positions in none of them form the cross pool on the rest of the wallet.

    Parameters
    ----------
    book : Book
        The account.
    name : str
        Name of the configuration.
    pools : sequence of Pool
        Disjoint; together within the wallet.

    Returns
    -------
    Configuration
        The named pools and, where positions are left, the pool ``cross``; without positions left the rest is idle cash.

    Raises
    ------
    ValueError
        If a position stands in two pools, or the pools take more than the wallet holds.
    """
    named = [index for pool in pools for index in pool.positions]
    if len(set(named)) < len(named):
        raise ValueError(f"configuration {name!r}: a position stands in two pools")
    rest = _without_rounding(book, math.fsum([book.wallet_balance, *(-pool.collateral for pool in pools)]))
    others = tuple(index for index in range(len(book.positions)) if index not in set(named))
    if rest < 0.0:
        raise ValueError(f"configuration {name!r}: the pools take more than the wallet holds")
    if others:
        return Configuration(name, (*pools, Pool(CROSS, others, rest)), 0.0)
    return Configuration(name, tuple(pools), rest)


def _without_rounding(book: Book, amount: float) -> float:
    # A rest of a few units in the last place is what decimal figures leave that add up exactly on paper.
    return 0.0 if abs(amount) <= ROUNDING * book.wallet_balance else amount
