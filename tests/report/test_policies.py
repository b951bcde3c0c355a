"""The pages on policies and claims: numbers of the dataset, and words that follow them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.report import policy_findings, policy_tables
from stresslab.report.formatting import money, points
from stresslab.report.limitations import limitations
from stresslab.report.pages import pages
from stresslab.report.review import Review
from tests.report import cases
from tests.report.test_tables import read

CHANCE = "account_liquidation_probability_policy_difference"
LOSS = "expected_loss_policy_difference"
GIVEN = "account_loss_given_liquidation_policy_difference"


def changed(name: str, value: float, lower: float, upper: float, **at: str):
    """The acting desk with an estimate of our own."""
    results = cases.acting().copy(deep=True)
    for end, part in (("", value), ("_lower", lower), ("_upper", upper)):
        results[f"{name}{end}"].loc[{"configuration": "topped up", **at}] = part
    return Review(results)


def titles(review: Review) -> list[str]:
    return [page.title for page in pages(review, "standard")]


def test_there_is_a_page_on_policies_where_there_are_some():
    assert "What the policies are worth" in titles(Review(cases.acting()))
    assert "What the policies are worth" not in titles(Review(cases.desk()))
    assert "Claims tested on this book" in titles(Review(cases.desk()))


def test_the_worth_is_that_of_the_dataset():
    review = Review(cases.acting())
    rows = {row[0][0]: row for row in policy_tables.worth(review).rows}
    assert list(rows) == ["topped up", "hardly", "stopped"]
    assert rows["topped up"][0] == ("topped up", "against as booked")
    here = cases.acting().sel(configuration="topped up")
    for place, value in ((1, 100 * here[CHANCE]), (2, here[LOSS]), (4, here[GIVEN])):
        assert read(rows["topped up"][place][0]) == pytest.approx(float(value), rel=0.02)
    assert rows["stopped"][2:] == ["the same"] * 3


def test_a_change_within_noise_is_called_that():
    told = {
        sign: policy_findings.of_configuration(changed(LOSS, *numbers), "topped up")
        for sign, numbers in ((1, (5.0, 4.0, 6.0)), (-1, (-5.0, -6.0, -4.0)), (0, (1.0, -1.0, 3.0)))
    }
    assert "the expected loss rises by 5.00 [4.00, 6.00] USDT" in told[1]
    assert "the expected loss falls by 5.00 [4.00, 6.00] USDT" in told[-1]
    assert "the expected loss cannot be told apart (+1.00 [−1.00, +3.00] USDT)" in told[0]


def test_it_is_said_when_liquidations_cost_more():
    text = policy_findings.of_configuration(changed(GIVEN, 5.0, 4.0, 6.0), "topped up")
    assert "The loss given liquidation rises by 5.00 [4.00, 6.00] USDT: liquidations are rarer, and those" in text
    fallen = policy_findings.of_configuration(changed(GIVEN, -5.0, -6.0, -4.0), "topped up")
    assert "The loss given liquidation falls by" in fallen
    assert "cost more" not in fallen
    few = policy_findings.of_configuration(changed(GIVEN, math.nan, math.nan, math.nan), "topped up")
    assert "With so few liquidations" in few
    assert "no path ends otherwise" in policy_findings.of_configuration(Review(cases.acting()), "stopped")


def test_the_finding_counts_configurations():
    assert policy_findings.worth(Review(cases.acting())) == (
        "Of 3 configurations with policies, 1 lowers the probability of liquidation, "
        "2 change it within sampling error at most"
    )
    level = changed(CHANCE, 0.0, -0.01, 0.01)
    assert policy_findings.worth(level) == (
        "Of 3 configurations with policies, 3 change the probability of liquidation within sampling error at most"
    )
    worse = changed(CHANCE, 0.1, 0.05, 0.15)
    assert "1 raises the probability of liquidation, 2 change it" in policy_findings.worth(worse)


def test_a_bound_beside_zero_is_not_printed_as_zero():
    told = policy_findings.of_configuration(changed(CHANCE, -0.003, -0.0058, -0.0002), "topped up")
    assert "falls by 0.30 [0.02, 0.58] points" in told
    # The control: an interval that holds zero needs no more digits.
    assert points(changed(CHANCE, -0.003, -0.0058, 0.0002).estimate(CHANCE, configuration="topped up")) == (
        "−0.3",
        "[−0.6, 0.0]",
    )


def test_the_reserve_needed_is_a_bound_where_all_is_spent():
    review = Review(cases.acting())
    assert policy_tables.users_of_cash(review) == ["topped up", "hardly"]
    value = float(cases.acting()["cash_used_quantile"].sel(configuration="topped up", quantile=0.99))
    assert policy_tables.needed(review, "topped up", 0.99)[0] == money(value)
    assert policy_tables.needed(review, "hardly", 0.99) == ("none", "")
    # The reserve of "topped up" is 200.
    spent = changed("cash_used_quantile", 200.0, 190.0, 200.0, quantile=0.99)  # type: ignore[arg-type]
    assert policy_tables.needed(spent, "topped up", 0.99) == ("≥ 200.00", "the whole reserve")
    assert "need at least 200.00 USDT the whole reserve" not in policy_findings.of_configuration(spent, "topped up")
    assert "99 % of paths need at least 200.00 USDT, the whole reserve" in policy_findings.of_configuration(
        spent, "topped up"
    )


def test_alerts_stand_with_their_level_and_their_own_number_of_liquidations():
    (table,) = policy_tables.alerts(Review(cases.acting()))
    assert len(table.rows) == 6
    rows = {(row[0][0], row[1]): row for row in table.rows}
    here = cases.acting().sel(configuration="topped up", pool="btc-long")
    hits = round(2000 * float(here.liquidation_probability))
    early = rows["btc-long", "4.00"]
    assert read(early[2][0]) == pytest.approx(float(here.alert_probability.sel(alert_level=4.0)), rel=6e-3)
    # Two steps of six hours; a liquidation in the very first steps has less, but not one in twenty.
    assert early[4][0] == "12 hours"
    assert rows["btc-long", "2.00"][4] == ("none", "")
    assert rows["btc-long", "2.00"][6][1].replace("\u202f", "") == f"(95 %, {hits} of {hits})"
    assert policy_tables.alerts(Review(cases.desk())) == []


def test_reduced_and_closed_are_both_stated_where_they_differ():
    (table,) = policy_tables.reduced_and_closed(Review(cases.acting()))
    row = next(row for row in table.rows if row[0] == ("btc-long", "topped up"))
    here = cases.acting().sel(configuration="topped up", pool="btc-long")
    for cell, name in zip(row[1:], ("liquidation_probability", "closed_probability"), strict=True):
        assert read(cell[0]) == pytest.approx(float(here[name]), rel=6e-3)
    assert read(row[1][0]) > 1.5 * read(row[2][0])
    assert policy_tables.reduced_and_closed(Review(cases.desk())) == []
    whole = cases.acting().copy(deep=True)
    whole["closed_probability"][...] = whole["liquidation_probability"].values
    assert policy_tables.reduced_and_closed(Review(whole)) == []


def test_every_claim_has_its_row_and_its_verdict():
    review = Review(cases.acting())
    margin, policies = policy_tables.claims(review)
    shown = {row[0][0].lower(): row for row in (*margin.rows, *policies.rows)}
    assert set(shown) == {claim.lower() for claim in review.labels("claim")}
    for claim in review.labels("claim"):
        here = cases.acting().sel(claim=claim)
        assert shown[claim.lower()][-1] == here.claim_verdict.item()
        assert shown[claim.lower()][0][1] == here.claim_measure.item()
    verdicts = [str(row[-1]) for row in policies.rows]
    assert verdicts == sorted(verdicts, key=["does not hold", "undecided", "holds"].index)
    fewer = shown["a top-up helps (topped up): fewer liquidations"][1][0]
    assert fewer.endswith(" points")
    wanted = -100 * float(cases.acting()[CHANCE].sel(configuration="topped up"))
    assert read(fewer.removesuffix(" points")) == pytest.approx(wanted, abs=0.051)


def test_claims_are_counted():
    results = cases.acting().copy(deep=True)
    results["claim_verdict"][...] = np.array(["holds"] * 11 + ["does not hold", "undecided"], dtype=object)
    assert policy_findings.claims(Review(results)) == (
        "Of 13 claims, 11 hold on this book, 1 does not hold and 1 is undecided"
    )
    results["claim_verdict"][...] = "holds"
    assert policy_findings.claims(Review(results)) == "Of 13 claims, 13 hold on this book"
    assert policy_findings.claims(Review(cases.single())) == "The one claim that can be tested holds on this book"


def test_what_cannot_be_tested_is_named():
    assert policy_findings.left_out(Review(cases.acting())) == ""
    assert policy_findings.left_out(Review(cases.desk())) == (
        "Left out: a top-up helps (no configuration has one); a stop helps (no configuration has one)."
    )
    assert "the book is one position" in policy_findings.left_out(Review(cases.single()))


def test_the_limitations_name_the_policies():
    told = {one.title: one.text for one in limitations(Review(cases.acting()))}
    assert (
        "3 of the configurations have policies (alerts, stop-loss, top-up)" in told["Policies act as they are written"]
    )
    assert "Nothing acts before liquidation" in {one.title for one in limitations(Review(cases.desk()))}
