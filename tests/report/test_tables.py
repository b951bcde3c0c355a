"""Tables show what the dataset holds, worst first, at most twelve rows in the body."""

from __future__ import annotations

import re

import numpy as np
import pytest

from stresslab.report import tables
from stresslab.report.blocks import Cell
from stresslab.report.pages import pages
from stresslab.report.review import Review
from tests.report import cases


def read(text: Cell) -> float:
    """The number that a cell shows."""
    assert isinstance(text, str)
    digits = text.replace("\u202f", "").replace("\u2212", "-")
    value = float(re.sub(r"[ %+]", "", digits))
    return value / 100.0 if digits.endswith("%") else value


def test_every_number_of_the_headline_is_that_of_the_dataset():
    review = Review(cases.desk())
    names = ("account_liquidation_probability", "account_wiped_probability", "expected_loss")
    seen = 0
    for configuration, row in zip(review.configurations, tables.headline(review).rows, strict=True):
        wanted = [float(cases.desk()[name].sel(configuration=configuration)) for name in names]
        wanted.append(float(cases.desk()["expected_shortfall"].sel(configuration=configuration, level=0.975)))
        for cell, value in zip(row[1:], wanted, strict=True):
            shown = cell[0]
            if shown.startswith("<"):
                assert value == 0.0
                continue
            assert read(shown) == pytest.approx(value, rel=6e-3)
            seen += 1
    assert seen >= 8


def test_rows_are_sorted_by_risk():
    review = Review(cases.forty())
    chances = [
        review.value("position_liquidation_probability", configuration="as_booked", position=one)
        for one in review.positions
    ]
    assert chances == sorted(chances, reverse=True)
    assert len(set(chances)) > 1
    ratios = [read(row[-1]) for row in tables.pools(review, ["as_booked", "all_cross"]).rows]
    assert ratios == sorted(ratios)


def test_totals_are_sums():
    (foot,) = tables.positions(Review(cases.desk())).foot
    assert read(foot[5]) == pytest.approx(float(cases.desk()["notional"].sum()), rel=1e-3)


def test_prices_that_do_not_exist_are_words():
    prices = cases.doomed()["liquidation_price"].sel(configuration="all_isolated")
    rows = {row[0]: row for row in tables.liquidation_prices(Review(cases.doomed())).rows}
    # One unit at 100 cannot lose the 500 behind it.
    assert np.isnan(prices.sel(position="safe").item())
    assert rows["safe"][2] == ("no liquidation price", "")
    assert rows["gone"][2] == ("at the start", "")
    price = cases.desk()["liquidation_price"].sel(configuration="all_isolated", position="btc-long").item()
    rows = {row[0]: row for row in tables.liquidation_prices(Review(cases.desk())).rows}
    assert read(rows["btc-long"][2][0]) == pytest.approx(price, rel=1e-4)


def test_paired_differences_are_those_of_the_dataset():
    review = Review(cases.desk())
    rows = {row[0]: row for row in tables.probabilities(review).rows}
    wanted = cases.desk()["position_liquidation_probability_isolated_less_cross"].sel(position="btc-long").item()
    assert read(rows["btc-long"][-1][0]) == pytest.approx(100 * wanted, abs=0.051)
    isolated, cross = (read(rows["btc-long"][place][0].lstrip("<> ")) for place in (1, 3))
    assert 100 * (isolated - cross) == pytest.approx(100 * wanted, abs=0.2)


def test_review_days_beyond_the_horizon_are_no_columns():
    titles = [column.title for column in tables.by_day(Review(cases.single())).columns]
    assert titles == ["Configuration", "1 day"]
    titles = [column.title for column in tables.by_day(Review(cases.forty())).columns]
    assert titles == ["Configuration", "1 day", "3 days"]


def test_at_most_twelve_rows_in_the_body_and_all_in_the_appendix():
    *body, appendix = pages(Review(cases.forty()), "short")
    assert appendix.title.startswith("Appendix")
    lengths = [len(block["rows"]) for page in body for block in page.blocks if block["kind"] == "table"]
    assert max(lengths) == 12
    assert max(len(block["rows"]) for block in appendix.blocks) == 40 + 2


def test_every_figure_has_an_alternative_text_a_caption_and_a_source():
    figures = [
        block for page in pages(Review(cases.desk()), "standard") for block in page.blocks if block["kind"] == "figure"
    ]
    assert len(figures) == 10
    for block in figures:
        assert len(block["alternative"]) > 20
        assert len(block["caption"]) > 20
        assert "2\u202f000 paths · 7 days · model gbm · step 6 hours" in block["source"]
        assert all(name.strip() in cases.desk() for name in block["source"].rsplit("·", 1)[1].split(","))
