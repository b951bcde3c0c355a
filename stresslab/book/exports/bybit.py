"""Bybit linear perpetuals: the fields of the version 5 position list as a table.

The headings of the spreadsheet that the venue's web page offers are not known to us from a primary source. ``size``
has no sign. ``tradeMode`` is 0 for cross and 1 for isolated; accounts under unified margin choose the mode for the
whole account and show 0 here whichever it is. ``positionBalance`` is the margin behind the position without its
unrealized pnl; ``positionIM``, the initial margin, stands in for it where it is blank.
"""

from __future__ import annotations

from stresslab.book.exports.layout import Layout

LAYOUT = Layout(
    name="Bybit",
    columns={
        "symbol": ("symbol",),
        "quantity": ("size",),
        "side": ("side",),
        "entry_price": ("avgPrice", "entryPrice"),
        "mark_price": ("markPrice",),
        "mode": ("tradeMode",),
        "collateral": ("positionBalance", "positionIM"),
        "leverage": ("leverage",),
        "currency": ("settleCoin",),
    },
    required=(("symbol",), ("quantity",), ("side",), ("entry_price",), ("mode",)),
    modes={"0": "cross", "1": "isolated"},
    size_is_unsigned=True,
    caution="tradeMode 0 is read as cross; under unified margin it is 0 for isolated positions too: check the "
    "margin mode of the account, and write isolated in this column where it applies",
)
