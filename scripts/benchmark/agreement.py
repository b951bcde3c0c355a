"""Whether the rows did the same work: their probabilities of liquidation must agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from scripts.benchmark.row import Finding, Row

ALLOWED = 4.0


class Difference(NamedTuple):
    """A pool on which two rows are compared; ``errors`` is the difference in standard errors, signed."""

    pool: int
    left: str
    right: str
    errors: float


def differences(rows: Sequence[tuple[Row, Finding]], isolated: int) -> Iterator[Difference]:
    """Compare every two rows on the pools that both test in the same way.

    Parameters
    ----------
    rows : sequence of (Row, Finding)
        What each found.
    isolated : int
        Number of isolated pools, which stand first. They are bridged alike whether the others are or not.

    Yields
    ------
    Difference
        With the standard error of two independent shares under one probability; what rounding explains is taken off.
    """
    for (left, here), (right, there) in combinations(rows, 2):
        if left.model != right.model or (left.tests == "ends") != (right.tests == "ends"):
            continue
        for pool in here.shares.keys() & there.shares.keys():
            if left.tests == right.tests or pool < isolated:
                yield Difference(pool, left.name, right.name, _errors(here, there, pool))


def _errors(here: Finding, there: Finding, pool: int) -> float:
    difference = here.shares[pool] - there.shares[pool]
    excess = max(0.0, abs(difference) - 0.5 * (here.resolution + there.resolution))
    hits = here.shares[pool] * here.paths + there.shares[pool] * there.paths
    common = hits / (here.paths + there.paths)
    variance = common * (1.0 - common) * (1.0 / here.paths + 1.0 / there.paths)
    return 0.0 if excess == 0.0 else math.copysign(excess / math.sqrt(variance), difference)


def disagreements(found: Sequence[Difference]) -> list[str]:
    """Say where two rows lie too far apart; empty where all agree."""
    return [
        f"pool {pool}: {left} and {right} differ by {errors:+.1f} standard errors"
        for pool, left, right, errors in found
        if not abs(errors) <= ALLOWED
    ]
