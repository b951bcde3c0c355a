"""Names of the ledger's lines."""

from __future__ import annotations

# Positive amounts raise the account's equity. Fees, slippage and forfeits are never positive, insurance draws never
# negative, and transfers bring money in from outside the wallet.
LINES = (
    "price_pnl",
    "funding",
    "trading_fee",
    "liquidation_fee",
    "slippage",
    "forfeit",
    "insurance_draw",
    "transfers",
)
