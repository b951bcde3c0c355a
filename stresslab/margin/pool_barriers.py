"""Pools on one price under any margin rule: where they are liquidated, and where their deficit jumps on the way.

Everything is worked out before a program is compiled, in double precision, from the lines that every rule comes to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stresslab.margin.closed_form import single_price_barriers
from stresslab.margin.pool_figures import closing_fee_of, legs_at_ratio, notional_at, pnl_at, trigger_of
from stresslab.margin.position_arrays import is_plain, mark_of
from stresslab.margin.price_intervals import Leg, surviving_values
from stresslab.venues.contracts import CONTRACTS
from stresslab.venues.rules.margin_rules import is_liquidated

if TYPE_CHECKING:
    from stresslab.book.book import Position

_ROUNDING = 1e-12  # of the price today: a root below it is 0 but for rounding
_AT_ONCE = 1e-30  # the distance of a barrier at today's price that has not been reached


@dataclass(frozen=True)
class Edge:
    """A price at which the deficit of a pool on one price has a corner.

    Parameters
    ----------
    ratio : float
        Price over today's price, positive.
    deficit : float
        The larger of the deficits on its two sides; money.
    """

    ratio: float
    deficit: float


def steps_with_price(position: Position) -> bool:
    """Whether the requirement of a position jumps at some prices: rates that hold for all of it, by notional."""
    rules = position.symbol.rules
    by_notional = rules.tier_measure == "notional" and rules.requirement_at == "mark"
    return rules.tier_rule == "whole_position" and by_notional and len(position.symbol.tiers.floors) > 1


def watched_sides(members: Sequence[Position]) -> tuple[int, ...]:
    """Sides, -1 for a fall and +1 for a rise, on which a pool on one price can be liquidated."""
    first = members[0]
    if len(members) > 1 or steps_with_price(first) or first.symbol.rules.size_factor > 0.0:
        return (-1, +1)
    # A requirement that rises by less than the notional does never hurts a position that gains.
    return (-1,) if first.quantity > 0.0 else (+1,)


def barrier_distances(members: Sequence[Position], collateral: float) -> tuple[float, float]:
    """How far the price may fall and rise until a pool on one price is liquidated.

    Parameters
    ----------
    members : sequence of Position
        On one underlying, with their marks, at least one.
    collateral : float
        Money behind them.

    Returns
    -------
    tuple of float
        Logs of today's price over the lower barrier, and of the upper one over today's price; 0 where the pool is
        liquidated today, infinite where no price of that side does it. Where a surplus of 0 does not liquidate and
        today's is 0, the distance is as good as 0 without being it: the first move decides (VENUES section 1).
    """
    lower, upper = _barriers(members, collateral)
    distances = []
    for side, ratio in ((-1, lower), (+1, upper)):
        reachable = _ROUNDING < ratio < 1.0 / _ROUNDING
        distances.append(side * math.log(ratio) + 0.0 if reachable else math.inf)
    alive = not is_liquidated(_surplus_today(members, collateral), trigger_of(members))
    strict = alive and trigger_of(members) == "below"
    return (max(distances[0], _AT_ONCE), max(distances[1], _AT_ONCE)) if strict else (distances[0], distances[1])


def _surplus_today(members: Sequence[Position], collateral: float) -> float:
    return math.fsum([collateral, *(leg.surplus(1.0) for leg in legs_at_ratio(members, collateral))])


def _barriers(members: Sequence[Position], collateral: float) -> tuple[float, float]:
    trigger = trigger_of(members)
    if all(map(is_plain, members)) and trigger == "at_or_below":
        return single_price_barriers(
            [position.quantity for position in members],
            [position.entry_price for position in members],
            [mark_of(position) for position in members],
            [position.symbol.tiers for position in members],
            collateral,
        )
    interval = surviving_values(legs_at_ratio(members, collateral), collateral, 1.0, trigger)
    liquidated = is_liquidated(_surplus_today(members, collateral), trigger)
    if liquidated or interval is None or not interval[0] <= 1.0 <= interval[1]:
        # Both are asked, because at a surplus of 0 they may round to different sides.
        return 1.0, 1.0
    if CONTRACTS[members[0].symbol.contract].direction > 0.0:
        return interval
    lower, upper = interval
    return 1.0 / upper, (1.0 / lower if lower > 0.0 else math.inf)


def equity_at(members: Sequence[Position], collateral: float, ratio: float) -> float:
    """Equity of a pool where every mark has moved by one ratio."""
    return math.fsum([collateral, *(pnl_at(position, mark_of(position) * ratio) for position in members)])


def closed_at(members: Sequence[Position], ratio: float) -> float:
    """Notional that a liquidation closes where every mark has moved by one ratio; collateral is not closed."""
    return math.fsum(
        notional_at(position, mark_of(position) * ratio) for position in members if not position.is_collateral
    )


def edges_of(members: Sequence[Position]) -> tuple[Edge, ...]:
    """Corners of a pool's deficit, where it jumps somewhere; none where it is convex, so that extremes suffice.

    A deficit is a straight line between the edges of tiers, so its largest value over a range of prices stands at an
    end of the range or at one side of an edge inside.

    Parameters
    ----------
    members : sequence of Position
        On one underlying, with their marks.

    Returns
    -------
    tuple of Edge
        In rising order of unit value.
    """
    if not any(map(steps_with_price, members)):
        return ()
    legs = legs_at_ratio(members, None)
    direction = CONTRACTS[members[0].symbol.contract].direction
    edges = sorted({start / leg.scale for leg in legs for start in leg.requirement.starts if start > 0.0})
    return tuple(
        Edge(edge**direction, max(_deficit(legs, edge), _deficit(legs, edge * (1.0 + _ROUNDING)))) for edge in edges
    )


def _deficit(legs: Sequence[Leg], value: float) -> float:
    return -math.fsum(leg.surplus(value) for leg in legs)


def bankruptcy_fees(members: Sequence[Position], collateral: float) -> tuple[float, ...]:
    """Fee to close each member at its bankruptcy price that stands in the trigger; money, 0 for most venues."""
    return tuple(
        closing_fee_of(position, members, collateral) if position.symbol.rules.closing_fee == "bankruptcy" else 0.0
        for position in members
    )


def bankruptcy_fee_line(position: Position, members: Sequence[Position]) -> tuple[float, float]:
    """The same fee of one member as a function of the pool's collateral: level and slope of a line, where positive."""
    rules = position.symbol.rules
    if rules.closing_fee != "bankruptcy":
        return 0.0, 0.0
    (leg,) = legs_at_ratio([position], None)
    others = math.fsum(pnl_at(other, mark_of(other)) for other in members if other.id != position.id)
    charged = rules.closing_fee_rate * abs(leg.exposure)
    slope = charged / (leg.exposure - charged)
    return slope * (leg.exposure * leg.entry_value - others), -slope
