"""Books: from a TOML file to a `Book`, with every fault at its place (DESIGN 7.1)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SkipValidation

from stresslab.book.book import Book, Position
from stresslab.book.collateral_reading import CollateralTable, read_collateral
from stresslab.book.marks import check_marks, notional_problem, with_marks
from stresslab.book.wallet import check_wallet
from stresslab.documents.faults import Notice
from stresslab.documents.fields import (
    LARGEST_AMOUNT,
    SMALLEST_AMOUNT,
    TABLE,
    Money,
    Name,
    PathText,
    Price,
    Quantity,
    SchemaNumber,
)
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, key_meant, keys_of, open_document, reference_at, tables_in_list
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.reading import open_pack, pack_from
from stresslab.venues.rules.margin_rules import tier_measure


class PositionTable(BaseModel):
    """One perpetual position."""

    model_config = TABLE
    id: Annotated[
        Name, Field(description="Unique name in the book; `cross` is taken by the cross pool.", examples=["btc-long"])
    ]
    symbol: Annotated[Name, Field(description="The venue's own name of the contract.", examples=["BTCUSDT"])]
    quantity: Annotated[
        Quantity,
        Field(
            description="Signed size: base units if linear, contracts if inverse; + long, - short, not 0.",
            examples=[20.0],
        ),
    ]
    entry_price: Annotated[Price, Field(description="Average entry price.", examples=[60500])]
    mark_price: Annotated[
        Price | None,
        Field(
            description="Mark price today; default: the market's start price, else the entry price.", examples=[61000]
        ),
    ] = None
    margin: Annotated[Literal["isolated", "cross"], Field(description="How it is booked.", examples=["isolated"])]
    collateral: Annotated[
        Money | None,
        Field(
            description="Money behind this position alone; required if isolated. On a cross position: what it gets in "
            "`all_isolated`.",
            examples=[50000],
        ),
    ] = None


class BookFile(BaseModel):
    """An account: its positions, its venue and its collateral."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", description="Version of this format.", examples=[1])]
    name: Annotated[Name, Field(description="Name of the account.", examples=["Desk A"])]
    venue: Annotated[
        PathText,
        Field(
            description="A shipped rule pack, or a path to one that ends in .toml, relative to this file.",
            examples=["binance-usdm"],
        ),
    ]
    currency: Annotated[Name, Field(description="Currency of every amount of money.", examples=["USDT"])]
    wallet_balance: Annotated[
        Money, Field(description="All the account's collateral, isolated allocations included.", examples=[1000000])
    ]
    position: Annotated[
        SkipValidation[list[PositionTable]],
        Field(description="The positions, at least one.", json_schema_extra={"minItems": 1}),
    ]
    collateral: Annotated[
        SkipValidation[list[CollateralTable]] | None,
        Field(description="Assets that stand behind the cross pool beside the wallet balance."),
    ] = None


@dataclass(frozen=True)
class BookDraft:
    """What could be read of a book, so that checks go on where some of it is wrong.

    Parameters
    ----------
    document : Document
        The book's file.
    pack_document : Document or None
        Its rule pack's file.
    ids : dict of str to int
        Index of each position by its id; collateral assets come last.
    paths : tuple of path
        Where each position stands in the file.
    positions : tuple of Position or None
        None where a position has faults.
    book : Book or None
        The whole, where nothing is wrong.
    wallet_balance : float or None
        None where it is wrong.
    """

    document: Document
    pack_document: Document | None
    ids: dict[str, int]
    paths: tuple[KeyPath, ...]
    positions: tuple[Position | None, ...]
    book: Book | None
    wallet_balance: float | None


def read_book(path: str | Path) -> Book:
    """Read a book, and the rule pack that it names.

    Parameters
    ----------
    path : str or pathlib.Path
        The book's file.

    Returns
    -------
    Book
        Checked; a position without a mark price takes the one that another states for its contract, or has none.

    Raises
    ------
    InputError
        With every fault of the book and of its rule pack.
    """
    return read_book_and_notices(path)[0]


def read_book_and_notices(path: str | Path) -> tuple[Book, tuple[Notice, ...]]:
    """Read a book as `read_book` does, with the warnings that arose."""
    findings = Findings()
    document = open_document(Path(path), str(path), findings)
    draft = None if document is None else book_from(document, findings)
    findings.stop_at_faults()
    assert draft is not None, "a book without faults is a book"
    assert draft.book is not None, "a book without faults is complete"
    return draft.book, tuple(sorted(set(findings.notices)))


def book_from(document: Document, findings: Findings) -> BookDraft | None:
    """Check a parsed file as a book, with its rule pack; None where the file is no book at all."""
    if not is_kind(document, "book", findings):
        return None
    before = len(findings.faults)
    head = check_table(document, (), BookFile, findings)
    known = keys_of(BookFile)
    pack_document, pack = _pack(document, known, findings)
    positions_at: KeyPath = (key_meant(document.data, "position", known),)
    paths: tuple[KeyPath, ...] = ()
    if positions_at[0] in document.data:
        paths = tuple(tables_in_list(document, positions_at, findings))
        if document.at(positions_at) == []:
            findings.fault(document, positions_at, "the book holds no position", "add at least one [[position]]")
    positions = tuple(_position(document, path, pack, findings) for path in paths)
    currency = document.data.get(key_meant(document.data, "currency", known))
    for path, position in zip(paths, positions, strict=True):
        if position is not None:
            _check_settlement(document, path, position.symbol, currency, findings)
    assets_at: KeyPath = (key_meant(document.data, "collateral", known),)
    asset_paths, assets = read_collateral(document, assets_at, currency, positions, findings)
    named = [(*path, key_meant(document.at(path), "id", keys_of(PositionTable))) for path in paths]
    named += [(*path, "id" if "id" in document.at(path) else "asset") for path in asset_paths]
    ids = _ids(document, named, findings)
    paths, positions = (*paths, *asset_paths), (*positions, *assets)
    wallet_balance = _wallet_balance(document, known)
    placed = list(zip(paths, positions, strict=True))
    check_wallet(document, wallet_balance, placed, findings)
    check_marks(document, placed, findings)
    book = None
    if head is not None and pack is not None and document.sound and len(findings.faults) == before:
        whole = with_marks([position for position in positions if position is not None])
        book = Book(head.name, pack, head.currency, head.wallet_balance, whole, document.text)
    return BookDraft(document, pack_document, ids, paths, positions, book, wallet_balance)


def _wallet_balance(document: Document, known: list[str]) -> float | None:
    """The wallet balance where it is right by itself, whatever else is wrong with the book."""
    value = document.data.get(key_meant(document.data, "wallet_balance", known))
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if SMALLEST_AMOUNT <= value <= LARGEST_AMOUNT else None


def _pack(document: Document, known: list[str], findings: Findings) -> tuple[Document | None, RulePack | None]:
    at = (key_meant(document.data, "venue", known),)
    reference = reference_at(document, at)
    if reference is None:
        return None, None  # the book's own table says so
    opened = open_pack(reference, document, at, findings)
    return opened, None if opened is None else pack_from(opened, findings)


def _ids(document: Document, named: list[KeyPath], findings: Findings) -> dict[str, int]:
    """Index of every position and asset by its name, from where the names stand."""
    ids: dict[str, int] = {}
    seen: dict[str, KeyPath] = {}
    for index, at in enumerate(named):
        name = document.at(at)
        if not isinstance(name, str):
            continue
        # Two ways to write one accented letter look alike on paper.
        folded = unicodedata.normalize("NFC", name)
        if folded == "cross":
            findings.fault(document, at, 'the id "cross" is taken by the cross pool', "give the position another id")
        elif folded in seen:
            first = document.places.value(seen[folded]).line
            findings.fault(
                document,
                at,
                f"the id {shown(name)} stands twice, first in line {first}",
                "give each position its own id",
            )
        else:
            seen[folded] = at
        ids.setdefault(name, index)
    return ids


def _position(document: Document, at: KeyPath, pack: RulePack | None, findings: Findings) -> Position | None:
    table = check_table(document, at, PositionTable, findings)
    raw = document.at(at)
    known = keys_of(PositionTable)
    margin, collateral, symbol_key = (key_meant(raw, key, known) for key in ("margin", "collateral", "symbol"))
    lacks_collateral = raw.get(margin) == "isolated" and collateral not in raw
    if lacks_collateral:
        problem = "the key `collateral` is missing, and the position is isolated"
        findings.fault(document, at, problem, "add collateral = 50000, or whatever stands behind the position alone")
    name = raw.get(symbol_key)
    listed = pack.symbols.get(name) if pack is not None and isinstance(name, str) else None
    sizable = table is not None and _has_a_size(document, at, table, listed, findings)
    if pack is None or not isinstance(name, str):
        return None
    symbol = pack.symbols.get(name)
    if symbol is None:
        problem = f"the venue {shown(pack.name)} lists no symbol {shown(name)}"
        findings.fault(document, (*at, symbol_key), problem, suggestion(name, pack.symbols, "symbols"))
    if table is None or symbol is None or lacks_collateral or not sizable:
        return None
    if not _is_within_tiers(document, (*at, key_meant(raw, "quantity", known)), table, symbol, findings):
        return None
    return Position(
        id=table.id,
        symbol=symbol,
        quantity=table.quantity,
        entry_price=table.entry_price,
        mark_price=table.mark_price,
        margin=table.margin,
        collateral=table.collateral,
    )


def _check_settlement(document: Document, at: KeyPath, symbol: Symbol, currency: object, findings: Findings) -> None:
    """An inverse contract settles in its coin, and one account has one currency (VENUES section 4)."""
    settles_in_coin = symbol.contract == "inverse"
    if not isinstance(currency, str) or settles_in_coin == (currency == symbol.underlying):
        return
    if settles_in_coin:
        problem = f"{shown(symbol.name)} settles in {symbol.underlying}, and the book is in {currency}"
        remedy = f'write currency = "{symbol.underlying}" and amounts in it; other contracts go into another book'
    else:
        problem = f"{shown(symbol.name)} settles in its quote currency, and the book is in {currency}"
        remedy = "give it a book of its own, in the currency that it settles in"
    findings.fault(document, (*at, "symbol"), problem, remedy)


def _is_within_tiers(document: Document, at: KeyPath, table: PositionTable, symbol: Symbol, findings: Findings) -> bool:
    if symbol.limit is None:
        return True
    price = table.entry_price if table.mark_price is None else table.mark_price
    measure = tier_measure(table.quantity, price, symbol.contract, symbol.contract_size, symbol.rules)
    if measure <= symbol.limit:
        return True
    what = "size" if symbol.rules.tier_measure == "size" else "notional"
    problem = f"a {what} of {measure:,.10g} is beyond {symbol.limit:,.10g}, where the pack's tiers of the symbol end"
    findings.fault(document, at, problem, "reduce it, or copy the pack and add the tiers that the venue states")
    return False


def _has_a_size(
    document: Document, at: KeyPath, table: PositionTable, symbol: Symbol | None, findings: Findings
) -> bool:
    """Whether the notional at entry and at the mark can be simulated; the first that cannot is a fault."""
    for key, price in (("entry_price", table.entry_price), ("mark_price", table.mark_price)):
        contract = ("linear", 1.0) if symbol is None else (symbol.contract, symbol.contract_size)
        refusal = None if price is None else notional_problem(table.quantity, price, *contract)
        if refusal is not None:
            findings.fault(document, (*at, key_meant(document.at(at), key, keys_of(PositionTable))), *refusal)
            return False
    return True
