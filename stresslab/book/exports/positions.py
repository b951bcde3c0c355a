"""From a row of an export to a position, or to every reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from stresslab.book.book import Position
from stresslab.book.exports.figures import Figure, figure_text, read_figure
from stresslab.book.exports.layout import Margin
from stresslab.book.exports.table import Row, Table
from stresslab.book.wallet import leverage_problem
from stresslab.documents.names import name_problem, shown, suggestion
from stresslab.venues.pack import RulePack, Symbol

_LONG, _SHORT, _EITHER = {"long", "buy"}, {"short", "sell"}, {"both", "net"}
_MODES: Mapping[str, Margin] = {"isolated": "isolated", "iso": "isolated", "cross": "cross", "crossed": "cross"}
_CONTRACTS = {"cont", "conts", "contract", "contracts"}
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD")
_DERIVED = Context(prec=12)  # figures that are quotients; exports have fewer digits


@dataclass(frozen=True)
class HeldPosition:
    """One position of an export, in the terms of a book.

    Parameters
    ----------
    line : int
        Line of the export, from 1.
    id : str
        The export's own name for it; empty where it has none.
    symbol : Symbol
        The contract, as the rule pack lists it.
    quantity : decimal.Decimal
        Signed size in base units, not 0.
    entry_price : decimal.Decimal
        Positive.
    mark_price : decimal.Decimal or None
        Positive; None where the export states none.
    margin : {"isolated", "cross"}
        How it is booked.
    collateral : decimal.Decimal or None
        Money behind it alone, without unrealized pnl, positive; None on a cross position that states none.
    """

    line: int
    id: str
    symbol: Symbol
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    margin: Margin
    collateral: Decimal | None

    @property
    def side(self) -> str:
        """``long`` or ``short``."""
        return "long" if self.quantity > 0 else "short"


@dataclass(frozen=True)
class Note:
    """Something to tell about a row: its column, what is so, and what to do or what was done."""

    column: int
    problem: str
    remedy: str


class _Reader:
    """Reads one row, keeping every reason why it cannot be read."""

    def __init__(self, table: Table, row: Row, currency: str | None) -> None:
        self.table, self.row, self.currency = table, row, currency
        self.faults: list[Note] = []
        self.notices: list[Note] = []

    def fault(self, role: str, problem: str, remedy: str) -> None:
        self.faults.append(Note(self.table.column(role), problem, remedy))

    def notice(self, role: str, problem: str, remedy: str) -> None:
        self.notices.append(Note(self.table.column(role), problem, remedy))

    def text(self, role: str) -> str | None:
        return self.table.cell(self.row, role)

    def figure(self, role: str) -> Figure | None:
        text = self.text(role)
        if text is None:
            return None
        try:
            return read_figure(text, comma_may_be_decimal=self.table.comma_may_be_decimal)
        except ValueError as error:
            self.fault(role, *error.args)
            return None

    def number(self, role: str, units: Callable[[str], bool], wanted: str) -> Decimal | None:
        """A figure whose unit, if it bears one, is right."""
        figure = self.figure(role)
        if figure is None:
            return None
        if figure.unit and not units(figure.unit):
            self.fault(role, f"{shown(self.text(role))} is in {shown(figure.unit)}", f"give {wanted}")
            return None
        return figure.value

    def money(self, role: str) -> Decimal | None:
        """A price or an amount in the book's currency."""
        currency = self.currency or ""

        def fits(unit: str) -> bool:
            return unit.casefold() == currency.casefold() or (unit == "USD" and currency.startswith("USD"))

        return self.number(role, fits, f"it in {currency}" if currency else "it without a unit")

    def positive(self, role: str, what: str) -> Decimal | None:
        """A price or an amount above zero, if there is one."""
        before = len(self.faults)
        value = self.money(role)
        if value is not None and value <= 0:
            self.fault(role, f"{what} is {figure_text(value)}", "it is above 0; correct or remove it")
        return value if len(self.faults) == before else None


def currency_of(table: Table, row: Row) -> str | None:
    """What the collateral of a row's position is in, as its own column or its symbol's name says; None if neither."""
    stated = table.cell(row, "currency")
    if stated is not None:
        return stated
    name = _squeezed(table.cell(row, "symbol") or "").upper()
    return next((quote for quote in _QUOTES if name.endswith(quote) and name != quote), None)


def is_closed(table: Table, row: Row) -> bool:
    """Whether a row states a size of zero: a symbol without a position."""
    try:
        figure = read_figure(table.cell(row, "quantity") or "", comma_may_be_decimal=table.comma_may_be_decimal)
    except ValueError:
        return False
    return figure.value == 0


def read_position(
    table: Table, row: Row, pack: RulePack, currency: str | None
) -> tuple[HeldPosition | None, list[Note], list[Note]]:
    """Read one row.

    Parameters
    ----------
    table, row : Table and Row
        The export, and a row of it that is as long as the header.
    pack : RulePack
        The venue's rules, which list the symbols.
    currency : str or None
        The book's; None where it is not known.

    Returns
    -------
    HeldPosition or None
        None where there is a fault.
    list of Note
        Every reason why the row cannot be read.
    list of Note
        What was derived on the way.
    """
    reader = _Reader(table, row, currency)
    stated = currency_of(table, row)
    if stated is not None and currency is not None and stated.casefold() != currency.casefold():
        problem = f"the position is settled in {shown(stated)}, and the book is in {shown(currency)}"
        reader.fault("currency", problem, "import each currency into a book of its own")
    name = reader.text("id") or ""
    if name and (name_problem(name) or name == "cross"):
        reader.fault(
            "id", f"the id {shown(name)} cannot serve", "give another, of characters that print and not `cross`"
        )
    symbol = _symbol(reader, pack)
    mark_price = reader.positive("mark_price", "the mark price")
    size = _size(reader, symbol, mark_price)
    entry_price = reader.positive("entry_price", "the entry price")
    if reader.text("entry_price") is None:
        reader.fault("entry_price", "the entry price is blank", "give the average entry price")
    if mark_price is None and size and not table.layout.size_is_in_contracts:
        value = reader.positive("position_value", "the position's value")
        mark_price = None if value is None else _DERIVED.divide(value, abs(size))
    margin = _margin(reader)
    collateral = None
    if size is not None and entry_price is not None and margin is not None:
        collateral = _collateral(reader, margin, size, entry_price, mark_price)
    if reader.faults or symbol is None or size is None or entry_price is None or margin is None:
        return None, reader.faults, reader.notices
    held = HeldPosition(row.line, name, symbol, size, entry_price, mark_price, margin, collateral)
    if margin == "isolated" and collateral is not None:
        refusal = leverage_problem(_as_booked(held), float(collateral))
        if refusal is not None:
            reader.fault("collateral" if "collateral" in table.columns else "equity", *refusal)
            return None, reader.faults, reader.notices
    return held, [], reader.notices


def _as_booked(held: HeldPosition) -> Position:
    return Position("", held.symbol, float(held.quantity), float(held.entry_price), None, held.margin, None)


def _squeezed(name: str) -> str:
    """A contract's name without what venues and libraries put around the pair: BTC/USDT:USDT, BTC-USDT-SWAP."""
    name = re.sub(r"^([^/:]+/([a-z0-9]+)):\2$", r"\1", name.strip().casefold())
    return re.sub(r"[\s/_-]", "", re.sub(r"[\s/_-]+(perpetual|perp|swap)$", "", name))


def _symbol(reader: _Reader, pack: RulePack) -> Symbol | None:
    name, layout = reader.text("symbol"), reader.table.layout
    if name is None:
        reader.fault("symbol", "the symbol is blank", "name the contract")
        return None
    if layout.symbol_ending and not name.upper().endswith(layout.symbol_ending):
        problem = f"{shown(name)} is no perpetual: its name does not end in {layout.symbol_ending}"
        reader.fault("symbol", problem, "leave it out: only perpetuals can be in a book")
        return None
    if name in pack.symbols:
        return pack.symbols[name]
    near = [symbol for key, symbol in pack.symbols.items() if _squeezed(key) == _squeezed(name)]
    if not near and layout.symbol_is_underlying:
        near = [symbol for symbol in pack.symbols.values() if symbol.underlying == name]
        if len(near) == 1:
            reader.notice("symbol", f"{shown(name)} is booked as {near[0].name}", "its margin rules are that symbol's")
    if len(near) == 1:
        return near[0]
    listed = f"lists {len(near)} symbols that {shown(name)} may mean" if near else f"lists no symbol {shown(name)}"
    reader.fault("symbol", f"the venue {shown(pack.name)} {listed}", suggestion(name, pack.symbols, "symbols"))
    return None


def _size(reader: _Reader, symbol: Symbol | None, mark_price: Decimal | None) -> Decimal | None:
    layout = reader.table.layout
    base = "" if symbol is None else symbol.underlying.casefold()

    def fits(unit: str) -> bool:
        return unit.casefold() in _CONTRACTS if layout.size_is_in_contracts else unit.casefold() == base

    wanted = "the size in contracts" if layout.size_is_in_contracts else "the size in base units, the coin itself"
    before = len(reader.faults)
    if symbol is None:  # its coin is not known, so a unit cannot be judged
        figure = reader.figure("quantity")
        size = None if figure is None else figure.value
    else:
        size = reader.number("quantity", fits, wanted)
    if reader.text("quantity") is None:
        reader.fault("quantity", "the size is blank", f"give {wanted}")
    direction = _direction(reader)
    if size is None or direction is None or len(reader.faults) > before:
        return None
    if direction > 0 > size:
        problem = f"the side is {shown(reader.text('side'))}, and the size is below zero"
        reader.fault("quantity", problem, "correct one of the two")
        return None
    signed = direction * abs(size) if direction else size
    if not layout.size_is_in_contracts:
        return signed
    contract = _contract_size(reader, abs(signed), mark_price)
    return None if contract is None else signed * contract


def _direction(reader: _Reader) -> int | None:
    """1 for long, -1 for short, 0 where the sign of the size tells; None beside a fault."""
    if "side" not in reader.table.columns:
        return 0
    text = reader.text("side")
    word = (text or "").casefold()
    if word in _LONG or word in _SHORT:
        return 1 if word in _LONG else -1
    if word in _EITHER and not reader.table.layout.size_is_unsigned:
        return 0
    reader.fault(
        "side", f"the side is {'blank' if text is None else shown(text)}", "write long or short, or buy or sell"
    )
    return None


def _contract_size(reader: _Reader, contracts: Decimal, mark_price: Decimal | None) -> Decimal | None:
    before = len(reader.faults)
    stated = reader.number("contract_size", lambda unit: True, "")
    if stated is not None and stated > 0:
        return stated
    notional = reader.number("position_value", lambda unit: unit == "USD", "it in USD")
    if len(reader.faults) == before and stated is None and notional and mark_price:
        ratio = abs(notional) / (contracts * mark_price)
        power = Decimal(1).scaleb(ratio.adjusted() + (ratio.scaleb(-ratio.adjusted()) > 3))
        if abs(ratio / power - 1) <= Decimal("0.02"):
            told = f"a contract is taken to be {figure_text(power)} base units"
            reader.notice(
                "quantity", told, "the power of ten that agrees with notionalUsd; a column ctVal would state it"
            )
            return power
    problem = "how many base units a contract holds is not known"
    reader.fault("contract_size", problem, "add a column ctVal, from the venue's list of instruments")
    return None


def _margin(reader: _Reader) -> Margin | None:
    layout, text = reader.table.layout, reader.text("mode")
    if text is None and layout.mode_from_collateral and "mode" not in reader.table.columns:
        before = len(reader.faults)
        amounts = [reader.money(role) for role in ("collateral", "equity")]
        return None if len(reader.faults) > before else "isolated" if any(amounts) else "cross"
    words = {**_MODES, **layout.modes}
    meant = {words[word] for word in re.findall(r"[a-z0-9]+", (text or "").casefold()) if word in words}
    if len(meant) == 1:
        return meant.pop()
    what = "blank" if text is None else shown(text)
    reader.fault("mode", f"the margin mode is {what}", "write isolated or cross")
    return None


def _collateral(
    reader: _Reader, margin: Margin, size: Decimal, entry_price: Decimal, mark_price: Decimal | None
) -> Decimal | None:
    """Money behind the position without its unrealized pnl; None beside a fault, or where a cross position has none."""
    layout = reader.table.layout
    if margin == "cross" and not layout.cross_collateral:
        return None
    before = len(reader.faults)
    amount = reader.money("collateral")
    if not amount and "equity" in reader.table.columns and (equity := reader.money("equity")):
        pnl = reader.money("unrealized_pnl")
        if pnl is None and mark_price is not None:
            pnl = size * (mark_price - entry_price)
        if pnl is None and len(reader.faults) == before:
            problem = "the margin holds the unrealized pnl, and neither that nor a mark price is stated"
            reader.fault("equity", problem, "add the unrealized pnl")
        amount = None if pnl is None else equity - pnl
    if len(reader.faults) > before:
        return None
    if amount is None and margin == "isolated":
        amount = _from_leverage(reader, size, entry_price)
        if amount is None and len(reader.faults) == before:
            remedy = "give the money behind the position, or its leverage"
            reader.fault("collateral", "the position is isolated, and its margin is not stated", remedy)
    if amount is not None and amount <= 0:
        problem = f"the margin behind the position is {figure_text(amount)}"
        reader.fault("collateral", problem, "it is above 0; correct it, or call the position cross")
        return None
    return amount


def _from_leverage(reader: _Reader, size: Decimal, entry_price: Decimal) -> Decimal | None:
    leverage = reader.number("leverage", lambda unit: unit.casefold() == "x", "a leverage such as 20 or 20x")
    if leverage is None or leverage <= 0:
        return None
    amount = _DERIVED.divide(abs(size) * entry_price, leverage)
    told = f"the margin is not stated; collateral is the entry notional over the leverage, {figure_text(amount)}"
    reader.notice("leverage", told, "state it where margin was added or taken out")
    return amount
