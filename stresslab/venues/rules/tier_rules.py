"""Tier rules: from a table and a position's size to its requirement as lines in notional, one function a rule.

A rule is one function for the maintenance margin, one for the initial rate, and one row of `TIER_RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stresslab.venues.rules.lines import RequirementLines
from stresslab.venues.tiers import TierTable

MEASURES = ("notional", "size")
DISCOUNT = 0.8  # of the base rate, on which the premium for size is put (VENUES section 12)


@dataclass(frozen=True)
class Holding:
    """Size of one position as tier rules see it.

    Parameters
    ----------
    quantity : float
        Absolute size as a book states it: base units, or contracts. Positive.
    by_size : bool
        Whether the table's floors count quantity instead of notional.
    size_factor : float
        Rise of the rate with size, for the rules that have one.
    """

    quantity: float
    by_size: bool = False
    size_factor: float = 0.0

    def measure(self, notional: float) -> float:
        """What the table's floors count."""
        return self.quantity if self.by_size else notional


@dataclass(frozen=True)
class TierRule:
    """One way to read a tier table.

    Parameters
    ----------
    requirement : function
        From a table and a holding to the maintenance margin as lines in notional.
    initial_rate : function
        From a table, a holding and a notional to the initial margin over notional.
    continuous : bool
        Whether the table holds maintenance amounts that make the requirement continuous; otherwise they are 0.
    needs_factor : bool
        Whether the rule reads a size factor.
    """

    requirement: Callable[[TierTable, Holding], RequirementLines]
    initial_rate: Callable[[TierTable, Holding, float], float]
    continuous: bool
    needs_factor: bool


def marginal(tiers: TierTable, holding: Holding) -> RequirementLines:
    """Each rate applies to the part of the position within its tier (METHODS M3)."""
    if holding.by_size:
        rate = float(tiers.maintenance_margin(holding.quantity)) / holding.quantity
        return RequirementLines((0.0,), (rate,), (0.0,))
    return RequirementLines(
        tiers.floors, tiers.maintenance_rates, tuple(-amount for amount in tiers.maintenance_amounts)
    )


def whole_position(tiers: TierTable, holding: Holding) -> RequirementLines:
    """The rate of the tier reached applies to the whole position, so the requirement jumps at each edge."""
    if holding.by_size:
        rate = tiers.maintenance_rates[tiers.tier_of(holding.quantity)]
        return RequirementLines((0.0,), (rate,), (0.0,))
    return RequirementLines(tiers.floors, tiers.maintenance_rates, tuple(0.0 for _ in tiers.floors))


def size_slope(tiers: TierTable, holding: Holding) -> RequirementLines:
    """The rate rises in a straight line with size, and applies to the whole position (VENUES section 9)."""
    rate = tiers.maintenance_rates[0] + holding.size_factor * holding.quantity
    return RequirementLines((0.0,), (rate,), (0.0,))


def square_root(tiers: TierTable, holding: Holding) -> RequirementLines:
    """The rate rises with the square root of size above a discounted base, and never falls below the base."""
    rate = _root_rate(tiers.maintenance_rates[0], holding)
    return RequirementLines((0.0,), (rate,), (0.0,))


def _root_rate(base: float, holding: Holding) -> float:
    return max(base, DISCOUNT * base + holding.size_factor * math.sqrt(holding.quantity))


def _by_tier(tiers: TierTable, holding: Holding, notional: float) -> float:
    return 1.0 / tiers.maximal_leverage(holding.measure(notional))


def _by_slope(tiers: TierTable, holding: Holding, notional: float) -> float:
    return 1.0 / tiers.maximal_leverages[0] + holding.size_factor * holding.quantity


def _by_root(tiers: TierTable, holding: Holding, notional: float) -> float:
    return _root_rate(1.0 / tiers.maximal_leverages[0], holding)


TIER_RULES: Mapping[str, TierRule] = MappingProxyType(
    {
        "marginal": TierRule(marginal, _by_tier, continuous=True, needs_factor=False),
        "whole_position": TierRule(whole_position, _by_tier, continuous=False, needs_factor=False),
        "size_slope": TierRule(size_slope, _by_slope, continuous=False, needs_factor=True),
        "square_root": TierRule(square_root, _by_root, continuous=False, needs_factor=True),
    }
)
