"""Numbers as text, against expectations written by hand."""

from __future__ import annotations

import math

import pytest

from stresslab.report.formatting import (
    Estimate,
    columns,
    days,
    distinct,
    money,
    money_estimate,
    number,
    percent,
    points,
    price,
    probability,
    rarest,
    shortened,
    signed_money,
    size,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567.8, "1\u202f234\u202f568"),
        (1000.0, "1\u202f000"),
        (999.994, "999.99"),
        (999.996, "1\u202f000"),
        (12.5, "12.50"),
        (-0.5, "\u22120.500"),
        (0.0, "0"),
        (-0.0, "0"),
        (NAN, "\u2013"),
    ],
)
def test_money_has_no_decimals_from_a_thousand(value, text):
    assert money(value) == text


def test_signed_money_bears_its_sign():
    assert [signed_money(value) for value in (5.0, -5.0, 0.0)] == ["+5.00", "\u22125.00", "0"]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.44275, "44.3 %"),
        (0.0908, "9.08 %"),
        (0.00085, "0.0850 %"),
        (0.09996, "10.0 %"),
        (0.9996, "99.96 %"),
        (0.99999, "99.999 %"),
        (1.0, "100 %"),
        (1.2e-8, "0.00000120 %"),
        (1.2e-30, "1.20e-28 %"),
    ],
)
def test_percentages_have_three_digits_and_never_round_to_certainty(share, text):
    assert percent(share) == text


def test_nothing_seen_is_a_bound():
    # METHODS M23: 1 - 0.05^(1/n); about 3/n.
    assert rarest(100_000) == pytest.approx(2.99569e-5, rel=1e-5)
    assert rarest(1) == pytest.approx(0.95)
    assert probability(Estimate(0.0, 0.0, 3.8e-5), 100_000) == ("< 3.0e-5", "(95 %, 0 of 100\u202f000)")


def test_everything_seen_is_a_bound_rounded_down():
    # 1 - 2.9913e-3 = 99.70087 %, which must not become 99.701.
    assert probability(Estimate(1.0, 0.996, 1.0), 1000) == ("> 99.70 %", "(95 %, 1\u202f000 of 1\u202f000)")


def test_a_probability_and_its_interval_share_their_decimals():
    assert probability(Estimate(0.0908, 0.08690, 0.09486), 20_000) == ("9.08 %", "[8.69, 9.49]")
    assert probability(Estimate(2e-5, 5.5e-6, 7.3e-5), 100_000) == ("2.00e-5", "[5.5e-6, 7.3e-5]")
    assert probability(Estimate(NAN, NAN, NAN), 100) == ("\u2013", "")


def test_the_lower_end_of_an_interval_is_not_zero():
    # One hit in a thousand: Wilson, 0.0177 % to 0.565 %.
    _, interval = probability(Estimate(1e-3, 1.765e-4, 5.64e-3), 1000)
    assert interval == "[0.018, 0.564]" or interval.startswith("[0.0177") or interval.startswith("[0.018")
    assert not interval.startswith(("[0,", "[0.0,", "[0.00,"))


def test_differences_are_signed_points():
    assert points(Estimate(0.191, 0.185, 0.197)) == ("+19.1", "[+18.5, +19.7]")
    assert points(Estimate(-0.0006, -0.00108, -0.00012)) == ("\u22120.060", "[\u22120.108, \u22120.012]")
    assert points(Estimate(0.0, 0.0, 0.0))[0].strip("0.") == ""


def test_an_interval_that_is_missing_is_left_out():
    assert money_estimate(Estimate(2000.0, NAN, NAN)) == ("2\u202f000", "")
    assert money_estimate(Estimate(2000.0, 1500.0, 2500.0)) == ("2\u202f000", "[1\u202f500, 2\u202f500]")


def test_times_in_hours_and_days():
    told = [days(value) for value in (1 / 24, 0.125, 1.0, 1.5, 7.0, 36.9167)]
    assert told == ["1 hour", "3 hours", "1 day", "36 hours", "7 days", "36.9 days"]


def test_prices_and_sizes():
    assert [price(value) for value in (62700.0, 0.47612345, 3430.25)] == ["62\u202f700", "0.47612", "3\u202f430.2"]
    assert [size(value) for value in (2_500_000.0, 0.125, 20.0)] == ["2\u202f500\u202f000", "0.125", "20"]
    assert number(0.0) == "0"


def test_short_names_stay_different():
    names = [f"a very long name of a position, the {place}th of its kind" for place in range(30)]
    short = distinct(names, 24)
    assert len(set(short)) == 30
    assert max(map(len, short)) <= 24
    # The control: without care for it all thirty would be the same.
    assert len({shortened(name, 24) for name in names}) == 1
    assert distinct(["same", "same"]) == ["same", "same"]


def test_names_of_wide_signs_are_cut_to_the_same_room():
    # By hand: each of these signs takes two columns, so 12 hold three before the ellipsis and two after it.
    assert shortened("\u6bd4\u7279\u5e01\u591a\u5934\u4ed3\u4f4d", 12) == "\u6bd4\u7279\u5e01\u2026\u4ed3\u4f4d"
    # Control: as many letters stay whole.
    assert shortened("bitcoin", 12) == "bitcoin"
    short = distinct(["\u6bd4\u7279\u5e01\u591a\u5934\u4ed3\u4f4d-" + end * 9 for end in "ab"], 10)
    assert short[0] != short[1]
    assert max(map(columns, short)) <= 10


def test_the_sign_of_an_estimate():
    assert [Estimate(1.0, *ends).certain_sign for ends in ((0.5, 2.0), (-1.0, 2.0), (-2.0, -1.0))] == [1, 0, -1]
    assert Estimate(1.0, math.nan, math.nan).certain_sign == 0


def test_a_difference_of_nothing_has_no_decimals():
    assert points(Estimate(0.0, 0.0, 0.0)) == ("0", "[0, 0]")
    # Control: where the interval is open, decimals tell how wide it is.
    assert points(Estimate(0.0, -0.001, 0.001)) == ("0.00", "[\u22120.10, +0.10]")
