"""Figures of the positions of one pool at the marks, under the rules of their contracts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stresslab.book.book import Position
from stresslab.margin.price_intervals import Leg, liquidation_value
from stresslab.margin.rule_prices import bankruptcy_price
from stresslab.venues import contracts
from stresslab.venues.contracts import CONTRACTS, price_beside
from stresslab.venues.rules.lines import RequirementLines
from stresslab.venues.rules.margin_rules import requirement_lines, with_closing_fee


def mark_of(position: Position) -> float:
    """The mark price, or the entry price where the book states none."""
    return position.entry_price if position.mark_price is None else position.mark_price


def notional_at(position: Position, price: float) -> float:
    """Absolute value of a position at a price, in the account's currency."""
    symbol = position.symbol
    return contracts.notional(position.quantity, price, symbol.contract, symbol.contract_size)


def pnl_at(position: Position, price: float) -> float:
    """Unrealized pnl at a price, in the account's currency; all the value of an asset that is collateral."""
    symbol = position.symbol
    return contracts.unrealized_pnl(
        position.quantity, position.entry_price, price, symbol.contract, symbol.contract_size
    )


def pnl_of(position: Position) -> float:
    """Unrealized pnl at the mark, in the account's currency."""
    return pnl_at(position, mark_of(position))


def trigger_of(members: Sequence[Position]) -> str:
    """Trigger of a pool: where its contracts differ, the one that acts first."""
    strict = (member.symbol.rules.trigger == "below" for member in members if not member.is_collateral)
    return "below" if all(strict) else "at_or_below"


def closing_fee_of(position: Position, members: Sequence[Position], collateral: float) -> float:
    """Fee to close in the trigger of a member of a pool, at its mark or its bankruptcy price."""
    return requirement_of(position, members, collateral)[1]


def legs_at_ratio(members: Sequence[Position], collateral: float | None) -> list[Leg]:
    """A pool on one underlying as legs of one unknown: unit value over today's, which moves all marks alike.

    Parameters
    ----------
    members : sequence of Position
        The pool.
    collateral : float or None
        Money behind it, on which fees at a bankruptcy price depend; None leaves these fees out.
    """
    legs = []
    for position in members:
        by_collateral = collateral is None and position.symbol.rules.closing_fee == "bankruptcy"
        lines = _lines(position) if by_collateral else _lines_with_fee(position, members, collateral or 0.0)
        legs.append(Leg(_exposure(position), _entry_value(position), lines, _unit_value(position, mark_of(position))))
    return legs


def requirement_of(position: Position, members: Sequence[Position], collateral: float) -> tuple[float, float]:
    """What the venue demands of a member of a pool at its mark.

    Parameters
    ----------
    position : Position
        The member.
    members : sequence of Position
        All of the pool, the member among them.
    collateral : float
        Money behind the pool.

    Returns
    -------
    tuple of float
        Maintenance margin, and the fee to close that counts in the trigger (0 for most venues).
    """
    value = _unit_value(position, mark_of(position))
    margin = _lines(position).at(value)
    return margin, _lines_with_fee(position, members, collateral).at(value) - margin


def liquidation_price_of(position: Position, members: Sequence[Position], collateral: float) -> float | None:
    """Mark of a member's symbol at which the pool is liquidated, all other marks still; None where there is none.

    Members in one symbol move together, as in venues' formulas for both sides of a hedge. A closing fee at the
    bankruptcy price is held still too: in a pool of several, that price of one depends on the pnl of the others.
    """
    moving, still = _apart(position, members)
    legs = [_leg(other, position, members, collateral) for other in moving]
    demanded = [sum(requirement_of(other, members, collateral)) for other in still]
    available = math.fsum([collateral, *map(pnl_of, still), *(-amount for amount in demanded)])
    today = _unit_value(position, mark_of(position))
    value = liquidation_value(legs, available, today, position.symbol.rules.trigger)
    return price_beside(value, today, position.symbol.contract)


def bankruptcy_price_of(position: Position, members: Sequence[Position], collateral: float) -> float | None:
    """Mark of a member's symbol at which the pool's equity is 0, all other marks still; None where there is none."""
    moving, still = _apart(position, members)
    equity_behind = math.fsum([collateral, *map(pnl_of, still)])
    symbol = position.symbol
    if len(moving) == 1:
        return bankruptcy_price(
            position.quantity,
            position.entry_price,
            equity_behind,
            contract=symbol.contract,
            contract_size=symbol.contract_size,
        )
    legs = [_leg(other, position, members, collateral) for other in moving]
    slope = math.fsum(leg.exposure * leg.scale for leg in legs)
    if slope == 0.0:
        return None
    level = math.fsum(leg.exposure * leg.entry_value for leg in legs)
    today = _unit_value(position, mark_of(position))
    return price_beside((level - equity_behind) / slope, today, symbol.contract)


def _apart(position: Position, members: Sequence[Position]) -> tuple[list[Position], list[Position]]:
    name = position.symbol.name
    moving = [other for other in members if other.symbol.name == name]
    return moving, [other for other in members if other.symbol.name != name]


def _unit_value(position: Position, price: float) -> float:
    return CONTRACTS[position.symbol.contract].unit_value(price)


def _entry_value(position: Position) -> float:
    # Collateral is held at an entry price of 0; no contract is.
    return _unit_value(position, position.entry_price) if position.entry_price > 0.0 else 0.0


def _exposure(position: Position) -> float:
    return contracts.exposure(position.quantity, position.symbol.contract, position.symbol.contract_size)


def _leg(position: Position, reference: Position, members: Sequence[Position], collateral: float) -> Leg:
    scale = _unit_value(position, mark_of(position)) / _unit_value(reference, mark_of(reference))
    return Leg(_exposure(position), _entry_value(position), _lines_with_fee(position, members, collateral), scale)


def _lines(position: Position) -> RequirementLines:
    symbol = position.symbol
    return requirement_lines(
        position.quantity, position.entry_price, symbol.tiers, symbol.contract, symbol.contract_size, symbol.rules
    )


def _lines_with_fee(position: Position, members: Sequence[Position], collateral: float) -> RequirementLines:
    behind = math.fsum([collateral, *(pnl_of(other) for other in members if other.id != position.id)])
    return with_closing_fee(
        _lines(position), _exposure(position), _entry_value(position), behind, position.symbol.rules
    )
