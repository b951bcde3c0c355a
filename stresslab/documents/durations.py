"""Durations as files write them: a whole number and a unit, such as ``90d``, ``8h`` or ``30m``."""

from __future__ import annotations

import re
from fractions import Fraction

from stresslab.documents.names import closest, shown

_PATTERN = re.compile(r"([0-9]{1,9})([dhm])")
_LOOSE = re.compile(r"([0-9]+)\s*([a-z]+)", re.IGNORECASE)
_MINUTES = {"d": 1440, "h": 60, "m": 1}
_UNIT_WORDS = {"day": "d", "days": "d", "hour": "h", "hours": "h", "hr": "h", "minute": "m", "minutes": "m", "min": "m"}


def minutes_of(text: str) -> int:
    """Length of a duration in minutes, positive.

    Raises
    ------
    ValueError
        If the text is not a duration above zero; its two arguments are the problem and the remedy.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not a duration", _remedy(text))
    minutes = int(match[1]) * _MINUTES[match[2]]
    if minutes == 0:
        raise ValueError(f"{shown(text)} lasts no time at all", 'give a duration above zero, such as "1h"')
    return minutes


def days_of(text: str) -> Fraction:
    """Length of a duration in days, exactly; raises as `minutes_of` does."""
    return Fraction(minutes_of(text), 1440)


def duration_text(minutes: int) -> str:
    """The shortest way to write a number of minutes as a duration."""
    for unit, length in _MINUTES.items():
        if minutes % length == 0:
            return f"{minutes // length}{unit}"
    raise AssertionError("a minute divides every number of minutes")


def _remedy(text: str) -> str:
    loose = _LOOSE.fullmatch(text.strip())
    if loose is not None and len(loose[1]) <= 9:
        word = loose[2].lower()
        unit = word if word in _MINUTES else _UNIT_WORDS.get(closest(word, _UNIT_WORDS) or "")
        if unit is not None:
            return f'did you mean "{loose[1]}{unit}"?'
        if word in ("w", "week", "weeks"):
            return f'write it in days: "{7 * int(loose[1])}d"'
    return 'write a whole number and a unit, days, hours or minutes: "90d", "8h" or "30m"'
