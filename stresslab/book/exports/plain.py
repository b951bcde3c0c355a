"""A plain table: what a spreadsheet kept by hand, or copied from a venue's page, is likely to call its columns.

Sizes are in base units. Without a column of sides, the sign of the size tells long from short.
"""

from __future__ import annotations

from stresslab.book.exports.layout import Layout

LAYOUT = Layout(
    name="plain",
    columns={
        "id": ("id",),
        "symbol": ("symbol", "contract", "instrument", "market", "pair"),
        "quantity": ("quantity", "qty", "size", "position size", "amount"),
        "side": ("side", "direction", "position side"),
        "entry_price": ("entry price", "average entry price", "avg entry price", "average price", "avg price", "entry"),
        "mark_price": ("mark price", "mark"),
        "mode": ("margin mode", "margin type", "margin"),
        "collateral": ("collateral", "isolated collateral", "isolated wallet"),
        "leverage": ("leverage",),
        "currency": ("currency", "margin asset", "settle coin"),
    },
    required=(("symbol",), ("quantity",), ("entry_price",), ("mode",)),
    cross_collateral=True,
)
