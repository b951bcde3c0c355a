"""Jumps at the end of a step, and extremes that the market supplies itself, worked by hand."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.margin import pool_engine
from stresslab.market.process import MarketStep
from tests.margin.test_pool_engine import CERTAIN, ETH, LONG, Run
from tests.oracles.scenarios import configuration

ISOLATED = configuration("isolated", ("long", [0], 10.0))
CROSS = configuration("cross", ("cross", [0, 1], 20.0))


def outcome(configurations, positions, end, *, gap=None, low=None, high=None, deviation=0.0, draw=CERTAIN):
    """One step from today's prices to ``end``, a ratio of today's BTC price; ETH stands still."""
    run = Run(positions, *configurations)

    def column(ratio):
        return None if ratio is None else jnp.asarray([[math.log(ratio)], [0.0]], jnp.float32)

    market = MarketStep(
        run.log_price,
        column(end),
        jnp.array([[deviation], [deviation]], jnp.float32),
        jnp.eye(2, dtype=jnp.float32),
        gap=column(gap),
        low_log_price=column(low),
        high_log_price=column(high),
    )
    pools = jnp.full((len(run.layout.several_pools), 1), draw, jnp.float32)
    bridge = jnp.full((2, 1), draw, jnp.float32)
    run.account = pool_engine.step(run.places, run.parameters, run.account, market, bridge, pools)
    run.log_price, run.steps = column(end), 1
    return run.outcome()


@pytest.mark.parametrize(("configurations", "positions"), [((ISOLATED,), (LONG,)), ((CROSS,), (LONG, ETH))])
def test_a_gap_liquidates_at_the_price_it_reached(configurations, positions):
    # A long of 1 at 100 falls by 30: with 10 (20) behind it, 20 (10) are missing. The ETH long of 100 stands still.
    money = 20.0 if len(positions) == 2 else 10.0
    jumped = outcome(configurations, positions, 0.7, gap=0.7)
    assert jumped["liquidation_step"][0, 0] == 1
    assert jumped["insurance_draw"][0, 0] == pytest.approx(30.0 - money, abs=1e-4)
    assert jumped["profit"][0, 0] == pytest.approx(-money, abs=1e-4)
    # Without a gap the same move passes through the barrier, and nothing is missing.
    moved = outcome(configurations, positions, 0.7)
    assert moved["liquidation_step"][0, 0] == 1
    assert moved["insurance_draw"][0, 0] == 0.0
    for result in (jumped, moved):
        required = 30.0 + 0.005 * (70.0 + 100.0 * (len(positions) == 2))
        assert result["required_collateral"][0, 0] == pytest.approx(required, abs=1e-4)


def test_each_path_of_a_block_is_settled_where_it_was_liquidated():
    # A pool of BTC and ETH with 20 and with 40. Five paths lose the first stake to a diffusion; a step later some pass
    # that barrier inside the step and some in the gap at its end, and 50 % down the gap takes the second stake too. So
    # a path waits twice in one step, and what waits is never a whole number of takes.
    paths = 1024
    grid = (np.arange(paths) + 0.5) / paths
    early, kind = np.arange(paths) < 5, np.arange(paths) % 4
    first = np.where(early, 0.7, 0.98)
    inside = np.select([early, kind == 0, kind == 1], [0.7, 0.72 - 0.04 * grid, 0.95], 0.96)
    end = np.select([early, kind == 3], [0.7, 0.97], np.where(kind == 2, 0.75, 0.5) - 0.04 * grid)
    run = Run(
        (LONG, ETH), configuration("a", ("x", [0, 1], 20.0)), configuration("b", ("x", [0, 1], 40.0)), paths=paths
    )
    still = jnp.zeros((2, 1), jnp.float32)
    for before, after in ((first, first), (inside, end)):
        ends, gap = (
            jnp.asarray(np.stack([np.log(ratio), np.zeros(paths)]), jnp.float32) for ratio in (after, after / before)
        )
        market = MarketStep(run.log_price, ends, still, jnp.eye(2, dtype=jnp.float32), gap=gap)
        pools, bridge = jnp.full((1, paths), CERTAIN, jnp.float32), jnp.full((2, paths), CERTAIN, jnp.float32)
        run.account = pool_engine.step(run.places, run.parameters, run.account, market, bridge, pools)
        run.log_price, run.steps = ends, run.steps + 1
    outcome = run.outcome()

    # Inside a step the requirement at the geometric middle is left, in a gap what the price at its end leaves.
    met = 0.5 * (np.where(early, np.sqrt(0.7), np.sqrt(0.98 * inside)) + 1.0)
    left = np.where(early | (kind == 0), met, 20.0 + 100.0 * (end - 1.0)), 40.0 + 100.0 * (end - 1.0)
    hit = early | (kind != 3), ~early & (kind < 2)
    steps = np.where(early, 1, np.where(hit[0], 2, 3)), np.where(hit[1], 2, 3)
    for stake, money in enumerate((20.0, 40.0)):
        np.testing.assert_array_equal(outcome["liquidation_step"][stake], steps[stake])
        drawn = np.where(hit[stake], np.maximum(-left[stake], 0.0), 0.0)
        kept = np.where(hit[stake], np.maximum(left[stake], 0.0) - money, 100.0 * (end - 1.0))
        np.testing.assert_allclose(outcome["insurance_draw"][stake], drawn, atol=5e-5)
        np.testing.assert_allclose(outcome["profit"][stake], kept, atol=5e-5)


@pytest.mark.parametrize(("configurations", "positions"), [((ISOLATED,), (LONG,)), ((CROSS,), (LONG, ETH))])
def test_before_a_gap_the_barrier_is_met_inside_the_step(configurations, positions):
    # To 0.7 by diffusion, and then a jump back to today's price: liquidated at the barrier, nothing missing.
    back = outcome(configurations, positions, 1.0, gap=1.0 / 0.7)
    assert back["liquidation_step"][0, 0] == 1
    assert back["insurance_draw"][0, 0] == 0.0
    # The bridge covers the way to 0.9999 alone: with no deviation it stays there, and a jump up harms no long.
    assert outcome(configurations, positions, 1.3, gap=1.3 / 0.9999)["liquidation_step"][0, 0] == 2


def test_the_bridge_before_a_gap_has_the_deviation_of_the_diffusion():
    # O3's bridge: from 0 to 0.02 with variance 0.002 and U = 0.01 the least log price is -0.0585942; then a jump up.
    end = math.exp(0.02) * 1.5
    result = outcome((ISOLATED,), (LONG,), end, gap=1.5, deviation=math.sqrt(0.002), draw=0.01)
    expected = 100.0 - 99.5 * math.exp(-0.0585942)
    assert result["required_collateral"][0, 0] == pytest.approx(expected, abs=3e-5)
    # A bridge to the end itself would lie higher.
    through = outcome((ISOLATED,), (LONG,), end, deviation=math.sqrt(0.002), draw=0.01)
    assert through["required_collateral"][0, 0] < expected - 0.5


def test_extremes_of_the_market_s_own_take_the_bridge_s_place():
    result = outcome((ISOLATED,), (LONG,), 1.01, low=0.95, high=1.02, deviation=0.1, draw=0.001)
    assert result["required_collateral"][0, 0] == pytest.approx(5.0 + 0.005 * 95.0, abs=1e-4)
    bridged = outcome((ISOLATED,), (LONG,), 1.01, deviation=0.1, draw=0.001)
    assert bridged["required_collateral"][0, 0] > 10.0


def test_a_common_factor_adds_to_the_variance_of_a_pool():
    # Long BTC and long ETH of 100 each, slopes 0.995, deviations d, independent: variance 2 (99.5 d)^2. With half of it
    # from a common factor: 3 (99.5 d)^2. The ends stand still, so the requirement rises by sqrt(-2 variance ln U) / 2.
    run = Run((LONG, ETH), CROSS)
    still, d, draw = run.log_price, 0.01, 0.3
    for common, factor in ((None, 2.0), (jnp.array([0.5], jnp.float32), 3.0)):
        market = MarketStep(still, still, jnp.full((2, 1), d, jnp.float32), jnp.eye(2, dtype=jnp.float32), common)
        pools, bridge = jnp.full((1, 1), draw, jnp.float32), jnp.full((2, 1), draw, jnp.float32)
        account = pool_engine.step(run.places, run.parameters, run.account, market, bridge, pools)
        expected = 1.0 + 0.5 * math.sqrt(-2.0 * factor * (99.5 * d) ** 2 * math.log(draw))
        assert np.asarray(account.worst)[0, 0] == pytest.approx(expected, abs=1e-5)
