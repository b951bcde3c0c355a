"""From configurations to arrays: what is shared, what is watched, and at which prices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.book.book import Book
from stresslab.margin.problem import build_problem
from stresslab.venues.tiers import TierTable
from tests.oracles.scenarios import configuration, pack, position

# The table of O1.
TIERED = TierTable((0.0, 50_000.0, 250_000.0, 1_000_000.0), (0.004, 0.005, 0.01, 0.025), (125.0, 100.0, 50.0, 20.0))
POSITIONS = (
    position("long", 1.0),
    position("short", -1.0),
    position("eth", 2.0, asset="ETH", entry=3.0, mark=4.0),
)
ISOLATED = configuration("isolated", ("long", [0], 0.1), ("short", [1], 0.1), ("eth", [2], 0.6))
HEDGED = configuration("hedged", ("hedge", [0, 1], 0.3), ("eth", [2], 0.6))
CROSS = configuration("cross", ("cross", [0, 1, 2], 0.8))


def problem(*configurations, positions=POSITIONS, venue=None, **options):
    book = Book("test", venue or pack(), "USDT", 1.0, tuple(positions), "")
    return build_problem(book, configurations, ("BTC", "ETH"), **options)


def test_each_pool_and_each_stake_stands_once():
    built = problem(ISOLATED, HEDGED, CROSS)
    assert built.pools == ((0,), (1,), (2,), (0, 1), (0, 1, 2))
    assert built.configuration_stakes == ((0, 1, 2), (3, 2), (4,))
    assert built.collaterals.tolist() == [0.1, 0.1, 0.6, 0.3, 0.8]
    assert built.layout.stake_pools == (0, 1, 2, 3, 4)
    assert built.layout.single_pools == (0, 1, 2, 3)
    assert built.layout.several_pools == (4,)
    assert np.asarray(built.parameters.membership).tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 0],
        [1, 1, 1],
    ]


def test_the_same_positions_with_other_money_are_one_pool_and_two_stakes():
    richer = configuration("richer", ("cross", [0, 1, 2], 0.9))
    built = problem(CROSS, richer, configuration("again", ("other name", [0, 1, 2], 0.8)))
    assert built.pools == ((0, 1, 2),)
    assert built.collaterals.tolist() == [0.8, 0.9]
    assert built.configuration_stakes == ((0,), (1,), (0,))
    assert built.layout.several_stakes == (0, 0)


def test_stakes_on_one_price_come_first():
    built = problem(CROSS, ISOLATED)
    assert built.configuration_stakes == ((3,), (0, 1, 2))
    assert built.layout.stake_pools == (1, 2, 3, 0)


def test_only_the_extremes_that_can_liquidate_are_followed():
    long_only = problem(configuration("x", ("long", [0], 0.1), ("rest", [1, 2], 0.5)))
    assert long_only.layout.rows == ((0, -1),)
    assert long_only.layout.single_stakes == ((0,),)
    both = problem(ISOLATED)
    assert both.layout.rows == ((0, -1), (0, 1), (1, -1))
    assert both.layout.watches == (0, 1, 2)
    hedged = problem(HEDGED)
    assert hedged.layout.rows == ((0, -1), (0, 1), (1, -1))
    assert hedged.layout.single_stakes == ((0, 1), (2,))


def test_barriers_are_the_liquidation_prices_of_o1():
    barrier = np.asarray(problem(ISOLATED).parameters.barrier)[:, 0]
    # A long's is below, a short's above; both are stored as a positive distance in log price.
    assert barrier[0] == pytest.approx(-math.log(0.904523), abs=1e-6)
    assert barrier[1] == pytest.approx(math.log(1.094527), abs=1e-6)
    # 2 ETH from 3, at 4 today, with 0.6: liquidated at (6 - 0.6) / (2 * 0.995) = 2.713568.
    assert barrier[2] == pytest.approx(-math.log(2.713568 / 4.0), abs=1e-6)


@pytest.mark.parametrize(
    ("quantity", "money", "price"),
    [(5.0, 25_000.0, 45_216.08), (1.2, 20_000.0, 33_467.20), (-0.9, 15_000.0, 66_390.27), (-1.0, 5_000.0, 54_776.12)],
)
def test_barriers_find_the_tier_in_force(quantity, money, price):
    # O1; the mark differs from the entry, and the barrier is counted from the mark.
    held = position("p", quantity, entry=50_000.0, mark=51_000.0, tiers=TIERED)
    built = problem(configuration("x", ("p", [0], money)), positions=(held,))
    ratio = math.exp(math.copysign(float(np.asarray(built.parameters.barrier)[0, 0]), -quantity))
    assert ratio * 51_000.0 == pytest.approx(price, abs=0.02)


def test_a_barrier_that_no_price_reaches_is_infinitely_far():
    funded = problem(configuration("x", ("long", [0], 1.0), ("short", [1], 0.1), ("eth", [2], 0.6)))
    assert np.asarray(funded.parameters.barrier)[0, 0] == np.inf
    assert np.asarray(funded.parameters.settlement)[0, 0] == 0.0
    # One unit long and one short on one price need 1 % of it together: no fall can hurt, a rise by 30 times does.
    hedge = np.asarray(problem(HEDGED).parameters.barrier)[:2, 0]
    assert hedge[0] == np.inf
    assert hedge[1] == pytest.approx(math.log(30.0), rel=1e-6)


def test_a_pool_under_water_has_its_barriers_at_the_price_of_today():
    for money in (0.004, 0.005):
        drowned = configuration("x", ("long", [0], money), ("rest", [1, 2], 0.5))
        built = problem(drowned, venue=pack(fee_rate=0.001))
        assert np.asarray(built.parameters.barrier)[0, 0] == 0.0
        # Closed today: the money less a fee on a notional of 1.
        assert np.asarray(built.parameters.settlement)[0, 0] == pytest.approx(money - 0.001, rel=1e-6)
    afloat = problem(configuration("x", ("long", [0], 0.0051), ("rest", [1, 2], 0.5)))
    assert np.asarray(afloat.parameters.barrier)[0, 0] > 0.0


def test_a_settlement_is_the_requirement_less_the_fee():
    # At 0.904523 the requirement is 0.005 of it.
    for fee in (0.0, 0.002, 0.03):
        built = problem(ISOLATED, venue=pack(fee_rate=fee))
        assert np.asarray(built.parameters.settlement)[0, 0] == pytest.approx((0.005 - fee) * 0.904523, abs=1e-6)


def test_positions_in_today_s_money():
    parameters = problem(ISOLATED).parameters
    assert np.asarray(parameters.notional)[:, 0].tolist() == [1.0, 1.0, 8.0]
    assert np.asarray(parameters.side)[:, 0].tolist() == [1.0, -1.0, 1.0]
    assert np.asarray(parameters.pnl)[:, 0].tolist() == [0.0, 0.0, 2.0]


def test_short_tier_tables_are_filled_up_without_effect():
    held = (position("deep", 1.0, entry=1e6, tiers=TIERED), position("flat", 1.0, entry=1e6))
    parameters = problem(configuration("x", ("x", [0, 1], 1e5)), positions=held).parameters
    rate, amount = np.asarray(parameters.rate)[..., 0], np.asarray(parameters.amount)[..., 0]
    floor, rise = np.asarray(parameters.floor)[..., 0], np.asarray(parameters.rate_rise)[..., 0]
    # O1's amounts.
    np.testing.assert_allclose(amount[:, 0], [0.0, 50.0, 1_300.0, 16_300.0])
    for notional in (10.0, 60_000.0, 300_000.0, 2_000_000.0):
        expected = [float(TIERED.maintenance_margin(notional)), 0.005 * notional]
        np.testing.assert_allclose((rate * notional - amount).max(axis=0), expected, rtol=1e-6)
        slopes = ((notional > floor) * rise).sum(axis=0)
        np.testing.assert_allclose(slopes, [TIERED.maintenance_rates[TIERED.tier_of(notional)], 0.005], rtol=1e-6)


def test_a_pool_draws_by_the_set_of_its_members():
    built = problem(CROSS, configuration("pair", ("renamed", [1, 2], 0.4), ("long", [0], 0.1)))
    assert built.several_streams == ("pool:eth\x1flong\x1fshort", "pool:eth\x1fshort")
    turned = problem(configuration("turned", ("other", [0, 1, 2], 0.5)), positions=POSITIONS[::-1])
    assert turned.several_streams == ("pool:eth\x1flong\x1fshort",)


def test_numbers_are_no_part_of_the_layout():
    dearer = problem(
        configuration("isolated", ("long", [0], 0.2), ("short", [1], 0.3), ("eth", [2], 0.5)),
        positions=[position(p.id, 2 * p.quantity, asset=p.symbol.underlying, entry=5.0) for p in POSITIONS],
        venue=pack(fee_rate=0.01, remainder="forfeited"),
    )
    assert dearer.layout == problem(ISOLATED).layout
    assert hash(dearer.layout) == hash(problem(ISOLATED).layout)
    assert dearer.layout != problem(ISOLATED, bridge="none").layout
    assert dearer.layout != problem(HEDGED).layout


def test_the_remainder_is_a_number():
    assert float(problem(ISOLATED).parameters.returned) == 1.0
    assert float(problem(ISOLATED, venue=pack(remainder="forfeited")).parameters.returned) == 0.0
