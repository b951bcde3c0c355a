"""Every estimate of a run on eight paths, counted by hand; a ninth path failed and must leave no trace."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.problem import Problem
from stresslab.measures.evaluate import NoValidPathError, axes_of, evaluate
from stresslab.simulation.block import RATIO_EDGES
from stresslab.simulation.outcomes import Outcomes

# Ten steps of a day. Two positions: 0 and 1. Stakes: 0 is position 0 alone; 1 and 2 are position 1 alone, with more and
# with less collateral; 3 and 4 are both, the last one with so much that it is never liquidated.
NEVER = 11
CONFIGURATIONS = (
    Configuration("as_booked", (Pool("a", (0,), 60.0), Pool("cross", (1,), 100.0)), 0.0),
    Configuration("all_isolated", (Pool("a", (0,), 60.0), Pool("b", (1,), 50.0)), 50.0),
    Configuration("all_cross", (Pool("cross", (0, 1), 160.0),), 0.0),
    Configuration("turned", (Pool("b", (1,), 50.0), Pool("a", (0,), 60.0)), 50.0),
    Configuration("safe", (Pool("cross", (0, 1), 900.0),), 0.0),
)
STAKES = ((0, 1), (0, 2), (3,), (2, 0), (4,))
LIQUIDATION_STEP = [
    [0, 3, NEVER, 7, NEVER, NEVER, 10, NEVER],
    [NEVER, 3, 5, NEVER, NEVER, NEVER, NEVER, NEVER],
    [NEVER, 2, 4, 9, NEVER, NEVER, NEVER, NEVER],
    [NEVER, 3, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER],
    [NEVER] * 8,
]
PROFIT = [
    [-60, -60, 10, -60, 20, 5, -60, 0],
    [8, -100, -80, 12, -4, 4, 16, 0],
    [8, -50, -50, -50, -4, 4, 16, 0],
    [-30, -150, -20, -40, 16, 9, -44, 0],
    [-30, -200, -20, -40, 16, 9, -44, 0],
]
INSURANCE_DRAW = [[0] * 8, [0, 5, 0, 0, 0, 0, 0, 0], [0] * 8, [0] * 8, [0] * 8]
REQUIRED = [
    [90, 75, 30, 60, 10, 20, 61, 40],
    [5, 120, 100, 50, 6, 7, 8, 9],
    [150, 160, 90, 95, 10, 20, 100, 30],
]
EDGES = [1.0, 2.0, 4.0, 8.0]
# Paths above each edge after steps 5 and 10; only the first stake is looked at.
COUNTS = np.array([[[6, 4, 2, 0], *[[8, 8, 8, 8]] * 4], [[4, 4, 4, 2], *[[8, 8, 8, 8]] * 4]])
FAILED_AT = 3


def with_failure(rows: list[list[int]], value: float, dtype: type) -> np.ndarray:
    """The eight paths, with a failed one put between the third and the fourth."""
    return np.insert(np.array(rows, dtype), FAILED_AT, value, axis=1)


OUTCOMES = Outcomes(
    problem=cast(Problem, SimpleNamespace()),
    configuration_stakes=STAKES,
    stake_pools=(0, 1, 1, 2, 2),
    accounts=(),
    steps=10,
    step=1.0,
    snapshots=np.array([5, 10], np.int32),
    required_collateral=with_failure(REQUIRED, np.nan, np.float32),
    liquidation_step=with_failure(LIQUIDATION_STEP, 0, np.int32),
    profit=with_failure(PROFIT, np.nan, np.float32),
    insurance_draw=with_failure(INSURANCE_DRAW, np.nan, np.float32),
    driver=np.full((len(INSURANCE_DRAW), 9), -1, np.int16),
    closed_step=with_failure(LIQUIDATION_STEP, 0, np.int32),
    ledger=np.empty((0, len(LINES), 9), np.float32),
    ledger_drift=np.empty((0, 9), np.float32),
    cash_used=np.empty((0, 9), np.float32),
    alert_step={},
    log_price=np.zeros((1, 9), np.float32),
    failed=np.arange(9) == FAILED_AT,
    ratio_edges=np.array(EDGES, np.float32),
    ratio_counts=COUNTS,
    block_width=1024,
    compile_seconds=0.0,
)
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.9)


def axes(outcomes: Outcomes = OUTCOMES):
    return axes_of(
        CONFIGURATIONS, outcomes, quantiles=QUANTILES, profile=(0.5, 0.75), levels=(0.75,), review_days=(1, 7, 30)
    )


@pytest.fixture(scope="module")
def results():
    return evaluate(OUTCOMES, CONFIGURATIONS, axes())


def rows(*values: object) -> np.ndarray:
    return np.array(values, dtype=np.float64)


nan = np.nan


def test_axes():
    labels = axes()
    assert labels.pools == ("a", "cross", "b")
    assert labels.times.tolist() == [0.0, 5.0, 10.0]
    # 30 days lie beyond the horizon of 10.
    assert labels.review_days == (1, 7)


@pytest.mark.parametrize(
    ("step", "steps", "days"),
    [
        (1 / 3, 90, (1, 7, 30)),
        (5 / 24, 144, (30,)),
        (2.0, 15, (30,)),
        (7.0, 4, (7,)),
        (1 / 1440, 1440 * 7, (1, 7)),
    ],
)
def test_days_inside_a_step_are_not_stated(step, steps, days):
    # By hand: of 1, 7 and 30 those that are whole multiples of the step, within the horizon.
    assert axes(replace(OUTCOMES, step=step, steps=steps)).review_days == days


def test_probabilities_of_pools(results):
    expected = rows([4, 2, nan], [4, nan, 3], [nan, 1, nan], [4, nan, 3], [nan, 0, nan]) / 8
    np.testing.assert_array_equal(results["liquidation_probability"], expected)
    # Within a day: the pool that was liquidated at the start. Within seven: steps 0, 3 and 7 of the first.
    expected = rows([1, 0, nan], [1, nan, 0], [nan, 0, nan], [1, nan, 0], [nan, 0, nan]) / 8
    np.testing.assert_array_equal(results["liquidation_probability_1d"], expected)
    expected = rows([3, 2, nan], [3, nan, 2], [nan, 1, nan], [3, nan, 2], [nan, 0, nan]) / 8
    np.testing.assert_array_equal(results["liquidation_probability_7d"], expected)
    assert "liquidation_probability_30d" not in results


def test_intervals_count_valid_paths_only(results):
    # Wilson with no hit in 8: z^2 / (8 + z^2) = 3.841459 / 11.841459.
    assert results["liquidation_probability_upper"][4, 1] == pytest.approx(0.324408, abs=1e-6)
    assert results["liquidation_probability_lower"][4, 1] == 0.0


def test_probabilities_of_positions(results):
    # The order of the pools in a configuration does not matter: "turned" is "all_isolated".
    expected = rows([4, 2], [4, 3], [1, 1], [4, 3], [0, 0]) / 8
    np.testing.assert_array_equal(results["position_liquidation_probability"], expected)
    assert (results["position_liquidation_probability_upper"] > 0).all()


def test_probabilities_of_the_account(results):
    # As booked: paths 1, 2, 3, 4 and 7 lose a pool, the second loses both.
    np.testing.assert_array_equal(results["account_liquidation_probability"], rows(5, 5, 1, 5, 0) / 8)
    np.testing.assert_array_equal(results["account_wiped_probability"], rows(1, 2, 1, 2, 0) / 8)
    np.testing.assert_array_equal(results["account_liquidation_probability_1d"], rows(1, 1, 0, 1, 0) / 8)
    np.testing.assert_array_equal(results["account_liquidation_probability_7d"], rows(4, 4, 1, 4, 0) / 8)


def test_survival(results):
    # After 0, 5 and 10 days.
    np.testing.assert_array_equal(results["survival"][0, 0], rows(7, 6, 4) / 8)
    np.testing.assert_array_equal(results["survival"][0, 1], rows(8, 6, 6) / 8)
    np.testing.assert_array_equal(results["survival"][4, 1], rows(8, 8, 8) / 8)
    assert np.isnan(results["survival"][0, 2]).all()
    np.testing.assert_array_equal(results["account_survival"][0], rows(7, 5, 3) / 8)
    np.testing.assert_array_equal(1 - results["account_survival"][:, -1], results["account_liquidation_probability"])


def test_time_of_liquidation(results):
    # Steps 0, 3, 7 and 10 of eight paths: a quarter by day 3, a half by day 10, three quarters never.
    np.testing.assert_array_equal(results["liquidation_time"][0, 0], rows(0, 3, 10, nan, nan))
    np.testing.assert_array_equal(results["liquidation_time"][0, 1], rows(3, 5, nan, nan, nan))
    np.testing.assert_array_equal(results["liquidation_time"][4, 1], rows(nan, nan, nan, nan, nan))


def test_required_collateral(results):
    # Sorted 10, 20, 30, 40, 60, 61, 75, 90; with just more than 40 half of the paths are liquidated.
    np.testing.assert_array_equal(results["required_collateral"][0, 0], rows(10, 20, 40, 61, 90))
    np.testing.assert_array_equal(results["required_collateral_profile"][0, 0], rows(40, 61))
    # Sorted 5 to 9, 50, 100, 120; both stakes of a pool share what it requires.
    np.testing.assert_array_equal(results["required_collateral"][0, 1], rows(5, 6, 8, 50, 120))
    np.testing.assert_array_equal(results["required_collateral"][1, 2], rows(5, 6, 8, 50, 120))
    lower, upper = results["required_collateral_lower"], results["required_collateral_upper"]
    assert (lower[0, 0] <= results["required_collateral"][0, 0]).all()
    assert (results["required_collateral"][0, 0] <= upper[0, 0]).all()


def test_margin_ratio(results):
    ratios = results["margin_ratio"][0, 0]
    assert np.isnan(ratios[0]).all()
    # After step 5 a quarter is at 1, a half at or below 2, three quarters at or below 4, all at or below 8; between
    # edges on the logarithm: 0.9 lies at 0.6 of the way from 4 to 8.
    np.testing.assert_allclose(ratios[1], [1.0, 1.0, 2.0, 4.0, 4.0 * 2.0**0.6], rtol=1e-12)
    # After step 10 half is at 1, and a quarter above the last edge, where quantiles end.
    np.testing.assert_allclose(ratios[2], [1.0, 1.0, 1.0, 8.0, 8.0], rtol=1e-12)


def test_losses_of_the_account(results):
    # As booked: 52, 160, 70, 48, -16, -9, 44, 0.
    np.testing.assert_array_equal(results["expected_loss"], rows(374, 356, 284, 356, 334) / 8)
    np.testing.assert_array_equal(results["expected_pnl"], rows(-349, -331, -259, -331, -309) / 8)
    np.testing.assert_array_equal(results["loss_quantile"][0], rows(-16, -9, 44, 52, 160))
    np.testing.assert_array_equal(results["loss_profile"][0], rows(44, 52))
    # The two worst of eight beyond 75 %: 160 and 70; 110 and 110; 150 and 44.
    np.testing.assert_array_equal(results["value_at_risk"][:3, 0], rows(52, 52, 40))
    np.testing.assert_array_equal(results["expected_shortfall"][:3, 0], rows(115, 110, 97))
    # Excesses over 52: 108 and 18; variance (108^2 + 18^2) / 8 - (126 / 8)^2.
    error = ((11_664 + 324) / 8 - 15.75**2) ** 0.5 / 8**0.5 / 0.25
    assert results["expected_shortfall_standard_error"][0, 0] == pytest.approx(error, rel=1e-12)


def test_losses_of_liquidation(results):
    loss = results["expected_liquidation_loss"]
    np.testing.assert_array_equal(
        loss, rows([240, 180, nan], [240, nan, 150], [nan, 150, nan], [240, nan, 150], [nan, 0, nan]) / 8
    )
    given = results["loss_given_liquidation"]
    np.testing.assert_array_equal(given[:3], rows([60, 90, nan], [60, nan, 50], [nan, 150, nan]))
    # One path says nothing about its spread; a pool that is never liquidated has no loss given that.
    assert np.isnan(results["loss_given_liquidation_upper"][2, 1])
    assert np.isnan(given[4]).all()
    np.testing.assert_array_equal(results["expected_insurance_draw"][0], rows(0, 5 / 8, nan))


def test_differences_to_as_booked(results):
    np.testing.assert_array_equal(results["account_liquidation_probability_difference"], rows(0, 0, -4, 0, -5) / 8)
    np.testing.assert_array_equal(results["account_wiped_probability_difference"], rows(0, 1, 0, 1, -1) / 8)
    np.testing.assert_array_equal(results["position_liquidation_probability_difference"][1], rows(0, 1) / 8)
    np.testing.assert_array_equal(results["expected_loss_difference"], rows(0, -18, -90, -18, -40) / 8)
    np.testing.assert_array_equal(results["expected_pnl_difference"], rows(0, 18, 90, 18, 40) / 8)
    np.testing.assert_array_equal(results["value_at_risk_difference"][:3, 0], rows(0, 0, -12))
    np.testing.assert_array_equal(results["expected_shortfall_difference"][:3, 0], rows(0, -5, -18))


def test_isolated_less_cross(results):
    assert results["account_liquidation_probability_isolated_less_cross"] == 4 / 8
    assert results["account_wiped_probability_isolated_less_cross"] == 1 / 8
    np.testing.assert_array_equal(results["position_liquidation_probability_isolated_less_cross"], rows(3, 2) / 8)
    assert results["expected_pnl_isolated_less_cross"] == -9.0
    np.testing.assert_array_equal(results["value_at_risk_isolated_less_cross"], [12.0])
    np.testing.assert_array_equal(results["expected_shortfall_isolated_less_cross"], [13.0])
    # Per path 22, -40, 20, 70 and four zeros: mean 9, variance (7,384 - 648) / 7, error sqrt(962.29 / 8) = 10.9675.
    assert results["expected_loss_isolated_less_cross"] == 9.0
    assert results["expected_loss_isolated_less_cross_upper"] == pytest.approx(9.0 + 1.959964 * 10.9675, abs=1e-3)
    assert results["expected_loss_isolated_less_cross_lower"] == pytest.approx(9.0 - 1.959964 * 10.9675, abs=1e-3)


def test_failed_paths_are_counted_and_nothing_else_of_them(results):
    assert results["failed_paths"] == 1.0
    kept = np.arange(9) != FAILED_AT
    without = replace(
        OUTCOMES,
        failed=OUTCOMES.failed[kept],
        log_price=OUTCOMES.log_price[:, kept],
        **{
            name: getattr(OUTCOMES, name)[:, kept]
            for name in ("required_collateral", "liquidation_step", "closed_step", "profit", "insurance_draw")
        },
    )
    for name, value in evaluate(without, CONFIGURATIONS, axes()).items():
        if name != "failed_paths":
            np.testing.assert_array_equal(value, results[name], err_msg=name)


def test_run_of_failures_alone_is_refused():
    with pytest.raises(NoValidPathError, match="every path failed"):
        evaluate(replace(OUTCOMES, failed=np.ones(9, bool)), CONFIGURATIONS, axes())


def test_one_valid_path_has_estimates():
    failed = np.arange(9) != 1
    results = evaluate(replace(OUTCOMES, failed=failed), CONFIGURATIONS, axes())
    assert results["liquidation_probability"][0, 0] == 1.0
    assert results["expected_loss"][0] == 160.0
    assert np.isnan(results["expected_loss_upper"][0])
    assert results["expected_shortfall"][0, 0] == 160.0


def test_margin_ratios_read_off_counts_are_as_near_as_stated():
    # Oracle: the order statistics of the ratios themselves; the table of variables states 2.8 %.
    ratios = np.exp(np.random.default_rng(6).normal(1.0, 1.2, 4_000))
    ratios = np.maximum(ratios, 1.0)
    counts = (ratios[:, None] > RATIO_EDGES).sum(axis=0)
    outcomes = replace(
        OUTCOMES,
        ratio_edges=RATIO_EDGES,
        ratio_counts=np.broadcast_to(counts, (2, 5, counts.size)),
        failed=np.zeros(4_000, bool),
        required_collateral=np.zeros((3, 4_000), np.float32),
        liquidation_step=np.zeros((5, 4_000), np.int32),
        closed_step=np.zeros((5, 4_000), np.int32),
        profit=np.zeros((5, 4_000), np.float32),
        insurance_draw=np.zeros((5, 4_000), np.float32),
        driver=np.full((5, 4_000), -1, np.int16),
    )
    estimates = evaluate(outcomes, CONFIGURATIONS, axes())["margin_ratio"][0, 0, 1]
    exact = np.quantile(ratios, QUANTILES, method="inverted_cdf")
    assert exact[0] == estimates[0] == 1.0
    assert exact[-1] > 5.0
    np.testing.assert_allclose(estimates, exact, rtol=0.028)
