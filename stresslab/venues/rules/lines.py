"""A requirement as lines: what every tier rule comes to before anything is solved or compiled."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass


@dataclass(frozen=True)
class RequirementLines:
    """Requirement of one position as a piecewise straight function of its notional, or of its unit value.

    Parameters
    ----------
    starts : tuple of float
        Where each piece begins; the first is 0, strictly rising. A value on an edge belongs to the piece below.
    slopes, constants : tuple of float
        On its piece the requirement is ``slope * value + constant``. It may jump between pieces.
    """

    starts: tuple[float, ...]
    slopes: tuple[float, ...]
    constants: tuple[float, ...]

    def piece_of(self, value: float) -> int:
        """Index of the piece that holds a value."""
        return max(bisect_left(self.starts, value) - 1, 0)

    def at(self, value: float) -> float:
        """Requirement at a value."""
        piece = self.piece_of(value)
        return self.slopes[piece] * value + self.constants[piece]


def constant(amount: float) -> RequirementLines:
    """A requirement that does not move with the price."""
    return RequirementLines((0.0,), (0.0,), (amount,))


def in_unit_value(lines: RequirementLines, exposure: float) -> RequirementLines:
    """Lines in notional as lines in unit value, of which notional is exposure times."""
    return RequirementLines(
        tuple(start / exposure for start in lines.starts),
        tuple(slope * exposure for slope in lines.slopes),
        lines.constants,
    )


def raised(lines: RequirementLines, slope: float = 0.0, amount: float = 0.0) -> RequirementLines:
    """Lines with a slope and an amount added to every piece."""
    return RequirementLines(
        lines.starts,
        tuple(each + slope for each in lines.slopes),
        tuple(each + amount for each in lines.constants),
    )
