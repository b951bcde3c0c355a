"""Hyperliquid perpetuals: the positions of ``clearinghouseState`` as a table.

The venue's own spreadsheet is not known to us from a primary source; nested fields are expected under joined names,
such as ``position.leverage.type``. ``szi`` is signed. ``marginUsed`` of an isolated position is its raw money plus
its value, and so holds the unrealized pnl: in the venue's published example -95.059824 + 100.02765 = 4.967826. The
mark price is ``positionValue`` over the size.
"""

from __future__ import annotations

from stresslab.book.exports.layout import Layout


def _nested(*fields: str) -> tuple[str, ...]:
    return tuple(name for text in fields for name in (text, f"position.{text}"))


LAYOUT = Layout(
    name="Hyperliquid",
    columns={
        "symbol": _nested("coin"),
        "quantity": _nested("szi"),
        "entry_price": _nested("entryPx"),
        "mark_price": _nested("markPx"),
        "position_value": _nested("positionValue"),
        "mode": _nested("leverage.type"),
        "equity": _nested("marginUsed"),
        "unrealized_pnl": _nested("unrealizedPnl"),
        "leverage": _nested("leverage.value"),
    },
    required=(("symbol",), ("quantity",), ("entry_price",), ("mode",)),
    currency="USDC",
    symbol_is_underlying=True,
)
