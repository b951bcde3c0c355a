"""A book's positions as the arrays that compiled programs take, each [..., position, 1], float32."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stresslab.venues import contracts
from stresslab.venues.rules.margin_rules import PLAIN
from stresslab.venues.rules.tier_rules import TIER_RULES

if TYPE_CHECKING:
    from jax import Array

    from stresslab.book.book import Position


def single(values: object) -> Array:
    """Values in single precision."""
    return np.asarray(values, dtype=np.float32)  # type: ignore[return-value]


def is_plain(position: Position) -> bool:
    """Whether a position is linear with marginal tiers at the mark and no fee in its trigger."""
    symbol = position.symbol
    return symbol.contract != "inverse" and replace(symbol.rules, trigger=PLAIN.trigger) == PLAIN


def mark_of(position: Position) -> float:
    """The mark, which the scenario has resolved."""
    assert position.mark_price is not None, "the scenario resolves every mark price before a problem is built"
    return position.mark_price


def plain_arrays(positions: Sequence[Position]) -> dict[str, Array]:
    """Notional, side, pnl and tiers of every position, by the names of `PoolParameters`."""
    depth = max(len(position.symbol.tiers.floors) for position in positions)

    def padded(values: Callable[[Position], tuple[float, ...]]) -> np.ndarray:
        columns = [values(position) for position in positions]
        return np.array([[*column, *column[-1:] * (depth - len(column))] for column in columns]).T

    def amounts(position: Position) -> tuple[float, ...]:
        table = position.symbol.tiers
        continuous = TIER_RULES[position.symbol.rules.tier_rule].continuous
        return table.maintenance_amounts if continuous else tuple(0.0 for _ in table.floors)

    def pnl(position: Position) -> float:
        return contracts.unrealized_pnl(
            position.quantity, position.entry_price, mark_of(position), *_contract(position)
        )

    # A repeated last tier adds the same line again to the maximum, and a rise of zero to the slope.
    rates = padded(lambda position: position.symbol.tiers.maintenance_rates)
    return {
        "notional": _column(_notional(position, mark_of(position)) for position in positions),
        "side": _column(math.copysign(1.0, position.quantity) for position in positions),
        "pnl": _column(map(pnl, positions)),
        "rate": single(rates[:, :, None]),
        "amount": single(padded(amounts)[:, :, None]),
        "floor": single(padded(lambda position: position.symbol.tiers.floors)[:, :, None]),
        "rate_rise": single(np.diff(rates, axis=0, prepend=0.0)[:, :, None]),
    }


def rule_arrays(positions: Sequence[Position]) -> dict[str, Array]:
    """What is beyond plain tiers, by the names of `RuleParameters`, but fees at a bankruptcy price."""
    rules = [position.symbol.rules for position in positions]
    sizes = [abs(position.quantity) for position in positions]
    fees = [rule.closing_fee_rate if rule.closing_fee == "mark" else 0.0 for rule in rules]

    def factors(tier_rule: str, sized: Callable[[float], float]) -> Array:
        return _column(
            rule.size_factor * sized(size) if rule.tier_rule == tier_rule else 0.0
            for rule, size in zip(rules, sizes, strict=True)
        )

    return {
        "rises": _flags(position.symbol.contract != "inverse" for position in positions),
        "at_entry": _flags(rule.requirement_at == "entry" for rule in rules),
        "entry_notional": _column(_notional(position, position.entry_price) for position in positions),
        "by_size": _flags(rule.tier_measure == "size" for rule in rules),
        "size": _column(sizes),
        "size_slope": factors("size_slope", float),
        "size_root": factors("square_root", math.sqrt),
        "closing_rate": _column(fees),
        "closing_amount": _column(0.0 for _ in rules),
    }


def kind_arrays(positions: Sequence[Position]) -> dict[str, Array]:
    """Which positions are no perpetual contracts, by the names of `KindParameters`."""
    return {
        "funded": _column(float(position.symbol.contract != "spot") for position in positions),
        "haircut": _column(float(position.is_collateral) for position in positions),
    }


def _contract(position: Position) -> tuple[str, float]:
    return position.symbol.contract, position.symbol.contract_size


def _notional(position: Position, price: float) -> float:
    # Collateral is held at an entry price of 0, at which nothing but its value counts as pnl.
    return contracts.notional(position.quantity, price, *_contract(position)) if price > 0.0 else 0.0


def _column(values: object) -> Array:
    return single(np.array(list(values))[:, None])  # type: ignore[call-overload]


def _flags(values: object) -> Array:
    return np.array(list(values), np.bool_)[:, None]  # type: ignore[call-overload,return-value]
