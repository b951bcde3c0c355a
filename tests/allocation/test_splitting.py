"""Splits against closed forms (METHODS O8) and against brute force on small random books."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from stresslab.allocation.bounds import Bounds, bounds_of
from stresslab.allocation.outcomes import Objective, Pools, expected_shortfall, value_of
from stresslab.allocation.rules import RULES, rule_splits
from stresslab.allocation.sampling import AllocationError, Sample, draw_sample
from stresslab.allocation.separable import least_largest, least_sum, probability_tables
from stresslab.allocation.splitting import best_split
from tests.allocation.books import scenario_of

NAMES = ("expected-loss", "any-liquidation", "k-liquidations", "expected-shortfall")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    scenario = scenario_of(tmp_path_factory.mktemp("pair"), [1.0, 1.0], [0.8, 1.0], 0.8, paths=100_000)
    return draw_sample(scenario)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return draw_sample(
        scenario_of(tmp_path_factory.mktemp("three"), [1.0, -1.0, 1.0], [0.8, 1.0, 0.6], 0.5, paths=4_000)
    )


def made_up(sample: Sample, seed: int) -> Sample:
    """A book of three whose joint outcomes are random walks drawn here, without the engine."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.3, 2.0, 3)
    mixed = np.linalg.cholesky(0.5 * np.eye(3) + 0.5 * np.outer(*[rng.choice([-1.0, 1.0], 3)] * 2))
    steps = np.einsum("ij,jpt->ipt", mixed, rng.standard_normal((3, 2_000, 20))) * scale[:, None, None] * 0.02
    walk = steps.cumsum(axis=2)
    required = (-walk).max(axis=2).clip(min=0.0) + 0.005
    return replace(sample, required=required.astype(np.float32), held=walk[..., -1].astype(np.float32))


def test_the_least_sum_of_probabilities_is_the_closed_form(pair):
    # METHODS O8 (M61): budget 0.4: margins 0.185566 and 0.214434, sum 0.176798; budget 0.2: sum 0.873988.
    pools = Pools(pair, pair.pools, 1.0)
    for budget, margin, least in ((0.4, 0.185566, 0.176798), (0.2, 0.108041, 0.873988)):
        bounds = bounds_of(pair.scenario.book, budget)
        levels, value = least_sum(probability_tables(pools, bounds), bounds.units)
        assert value == pytest.approx(least, abs=4.0 * np.sqrt(least / 1e5))
        # The optimum is flat: the margin is known less well than the sum.
        assert bounds.collateral(levels)[0] == pytest.approx(margin, abs=0.008)
        assert bounds.collateral(levels).sum() == pytest.approx(budget)


def brute_force(pools: Pools, bounds: Bounds, objective: Objective) -> float:
    """Least value over every split of the units."""
    values = [
        value_of(pools, bounds.collateral(np.array([*levels, bounds.units - sum(levels)])), objective)
        for levels in itertools.product(range(bounds.units + 1), repeat=2)
        if sum(levels) <= bounds.units
    ]
    return min(values)


@pytest.mark.parametrize("seed", range(20))
def test_no_worse_than_brute_force_by_more_than_a_hundredth(three, seed):
    sample = made_up(three, seed)
    pools = Pools(sample, sample.pools, 1.0)
    bounds = bounds_of(sample.scenario.book, 0.5, increment=0.02)
    assert bounds.units == 22
    objective = Objective(NAMES[seed % 4], count=2, level=0.95)
    least = brute_force(pools, bounds, objective)
    split = best_split(pools, bounds, objective)
    assert split.value <= least * 1.01 + 1e-9
    # The bound is one: nothing on the grid lies below it.
    assert split.bound <= least * (1.0 + 1e-6) + 1e-9
    # Control: the worst split is worse by far more, so that the test can fail.
    worst = max(value_of(pools, bounds.collateral(np.array(each)), objective) for each in np.diag([22] * 3))
    assert worst > least * 1.05


def test_the_shortfall_is_that_of_the_definition(three):
    losses = np.arange(1000.0)
    assert expected_shortfall(losses, 0.975) == pytest.approx(np.arange(975.0, 1000.0).mean())


def test_dynamic_programming_on_functions_that_are_not_convex():
    # By hand: 3 units over tables where the second unit of the first pool alone pays.
    tables = [np.array([5.0, 5.0, 1.0, 1.0]), np.array([4.0, 3.0, 3.0, 3.0])]
    levels, value = least_sum(tables, 3)
    assert (levels.tolist(), value) == ([2, 1], 4.0)
    with pytest.raises(ValueError, match="do not fit"):
        least_sum(tables, 7)


def test_the_largest_is_made_least():
    # By hand: 3 units; with 2 and 1 the largest is 0.3.
    levels, value = least_largest([np.array([0.9, 0.5, 0.3, 0.2]), np.array([0.4, 0.3, 0.1, 0.0])], 3)
    assert (levels.tolist(), value) == ([2, 1], 0.3)


def test_a_target_is_met_with_little(pair):
    pools = Pools(pair, pair.pools, 1.0)
    split = best_split(pools, bounds_of(pair.scenario.book, 1.0), Objective("target-probability", target=0.552899))
    # METHODS O4: margins of 0.1 each leave 0.552899, so that no more than 0.2 and the noise of 1e5 paths is needed.
    assert split.value <= 0.2 * 1.01
    assert split.bound <= split.value
    met = value_of(pools, split.collateral, Objective("any-liquidation"))
    assert 0.54 < met <= 0.552899
    with pytest.raises(AllocationError, match="cannot be met"):
        best_split(pools, bounds_of(pair.scenario.book, 0.1), Objective("target-probability", target=0.01))


def test_bounds_are_kept(three):
    book = three.scenario.book
    bounds = bounds_of(book, 0.5, cap=0.2, increment=0.02, fixed={"p1": 0.05})
    split = best_split(Pools(three, three.pools, 1.0), bounds, Objective("any-liquidation"))
    assert split.collateral[1] == 0.05
    assert split.collateral.max() <= 0.2 + 1e-12
    np.testing.assert_allclose(split.collateral[[0, 2]] / 0.02, np.rint(split.collateral[[0, 2]] / 0.02))
    # 0.45 would be left for two positions capped at 0.2 each.
    assert split.collateral.sum() == pytest.approx(0.45)
    for levels in rule_splits(Pools(three, three.pools, 1.0), bounds).values():
        assert levels.sum() == bounds.units
        assert all(0 <= level <= room for level, room in zip(levels, bounds.room, strict=True))


@pytest.mark.parametrize(
    ("budget", "options", "message"),
    [
        (0.05, {}, "floors, which add up to 0.06"),
        (0.5, {"cap": 0.01}, "below what"),
        (0.5, {"fixed": {"p9": 0.1}}, "there is no position"),
        (0.5, {"fixed": {"p1": 0.001}}, "initial margin"),
        (-1.0, {}, "above 0"),
    ],
)
def test_what_is_infeasible_is_said(three, budget, options, message):
    with pytest.raises(AllocationError, match=message):
        bounds_of(three.scenario.book, budget, **options)


def test_rules_by_hand(three):
    bounds = bounds_of(three.scenario.book, 0.6)
    found = rule_splits(Pools(three, three.pools, 1.0), bounds)
    splits = {name: bounds.collateral(levels) for name, levels in found.items()}
    assert tuple(splits) == RULES
    np.testing.assert_allclose(splits["equal"], [0.2] * 3, atol=1e-3)
    np.testing.assert_allclose(splits["by notional"], [0.2] * 3, atol=1e-3)
    # Volatilities 0.8, 1.0 and 0.6 on equal notional; the deviation of 4,000 paths is known to some percent.
    np.testing.assert_allclose(splits["by volatility"], [0.2, 0.25, 0.15], rtol=0.05)
