"""The list ``[[collateral]]`` of a book: assets that stand behind the cross pool, each valued at its own price."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, Field

from stresslab.book.book import Position
from stresslab.documents.fields import TABLE, Name, Price, Quantity
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, tables_in_list
from stresslab.venues.pack import Symbol
from stresslab.venues.tiers import TierTable

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Discount = Annotated[
    list[Annotated[float, Field(ge=0.0, allow_inf_nan=False)]],
    Field(min_length=2, max_length=2),
]


class CollateralTable(BaseModel):
    """One asset that the wallet holds beside its balance, or owes."""

    model_config = TABLE
    asset: Annotated[Name, Field(description="The asset; the market gives its price.", examples=["ETH"])]
    quantity: Annotated[Quantity, Field(description="Units held; negative for a debt.", examples=[120.0])]
    haircut: Annotated[Share | None, Field(description="Share of its value that does not count.", examples=[0.05])] = (
        None
    )
    tiers: Annotated[
        list[Discount] | None,
        Field(
            min_length=1,
            description="In place of one haircut: value from, and haircut of what lies within.",
            examples=[[[0, 0.05], [1_000_000, 0.1]]],
        ),
    ] = None
    id: Annotated[
        Name | None, Field(description="Unique name in the book; default the asset's.", examples=["eth-stack"])
    ] = None
    mark_price: Annotated[
        Price | None,
        Field(description="Price today; default: the market's, else that of a contract on it.", examples=[3_300]),
    ] = None


def read_collateral(
    document: Document, at: KeyPath, currency: object, positions: Sequence[Position | None], findings: Findings
) -> tuple[tuple[KeyPath, ...], tuple[Position | None, ...]]:
    """Check the assets of a book.

    Parameters
    ----------
    document, at : Document and path
        The book and its list.
    currency : object
        The account's, as written.
    positions : sequence of Position or None
        The contracts held.
    findings : Findings
        Takes the faults.

    Returns
    -------
    tuple of path, tuple of Position or None
        Where each asset stands, and the asset as a position without entry price; None where it has faults.
    """
    if at[0] not in document.data:
        return (), ()
    in_coin = any(position is not None and position.symbol.contract == "inverse" for position in positions)
    paths = tuple(tables_in_list(document, at, findings))
    return paths, tuple(_asset(document, path, currency, in_coin, findings) for path in paths)


def _asset(document: Document, at: KeyPath, currency: object, in_coin: bool, findings: Findings) -> Position | None:
    before = len(findings.faults)
    table = check_table(document, at, CollateralTable, findings)
    if table is None:
        return None
    if in_coin:
        problem = f"the book's money is the coin {shown(currency)}, in which no other asset has a price"
        findings.fault(document, at, problem, "keep collateral assets in a book whose contracts settle in a currency")
    if table.asset == currency:
        problem = f"{shown(table.asset)} is the book's own currency"
        findings.fault(document, (*at, "asset"), problem, "add it to wallet_balance")
    rows = _discounts(document, at, table, findings)
    if len(findings.faults) > before:
        return None
    floors, haircuts = zip(*rows, strict=True)
    tiers = TierTable(floors, haircuts, tuple(1.0 for _ in rows))
    return Position(
        id=table.asset if table.id is None else table.id,
        symbol=Symbol(table.asset, table.asset, "spot", tiers),
        quantity=table.quantity,
        entry_price=0.0,
        mark_price=table.mark_price,
        margin="cross",
        collateral=None,
        is_collateral=True,
    )


def _discounts(
    document: Document, at: KeyPath, table: CollateralTable, findings: Findings
) -> Sequence[Sequence[float]]:
    """Rows of floor and haircut."""
    stated = [key for key in ("haircut", "tiers") if getattr(table, key) is not None]
    if table.quantity < 0.0:
        if stated:
            problem = f"a debt has no `{stated[0]}`: all of it counts"
            findings.fault(document, (*at, stated[0]), problem, "remove it")
        return [(0.0, 0.0)]
    if len(stated) != 1:
        problem = "the asset has both a haircut and tiers" if stated else "the key `haircut` is missing"
        remedy = "keep one of them" if stated else "add haircut = 0.05, or tiers = [[0, 0.05], [1000000, 0.1]]"
        findings.fault(document, (*at, "tiers") if stated else at, problem, remedy)
        return []
    if table.haircut is not None:
        return [(0.0, table.haircut)]
    rows = table.tiers or []
    if rows[0][0] != 0.0:
        problem = f"the first tier begins at {rows[0][0]:,.10g}"
        findings.fault(document, (*at, "tiers", 0, 0), problem, "the first tier begins at a value of 0")
    for row, (_, haircut) in enumerate(rows):
        if haircut > 1.0:
            problem = f"tier {row + 1}: a haircut of {haircut:g} is above 1"
            findings.fault(document, (*at, "tiers", row, 1), problem, f"if percent was meant, write {haircut / 100:g}")
    for row, (lower, upper) in enumerate(pairwise(rows), start=1):
        if upper[0] <= lower[0]:
            problem = f"tier {row + 1}: the value {upper[0]:,.10g} does not rise above {lower[0]:,.10g}"
            findings.fault(document, (*at, "tiers", row, 0), problem, "sort the tiers by value, each once")
        if upper[1] < lower[1]:
            problem = f"tier {row + 1}: the haircut falls from {lower[1]:g} to {upper[1]:g}"
            findings.fault(document, (*at, "tiers", row, 1), problem, "haircuts do not fall as the value grows")
    return rows
