"""Differences on the same paths: by hand, and their coverage where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from stresslab.measures.account import AccountPaths, differences, mean_with_bounds


def account(loss: np.ndarray, first: np.ndarray | None = None, last: np.ndarray | None = None) -> AccountPaths:
    never = np.full(loss.size, 11, np.int32)
    first, last = (never if steps is None else np.asarray(steps, np.int32) for steps in (first, last))
    return AccountPaths(first, last, [last], np.asarray(loss, np.float64), steps=10)


def test_liquidated_at_the_last_step_but_not_after_it():
    paths = account(np.zeros(4), first=np.array([0, 10, 11, 5]), last=np.array([10, 11, 11, 5]))
    assert paths.any_liquidated.tolist() == [True, True, False, True]
    assert paths.wiped.tolist() == [True, False, False, True]


def test_mean_with_bounds_by_hand():
    # 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/12).
    mean, lower, upper = mean_with_bounds(np.arange(1.0, 5.0))
    assert mean == 2.5
    assert upper - mean == pytest.approx(1.959964 * math.sqrt(5 / 12), rel=1e-6)
    assert mean - lower == pytest.approx(1.959964 * math.sqrt(5 / 12), rel=1e-6)


def test_mean_of_one_path_has_no_bounds():
    mean, lower, upper = mean_with_bounds(np.array([7.0]))
    assert mean == 7.0
    assert math.isnan(lower)
    assert math.isnan(upper)


def test_difference_to_itself_is_zero():
    loss = np.random.default_rng(1).standard_t(3, 500)
    paths = account(loss, first=np.arange(500) % 12, last=np.arange(500) % 12)
    for name, value in differences(paths, paths, (0.95, 0.99)).items():
        assert np.all(value[0] == 0.0), name
        assert np.all(value[1] <= 0.0), name
        assert np.all(value[2] >= 0.0), name


def test_differences_change_their_sign_with_the_order():
    random = np.random.default_rng(2)
    one = account(random.normal(size=400), first=random.integers(0, 12, 400), last=random.integers(8, 12, 400))
    two = account(random.normal(size=400), first=random.integers(0, 12, 400), last=random.integers(8, 12, 400))
    there, back = differences(one, two, (0.95,)), differences(two, one, (0.95,))
    for name in there:
        np.testing.assert_allclose(there[name], -back[name][[0, 2, 1]], rtol=1e-12, atol=1e-15, err_msg=name)


def test_pairing_takes_the_common_part_out():
    # The second account loses exactly 3 more than the first on every path, whatever the market does.
    loss = np.random.default_rng(3).normal(scale=1_000.0, size=2_000)
    result = differences(account(loss + 3.0), account(loss), (0.95, 0.99))
    assert result["expected_pnl"] == pytest.approx([-3.0, -3.0, -3.0], abs=1e-9)
    assert result["value_at_risk"][0] == pytest.approx([3.0, 3.0], abs=1e-9)
    np.testing.assert_allclose(result["expected_shortfall"], 3.0, atol=1e-9)
    # Control: the loss alone is known to no better than 40.
    _, lower, upper = mean_with_bounds(loss)
    assert upper - lower > 80.0


def test_coverage_of_differences():
    # Losses X normal and Y = 0.8 X + 0.3 Z on the same paths; sd(Y) = sqrt(0.73). Closed form at 95 %:
    # value at risk sd * 1.644854, expected shortfall sd * 2.062713, E[max(L, 0)] = sd / sqrt(2 pi), E[P&L] = 0.
    random = np.random.default_rng(4)
    gap = 1.0 - math.sqrt(0.73)
    truth = {
        "value_at_risk": gap * float(ndtri(0.95)),
        "expected_shortfall": gap * 2.062713,
        "expected_loss": gap / math.sqrt(2 * math.pi),
        "expected_pnl": 0.0,
    }
    covered = dict.fromkeys(truth, 0)
    trials = 400
    for _ in range(trials):
        common, own = random.standard_normal((2, 4_000))
        result = differences(account(common), account(0.8 * common + 0.3 * own), (0.95,))
        for name, value in truth.items():
            _, lower, upper = np.asarray(result[name]).reshape(3)
            covered[name] += int(lower <= value <= upper)
    # Four standard errors of a coverage of 0.95 in 400 trials are 0.044.
    for name, count in covered.items():
        assert abs(count / trials - 0.95) < 0.044, (name, count)


def test_few_paths_have_no_interval_for_quantiles_but_an_estimate():
    result = differences(account(np.array([2.0, 1.0])), account(np.array([0.0, 0.0])), (0.95,))
    assert result["value_at_risk"][0] == [2.0]
    assert np.isnan(result["value_at_risk"][1:]).all()
