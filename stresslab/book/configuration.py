"""Configurations: partitions of a book's positions into pools, with the collateral of each pool."""

from __future__ import annotations

from dataclasses import dataclass

from stresslab.book.policies import Policy


@dataclass(frozen=True)
class Pool:
    """A set of positions that share collateral.

    Parameters
    ----------
    name : str
        Its position's id if isolated, ``cross`` for the cross pool, else the scenario's name for it.
    positions : tuple of int
        Indices into the book's positions, rising, at least one.
    collateral : float
        Money that stands behind the pool, in the account's currency; not negative.
    """

    name: str
    positions: tuple[int, ...]
    collateral: float


@dataclass(frozen=True)
class Configuration:
    """One way to margin the book.

    Parameters
    ----------
    name : str
        Such as ``as_booked``.
    pools : tuple of Pool
        Together they hold every position once.
    idle_cash : float
        Money of the wallet that no pool holds; counts in the account's value and is never at risk.
    policies : tuple of Policy
        What is done about its margin on the way; at most one of a kind.
    base : str or None
        Configuration whose pools it took, and which tells what its policies are worth; None if its pools are its own.
    """

    name: str
    pools: tuple[Pool, ...]
    idle_cash: float
    policies: tuple[Policy, ...] = ()
    base: str | None = None
