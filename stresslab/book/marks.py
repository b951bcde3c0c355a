"""Mark prices of a book: one contract has one, and a position's notional at it is one that can be simulated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stresslab.book.book import Position
from stresslab.documents.fields import LARGEST_AMOUNT, SMALLEST_AMOUNT
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.venues.contracts import notional as notional_of


def marks_by_symbol(positions: Iterable[Position]) -> dict[str, float]:
    """The first mark price that is stated for each contract, by the contract's name."""
    marks: dict[str, float] = {}
    for position in positions:
        if position.mark_price is not None:
            marks.setdefault(position.symbol.name, position.mark_price)
    return marks


def with_marks(positions: Sequence[Position]) -> tuple[Position, ...]:
    """The positions, each without a mark price given the one that another position states for its contract.

    A collateral asset takes the mark, or else the entry price, of the first contract on it.
    """
    marks = marks_by_symbol(positions)
    return tuple(
        replace(position, mark_price=marks.get(position.symbol.name, _price_of_asset(position, positions)))
        if position.mark_price is None
        else position
        for position in positions
    )


def _price_of_asset(position: Position, positions: Sequence[Position]) -> float | None:
    """Price of a collateral asset by the first contract on it; None for whatever is a contract itself."""
    if not position.is_collateral:
        return None
    held = (other for other in positions if other.symbol.underlying == position.symbol.underlying)
    prices = (other.mark_price or other.entry_price for other in held if not other.is_collateral)
    return next(prices, None)


def check_marks(document: Document, positions: Sequence[tuple[KeyPath, Position | None]], findings: Findings) -> None:
    """Warn where two positions state different marks of one contract, and judge the notional at a mark taken over.

    Parameters
    ----------
    document : Document
        The book.
    positions : sequence of pairs of path and Position or None
        In the order of the file; None where a position has faults of its own.
    findings : Findings
        Takes the warnings, and a fault where a position is too large or too small at the mark of its contract.
    """
    marks = marks_by_symbol(position for _, position in positions if position is not None)
    for path, position in positions:
        first = None if position is None else marks.get(position.symbol.name)
        if position is None or first is None:
            continue
        if position.mark_price is None:
            refusal = notional_problem(
                position.quantity, first, position.symbol.contract, position.symbol.contract_size
            )
            if refusal is not None:
                findings.fault(document, path, *refusal)
        elif position.mark_price != first:
            problem = (
                f"{shown(position.symbol.name)} has two mark prices, {first:_.10g} and {position.mark_price:_.10g}"
            )
            remedy = "each position keeps its own; a contract has one mark price, so make the two equal"
            findings.notice(document, (*path, "mark_price"), problem, remedy)


def notional_problem(
    quantity: float, price: float, contract: str = "linear", contract_size: float = 1.0
) -> tuple[str, str] | None:
    """What is wrong with the size of a position at a price, as problem and remedy, or None."""
    notional = notional_of(quantity, price, contract, contract_size)
    if SMALLEST_AMOUNT <= notional <= LARGEST_AMOUNT:
        return None
    side = "below" if notional < SMALLEST_AMOUNT else "above"
    limit = SMALLEST_AMOUNT if notional < SMALLEST_AMOUNT else LARGEST_AMOUNT
    problem = f"a quantity of {quantity:g} at a price of {price:g} has a notional of {notional:g}, {side} {limit:g}"
    how = "quantity times price" if contract == "linear" else "contracts times contract size over price"
    return problem, f"check the units of both: the notional is {how}, in the account's currency"
