"""Tables from the inputs of published figures."""

from __future__ import annotations

from typing import Any

from stresslab.venues.tiers import TierTable

Figures = dict[str, Any]


def flat(rate: float = 1.0, leverage: float = 1.0) -> TierTable:
    return TierTable((0.0,), (rate,), (leverage,))


def tier_table(brackets: list[list[float]]) -> TierTable:
    """Rows are floor, cap, rate and, where given, leverage and amount; the amounts are left to the recursion."""
    floors, rates = tuple(float(row[0]) for row in brackets), tuple(float(row[2]) for row in brackets)
    return TierTable(floors, rates, tuple(1.0 for _ in brackets))


def table_of(rate: float, amount: float) -> TierTable:
    """Two tiers of which the upper has the rate and amount, or one where the amount is 0."""
    return TierTable((0.0, 2.0 * amount / rate), (rate / 2.0, rate), (1.0, 1.0)) if amount else flat(rate)


def signed(leg: Figures) -> float:
    return float(leg["side"] * leg["qty"])
