"""The pool engine on single steps worked by hand, and its bridges against M13 and M14 (table O3)."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.book.book import Book
from stresslab.margin import pool_engine
from stresslab.margin.liquidation_queue import PLACES
from stresslab.margin.places import places_of
from stresslab.margin.problem import NOBODY, build_problem
from stresslab.market.process import MarketStep, correlation_factor
from tests.oracles.scenarios import configuration, pack, position

ASSETS = ("BTC", "ETH")
LONG = position("long", 1.0, entry=100.0)
SHORT = position("short", -1.0, entry=100.0)
ETH = position("eth", 20.0, asset="ETH", entry=5.0)
CERTAIN = 1.0 - 2.0**-24


class Run:
    """A problem with few paths that is stepped by hand."""

    def __init__(self, positions, *configurations, paths=1, bridge="every_pool", venue=None):
        book = Book("test", venue or pack(), "USDT", 1.0, tuple(positions), "")
        self.problem = build_problem(book, configurations, ASSETS, bridge=bridge)
        self.layout, self.parameters = self.problem.layout, self.problem.parameters
        self.places = places_of(self.layout, len(ASSETS))
        self.account = pool_engine.init(self.places, self.parameters, paths)
        self.log_price = jnp.zeros((2, paths), jnp.float32)
        self.steps, self.paths = 0, paths

    def step(self, btc, eth=1.0, *, deviation=(0.0, 0.0), correlation=0.0, draw=CERTAIN, pool_draw=CERTAIN):
        """Move both prices to a ratio of today's, one for all paths or one each."""
        ends = np.broadcast_arrays(btc, eth, np.ones(self.paths))[:2]
        end = jnp.asarray(np.log(ends), jnp.float32)
        factor = correlation_factor(np.array([[1.0, correlation], [correlation, 1.0]]))
        market = MarketStep(
            self.log_price, end, jnp.array(deviation, jnp.float32)[:, None], jnp.asarray(factor, jnp.float32)
        )
        bridge = jnp.broadcast_to(jnp.asarray(draw, jnp.float32), (2, self.paths))
        pools = jnp.broadcast_to(jnp.asarray(pool_draw, jnp.float32), (len(self.layout.several_pools), self.paths))
        self.account = pool_engine.step(self.places, self.parameters, self.account, market, bridge, pools)
        self.log_price, self.steps = end, self.steps + 1
        return self

    def outcome(self):
        result = pool_engine.finalize(self.places, self.parameters, self.account, self.log_price, jnp.int32(self.steps))
        return {name: np.asarray(values) for name, values in result._asdict().items()}

    def ratios(self):
        values = pool_engine.margin_ratios(
            self.places, self.parameters, self.account, self.log_price, jnp.int32(self.steps)
        )
        return np.asarray(values)[:, 0]


def lone(money, held=LONG, **options):
    return Run((held,), configuration("x", (held.id, [0], money)), **options)


# Bridges


@pytest.mark.parametrize(("draw", "lowest"), [(0.01, -0.0585942), (0.05, -0.0456393), (0.5, -0.0181629)])
def test_the_least_price_of_a_step(draw, lowest):
    # O3: x_0 = 0, x_1 = 0.02, variance 0.002. A long of 1 at 100 requires 100 - 99.5 min(S) of its collateral.
    required = lone(50.0).step(math.exp(0.02), deviation=(math.sqrt(0.002), 0.0), draw=draw).outcome()
    assert required["required_collateral"][0, 0] == pytest.approx(100.0 - 99.5 * math.exp(lowest), abs=2e-5)
    # A short looks at the highest price, by symmetry x_0 + x_1 minus the lowest, drawn from the other end.
    above = lone(50.0, SHORT).step(math.exp(0.02), deviation=(math.sqrt(0.002), 0.0), draw=1.0 - draw).outcome()
    assert above["required_collateral"][0, 0] == pytest.approx(100.5 * math.exp(0.02 - lowest) - 100.0, abs=2e-5)


def test_the_mean_of_the_least_price():
    # O3 by quadrature: the mean of the lowest log price is -0.0202783.
    paths = 1 << 16
    grid = (np.arange(paths) + 0.5) / paths
    step = lone(50.0, paths=paths).step(math.exp(0.02), deviation=(math.sqrt(0.002), 0.0), draw=grid)
    lowest = np.log((100.0 - step.outcome()["required_collateral"][0]) / 99.5)
    assert lowest.mean() == pytest.approx(-0.0202783, abs=2e-6)


@pytest.mark.parametrize(("held", "sign"), [(LONG, -1.0), (SHORT, 1.0)])
def test_the_probability_of_crossing_between_the_ends(held, sign):
    # O3: 0.05 from the barrier at the start, 0.03 at the end, variance 0.04 * 0.05: p = 0.2231302.
    barrier = math.exp(sign * 0.05)
    money = 100.0 - 99.5 * barrier if sign < 0 else 100.5 * barrier - 100.0
    paths = 1 << 16
    grid = (np.arange(paths) + 0.5) / paths
    run = lone(money, held, paths=paths).step(math.exp(sign * 0.02), deviation=(math.sqrt(0.002), 0.0), draw=grid)
    hit = run.outcome()["liquidation_step"][0] == 1
    assert hit.mean() == pytest.approx(0.2231302, abs=2.0 / paths)
    blind = lone(money, held, paths=4, bridge="none").step(math.exp(sign * 0.02)).outcome()
    assert np.all(blind["liquidation_step"] == 2)


def test_the_probability_of_crossing_for_a_pool_on_two_prices():
    # M19 by hand: long 1 at 100 and long 20 at 5, so 200 of notional; m = 0.5 %, collateral 10.
    ratio, deviation, correlation = (0.97, 0.98), (0.04, 0.06), 0.5
    surplus = 10.0 - 0.005 * 200.0, 10.0 + 100.0 * (ratio[0] + ratio[1] - 2.0) - 0.5 * (ratio[0] + ratio[1])
    first, second = (0.995 * 100.0 * math.sqrt(each) * spread for each, spread in zip(ratio, deviation, strict=True))
    variance = first**2 + second**2 + 2.0 * correlation * first * second
    expected = math.exp(-2.0 * surplus[0] * surplus[1] / variance)
    assert 0.2 < expected < 0.8
    paths = 1 << 16
    grid = (np.arange(paths) + 0.5) / paths
    run = Run((LONG, ETH), configuration("x", ("cross", [0, 1], 10.0)), paths=paths)
    run.step(*ratio, deviation=deviation, correlation=correlation, pool_draw=grid)
    outcome = run.outcome()
    hit = outcome["liquidation_step"][0] == 1
    assert hit.mean() == pytest.approx(expected, abs=3.0 / paths)
    # What a crossing leaves is the requirement at the geometric middle; today the pool is worth 10.
    left = 0.5 * (math.sqrt(ratio[0]) + math.sqrt(ratio[1]))
    np.testing.assert_allclose(outcome["profit"][0, hit], left - 10.0, atol=1e-5)
    np.testing.assert_allclose(outcome["profit"][0, ~hit], 100.0 * (ratio[0] + ratio[1] - 2.0), atol=1e-4)
    # Independent prices would have another variance.
    apart = math.exp(-2.0 * surplus[0] * surplus[1] / (first**2 + second**2))
    assert abs(hit.mean() - apart) > 0.01


# One position by hand: 1 long at 100, collateral 10, so liquidated at 90 / 0.995 = 90.452261


@pytest.mark.parametrize(
    ("fee", "remainder", "profit", "draw"),
    [
        # What is left is 0.005 * 90.452261 = 0.452261, less the fee on 90.452261.
        (0.0, "returned", -9.547739, 0.0),
        (0.002, "returned", -9.728643, 0.0),
        (0.01, "returned", -10.0, 0.452261),
        (0.0, "forfeited", -10.0, 0.0),
        (0.01, "forfeited", -10.0, 0.452261),
    ],
)
def test_a_crossing_closes_at_the_liquidation_price(fee, remainder, profit, draw):
    run = lone(10.0, venue=pack(fee_rate=fee, remainder=remainder)).step(0.98).step(0.80).step(1.2)
    outcome = run.outcome()
    assert outcome["liquidation_step"][0, 0] == 2
    assert outcome["profit"][0, 0] == pytest.approx(profit, abs=2e-6)
    assert outcome["insurance_draw"][0, 0] == pytest.approx(draw, abs=2e-6)


@pytest.mark.parametrize(
    ("price", "fee", "profit", "draw"),
    [(0.904, 0.0, -9.6, 0.0), (0.904, 0.002, -9.7808, 0.0), (0.80, 0.0, -10.0, 10.0), (0.80, 0.002, -10.0, 10.16)],
)
def test_without_a_bridge_it_closes_at_the_price_reached(price, fee, profit, draw):
    run = lone(10.0, bridge="none", venue=pack(fee_rate=fee)).step(0.98).step(price).step(1.2)
    outcome = run.outcome()
    assert outcome["liquidation_step"][0, 0] == 2
    assert outcome["profit"][0, 0] == pytest.approx(profit, abs=1e-5)
    assert outcome["insurance_draw"][0, 0] == pytest.approx(draw, abs=1e-5)


def test_a_survivor_keeps_its_profit():
    outcome = lone(10.0).step(0.91).step(1.2).outcome()
    assert outcome["liquidation_step"][0, 0] == 3
    assert outcome["profit"][0, 0] == pytest.approx(20.0, abs=1e-5)
    # The worst was at 91: 9 lost and 0.455 required.
    assert outcome["required_collateral"][0, 0] == pytest.approx(9.455, abs=1e-5)
    assert outcome["insurance_draw"][0, 0] == 0.0
    assert not outcome["failed"][0]


def test_the_surplus_of_zero_liquidates():
    # Venues liquidate at a ratio of 100 %, so equality counts: half a unit required, half a unit there.
    assert lone(0.5).step(1.5).outcome()["liquidation_step"][0, 0] == 0
    assert lone(0.5001).step(1.5).outcome()["liquidation_step"][0, 0] == 2


@pytest.mark.parametrize("bridge", ["every_pool", "single_price", "none"])
def test_pools_under_water_are_closed_today(bridge):
    # 0.4 against a requirement of 0.5 and, for the pool of both, 0.9 against 1.0; the fee is 0.1 % of 100 and of 200.
    run = Run(
        (LONG, ETH),
        configuration("isolated", ("long", [0], 0.4), ("eth", [1], 30.0)),
        configuration("cross", ("cross", [0, 1], 0.9)),
        configuration("rich", ("cross", [0, 1], 90.0)),
        bridge=bridge,
        venue=pack(fee_rate=0.001),
    )
    assert run.ratios().tolist() == pytest.approx([1.0, 60.0, 1.0, 90.0], rel=1e-6)
    outcome = run.step(1.5, 1.5).outcome()
    assert outcome["liquidation_step"][:, 0].tolist() == [0, 2, 0, 2]
    assert outcome["profit"][:, 0].tolist() == pytest.approx([-0.1, 50.0, -0.2, 100.0], abs=2e-5)
    assert outcome["insurance_draw"][:, 0].tolist() == [0.0] * 4


# Several positions by hand


def test_a_hedge_on_one_price_breaks_on_either_side():
    # Long 1 and short 0.5 at 100 with 20: lower barrier (50 - 20) / (0.5 - 0.0075) = 60.913706. The mirror image,
    # short 1 and long 0.5, has its barrier at (50 + 20) / (0.5 + 0.0075) = 137.931034.
    half = position("half", -0.5, entry=100.0)
    falling = Run((LONG, half), configuration("x", ("hedge", [0, 1], 20.0))).step(0.61).step(0.609).step(3.0).outcome()
    assert falling["liquidation_step"][0, 0] == 2
    assert falling["profit"][0, 0] == pytest.approx(0.0075 * 60.913706 - 20.0, abs=2e-5)
    other = position("half", 0.5, entry=100.0)
    rising = Run((SHORT, other), configuration("x", ("hedge", [0, 1], 20.0))).step(1.379).step(1.38).step(0.5).outcome()
    assert rising["liquidation_step"][0, 0] == 2
    assert rising["profit"][0, 0] == pytest.approx(0.0075 * 137.931034 - 20.0, abs=2e-5)


def test_one_leg_carries_another():
    # ETH gains what BTC loses: crossed they live, isolated BTC does not.
    run = Run(
        (LONG, ETH),
        configuration("isolated", ("long", [0], 10.0), ("eth", [1], 10.0)),
        configuration("cross", ("cross", [0, 1], 20.0)),
    )
    outcome = run.step(0.85, 1.15).outcome()
    assert outcome["liquidation_step"][:, 0].tolist() == [1, 2, 2]
    assert outcome["profit"][2, 0] == pytest.approx(0.0, abs=1e-4)
    # Never less than today's requirement of 1, and at the end 0.005 * (85 + 115) is 1 again.
    assert outcome["required_collateral"][2, 0] == pytest.approx(1.0, abs=1e-4)
    assert run.ratios()[1:].tolist() == pytest.approx([25.0 / 0.575, 20.0], rel=1e-5)


def test_two_stakes_on_one_pool_part_where_the_money_does():
    run = Run((LONG, ETH), configuration("a", ("x", [0, 1], 10.0)), configuration("b", ("x", [0, 1], 30.0)))
    # A loss of 12 leaves the first below, the second above its requirement of 0.94.
    outcome = run.step(0.94, 0.94).outcome()
    assert outcome["liquidation_step"][:, 0].tolist() == [1, 2]
    assert outcome["required_collateral"].shape == (1, 1)
    assert outcome["required_collateral"][0, 0] == pytest.approx(12.94, abs=1e-4)
    assert run.ratios().tolist() == pytest.approx([1.0, 18.0 / 0.94], rel=1e-5)


def test_a_whole_block_of_liquidations_in_one_step_finds_places():
    # Four times as many as may wait; a third of the paths lose their other stake a step later.
    paths = 1024
    assert paths >= 4 * PLACES
    run = Run(
        (LONG, ETH),
        configuration("a", ("x", [0, 1], 10.0)),
        configuration("b", ("x", [0, 1], 30.0)),
        paths=paths,
        bridge="none",
        venue=pack(fee_rate=0.001),
    )
    grid = (np.arange(paths) + 0.5) / paths
    shuffled = np.random.default_rng(3).permutation(grid)
    third = np.arange(paths) % 3 == 0
    first, second = (0.88 - 0.04 * grid, 0.97 + 0.02 * shuffled), (np.where(third, 0.6 + 0.1 * shuffled, 1.2), 1.0)
    outcome = run.step(*first).step(*second).outcome()
    np.testing.assert_array_equal(outcome["liquidation_step"], [np.ones(paths), np.where(third, 2, 3)])
    for stake, money, (btc, eth), hit in ((0, 10.0, first, np.ones(paths, bool)), (1, 30.0, second, third)):
        left = money + 100.0 * (btc + eth - 2.0) - 0.1 * (btc + eth)
        np.testing.assert_allclose(outcome["insurance_draw"][stake, hit], np.maximum(-left, 0.0)[hit], atol=2e-5)
        np.testing.assert_allclose(outcome["profit"][stake, hit], np.maximum(left, 0.0)[hit] - money, atol=2e-5)
        # BTC lost more than ETH everywhere.
        assert np.all(outcome["driver"][stake, hit] == 0)
    np.testing.assert_allclose(outcome["profit"][1, ~third], 20.0, atol=1e-4)
    assert np.all(outcome["driver"][1, ~third] == NOBODY)


def test_a_path_without_a_number_is_marked():
    run = lone(10.0, paths=3)
    run.step(1.1)
    run.log_price = run.log_price.at[0, 1].set(jnp.nan)
    assert run.outcome()["failed"].tolist() == [False, True, False]


def test_a_price_beyond_single_precision_is_marked_though_it_came_back():
    # The short is closed at its barrier and its profit is a number, but what it would have required is none.
    back = lone(10.0, SHORT).step(math.exp(100.0)).step(1.0).outcome()
    assert np.isfinite(back["profit"][0, 0])
    assert not np.isfinite(back["required_collateral"][0, 0])
    assert back["failed"][0]
    assert not lone(10.0, SHORT).step(math.exp(50.0)).step(1.0).outcome()["failed"][0]
