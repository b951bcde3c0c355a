"""A twin of the venue's procedures: how much of which position a reduction closes (VENUES section 15)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stresslab.book.book import Position
from tests.oracles.twin import gain, value

if TYPE_CHECKING:
    from tests.oracles.account_twin import AccountPool

# A reduction to a floor ends this share below it; of a position of which less than that is left nothing is left.
HAIR, REMNANT = 1e-4, 0.01


def counted(position: Position, price: float) -> float:
    """What the floors of the tiers count."""
    rules = position.symbol.rules
    if rules.tier_measure == "size":
        return abs(position.quantity)
    return value(position, position.entry_price if rules.requirement_at == "entry" else price)


def part_of_leg(pool: AccountPool, position: Position, price: float) -> float:
    """What one reduction closes of a position by itself."""
    venue = pool.scenario.book.venue
    if venue.liquidation_procedure == "steps":
        return venue.reduction.step
    if venue.liquidation_procedure == "full":
        return 1.0
    size, floors = counted(position, price), position.symbol.tiers.floors
    passed = [floor for floor in floors if pool.doubt.exceeds(size, floor)]
    return 1.0 if len(passed) <= venue.reduction.full_tiers else 1.0 - passed[-1] * (1.0 - HAIR) / size


def next_reduction(pool: AccountPool, logs: Sequence[float]) -> dict[int, float] | None:
    """Part of each open leg that the next reduction closes; None where everything is closed at once."""
    venue = pool.scenario.book.venue
    order = venue.reduction.order
    if venue.liquidation_procedure == "full" and order == "together":
        return None
    held = {leg: position for leg, position in enumerate(pool.positions) if pool.shares[leg] > 0.0}
    prices = {leg: pool.price(leg, logs) for leg in held}
    parts = {leg: part_of_leg(pool, position, prices[leg]) for leg, position in held.items()}
    if order == "together":
        if any(part < 1.0 for part in parts.values()):
            parts = {leg: part if part < 1.0 else 0.0 for leg, part in parts.items()}
    else:
        pairs = offset(pool, held, prices) if order == "pairs_first" else {}
        if any(part > 0.0 for part in pairs.values()):
            parts = pairs
        elif held:
            losses = sorted((gain(position, prices[leg]), leg) for leg, position in held.items())
            if len(losses) > 1:
                pool.doubt.exceeds(losses[1][0], losses[0][0])
            parts = {leg: part if leg == losses[0][1] else 0.0 for leg, part in parts.items()}
    for leg, part in parts.items():
        if 0.0 < part < 1.0 and not pool.doubt.exceeds(pool.shares[leg] * (1.0 - part), REMNANT):
            parts[leg] = 1.0
    return parts


def offset(pool: AccountPool, held: Mapping[int, Position], prices: Mapping[int, float]) -> dict[int, float]:
    """Part of each leg that a leg on the other side of the same asset matches."""
    sums: dict[tuple[int, float], float] = {}
    for leg, position in held.items():
        side = (pool.assets[leg], math.copysign(1.0, position.quantity))
        sums[side] = sums.get(side, 0.0) + value(position, prices[leg])
    return {
        leg: min(1.0, sums.get((pool.assets[leg], -side), 0.0) / sums[pool.assets[leg], side])
        for leg, side in ((leg, math.copysign(1.0, position.quantity)) for leg, position in held.items())
    }


def ratio_of_closed(pool: AccountPool, parts: Mapping[int, float], logs: Sequence[float]) -> float:
    """Notional that is closed over the pool's."""
    notionals = {leg: value(pool.positions[leg], pool.price(leg, logs)) for leg in parts}
    return sum(part * notionals[leg] for leg, part in parts.items()) / sum(notionals.values())
