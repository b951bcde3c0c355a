"""Sentences follow the numbers: with other numbers they say something else."""

from __future__ import annotations

import numpy as np

from stresslab.report import findings
from stresslab.report.formatting import Estimate, money, probability
from stresslab.report.limitations import limitations
from stresslab.report.review import Review
from tests.report import cases


def changed(**values: float):
    """The desk with numbers of our own in place of some."""
    results = cases.desk().copy(deep=True)
    for name, value in values.items():
        results[name][...] = value
    return Review(results)


def with_estimate(name: str, value: float, lower: float, upper: float):
    return changed(**{name: value, f"{name}_lower": lower, f"{name}_upper": upper})


def test_the_summary_is_three_sentences_with_the_numbers_of_the_dataset():
    review = Review(cases.desk())
    first, second, third = findings.summary(review)
    at = {"configuration": "as_booked"}
    results = review.results
    for name, sentence in (("account_liquidation_probability", first), ("expected_loss", third)):
        value, lower, upper = (float(results[f"{name}{end}"].sel(at)) for end in ("", "_lower", "_upper"))
        estimate = Estimate(value, lower, upper)
        shown = probability(estimate, 2000)[0] if name.startswith("account") else money(value)
        assert shown in sentence
    assert "isolated" in second
    assert money(float(results["expected_shortfall"].sel({**at, "level": 0.975}))) in third


def test_nothing_liquidated_is_said_so():
    first = findings.summary(changed(account_liquidation_probability=0.0))[0]
    assert "no pool of the account was liquidated" in first
    assert "< 1.5e-3 (95 %, 0 of 2\u202f000)" in first


def test_isolation_raises_lowers_or_cannot_be_told_apart():
    name = "account_liquidation_probability_isolated_less_cross"
    raised = findings.summary(with_estimate(name, 0.2, 0.1, 0.3))[1]
    lowered = findings.summary(with_estimate(name, -0.2, -0.3, -0.1))[1]
    neither = findings.summary(with_estimate(name, 0.01, -0.01, 0.03))[1]
    assert raised.startswith("Isolation raises the probability that some pool")
    assert lowered.startswith("Isolation lowers the probability that some pool")
    assert "the two cannot be told apart" in neither
    assert "+20.0 [+10.0, +30.0] points" in raised


def test_positions_are_counted_by_the_sign_of_their_interval():
    name = "position_liquidation_probability_isolated_less_cross"
    results = cases.desk().copy(deep=True)
    for end, values in (("_lower", [0.1, -0.3, -0.1, 0.1]), ("_upper", [0.3, -0.1, 0.1, 0.3])):
        results[f"{name}{end}"][...] = np.array(values)
    assert findings.liquidation_probability(Review(results)) == (
        "Of 4 positions, 2 are likelier to be liquidated isolated than crossed, 1 less likely, 1 not told apart"
    )
    level = with_estimate(name, 0.0, -0.1, 0.1)
    assert "no position’s probability" in findings.liquidation_probability(level)


def test_the_loss_is_deeper_shallower_or_not_told_apart():
    name = "expected_shortfall_isolated_less_cross"
    assert "lose 50.00 [40.00, 60.00] USDT less on average" in findings.loss(with_estimate(name, -50.0, -60.0, -40.0))
    assert "lose 50.00 [40.00, 60.00] USDT more on average" in findings.loss(with_estimate(name, 50.0, 40.0, 60.0))
    assert "cannot be told apart" in findings.loss(with_estimate(name, 5.0, -4.0, 6.0))


def test_a_tail_that_gains_is_not_called_a_loss():
    assert "end with a gain" in findings.summary(changed(expected_shortfall=-5.0))[2]


def test_the_nearest_liquidation_price_is_found():
    results = cases.desk().copy(deep=True)
    results["liquidation_price"].loc[{"configuration": "as_booked"}] = np.array([95.0, 103.0, np.nan, np.nan])
    assert findings.liquidation_prices(Review(results)) == (
        "As booked, the nearest liquidation price is a rise of 3.00 % away, at eth-short; "
        "2 positions of 4 have no liquidation price"
    )
    none = changed(liquidation_price=np.nan)
    assert findings.liquidation_prices(none).startswith("As booked, no position has a liquidation price")


def test_missing_collateral_is_summed_over_the_pools_as_booked():
    results = cases.desk().copy(deep=True)
    results["required_collateral"].loc[{"quantile": 0.99}] = 0.0
    enough = "Every pool as booked holds the collateral that a probability of 1 % requires"
    assert findings.collateral(Review(results)) == enough
    results["required_collateral"].loc[{"quantile": 0.99, "pool": "btc-long"}] = 1100.0
    # Its collateral is 100, so 1,000 are missing.
    assert "requires 1\u202f000 USDT more in btc-long; every other pool holds enough" in findings.collateral(
        Review(results)
    )


def test_survival_names_none_and_all():
    sentence = findings.survival(Review(cases.doomed()))
    assert (
        sentence
        == "After 7 days, all of the 400 paths are without a liquidation if crossed, none as booked, none if isolated"
    )


def test_the_margin_ratio_tells_when_liquidation_is_first_reached():
    results = cases.desk().copy(deep=True)
    results["margin_ratio"][...] = 2.0
    assert "In no pool shown" in findings.margin_ratio(Review(results))
    time = float(results["time"][8])
    results["margin_ratio"].loc[{"configuration": "as_booked", "pool": "btc-long", "quantile": 0.05}][8:] = 1.0
    assert findings.margin_ratio(Review(results)) == (
        f"The worst 5 % of paths first reach liquidation in btc-long, within {time:g} days"
    )


def test_limitations_follow_model_rules_and_grid():
    gbm, student = limitations(Review(cases.desk())), limitations(Review(cases.single()))
    assert "gbm" in gbm[0].title
    assert "student_t" in student[0].title
    assert "with 4 degrees of freedom" in student[0].text
    assert any("a fee of 0.100 % of the notional" in one.text for one in gbm)
    bare = cases.desk().copy(deep=True)
    bare.attrs["bridge"] = "none"
    assert limitations(Review(bare))[-1].direction == "understates"
    assert limitations(Review(cases.desk()))[-1].direction == "none"
    failed = limitations(changed(failed_paths=3.0))
    assert any("3 paths failed" in one.text for one in failed)
    assert not any("paths failed" in one.text for one in gbm)


def test_limitations_are_counted_by_direction():
    items = limitations(Review(cases.desk()))
    heading = findings.limitations(items)
    assert heading.startswith(f"Of {len(items)} assumptions, ")
    assert f"{sum(one.direction == 'understates' for one in items)} understate risk" in heading
