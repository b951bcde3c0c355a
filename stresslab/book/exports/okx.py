"""OKX perpetual swaps: the fields of the version 5 positions as a table.

The headings of the spreadsheet that the venue's web page offers are not known to us from a primary source. ``pos``
counts contracts, signed where ``posSide`` is ``net`` and without a sign where it is ``long`` or ``short``. The size
of a contract is not part of the fields: a column ``ctVal`` (of the venue's list of instruments) may be added; without
it, it is the power of ten that agrees with ``notionalUsd`` to 2 %, and a row where none does is refused. ``margin``
is the money behind an isolated position without its unrealized pnl.
"""

from __future__ import annotations

from stresslab.book.exports.layout import Layout

LAYOUT = Layout(
    name="OKX",
    columns={
        "symbol": ("instId",),
        "quantity": ("pos",),
        "side": ("posSide",),
        "entry_price": ("avgPx",),
        "mark_price": ("markPx",),
        "position_value": ("notionalUsd",),
        "mode": ("mgnMode",),
        "collateral": ("margin",),
        "leverage": ("lever",),
        "currency": ("ccy",),
        "contract_size": ("ctVal",),
    },
    required=(("symbol",), ("quantity",), ("side",), ("entry_price",), ("mode",)),
    size_is_in_contracts=True,
    symbol_ending="-SWAP",
)
