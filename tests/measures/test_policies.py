"""What policies are worth: by hand on a few paths, and the coverage of the interval that no formula of ours gives."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest

from stresslab.book.configuration import Configuration, Pool
from stresslab.book.policies import TopUp
from stresslab.measures.account import AccountPaths, mean_with_bounds
from stresslab.measures.policies import (
    loss_given_liquidation,
    loss_given_liquidation_difference,
    policy_arrays,
    policy_base,
    rounding,
)

POOLS = (Pool("cross", (0,), 100.0),)
TOP_UP = TopUp("reserve", 1.5, 2.0, 10.0, 10.0, 0.0)
BOOKED = Configuration("as_booked", POOLS, 0.0)
HEDGED = Configuration("hedged", POOLS, 0.0)


def account(loss: object, liquidated: object) -> AccountPaths:
    step = np.where(np.asarray(liquidated, bool), 5, 11).astype(np.int32)
    return AccountPaths(step, step, [step], np.asarray(loss, np.float64), steps=10)


def test_loss_given_liquidation_by_hand():
    # Of 40 paths half are liquidated, ten with a loss of 8 and ten with 12: a mean of 10 in half of the paths. The
    # influence of a path is (8 - 10) / 0.5 = -4, +4, or 0; its variance 20 * 16 / 39.
    loss = np.repeat([8.0, 12.0, 1e6], [10, 10, 20])
    value, lower, upper = loss_given_liquidation(account(loss, np.arange(40) < 20))
    assert value == 10.0
    assert upper - value == pytest.approx(1.959964 * math.sqrt(20 * 16 / 39 / 40), rel=1e-6)
    assert value - lower == pytest.approx(upper - value, rel=1e-12)
    # Control: without the condition the million of the others would be in it.
    assert mean_with_bounds(loss)[0] > 1e5


def test_fewer_than_ten_liquidations_are_no_estimate():
    loss = np.arange(40.0)
    assert all(math.isnan(part) for part in loss_given_liquidation(account(loss, np.arange(40) < 9)))
    # Control: ten are, 0 to 9 with a mean of 4.5.
    assert loss_given_liquidation(account(loss, np.arange(40) < 10))[0] == 4.5


def test_few_liquidations_in_either_leave_no_difference():
    many, few = account(np.ones(40), np.arange(40) < 20), account(np.ones(40), np.arange(40) < 5)
    assert math.isnan(loss_given_liquidation_difference(many, few)[0])
    assert math.isnan(loss_given_liquidation_difference(few, many)[0])
    assert loss_given_liquidation_difference(many, many)[0] == 0.0


def test_fewer_liquidations_may_cost_more_each():
    # Without the policy 20 paths lose 5 and 20 lose 15; with it only those that lose 15 are left, and lose 18.
    without = account(np.repeat([5.0, 15.0, 0.0], 20), np.arange(60) < 40)
    acting = account(np.repeat([0.0, 18.0, 0.0], 20), (np.arange(60) >= 20) & (np.arange(60) < 40))
    value, lower, upper = loss_given_liquidation_difference(acting, without)
    assert value == 18.0 - 10.0
    # Influence: with the policy 0 on every path; without, -5 / (2/3) and +5 / (2/3) on 20 paths each.
    assert upper - lower == pytest.approx(2 * 1.959964 * math.sqrt(40 * 7.5**2 / 59 / 60), rel=1e-6)
    assert lower > 0.0


def test_coverage_of_the_difference():
    # Liquidated where X > 1, losing 10 + X; with the policy where X > 1.5, losing 12 + X + Z / 2. With the normal
    # hazard phi(a) / (1 - Phi(a)) as mean of X beyond a, 1.525135 at 1 and 1.938757 at 1.5 (Mills' ratio), the
    # difference of the means is 2 + 1.938757 - 1.525135.
    truth = 2.0 + 1.938757 - 1.525135
    random, covered, trials = np.random.default_rng(5), 0, 400
    for _ in range(trials):
        market, own = random.standard_normal((2, 3_000))
        acting = account(12.0 + market + own / 2, market > 1.5)
        _, lower, upper = loss_given_liquidation_difference(acting, account(10.0 + market, market > 1.0))
        covered += int(lower <= truth <= upper)
    # Four standard errors of a coverage of 0.95 in 400 trials are 0.044.
    assert abs(covered / trials - 0.95) < 0.044


def test_the_base_is_the_one_it_is_like_or_the_first():
    own = Configuration("own", POOLS, 0.0, (TOP_UP,))
    like = Configuration("like", POOLS, 0.0, (TOP_UP,), base="hedged")
    every = (BOOKED, HEDGED, own, like)
    assert [policy_base(each, every) for each in every] == [None, None, "as_booked", "hedged"]


def test_differences_and_cash_by_hand():
    # Twenty paths. As booked 4 are liquidated and lose 10; hedged 2; with the top-up none, at a loss of 3 on four.
    booked = account(np.repeat([10.0, 0.0], [4, 16]), np.arange(20) < 4)
    hedged = account(np.repeat([10.0, 0.0], [2, 18]), np.arange(20) < 2)
    acting = account(np.repeat([3.0, 0.0], [4, 16]), np.zeros(20))
    topped_up = Configuration("topped up", POOLS, 0.0, (TOP_UP,), base="hedged")
    # Cash of 1 to 4 on four paths.
    cash = np.array([*range(1, 5), *[0] * 16], np.float32)
    found = policy_arrays(
        (BOOKED, HEDGED, topped_up), (booked, hedged, acting), (None, None, cash), (0.75,), (0.5, 0.9)
    )
    # 0 - 2/20 against the one it is like; against as booked it would be -4/20.
    assert found["account_liquidation_probability_policy_difference"][2] == pytest.approx(-0.1)
    assert found["expected_loss_policy_difference"][2] == pytest.approx((4 * 3 - 2 * 10) / 20)
    assert found["expected_pnl_policy_difference"][2] == pytest.approx((2 * 10 - 4 * 3) / 20)
    # The worst quarter is five paths: 12 / 5 against 20 / 5.
    assert found["expected_shortfall_policy_difference"][2] == pytest.approx([2.4 - 4.0])
    assert found["cash_used_probability"][2] == 0.2
    assert found["expected_cash_used"][2] == 0.5
    # Sorted, sixteen zeros, 1, 2, 3, 4: the 10th and the 18th of 20.
    assert found["cash_used_quantile"][2].tolist() == [0.0, 2.0]
    assert found["cash_used_quantile_upper"][2].tolist()[1] == 4.0
    for name, values in found.items():
        if "policy_difference" in name or "cash" in name:
            assert np.isnan(values[:2]).all(), name
    assert np.isnan(found["account_loss_given_liquidation"]).all()


def test_rounding_is_no_difference():
    # The pool holds 100, so losses within 0.001 are equal. Without that a constant 0.0005 would be a certain loss.
    booked = account(np.linspace(-5.0, 50.0, 40), np.arange(40) < 10)
    acting = Configuration("acting", POOLS, 0.0, (TOP_UP,))

    def lost(more: float) -> list[float]:
        moved = account(booked.loss + more, np.arange(40) < 10)
        found = policy_arrays((BOOKED, acting), (booked, moved), (None, None), (0.75,), (0.5,))
        return [float(found[f"expected_pnl_policy_difference{end}"][1]) for end in ("", "_lower", "_upper")]

    assert rounding(BOOKED, booked) == pytest.approx(0.001)
    assert lost(0.0005) == [0.0, 0.0, 0.0]
    # Control: twice the bound is a loss.
    assert lost(0.002) == pytest.approx([-0.002] * 3)
    # Where no collateral is stated, the largest loss stands for the account.
    assert rounding(Configuration("as_booked", (Pool("cross", (0,), 0.0),), 0.0), booked) == pytest.approx(0.0005)


def test_without_policies_there_is_nothing_to_be_worth():
    paths = account(np.arange(40.0), np.arange(40) < 10)
    found = policy_arrays((BOOKED,), (paths,), (None,), (0.75,), (0.5,))
    assert set(found) == {f"account_loss_given_liquidation{end}" for end in ("", "_lower", "_upper")}
    assert cast(float, found["account_loss_given_liquidation"][0]) == 4.5
