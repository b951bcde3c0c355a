"""Figures of exports: oracles are the numbers as a person reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stresslab.book.exports.figures import Figure, read_figure


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.5 USDT", "1234.5", "USDT"),
        ("\u22121 234 567", "-1234567", ""),
        ("20x", "20", "x"),
        ("-$1,000", "-1000", "USD"),
        ("1e-7", "0.0000001", ""),
        ("5 ETH", "5", "ETH"),
        (".5", "0.5", ""),
        ("1\u202f000", "1000", ""),
    ],
)
def test_figures_as_people_write_them(text, value, unit):
    assert read_figure(text) == Figure(Decimal(value), unit)


@pytest.mark.parametrize(
    "text", ["1,5", "1.234,56", "0,500", "12,34,567", "1-2", "5%", "(5)", "٣", "inf", "0x10", "1 2"]
)
def test_figures_with_two_readings_are_refused(text):
    with pytest.raises(ValueError, match="is not a number"):
        read_figure(text)
