"""The page on reverse stress says what the dataset holds."""

from __future__ import annotations

import pytest

from stresslab.report.pages import pages
from stresslab.report.reverse_pages import TITLE, breaking_table, finding, path_table
from stresslab.report.review import Review
from tests.report import cases


def test_rows_are_sorted_and_safe_pools_come_last() -> None:
    """An isolated long that loses all its collateral at 90.45 (M4 by hand) falls 9.55 %."""
    rows = breaking_table(Review(cases.desk())).rows
    distances = [float(str(row[1])) for row in rows]
    assert distances == sorted(distances)
    assert rows[0][0] == "btc-long"
    assert "BTC \u22129.5" in str(rows[0][4])
    safe = breaking_table(Review(cases.doomed())).rows
    assert [row[1] for row in safe if row[0] == "safe"] == ["none"]


def test_the_finding_follows_the_numbers() -> None:
    """Words differ where a pool is liquidated today, and the page stands in the standard form alone."""
    assert "nearest to breaking is btc-long" in finding(Review(cases.desk()))
    assert "needs no move" in finding(Review(cases.doomed()))
    assert TITLE in [page.title for page in pages(Review(cases.desk()), "standard")]
    assert TITLE not in [page.title for page in pages(Review(cases.desk()), "short")]


def test_the_path_ends_at_the_liquidation_price() -> None:
    """From 100 to 90.45 (M4 by hand), half way at their geometric mean, 95.11; no path where no move is needed."""
    path = path_table(Review(cases.desk()))
    assert path is not None
    row = [str(cell) for cell in path.rows[0]]
    assert row[0] == "BTC"
    prices = [float(cell.replace(",", "")) for cell in row[1:]]
    assert prices[2] / prices[0] == pytest.approx((0.9045) ** 0.5, abs=0.006)
    assert prices[4] / prices[0] == pytest.approx(0.9045, abs=0.006)
    assert path_table(Review(cases.doomed())) is None
