"""When a run is precise enough: the relative half-width of a probability's interval (METHODS M34)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stresslab.book.configuration import Configuration
from stresslab.measures.intervals import wilson
from stresslab.simulation.outcomes import Outcomes

FEWEST_HITS = 100
"""Liquidations before which no run is precise enough, however narrow its interval."""
_FORM = re.compile(r"\s*(\d+(?:\.\d*)?)\s*%\s*(?::(.*))?", re.DOTALL)


class PrecisionError(ValueError):
    """A wanted precision cannot be read, or names what there is not. The message says which, and what to do."""


@dataclass(frozen=True)
class Precision:
    """A wanted precision.

    Parameters
    ----------
    half_width : float
        Half of the 95 % interval over the estimate, in (0, 1).
    name : str
        The probability, as the user names it: a configuration, or ``CONFIGURATION/POOL``.
    configuration : int
        Place of the configuration.
    pool : int or None
        Place of the pool in it; None for any of its pools.
    """

    half_width: float
    name: str
    configuration: int
    pool: int | None

    @property
    def described(self) -> str:
        """The probability in words."""
        if self.pool is None:
            return f"P(any liquidation) of {self.name}"
        return f"P(liquidation) of {self.name}"

    def reached(self, outcomes: Outcomes) -> bool:
        """Whether the paths so far are enough: the interval is narrow, and rests on `FEWEST_HITS`."""
        hits, paths = self._counts(outcomes)
        return hits >= FEWEST_HITS and relative_half_width(hits, paths) <= self.half_width

    def achieved(self, outcomes: Outcomes) -> float:
        """Relative half-width on these paths, above 0; infinite without a hit."""
        return relative_half_width(*self._counts(outcomes))

    def _counts(self, outcomes: Outcomes) -> tuple[int, int]:
        stakes = outcomes.configuration_stakes[self.configuration]
        rows = list(stakes) if self.pool is None else [stakes[self.pool]]
        valid = ~outcomes.failed
        hit = np.zeros(np.count_nonzero(valid), np.bool_)
        for row in rows:
            hit |= outcomes.column(outcomes.liquidation_step, row, valid) <= outcomes.steps
        return int(np.count_nonzero(hit)), hit.size


def relative_half_width(hits: int, paths: int) -> float:
    """Half of the Wilson interval over the share of hits.

    Parameters
    ----------
    hits, paths : int
        Number of paths that were hit, and of all; both may be 0.

    Returns
    -------
    float
        Above 0; infinite without a hit.
    """
    if hits == 0:
        return np.inf
    lower, upper = wilson(hits, paths)
    return float(upper - lower) / 2 / (hits / paths)


def read_precision(text: str, configurations: Sequence[Configuration]) -> Precision:
    """Read a precision as it is written on the command line.

    Parameters
    ----------
    text : str
        ``5%``: of the first configuration's probability that any of its pools is liquidated. ``5%:CONFIGURATION`` or
        ``5%:CONFIGURATION/POOL``: of that one's.
    configurations : sequence of Configuration
        Those of the scenario.

    Raises
    ------
    PrecisionError
        If the text has another form, or names no configuration or pool of the scenario.
    """
    match = _FORM.fullmatch(text)
    half_width = float(match[1]) / 100 if match else 0.0
    if match is None or not 0.0 < half_width < 1.0:
        raise PrecisionError(f"{text!r} is no precision; write 5%, 5%:CONFIGURATION or 5%:CONFIGURATION/POOL")
    names: dict[str, tuple[int, int | None]] = {}
    for place, configuration in enumerate(configurations):
        for column, pool in enumerate(configuration.pools):
            names[f"{configuration.name}/{pool.name}"] = place, column
    # Last, so that a configuration whose name holds a slash is found under it.
    names |= {configuration.name: (place, None) for place, configuration in enumerate(configurations)}
    name = configurations[0].name if match[2] is None else match[2]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, names))}"
        raise PrecisionError(f"there is no configuration or pool {name!r}; {known}")
    return Precision(half_width, name, *names[name])
