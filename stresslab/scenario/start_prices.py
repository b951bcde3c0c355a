"""Start price of every underlying and mark price of every position (DESIGN 7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from stresslab.book.book import Position
from stresslab.book.marks import marks_by_symbol, notional_problem
from stresslab.book.reading import BookDraft
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath


def start_prices(
    document: Document,
    prices: Mapping[str, tuple[KeyPath, float]],
    draft: BookDraft,
    findings: Findings,
    shared: Mapping[str, float] = MappingProxyType({}),
) -> tuple[dict[str, float], tuple[Position, ...]]:
    """Settle where prices start, and mark the book there.

    The start price of an underlying is the scenario's; else the first mark price that the book states on it; else that
    of the scenario's other books; else the entry price of its first position. Where the book states several marks on
    one underlying, they keep their ratios: a constant basis. A position without a mark takes that of another position
    in its symbol, else the start price.

    Parameters
    ----------
    document : Document
        The scenario.
    prices : mapping of str to (path, float)
        Prices that the scenario states, by underlying, and where.
    draft : BookDraft
        The book; positions with faults are passed over.
    findings : Findings
        Takes a warning where the scenario's price and the book's marks differ, and where an entry price has to serve;
        a fault where a position's notional at its mark is beyond what can be simulated.
    shared : mapping of str to float
        Start prices by underlying that several books of a scenario share; empty where there is one.

    Returns
    -------
    dict of str to float
        Start prices, in order of first appearance in the book.
    tuple of Position
        The positions, each with a mark price.
    """
    placed = [(path, position) for path, position in zip(draft.paths, draft.positions, strict=True) if position]
    starts: dict[str, float] = {}
    bases: dict[str, float] = {}
    for underlying in dict.fromkeys(position.symbol.underlying for _, position in placed):
        group = [(path, position) for path, position in placed if position.symbol.underlying == underlying]
        starts[underlying], bases[underlying] = _start(
            document, underlying, prices.get(underlying), group, draft, findings, shared.get(underlying)
        )
    by_symbol = marks_by_symbol(position for _, position in placed)
    marked = []
    for path, position in placed:
        start, base = starts[position.symbol.underlying], bases[position.symbol.underlying]
        stated = position.mark_price if position.mark_price is not None else by_symbol.get(position.symbol.name, base)
        # Dividing and multiplying by the same figure would cost a unit in the last place.
        mark = stated if start == base else start * (stated / base)
        refusal = notional_problem(position.quantity, mark, position.symbol.contract, position.symbol.contract_size)
        if refusal is not None:
            price = prices.get(position.symbol.underlying)
            findings.fault(*((draft.document, path) if price is None else (document, price[0])), *refusal)
        marked.append(replace(position, mark_price=mark))
    return starts, tuple(marked)


def _start(
    document: Document,
    underlying: str,
    stated: tuple[KeyPath, float] | None,
    group: Sequence[tuple[KeyPath, Position]],
    draft: BookDraft,
    findings: Findings,
    shared: float | None,
) -> tuple[float, float]:
    """Start price, and the mark in the book that corresponds to it."""
    marks = [position.mark_price for _, position in group if position.mark_price is not None]
    if stated is not None:
        path, price = stated
        if not marks or price in marks:
            return price, price
        problem = (
            f"the start price {price:_.10g} of {shown(underlying)} differs from the book's mark price {marks[0]:_.10g}"
        )
        findings.notice(document, path, problem, "the scenario's price is used; make the two equal, or state one alone")
        return price, marks[0]
    if marks:
        return marks[0], marks[0]
    if shared is not None:
        problem = f"no price of {shown(underlying)} is stated here; {shared:_.10g} is used, as in the other books"
        remedy = "state mark_price here, or price in the scenario's market"
        findings.notice(draft.document, group[0][0], problem, remedy)
        return shared, shared
    held = [(path, position) for path, position in group if not position.is_collateral]
    if not held:
        problem = f"no price of the collateral asset {shown(underlying)} is stated"
        findings.fault(draft.document, group[0][0], problem, "state mark_price here, or price in the scenario's market")
        return 1.0, 1.0
    path, position = held[0]
    problem = f"no price of {shown(underlying)} is stated; its entry price {position.entry_price:_.10g} is used"
    findings.notice(draft.document, path, problem, "state mark_price here, or price in the scenario's market")
    return position.entry_price, position.entry_price
