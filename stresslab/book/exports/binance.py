"""Binance USDT-margined perpetuals: the fields of ``positionRisk`` and of the account's positions as a table.

The headings of the spreadsheet that the venue's web page offers are not known to us from a primary source; the fields
of its interface are (positionRisk versions 2 and 3). ``positionAmt`` is signed in both position modes.
``isolatedWallet`` is the money behind an isolated position; ``isolatedMargin`` is that plus the unrealized pnl.
Version 3 does not state the margin mode, and gives both of these as 0 where it is cross.
"""

from __future__ import annotations

from stresslab.book.exports.layout import Layout

LAYOUT = Layout(
    name="Binance",
    columns={
        "symbol": ("symbol",),
        "quantity": ("positionAmt", "positionAmount"),
        "side": ("positionSide",),
        "entry_price": ("entryPrice",),
        "mark_price": ("markPrice",),
        "mode": ("marginType", "isolated"),
        "collateral": ("isolatedWallet",),
        "equity": ("isolatedMargin",),
        "unrealized_pnl": ("unRealizedProfit",),
        "leverage": ("leverage",),
        "currency": ("marginAsset",),
    },
    required=(("symbol",), ("quantity",), ("entry_price",), ("mode", "collateral", "equity")),
    modes={"true": "isolated", "false": "cross"},
    mode_from_collateral=True,
)
