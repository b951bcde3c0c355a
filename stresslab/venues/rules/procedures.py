"""What a venue does first with a position that it liquidates, and what becomes of the rest (VENUES section 15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stresslab.venues.tiers import TierTable


@dataclass(frozen=True)
class Reduction:
    """The figures of a procedure beside its name.

    Parameters
    ----------
    step : float
        Share of the position that a step closes, in (0, 1]; read by ``steps``.
    full_tiers : int
        Number of lowest tiers from which a position is closed whole, at least 1; read by ``tiers``.
    pause : float
        Days between two reductions, not negative; 0 where they follow each other at once.
    order : {"together", "worst_first", "pairs_first"}
        Which positions of a pool are reduced: all alike, the one with the largest loss first, or first what longs and
        shorts of one asset offset.
    """

    step: float = 1.0
    full_tiers: int = 1
    pause: float = 0.0
    order: str = "together"


WHOLE = Reduction()
ORDERS = ("together", "worst_first", "pairs_first")


def _whole(measure: float, tiers: TierTable, reduction: Reduction) -> float:
    return 1.0


def _down_a_tier(measure: float, tiers: TierTable, reduction: Reduction) -> float:
    tier = tiers.tier_of(measure)
    return 1.0 if tier < reduction.full_tiers else 1.0 - tiers.floors[tier] / measure


def _by_steps(measure: float, tiers: TierTable, reduction: Reduction) -> float:
    return reduction.step


PROCEDURES: Mapping[str, Callable[[float, TierTable, Reduction], float]] = MappingProxyType(
    {"full": _whole, "tiers": _down_a_tier, "steps": _by_steps}
)


def share_closed_first(procedure: str, measure: float, tiers: TierTable, reduction: Reduction = WHOLE) -> float:
    """Share of a position that the first forced reduction closes.

    Parameters
    ----------
    procedure : {"full", "tiers", "steps"}
        The whole position, as much as leads into the tier below, or a fixed share.
    measure : float
        What the table's floors count, at the mark; positive.
    tiers : TierTable
        The contract's tiers.
    reduction : Reduction, optional
        The figures of the procedure.

    Returns
    -------
    float
        In (0, 1].
    """
    return PROCEDURES[procedure](measure, tiers, reduction)


def _returned(equity: float) -> float:
    return max(equity, 0.0)


def _forfeited(equity: float) -> float:
    return 0.0


REMAINDERS: Mapping[str, Callable[[float], float]] = MappingProxyType({"returned": _returned, "forfeited": _forfeited})


def kept_after_closing(equity: float, remainder: str = "returned") -> float:
    """What the account keeps of the equity that a closed pool has left (METHODS M9).

    Parameters
    ----------
    equity : float
        After prices and fees, signed.
    remainder : {"returned", "forfeited"}
        To the account, or to the venue.

    Returns
    -------
    float
        Not negative: what is missing below 0 is the insurance draw.
    """
    return REMAINDERS[remainder](equity)
