"""Where a pool on one price has a positive surplus, under any tier rule, by division alone.

Every rule comes to lines in unit value (price if linear, one over price if inverse), so surplus is a straight line
between the edges of tiers. It may jump at an edge, and then need not rise or fall throughout; the interval that counts
is the one around today's price.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stresslab.venues.rules.lines import RequirementLines
from stresslab.venues.rules.margin_rules import is_liquidated


@dataclass(frozen=True)
class Leg:
    """One position that moves with the price.

    Parameters
    ----------
    exposure : float
        Signed slope of its pnl in its own unit value.
    entry_value : float
        Unit value at entry, positive.
    requirement : RequirementLines
        What the venue demands, any closing fee in the trigger included.
    scale : float
        Its unit value over the one that is solved for, positive: 1 where the marks agree.
    """

    exposure: float
    entry_value: float
    requirement: RequirementLines
    scale: float = 1.0

    def surplus(self, value: float) -> float:
        """Pnl less requirement where the unit value solved for is this."""
        own = value * self.scale
        return self.exposure * (own - self.entry_value) - self.requirement.at(own)


def surviving_values(
    legs: Sequence[Leg], available: float, today: float, trigger: str = "at_or_below"
) -> tuple[float, float] | None:
    """Unit values around today's at which a pool is not liquidated.

    Parameters
    ----------
    legs : sequence of Leg
        The positions that move, at least one.
    available : float
        Collateral, with the pnl of positions that stand still added and their requirement subtracted.
    today : float
        Unit value today, positive.
    trigger : {"at_or_below", "below"}
        Whether a surplus of 0 liquidates.

    Returns
    -------
    tuple of float or None
        Ends of the interval that holds today's value, or of the nearest one where the pool is liquidated today: lower
        in [0, inf), upper in (0, inf]. None where no positive value leaves a surplus.
    """
    kinks = sorted({start / leg.scale for leg in legs for start in leg.requirement.starts})
    intervals: list[tuple[float, float]] = []
    for lower, upper in zip(kinks, [*kinks[1:], math.inf], strict=True):
        inside = lower * 2.0 + 1.0 if upper == math.inf else (lower + upper) / 2.0
        slope, level = 0.0, available
        for leg in legs:
            piece = leg.requirement.piece_of(inside * leg.scale)
            slope += (leg.exposure - leg.requirement.slopes[piece]) * leg.scale
            level -= leg.exposure * leg.entry_value + leg.requirement.constants[piece]
        start, end = _positive_part(slope, level, lower, upper, trigger)
        if not start < end:
            continue
        if intervals and intervals[-1][1] == start:
            intervals[-1] = (intervals[-1][0], end)
        else:
            intervals.append((start, end))
    if not intervals:
        return None
    return min(intervals, key=lambda ends: max(ends[0] - today, today - ends[1], 0.0))


def _positive_part(slope: float, level: float, lower: float, upper: float, trigger: str) -> tuple[float, float]:
    if slope == 0.0:
        return (upper, upper) if is_liquidated(level, trigger) else (lower, upper)
    root = -level / slope
    return (max(lower, root), upper) if slope > 0.0 else (lower, min(upper, root))


def liquidation_value(legs: Sequence[Leg], available: float, today: float, trigger: str = "at_or_below") -> float:
    """Unit value at which a pool is liquidated: on the losing side of today's where there is one, else on the other.

    Parameters
    ----------
    legs : sequence of Leg
        The positions that move, at least one.
    available : float
        Collateral, with the pnl of positions that stand still added and their requirement subtracted.
    today : float
        Unit value today, positive.
    trigger : {"at_or_below", "below"}
        Whether a surplus of 0 liquidates.

    Returns
    -------
    float
        Positive, or 0 or infinity where there is none.
    """
    interval = surviving_values(legs, available, today, trigger)
    if interval is None:
        return 0.0
    lower, upper = interval
    if math.fsum(leg.exposure * leg.scale for leg in legs) < 0.0:
        return upper if upper < math.inf else lower
    return lower if lower > 0.0 else upper
