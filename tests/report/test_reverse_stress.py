"""The page on reverse stress says what the dataset holds."""

from __future__ import annotations

from stresslab.report.pages import pages
from stresslab.report.reverse_pages import TITLE, breaking_table, finding
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
