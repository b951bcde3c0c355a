"""What is held: positions, and the wallet that stands behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stresslab.venues.pack import RulePack, Symbol


@dataclass(frozen=True)
class Position:
    """One position: a perpetual contract, spot, or an asset that serves as collateral.

    Parameters
    ----------
    id : str
        Unique name within the book; an isolated pool bears it.
    symbol : Symbol
        The contract held, with its tiers.
    quantity : float
        Signed size, in base units if linear and in contracts if inverse: positive long, negative short, never 0.
    entry_price : float
        Average entry price in the account's currency per base unit, positive.
    mark_price : float or None
        Mark price today, positive; None until the scenario has resolved it.
    margin : {"isolated", "cross"}
        How it is booked.
    collateral : float or None
        Money that stands behind it alone, positive, in the account's currency; None where a cross position states none.
    is_collateral : bool
        Whether it is an asset that the wallet holds: spot at an entry price of 0, so that all its value counts, with
        its haircuts for maintenance rates.
    """

    id: str
    symbol: Symbol
    quantity: float
    entry_price: float
    mark_price: float | None
    margin: Literal["isolated", "cross"]
    collateral: float | None
    is_collateral: bool = False


@dataclass(frozen=True)
class Book:
    """An account: its positions, its venue's rules and all of its collateral.

    Parameters
    ----------
    name : str
        Name of the account, printed as it is.
    venue : RulePack
        The rules that apply.
    currency : str
        The account's currency; every amount of money is in it.
    wallet_balance : float
        All collateral of the account, isolated allocations included, positive.
    positions : tuple of Position
        At least one, in the order of the file, and after them the assets that serve as collateral.
    text : str
        The book's file as it was read.
    """

    name: str
    venue: RulePack
    currency: str
    wallet_balance: float
    positions: tuple[Position, ...]
    text: str
