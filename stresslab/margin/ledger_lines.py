"""Names of the ledger's lines."""

from __future__ import annotations

# Positive amounts raise the pool's equity. Fees and forfeits are never positive, insurance draws never negative,
# and transfers bring money in from outside the wallet.
LINES = (
    "price_pnl",
    "funding",
    "liquidation_fee",
    "forfeit",
    "insurance_draw",
    "transfers",
)
