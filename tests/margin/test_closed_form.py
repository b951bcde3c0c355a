"""Closed-form margin figures. O1 is the table of METHODS section 2, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stresslab.margin.closed_form import (
    bankruptcy_price,
    liquidation_price,
    liquidation_price_in_tier,
    margin_ratio,
    pool_surplus,
    single_price_barriers,
    surviving_price_ratios,
    unrealized_pnl,
)
from stresslab.venues.tiers import TierTable

FLAT = TierTable((0.0,), (0.005,), (125.0,))
TIERED = TierTable((0.0, 50_000.0, 250_000.0, 1_000_000.0), (0.004, 0.005, 0.01, 0.025), (125.0, 100.0, 50.0, 20.0))


# O1: worked numbers


def test_tiers_of_o1():
    assert TIERED.maintenance_amounts == pytest.approx((0.0, 50.0, 1_300.0, 16_300.0), rel=1e-12)
    margins = TIERED.maintenance_margin([60_000.0, 250_000.0, 300_000.0, 2_000_000.0])
    np.testing.assert_allclose(margins, [250.0, 1_200.0, 1_700.0, 33_700.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("quantity", "leverage", "expected"),
    [
        (1.0, 20, 0.954774),
        (1.0, 10, 0.904523),
        (1.0, 5, 0.804020),
        (1.0, 3, 0.670017),
        (1.0, 2, 0.502513),
        (-1.0, 10, 1.094527),
    ],
)
def test_flat_rate_of_o1(quantity, leverage, expected):
    assert liquidation_price(quantity, 1.0, FLAT, 1.0 / leverage) == pytest.approx(expected, rel=0.0, abs=5e-7)


@pytest.mark.parametrize(
    ("quantity", "leverage", "expected"),
    [(5.0, 10, 45_216.08), (1.2, 3, 33_467.20), (-0.9, 3, 66_390.27), (-1.0, 10, 54_776.12), (0.2, 1, None)],
)
def test_tiers_in_force_of_o1(quantity, leverage, expected):
    price = liquidation_price(quantity, 50_000.0, TIERED, abs(quantity) * 50_000.0 / leverage)
    assert price is expected if expected is None else price == pytest.approx(expected, rel=0.0, abs=5e-3)


def test_equity_at_the_liquidation_price_of_o1():
    price = liquidation_price(5.0, 50_000.0, TIERED, 25_000.0)
    assert price is not None
    equity = 25_000.0 + unrealized_pnl(5.0, 50_000.0, price)
    # To the half cent of the price that O1 prints, times five coins.
    assert equity == pytest.approx(1_080.40, rel=0.0, abs=0.025)
    assert float(TIERED.maintenance_margin(5.0 * price)) == pytest.approx(equity, rel=1e-11)
    assert bankruptcy_price(5.0, 50_000.0, 25_000.0) == 45_000.0


def test_the_tier_of_today_gives_another_price():
    """Negative control of the rows that change tier: by hand, (60,000 - 20,000 - 50) / (1.2 x 0.995) = 33,458.96."""
    rate, amount = TIERED.maintenance_rates[1], TIERED.maintenance_amounts[1]
    stale = liquidation_price_in_tier(1.2, 50_000.0, rate, amount, 20_000.0)
    assert stale == pytest.approx(33_458.96, rel=0.0, abs=5e-3)
    assert pool_surplus([1.2], [50_000.0], [stale], [TIERED], 20_000.0) < -9.0


# The account of a venue's own worked example (METHODS section 2, O1): its tier tables of spring 2022.
BTC_2022 = TierTable(
    (0.0, 50e3, 250e3, 1e6, 7.5e6), (0.004, 0.005, 0.01, 0.025, 0.05), (125.0, 100.0, 50.0, 20.0, 10.0)
)
ETH_2022 = TierTable(
    (0.0, 10e3, 100e3, 500e3, 1e6, 2e6, 5e6),
    (0.005, 0.0065, 0.01, 0.02, 0.05, 0.1, 0.125),
    (100.0, 75.0, 50.0, 25.0, 10.0, 5.0, 4.0),
)
EXAMPLE = ([3_683.979, 109.488], [1_456.84, 32_481.98], [1_335.18, 31_967.27], [ETH_2022, BTC_2022], 1_535_443.01)


def test_worked_example_of_the_venue():
    quantities, entries, marks, tables, wallet = EXAMPLE
    margins = [float(t.maintenance_margin(q * p)) for t, q, p in zip(tables, quantities, marks, strict=True)]
    assert sum(margins) == pytest.approx(427_713.32, rel=0.0, abs=5e-3)
    assert pool_surplus(*EXAMPLE) == pytest.approx(603_182.24, rel=0.0, abs=5e-3)
    pnls = [unrealized_pnl(q, e, p) for q, e, p in zip(quantities, entries, marks, strict=True)]
    for leg, expected in ((0, 1_153.26), (1, 26_316.89)):
        other = 1 - leg
        price = liquidation_price(quantities[leg], entries[leg], tables[leg], wallet, pnls[other], margins[other])
        assert price == pytest.approx(expected, rel=0.0, abs=5e-3)
        # Negative control: the other leg's requirement left out.
        careless = liquidation_price(quantities[leg], entries[leg], tables[leg], wallet, pnls[other])
        assert careless != pytest.approx(expected, rel=0.0, abs=1.0)


def test_prices_that_do_not_exist():
    # A long that owns all it holds; a short whose account is gone at any price.
    assert liquidation_price(1.0, 100.0, FLAT, 100.0) is None
    assert bankruptcy_price(1.0, 100.0, 100.0) is None
    assert liquidation_price(-1.0, 100.0, FLAT, -100.0) is None
    assert bankruptcy_price(-1.0, 100.0, -100.0) is None
    # Negative control: a cent less, and a cent more.
    assert liquidation_price(1.0, 100.0, FLAT, 99.99) == pytest.approx(0.01 / 0.995, rel=1e-9)
    assert liquidation_price(-1.0, 100.0, FLAT, -99.99) == pytest.approx(0.01 / 1.005, rel=1e-9)


def test_margin_ratio():
    assert margin_ratio(300.0, 120.0) == 2.5
    assert margin_ratio(-60.0, 120.0) == -0.5
    with pytest.raises(ValueError, match="must be positive"):
        margin_ratio(300.0, 0.0)


# Barriers of pools on one underlying, worked by hand


def test_barrier_of_a_net_long_pool():
    """Long 2 and short 1 at 100: surplus 10 + 100 (x - 1) - 0.005 x 300 x = 98.5 x - 90."""
    barriers = single_price_barriers([2.0, -1.0], [100.0, 100.0], [100.0, 100.0], [FLAT, FLAT], 10.0)
    assert barriers == pytest.approx((90.0 / 98.5, math.inf), rel=1e-13)


def test_barrier_of_a_perfect_hedge():
    """Long 1 and short 1 at 100: surplus 10 - 0.005 x 200 x, so only a rise to ten times the price liquidates."""
    barriers = single_price_barriers([1.0, -1.0], [100.0, 100.0], [100.0, 100.0], [FLAT, FLAT], 10.0)
    assert barriers == pytest.approx((0.0, 10.0), rel=1e-13)


def test_two_barriers():
    """Floors 0 and 150, rates 1 % and 50 %, amount 73.5; long 2 and short 1 at 100 with 40 behind them.

    Below x = 0.75: 40 + 100 (x - 1) - 2 x - x, 0 at 60/97. Above x = 1.5: 87 - 50 x, 0 at 1.74.
    """
    table = TierTable((0.0, 150.0), (0.01, 0.5), (1.0, 1.0))
    arguments = ([2.0, -1.0], [100.0, 100.0], [100.0, 100.0], [table, table])
    assert single_price_barriers(*arguments, 40.0) == pytest.approx((60.0 / 97.0, 1.74), rel=1e-13)
    # With 20 the surplus is at most 20 - 26.5 - 0.75 < 0, at the kink of x = 0.75.
    assert surviving_price_ratios(*arguments, 20.0) is None
    assert single_price_barriers(*arguments, 20.0) == (1.0, 1.0)


def test_a_constant_basis():
    """Marks 100 and 110 move together: long 1, short 0.5 entered there, 10 behind: 45 x - 35 - 0.005 x 155 x."""
    barriers = single_price_barriers([1.0, -0.5], [100.0, 110.0], [100.0, 110.0], [FLAT, FLAT], 10.0)
    assert barriers == pytest.approx((35.0 / (45.0 - 0.775), math.inf), rel=1e-13)


def test_a_pool_that_is_liquidated_today():
    # Surplus exactly 0: 0.5 behind a long of 100 at 0.5 %; and below 0, where the price would have to rise to 1.0045.
    assert single_price_barriers([1.0], [100.0], [100.0], [FLAT], 0.5) == (1.0, 1.0)
    assert single_price_barriers([1.0], [100.0], [100.0], [FLAT], 0.05) == (1.0, 1.0)
    # 60.40645 - 1.3 x 46.4 - 0.005 x 1.3 x 13.3 = 0, which rounds to a barrier an instant below today's price.
    assert single_price_barriers([1.3], [59.7], [13.3], [FLAT], 60.40645) == (1.0, 1.0)
    ratios = surviving_price_ratios([1.0], [100.0], [100.0], [FLAT], 0.05)
    assert ratios == pytest.approx((99.95 / 99.5, math.inf), rel=1e-13)
    # Negative control: one cent above.
    assert single_price_barriers([1.0], [100.0], [100.0], [FLAT], 0.51)[0] == pytest.approx(99.49 / 99.5, rel=1e-13)


def test_a_surplus_that_no_price_moves():
    """Long 3 and short 1 at a rate of 50 %: 200 x of pnl against 0.5 x 400 x of requirement leave collateral - 200."""
    half = TierTable((0.0,), (0.5,), (1.0,))
    arguments = ([3.0, -1.0], [100.0, 100.0], [100.0, 100.0], [half, half])
    assert surviving_price_ratios(*arguments, 201.0) == (0.0, math.inf)
    assert surviving_price_ratios(*arguments, 200.0) is None
    assert single_price_barriers(*arguments, 199.0) == (1.0, 1.0)


def test_a_fully_paid_long_has_no_barrier():
    assert single_price_barriers([1.0], [100.0], [100.0], [FLAT], 100.0) == (0.0, math.inf)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 tier tables"):
        single_price_barriers([1.0], [100.0], [100.0], [FLAT, FLAT], 10.0)
    with pytest.raises(ValueError, match="0 tier tables"):
        pool_surplus([], [], [], [], 10.0)


# Properties


@st.composite
def tier_tables(draw: st.DrawFn) -> TierTable:
    count = draw(st.integers(1, 6))
    steps = draw(st.lists(st.floats(1.0, 1e6), min_size=count - 1, max_size=count - 1))
    rises = draw(st.lists(st.floats(0.0, 0.08), min_size=count, max_size=count))
    floors = np.concatenate([[0.0], np.cumsum(steps)])
    rates = 0.001 + np.cumsum(rises)
    return TierTable(tuple(map(float, floors)), tuple(map(float, rates)), tuple(1.0 for _ in rates))


QUANTITIES = st.tuples(st.sampled_from([-1.0, 1.0]), st.floats(1e-3, 1e4)).map(lambda pair: pair[0] * pair[1])
PRICES = st.floats(1e-2, 1e5)
SHARES = st.floats(0.01, 1.5)  # of notional


def marginal_sum(table: TierTable, notional: float) -> float:
    """The second form of METHODS M3: each slice of the notional at its own rate."""
    caps = (*table.floors[1:], math.inf)
    slices = zip(table.floors, caps, table.maintenance_rates, strict=True)
    return sum(rate * max(min(notional, cap) - floor, 0.0) for floor, cap, rate in slices)


@given(tier_tables(), st.floats(0.0, 1e8))
def test_maintenance_margin_is_the_sum_over_slices(table, notional):
    assert float(table.maintenance_margin(notional)) == pytest.approx(
        marginal_sum(table, notional), rel=1e-12, abs=1e-12 * table.floors[-1]
    )


@given(tier_tables())
def test_maintenance_margin_is_continuous_at_floors(table):
    for floor in table.floors[1:]:
        below, above = table.maintenance_margin([floor * (1.0 - 1e-9), floor * (1.0 + 1e-9)])
        assert 0.0 <= above - below <= 1.01 * 2e-9 * floor * table.maintenance_rates[-1] + 1e-12 * floor


def test_one_rate_for_the_whole_position_jumps_at_floors():
    """Negative control of continuity: the other rule, by hand 0.5 % - 0.4 % of 50,000."""
    rates = np.asarray(TIERED.maintenance_rates)[[TIERED.tier_of(49_999.99), TIERED.tier_of(50_000.01)]]
    assert rates[1] * 50_000.01 - rates[0] * 49_999.99 > 49.9


@given(tier_tables(), QUANTITIES, PRICES, SHARES)
def test_surplus_vanishes_at_the_liquidation_price(table, quantity, entry, share):
    collateral = share * abs(quantity) * entry
    price = liquidation_price(quantity, entry, table, collateral)
    if price is None:
        assert quantity > 0.0
        assert pool_surplus([quantity], [entry], [1e-9 * entry], [table], collateral) > 0.0
        return
    terms = collateral + abs(quantity) * (entry + price) + float(table.maintenance_margin(abs(quantity) * price))
    assert abs(pool_surplus([quantity], [entry], [price], [table], collateral)) <= 1e-14 * terms
    # Negative control: one part in a thousand further, the surplus has the sign that the side demands.
    assert math.copysign(1.0, quantity) * pool_surplus([quantity], [entry], [1.001 * price], [table], collateral) > 0.0


@given(tier_tables(), QUANTITIES, PRICES, SHARES)
def test_exactly_one_tier_fits(table, quantity, entry, share):
    """METHODS M4: of the tiers' own roots, the one whose tier holds its notional is the liquidation price."""
    collateral = share * abs(quantity) * entry
    price = liquidation_price(quantity, entry, table, collateral)
    assume(price is not None)
    caps = (*table.floors[1:], math.inf)
    fitting = []
    for rate, amount, floor, cap in zip(
        table.maintenance_rates, table.maintenance_amounts, table.floors, caps, strict=True
    ):
        root = liquidation_price_in_tier(quantity, entry, rate, amount, collateral)
        if floor * (1.0 - 1e-12) <= abs(quantity) * root <= cap * (1.0 + 1e-12):
            fitting.append(root)
    # Two tiers fit at an edge, with the same root.
    assert fitting
    assert fitting == pytest.approx([price] * len(fitting), rel=1e-9)


@given(tier_tables(), st.floats(1e-3, 1e4), PRICES, SHARES)
def test_long_and_short_mirror(table, size, entry, share):
    """Surpluses vanish: size (P_long + P_short) - MM(long) + MM(short) = 2 size entry, whatever the collateral."""
    collateral = share * size * entry
    long, short = (liquidation_price(side * size, entry, table, collateral) for side in (1.0, -1.0))
    assume(long is not None)
    assert long is not None
    assert short is not None
    margins = table.maintenance_margin([size * long, size * short])
    total = size * (long + short) - margins[0] + margins[1]
    assert total == pytest.approx(2.0 * size * entry, rel=1e-12)
    below, above = bankruptcy_price(size, entry, collateral), bankruptcy_price(-size, entry, collateral)
    assert above is not None
    assert (below or 0.0) < long
    assert short < above
    # Where the position stands at its entry, both prices lie on the losing side.
    assert (long < entry) == (short > entry) == (collateral > float(table.maintenance_margin(size * entry)))
    if below is not None:
        assert below + above == pytest.approx(2.0 * entry, rel=1e-12)


POSITIONS = st.lists(
    st.tuples(QUANTITIES, st.floats(0.5, 2.0), st.floats(0.9, 1.1), tier_tables()), min_size=1, max_size=4
)


@given(POSITIONS, PRICES, st.floats(0.001, 3.0))
def test_barriers_against_a_dense_grid(positions, price, share):
    """Oracle: the surplus itself, tier by tier as a sum over slices, on a grid of ratios."""
    quantities, entry_ratios, mark_ratios, tables = (list(column) for column in zip(*positions, strict=True))
    entries = [price * ratio for ratio in entry_ratios]
    marks = [price * ratio for ratio in mark_ratios]
    gross = sum(abs(q) * p for q, p in zip(quantities, marks, strict=True))
    collateral = share * gross

    def surplus(ratio: float) -> float:
        legs = zip(quantities, entries, marks, tables, strict=True)
        pnl_less_margin = (q * (p * ratio - e) - marginal_sum(t, abs(q) * p * ratio) for q, e, p, t in legs)
        return float(collateral + sum(pnl_less_margin))

    lower, upper = single_price_barriers(quantities, entries, marks, tables, collateral)
    today = surplus(1.0)
    assume(abs(today) > 1e-9 * gross)
    if today < 0.0:
        assert (lower, upper) == (1.0, 1.0)
        return
    assert 0.0 <= lower < 1.0 < upper
    for barrier in (lower, upper):
        if 0.0 < barrier < math.inf:
            scale = collateral + gross * (2.0 + 2.0 * barrier)
            assert abs(surplus(barrier)) <= 1e-12 * scale
    for ratio in np.geomspace(1e-4, 1e4, 400):
        scale = collateral + gross * (2.0 + 2.0 * ratio)
        if lower < ratio < upper:
            assert surplus(ratio) > -1e-12 * scale
        else:
            assert surplus(ratio) < 1e-12 * scale


@given(tier_tables(), QUANTITIES, PRICES, SHARES)
def test_a_pool_of_one_agrees_with_the_liquidation_price(table, quantity, entry, share):
    collateral = share * abs(quantity) * entry
    assume(pool_surplus([quantity], [entry], [entry], [table], collateral) > 1e-6 * collateral)
    price = liquidation_price(quantity, entry, table, collateral)
    lower, upper = single_price_barriers([quantity], [entry], [entry], [table], collateral)
    if quantity > 0.0:
        assert upper == math.inf
        assert lower == (0.0 if price is None else pytest.approx(price / entry, rel=1e-9))
    else:
        assert lower == 0.0
        assert price is not None
        assert upper == pytest.approx(price / entry, rel=1e-9)
