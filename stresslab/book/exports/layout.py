"""What sets one venue's export apart: its columns, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Margin = Literal["isolated", "cross"]

# What a column can mean. Everything else in an export is left alone.
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "id": "a name for the position",
        "symbol": "the contract",
        "quantity": "the size",
        "side": "long or short",
        "entry_price": "the average entry price",
        "mark_price": "the mark price",
        "position_value": "the notional at the mark price",
        "mode": "isolated or cross",
        "collateral": "the money behind an isolated position, without its unrealized pnl",
        "equity": "the same with its unrealized pnl",
        "unrealized_pnl": "the unrealized pnl at the mark price",
        "leverage": "the leverage at entry",
        "currency": "the currency of the collateral",
        "contract_size": "base units in one contract",
    }
)


@dataclass(frozen=True)
class Layout:
    """The columns of one kind of export.

    Parameters
    ----------
    name : str
        What messages call it.
    columns : mapping of str to tuple of str
        For each of `ROLES` that it has, the headings it may bear, the preferred one first, as people read them; letters
        and digits alone are compared, in any case.
    required : tuple of tuple of str
        Roles of which the header must hold at least one each.
    modes : mapping of str to {"isolated", "cross"}
        The venue's own words for the two, beyond these.
    mode_from_collateral : bool
        Without a column of the mode, a position with collateral of its own is isolated and any other is cross.
    currency : str or None
        What collateral is in where nothing in the export says.
    size_is_unsigned : bool
        The side alone tells long from short.
    size_is_in_contracts : bool
        Sizes count contracts, not base units.
    symbol_ending : str
        What the name of every perpetual ends in; other names are refused.
    symbol_is_underlying : bool
        A contract is called by its coin.
    cross_collateral : bool
        Collateral of a cross position is its share in ``all_isolated``; otherwise it is left out.
    caution : str
        What the reader should check by eye; empty for nothing.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]
    modes: Mapping[str, Margin] = field(default_factory=dict)
    mode_from_collateral: bool = False
    currency: str | None = None
    size_is_unsigned: bool = False
    size_is_in_contracts: bool = False
    symbol_ending: str = ""
    symbol_is_underlying: bool = False
    cross_collateral: bool = False
    caution: str = ""


def heading_key(heading: str) -> str:
    """A heading with nothing but its letters and digits, in small letters."""
    return re.sub(r"[\W_]", "", heading.casefold())


def columns_found(layout: Layout, header: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Indices of the columns of each role that a header holds, the preferred heading first."""
    keys = [heading_key(heading) for heading in header]
    found: dict[str, tuple[int, ...]] = {}
    for role, headings in layout.columns.items():
        known = [heading_key(heading) for heading in headings]
        present = tuple(keys.index(key) for key in known if key in keys)
        if present:
            found[role] = present
    return found


def repeated_heading(header: Sequence[str], found: Mapping[str, tuple[int, ...]]) -> int | None:
    """Index of the second of two columns under one heading that is needed, or None."""
    keys = [heading_key(heading) for heading in header]
    for index in sorted(index for indices in found.values() for index in indices):
        if keys.count(keys[index]) > 1:
            return keys.index(keys[index], index + 1)
    return None


def missing_roles(layout: Layout, found: Mapping[str, tuple[int, ...]]) -> list[tuple[str, ...]]:
    """Groups of roles of which a header holds none, though one of each is needed."""
    return [group for group in layout.required if not any(role in found for role in group)]
