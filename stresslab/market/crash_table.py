"""Named crashes: sourced facts, and a path through them that is a reconstruction and says so.

A path goes through the prices that a source states for an hour, monotonically in between (a straight line in log
price). It has the height of the fall and the hours of its stated points; what happened between two of them is not known
to it.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

MINUTES = 5
"""Length of a step of every shipped path; all stated points lie on this grid."""


@dataclass(frozen=True)
class CrashPath:
    """What became of one asset's price.

    Parameters
    ----------
    source : str
        Where the points were read, in words.
    peak_to_trough : float
        Lowest stated price over the highest before it, less 1: negative.
    points : tuple of (float, float)
        Hours from the start, and price in any unit; the first at 0, rising in time.
    perpetual_low, spot_low : float or None
        Last price of the perpetual and price of spot at their lowest in the hour of the mark's low, where known.
    """

    source: str
    peak_to_trough: float
    points: tuple[tuple[float, float], ...]
    perpetual_low: float | None = None
    spot_low: float | None = None

    @property
    def perpetual_discount(self) -> float | None:
        """Perpetual's low over spot's in that hour, less 1; the two need not be of one minute."""
        if self.perpetual_low is None or self.spot_low is None:
            return None
        return self.perpetual_low / self.spot_low - 1.0


@dataclass(frozen=True)
class Crash:
    """A crash as data.

    Parameters
    ----------
    name, title : str
        As commands call it, and as people do.
    start : datetime.datetime
        Begin of the path, UTC.
    hours : int
        Its length.
    assets : mapping of str to CrashPath
        By underlying; an asset for which no sourced figures were found is not here.
    perpetual, peg, outage, left_out, clock : str
        What is known besides, in words; empty where there is nothing to say.
    sources : tuple of str
        Addresses.
    """

    name: str
    title: str
    start: dt.datetime
    hours: int
    assets: Mapping[str, CrashPath]
    perpetual: str
    peg: str
    outage: str
    left_out: str
    clock: str
    sources: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Steps of `MINUTES` from the start to the end."""
        return self.hours * 60 // MINUTES

    def log_ratios(self, asset: str) -> NDArray[np.float64]:
        """Log of an asset's price over that at the start, [step + 1], every `MINUTES`; constant after its last point.

        Parameters
        ----------
        asset : str
            One of `assets`.
        """
        hours, prices = np.array(self.assets[asset].points).T
        places = np.round(hours * 60.0 / MINUTES)
        return np.asarray(np.interp(np.arange(self.steps + 1), places, np.log(prices / prices[0])))


@cache
def shipped_crashes() -> Mapping[str, Crash]:
    """The crashes that come with stresslab, by name, in the order of their time."""
    folder = files("stresslab.market.crashes")
    texts = [entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")]
    crashes = sorted((_crash(tomllib.loads(text)) for text in texts), key=lambda crash: crash.start)
    return {crash.name: crash for crash in crashes}


def _crash(table: Mapping[str, Any]) -> Crash:
    paths = {
        asset: CrashPath(**{**facts, "points": tuple((float(hour), float(price)) for hour, price in facts["points"])})
        for asset, facts in table["assets"].items()
    }
    words = {key: str(table.get(key, "")) for key in ("perpetual", "peg", "outage", "left_out", "clock")}
    return Crash(
        name=table["name"],
        title=table["title"],
        start=table["start"],
        hours=table["hours"],
        assets=paths,
        sources=tuple(table["sources"]),
        **words,
    )
