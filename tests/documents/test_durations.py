"""Durations, against arithmetic by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.documents.durations import days_of, duration_text, minutes_of


@pytest.mark.parametrize(
    ("text", "minutes", "days"),
    [
        ("90d", 129_600, Fraction(90)),
        ("8h", 480, Fraction(1, 3)),
        ("30m", 30, Fraction(1, 48)),
        ("007m", 7, Fraction(7, 1440)),
        ("36h", 2_160, Fraction(3, 2)),
    ],
)
def test_durations(text: str, minutes: int, days: Fraction) -> None:
    assert minutes_of(text) == minutes
    assert days_of(text) == days


@pytest.mark.parametrize(
    "text", ["", "d", "90", "90 d", "90D", "-1d", "1.5h", "1e3d", "٣d", "90dd", "1d\n", "9" * 10 + "d", "0d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|no time") as raised:
        minutes_of(text)
    assert len(raised.value.args) == 2


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("90 d", 'did you mean "90d"?'),
        ("90D", 'did you mean "90d"?'),
        ("8 hours", 'did you mean "8h"?'),
        ("15min", 'did you mean "15m"?'),
        ("3 dyas", 'did you mean "3d"?'),
        ("2 weeks", 'write it in days: "14d"'),
        ("soon", 'write a whole number and a unit, days, hours or minutes: "90d", "8h" or "30m"'),
    ],
)
def test_what_would_be_right(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match="duration") as raised:
        minutes_of(text)
    assert raised.value.args[1] == remedy


@given(st.integers(1, 10**8))
def test_a_duration_written_is_read_back(minutes: int) -> None:
    text = duration_text(minutes)
    assert minutes_of(text) == minutes
    # No larger unit would do.
    assert text.endswith("d") == (minutes % 1440 == 0)
    assert text.endswith("m") == (minutes % 60 != 0)
