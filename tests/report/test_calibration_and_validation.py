"""The pages on the calibration and on validation: when they are there, and what they say."""

from __future__ import annotations

import json
import math
import re
from functools import cache

import numpy as np
import pytest
import xarray as xr

from stresslab.report import calibration_pages, compile_pages, validation_pages
from stresslab.report.blocks import LeftOut, Page, Table
from stresslab.report.calibration_pages import calibration_page
from stresslab.report.pages import FORMS
from stresslab.report.review import BOOKED, Review
from stresslab.report.validation_pages import allowed, brownian, passages, validation_page
from tests.report import cases

FILE = """
schema = 1
name = "two"
model = "merton"
as_of = 2024-06-30
[parameters]
common_jump_rate = 0.000
mean_jump = { BTC = -0.0123, ETH = 0.0456 }
[assets.BTC]
volatility = 0.8
[assets.ETH]
volatility = 0.5
[correlation]
assets = ["BTC", "ETH"]
matrix = [[1.0, -0.25], [-0.25, 1.0]]
[history]
window = { since = 2024-01-01, until = 2024-06-30 }
days = 182
smallest_eigenvalue = 0.75
repair_distance = 0.0
[history.standard_errors]
mean_jump = { BTC = 0.0011, ETH = 0.0022 }
correlation = [[0.0, 0.031], [0.031, 0.0]]
[history.assets.BTC]
volatility_standard_error = 0.04
bars = 97
missing_bars = 3
gaps = ["2024-02-01T05:00:00Z: 1 bar", "2024-03-01T05:00:00Z: 2 bars"]
[history.assets.ETH]
volatility_standard_error = 0.05
bars = 100
missing_bars = 0
"""


def calibrated(text: str = FILE) -> Review:
    documents = {**json.loads(cases.desk().attrs["documents"]), "calibration": text}
    return Review(cases.desk().assign_attrs(documents=json.dumps(documents)))


@cache
def isolated() -> xr.Dataset:
    """Two isolated positions and a day, under fat tails."""
    held = [cases.position(name, 1.0, asset=name, margin="isolated", collateral=10.0) for name in ("BTC", "ETH")]
    return cases.run(cases.scenario(held, 25.0, days=1.0, step=0.125, paths=500, model="student_t"))


def words(page: Page) -> str:
    return " ".join(str(block["text"]) for block in page.blocks if "text" in block)


def cells(page: Page) -> list[str]:
    return [
        part for block in page.blocks if block["kind"] == "table" for row in block["rows"] for c in row for part in c
    ]


def test_without_a_calibration_the_page_is_left_out_with_the_reason():
    page = calibration_page(Review(cases.desk()), [])
    assert isinstance(page, LeftOut)
    assert page.reason == "the scenario states its parameters itself; no calibration stands behind them"


def test_the_page_states_window_errors_gaps_and_what_the_run_replaces():
    # By hand: 0.05 / 0.5 = 10 % exceeds 0.04 / 0.8 = 5 %; 3 of 197 + 3 bars = 1.5 %; the run's volatilities are all
    # 0.8, so that of ETH is its own; SOL is not in the file.
    page = calibration_page(calibrated(), [])
    assert isinstance(page, Page)
    told = words(page)
    assert "182 days, 2024-01-01 to 2024-06-30" in told
    assert "known least is that of ETH, 50.0 % a year with a standard error of 5.0 %, 10 % of itself" in told
    assert "3 bars are missing in the window, 1.5 % of all; the longest gap lacks 2 bars (BTC, 2024-03-01)" in told
    assert "fitted for merton; this run takes its volatilities and correlations for gbm" in told
    assert "states its own volatility for ETH." in told
    assert "SOL: not in the calibration" in told
    shown = cells(page)
    assert {"\u22120.01230", "0.00110", "\u22120.25", "± 0.031"} <= set(shown)
    assert not {"0", "0.0", "0.00", "0 %"} & set(shown), "no bare zeros"
    assert "none" in shown  # the rate of jumps, and the bars that ETH lacks


def test_a_file_that_says_nothing_of_its_history_still_gives_the_page():
    page = calibration_page(calibrated('name = "bare"\nmodel = "gbm"\n[assets.BTC]\nvolatility = 0.8\n'), [])
    assert isinstance(page, Page)
    assert "names no window; no standard errors" in words(page)
    assert "Where its data come from the calibration does not say." in words(page)


def test_a_long_table_is_cut_in_the_order_of_the_file():
    figures = "".join(f"[assets.ASSET{place}]\nvolatility = 0.8\n" for place in range(15))
    review = Review(cases.forty().assign_attrs(documents=json.dumps({"calibration": figures})))
    appendix: list[Table] = []
    page = calibration_page(review, appendix)
    assert isinstance(page, Page)
    (shown,) = (block for block in page.blocks if block["kind"] == "table")
    # The book of forty has fifteen assets, and a table of the body twelve rows.
    assert (len(shown["rows"]), [len(one.rows) for one in appendix]) == (12, [15])
    assert shown["note"].startswith("The first 12 of 15 rows; all stand in the appendix.")
    assert "riskiest" not in shown["note"]


def test_closed_form_by_hand():
    # M11 with sigma 0.8, no drift, 7 days: s = 0.8 sqrt(7 / 365) = 0.110789, m = -0.32 * 7 / 365 = -0.00613699.
    # Long: liquidated where 100 + 10 (p - 100) = 0.005 * 10 p, at p = 900 / 9.95; d = log(100 / p) = 0.1003484.
    # Short, notional above 1,000: 150 - 10 (p - 100) = 0.01 * 10 p - 5, at p = 1155 / 10.1.
    review = Review(cases.desk())
    deviation, mean = 0.8 * math.sqrt(7 / 365), -0.32 * 7 / 365
    assert brownian(review, BOOKED, "btc-long") == pytest.approx(passed(math.log(995 / 900), mean, deviation), rel=1e-6)
    short = passed(math.log(1155 / 1010), -mean, deviation)
    assert brownian(review, BOOKED, "eth-short") == pytest.approx(short, rel=1e-6)
    # A control: the sign of the drift is seen.
    assert abs(short / passed(math.log(1155 / 1010), mean, deviation) - 1.0) > 0.01


def passed(distance: float, mean: float, deviation: float) -> float:
    """Reflection principle, written with the error function of the upper tail alone."""
    upper = lambda value: 0.5 * math.erfc(value / math.sqrt(2.0))  # noqa: E731
    back = math.exp(-2.0 * mean * distance / deviation**2)
    return upper((distance + mean) / deviation) + back * upper((distance - mean) / deviation)


def test_under_brownian_motion_the_simulation_is_checked():
    review = Review(cases.desk())
    found = passages(review)
    # The isolated pools of as booked, and the two that all isolated adds; each amount of collateral once.
    assert {(one.configuration, one.pool) for one in found} == {
        (BOOKED, "btc-long"),
        (BOOKED, "eth-short"),
        ("all_isolated", "sol-long"),
        ("all_isolated", "tiny"),
    }
    one = next(each for each in found if each.pool == "btc-long")
    by_hand = (one.simulated.value - one.brownian) / math.sqrt(one.brownian * (1.0 - one.brownian) / 2000)
    assert one.deviation == pytest.approx(by_hand)
    assert "The simulation agrees with the closed form" in words(validation_page(review, []))


def test_a_simulation_that_is_off_is_told():
    # A control: a probability half as large again is no chance on 2,000 paths.
    wrong = cases.desk().copy(deep=True)
    for end in ("", "_lower", "_upper"):
        wrong[f"liquidation_probability{end}"] *= 1.5
    assert "The simulation does not agree with the closed form" in words(validation_page(Review(wrong), []))


def test_under_another_model_it_is_a_comparison():
    told = words(validation_page(Review(isolated()), []))
    assert "the model student_t on top, so this is a comparison and no check" in told
    assert "of 2 pools of one position" in told  # booked as isolated, so both configurations have the same two
    assert "agree" not in told


def test_bound_of_the_largest_deviation():
    # Normal quantiles of 0.975 and 0.995, from any table.
    assert [allowed(1), allowed(5)] == pytest.approx([1.959964, 2.575829], abs=1e-6)


def test_sampling_error_is_half_the_interval_over_its_quantile():
    results = cases.desk().copy(deep=True)
    for end, value in (("", 0.5), ("_lower", 0.5 - 0.0195996), ("_upper", 0.5 + 0.0195996)):
        results[f"account_liquidation_probability{end}"][0] = value
    page = validation_page(Review(results), [])
    # 0.0195996 / 1.959964 = 0.01: 1 point, 2 % of one half; 1 % of it takes 2,000 (2 / 1)^2 paths.
    assert "standard error as booked is 2.0 % of P(any pool liquidated)" in words(page)
    row = page.blocks[1]["rows"][0]
    assert row[2] == ["1.0", "2.0 %"]
    assert re.sub(r"\D", "", row[3][0]) == "8000"


def test_nothing_liquidated_and_no_closed_form_is_said():
    results = cases.desk().copy(deep=True)
    results["liquidation_price"][:] = np.nan
    assert passages(Review(results)) == []
    assert "No pool of this run has a closed form" in words(validation_page(Review(results), []))


def test_pools_on_several_prices_are_counted():
    # As booked and all cross have a cross pool of several assets each; the pools are 3 + 4 + 1.
    # Beside it two isolated positions, twice, and the pool that crosses them.
    assert "Of 8 pools, counted in every configuration, 2 are on several prices." in words(
        validation_page(Review(cases.desk()), [])
    )
    assert "Of 5 pools, counted in every configuration, 1 is on several" in words(
        validation_page(Review(isolated()), [])
    )


def test_both_are_pages_of_the_full_form_and_are_typeset():
    assert {calibration_page, validation_page} <= set(FORMS["full"])
    appendix: list[object] = []
    made = [calibration_page(calibrated(), appendix), validation_page(calibrated(), appendix)]  # type: ignore[arg-type]
    pdf, warnings = compile_pages(made, kind="k", title="t", subtitle="s", book="b", identity="i")  # type: ignore[arg-type]
    assert pdf.startswith(b"%PDF")
    assert warnings == []
    assert [calibration_pages.TITLE, validation_pages.TITLE] == ["Calibration", "Validation"]
