"""Tier tables of a rule pack: every fault of their rows (DESIGN 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.venues.tiers import TierTable

_TOLERANCE = 1e-6  # of a maintenance amount (DESIGN 7.3)
_ROUNDING = 1e-9


def check_tiers(
    document: Document, at: KeyPath, rows: Sequence[Sequence[float]], findings: Findings, *, continuous: bool = True
) -> bool:
    """Check the rows of a tier table against DESIGN 7.3; whether they hold.

    Parameters
    ----------
    document, at : Document and path
        Where the rows stand.
    rows : sequence of rows of four numbers
        Floor, maintenance rate, maintenance amount, maximal leverage.
    findings : Findings
        Takes the faults.
    continuous : bool
        Whether maintenance amounts make the requirement continuous; otherwise they are 0.
    """
    before = len(findings.faults)

    def fault(row: int, column: int, problem: str, remedy: str) -> None:
        findings.fault(document, (*at, row, column), f"tier {row + 1}: {problem}", remedy)

    if rows[0][0] != 0.0:
        fault(0, 0, f"the first tier begins at {rows[0][0]:,.10g}", "the first tier begins at a notional of 0")
    for row, (_, rate, _, leverage) in enumerate(rows):
        if not 0.0 < rate < 1.0:
            fault(
                row,
                1,
                f"the maintenance rate is {rate:g}",
                "give a fraction above 0 and below 1, such as 0.004 for 0.4%",
            )
        elif leverage > (1.0 + _ROUNDING) / rate:
            fault(
                row,
                3,
                f"the maximal leverage {leverage:g} is above 1 / maintenance rate = {1.0 / rate:.6g}",
                "a position opened at it would be liquidated at once: lower the leverage or the rate",
            )
        if leverage < 1.0:
            fault(row, 3, f"the maximal leverage is {leverage:g}", "give at least 1")
    for row, (lower, upper) in enumerate(pairwise(rows), start=1):
        if upper[0] <= lower[0]:
            problem = f"the floor {upper[0]:,.10g} does not rise above {lower[0]:,.10g}, the tier before"
            fault(row, 0, problem, "sort the tiers by their floors, each floor once")
        if upper[1] < lower[1]:
            fault(
                row,
                1,
                f"the maintenance rate falls from {lower[1]:g} to {upper[1]:g}",
                "rates do not fall as notional grows",
            )
        if upper[3] > lower[3]:
            problem = f"the maximal leverage rises from {lower[3]:g} to {upper[3]:g}"
            fault(row, 3, problem, "maximal leverage does not rise as notional grows")
    if len(findings.faults) > before:
        return False  # the amounts follow from floors and rates, so they cannot be judged before these are right
    floors, rates, amounts, leverages = zip(*rows, strict=True)
    if not continuous:
        for row, amount in enumerate(amounts):
            if amount != 0.0:
                problem = f"a maintenance amount of {amount:,.10g}, where rates apply to the whole position"
                fault(row, 2, problem, "write 0")
        return len(findings.faults) == before
    expected = TierTable(floors, rates, leverages).maintenance_amounts
    for row, (amount, right) in enumerate(zip(amounts, expected, strict=True)):
        if abs(amount - right) > _TOLERANCE * max(abs(amount), abs(right)) + _ROUNDING:
            problem = f"the maintenance amount {amount:,.10g} does not continue the requirement of the tier before"
            fault(row, 2, problem, f"write {right:.10g} (amount before + floor x rise of the rate)")
    return len(findings.faults) == before
