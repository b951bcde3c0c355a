"""Ticks that tell one from another."""

from __future__ import annotations

from stresslab.report.charts.marks import MoneyFormatter, compact_money
from stresslab.report.formatting import THIN


def test_ticks_of_money_tell_one_from_another():
    labels = MoneyFormatter().format_ticks([285_610.0, 285_620.0, 285_630.0])
    assert labels == [f"285.61{THIN}k", f"285.62{THIN}k", f"285.63{THIN}k"]
    # One by one, with four digits, they would read the same.
    assert len({compact_money(value) for value in (285_610.0, 285_620.0, 285_630.0)}) == 1
    # Where four digits do, there are no more.
    assert MoneyFormatter().format_ticks([0.0, 50_000.0, -1_500_000.0]) == ["0", f"50{THIN}k", f"−1.5{THIN}m"]
