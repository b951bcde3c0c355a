"""Cross pools under the rules of every shipped pack: what `explain` shows, put back into `explain`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.explanation import PoolExplanation, explain
from stresslab.venues.contracts import notional
from stresslab.venues.reading import read_pack, shipped_pack_names

PACKS = {name: read_pack(name) for name in shipped_pack_names()}


def pool_at(book: Book, marks: list[float]) -> PoolExplanation:
    """The cross pool with other marks."""
    moved = tuple(replace(each, mark_price=mark) for each, mark in zip(book.positions, marks, strict=True))
    pool = Pool("cross", tuple(range(len(moved))), book.wallet_balance)
    return explain(replace(book, positions=moved), [Configuration("all_cross", (pool,), 0.0)]).pools[0]


@pytest.mark.parametrize("name", PACKS)
@given(
    sizes=st.lists(st.floats(-40e3, 40e3).filter(lambda x: abs(x) > 100.0), min_size=2, max_size=3),
    moves=st.lists(st.floats(0.9, 1.1), min_size=3, max_size=3),
    leverage=st.floats(1.5, 20.0),
)
def test_surplus_and_equity_vanish_at_the_prices_shown(name, sizes, moves, leverage):
    """Oracle: the pool's own surplus and equity, reckoned anew with the shown price as the mark of its symbol."""
    pack = PACKS[name]
    symbols = list(pack.symbols.values())
    if symbols[0].rules.closing_fee == "bankruptcy":
        sizes = sizes[:1]  # with several, the fee of one depends on the others' pnl and is held at today's marks
    entry = 40e3
    positions = []
    for index, (size, move) in enumerate(zip(sizes, moves, strict=False)):
        symbol = symbols[index % min(len(symbols), 2)]
        if symbol.contract != symbols[0].contract:
            symbol = symbols[0]
        quantity = size if symbol.contract == "inverse" else size / entry
        positions.append(Position(str(index), symbol, quantity, entry * move, entry, "cross", None))
    first = positions[0].symbol
    gross = sum(notional(p.quantity, entry, first.contract, first.contract_size) for p in positions)
    book = Book("fuzz", pack, "USD", gross / leverage, tuple(positions), "")
    marks = [entry] * len(positions)
    shown = pool_at(book, marks)
    for leg in shown.positions:
        for price, figure in ((leg.liquidation_price, "surplus"), (leg.bankruptcy_price, "equity")):
            if price is None:
                continue
            there = pool_at(book, [price if each.symbol == leg.symbol else entry for each in shown.positions])
            scale = gross + sum(each.notional + abs(each.unrealized_pnl) for each in there.positions)
            assert getattr(there, figure) == pytest.approx(0.0, abs=1e-9 * scale)
