"""What holds for every combination of switches, and the limits that can be worked out on paper."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stresslab.margin import closed_form
from stresslab.margin.collateral import collateral_value, value_between_rates
from stresslab.margin.price_intervals import Leg
from stresslab.margin.rule_prices import bankruptcy_price, liquidation_price
from stresslab.venues.contracts import CONTRACTS, average_entry_price, exposure, notional, unrealized_pnl
from stresslab.venues.rules.funding import funding_cap, funding_payment, funding_rate, premium_beyond_band
from stresslab.venues.rules.margin_rules import (
    MarginRules,
    initial_margin,
    is_liquidated,
    maintenance_margin,
    requirement_lines,
    with_closing_fee,
)
from stresslab.venues.rules.procedures import Reduction, kept_after_closing, share_closed_first
from stresslab.venues.tiers import TierTable

# METHODS, table O1.
TIERS = TierTable((0.0, 50e3, 250e3, 1e6), (0.004, 0.005, 0.01, 0.025), (125.0, 100.0, 50.0, 20.0))
ONE = TierTable((0.0,), (0.01,), (50.0,))
SWITCHES = list(
    itertools.product(
        ("marginal", "whole_position", "size_slope", "square_root"),
        ("mark", "entry"),
        ("at_or_below", "below"),
        ("none", "mark", "bankruptcy"),
    )
)


def flat(rate: float) -> TierTable:
    return TierTable((0.0,), (rate,), (1.0,))


def rules_of(tier_rule: str, requirement_at: str, trigger: str, fee: str) -> tuple[MarginRules, TierTable]:
    by_size = tier_rule in ("size_slope", "square_root")
    rules = MarginRules(
        tier_rule,
        "size" if by_size else "notional",
        0.0005 if by_size else 0.0,
        requirement_at,
        trigger,
        fee,
        0.0 if fee == "none" else 0.0006,
    )
    return rules, ONE if by_size else TIERS


def surplus(
    quantity: float, entry: float, price: float, tiers: TierTable, collateral: float, contract: str, rules: MarginRules
) -> float:
    """Equity less requirement and fee, added up from their own definitions instead of from lines."""
    valued = entry if rules.requirement_at == "entry" else price
    required = maintenance_margin(quantity, valued, tiers, contract, 1.0, rules)
    fee_price = {"none": None, "mark": price}.get(
        rules.closing_fee,
        bankruptcy_price(quantity, entry, collateral, contract=contract, closing_fee_rate=rules.closing_fee_rate),
    )
    fee = 0.0 if fee_price is None else rules.closing_fee_rate * notional(quantity, fee_price, contract)
    return collateral + unrealized_pnl(quantity, entry, price, contract) - required - fee


@pytest.mark.parametrize("switches", SWITCHES, ids="-".join)
@given(
    contract=st.sampled_from(["linear", "inverse"]),
    side=st.sampled_from([1.0, -1.0]),
    value=st.floats(1e3, 2e6),
    entry=st.floats(0.01, 1e5),
    leverage=st.floats(1.2, 15.0),
)
def test_surplus_vanishes_at_the_liquidation_price(switches, contract, side, value, entry, leverage):
    """Oracle: the definition of surplus. Where the requirement jumps, surplus changes its sign instead."""
    rules, tiers = rules_of(*switches)
    # A notional of `value` at entry, in quote currency or in coin.
    quantity = side * (value / entry if contract == "linear" else value * entry)
    if tiers is ONE:
        quantity, value = side * 10.0, notional(10.0, entry, contract)
    # On the edge of a tier rounding decides which rate is in force, and the two sides may round apart.
    assume(all(abs(notional(quantity, entry, contract) - floor) > 1e-9 * value for floor in tiers.floors))
    collateral = value / leverage
    terms = (tiers, collateral, contract, rules)
    price = liquidation_price(quantity, entry, tiers, collateral, contract=contract, rules=rules)
    if price is None:
        for factor in (1e-6, 1e6):
            # A long whose tiers jump up could only be lost by a rise: both ends are looked at.
            assert surplus(quantity, entry, entry * factor, *terms) > 0.0 or factor > 1.0 or side < 0.0
        return
    at = surplus(quantity, entry, price, *terms)
    scale = collateral + notional(quantity, price, contract) + value
    if abs(at) <= 1e-9 * scale:
        return
    assert rules.tier_rule == "whole_position"
    below, above = (surplus(quantity, entry, price * (1.0 + move), *terms) for move in (-1e-9, 1e-9))
    assert (below > 0.0) != (above > 0.0)


@given(
    value=st.floats(1e3, 2e6),
    entry=st.floats(0.01, 1e5),
    leverage=st.floats(1.01, 50.0),  # without leverage, rounding decides whether a price remains
    side=st.sampled_from([1.0, -1.0]),
)
def test_default_switches_are_the_closed_form(value, entry, leverage, side):
    """Oracle: the solution that the simulation uses, by another way (a maximum of lines)."""
    quantity, collateral = side * value / entry, value / leverage
    expected = closed_form.liquidation_price(quantity, entry, TIERS, collateral)
    found = liquidation_price(quantity, entry, TIERS, collateral)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected, rel=1e-9)


@given(
    entry=st.floats(0.01, 1e5),
    leverage=st.floats(1.1, 50.0),
    rate=st.floats(0.001, 0.02),
    contract=st.sampled_from(["linear", "inverse"]),
)
def test_long_and_short_are_mirrors(entry, leverage, rate, contract):
    """Oracle: E (1 - s / L) / (1 - s m) of a linear contract, and its reciprocal in 1 / E, written out."""
    for side in (1.0, -1.0):
        size = 1.0 if contract == "linear" else entry
        margin = notional(size, entry, contract) / leverage
        found = liquidation_price(side * size, entry, flat(rate), margin, contract=contract)
        if contract == "linear":
            expected = entry * (1.0 - side / leverage) / (1.0 - side * rate)
        else:
            expected = entry * (1.0 + side * rate) / (1.0 + side / leverage)
        assert found == pytest.approx(expected, rel=1e-9)


@given(entry=st.floats(0.01, 1e5), rate=st.floats(0.0001, 0.2), contracts=st.floats(1.0, 1e7))
def test_inverse_positions_without_leverage(entry, rate, contracts):
    """Oracle: METHODS M5: a short is never liquidated, a long at E (1 + m) / 2."""
    coins = contracts / entry
    assert liquidation_price(-contracts, entry, flat(rate), coins, contract="inverse") is None
    assert bankruptcy_price(-contracts, entry, coins, contract="inverse") is None
    long = liquidation_price(contracts, entry, flat(rate), coins, contract="inverse")
    assert long == pytest.approx(entry * (1.0 + rate) / 2.0, rel=1e-9)
    # Negative control: with a tenth less than its value, the short has a price.
    assert liquidation_price(-contracts, entry, flat(rate), 0.9 * coins, contract="inverse") is not None


def test_inverse_by_hand():
    """METHODS O1: 1,000 at 8,000 with 0.01 coins and 1 %: 7,481.48 and 7,407.41."""
    found = liquidation_price(1_000.0, 8_000.0, ONE, 0.01, contract="inverse")
    assert found == pytest.approx(7_481.48, abs=5e-3)
    assert bankruptcy_price(1_000.0, 8_000.0, 0.01, contract="inverse") == pytest.approx(7_407.41, abs=5e-3)


def test_average_entries_by_hand():
    """METHODS M2: 50 at 10,000 and 50 at 15,000 give 12,000 inverse and 12,500 linear."""
    assert average_entry_price([50.0, 50.0], [10e3, 15e3], "inverse") == pytest.approx(12e3, rel=1e-12)
    assert average_entry_price([-50.0, -50.0], [10e3, 15e3]) == pytest.approx(12.5e3, rel=1e-12)
    for sizes in ([], [1.0, -1.0]):
        with pytest.raises(ValueError, match="all long or all short"):
            average_entry_price(sizes, [1.0] * len(sizes))


@given(
    sizes=st.lists(st.floats(1.0, 1e6), min_size=1, max_size=5),
    prices=st.lists(st.floats(1.0, 1e5), min_size=5, max_size=5),
    mark=st.floats(1.0, 1e5),
    contract=st.sampled_from(["linear", "inverse"]),
)
def test_the_average_entry_keeps_the_pnl(sizes, prices, mark, contract):
    prices = prices[: len(sizes)]
    parts = sum(unrealized_pnl(q, p, mark, contract) for q, p in zip(sizes, prices, strict=True))
    whole = unrealized_pnl(sum(sizes), average_entry_price(sizes, prices, contract), mark, contract)
    assert whole == pytest.approx(parts, rel=1e-9, abs=1e-9 * sum(sizes) * 1e5)


def test_a_jump_of_the_requirement_is_the_liquidation_price():
    """Short 1 at 40,000 with 10,390: at 50,000 the rate goes from 0.4 to 0.5 %, 200 to 250, and 390 is left."""
    rules = MarginRules("whole_position")
    found = liquidation_price(-1.0, 40e3, TIERS, 10_230.0, rules=rules)
    # Equity at 50,000 is 230, between the two requirements.
    assert found == pytest.approx(50e3, rel=1e-12)
    # With 10,260 it is 260, and falls to 0.5 % of the price at (50,260) / 1.005.
    assert liquidation_price(-1.0, 40e3, TIERS, 10_260.0, rules=rules) == pytest.approx(50_260.0 / 1.005, rel=1e-12)
    # Negative control: continuous tiers leave 230 - 200 at 50,000.
    assert liquidation_price(-1.0, 40e3, TIERS, 10_230.0) == pytest.approx(50_280.0 / 1.005, rel=1e-12)


def test_the_mark_chooses_among_several_prices():
    """A long of 1 with the whole-position rule: the nearest fall counts, seen from either side of the edge.

    Long 1 from 50,100 with 330 behind: above 50,000 the requirement is 0.5 %, met at 49,770 / 0.995 = 50,020.1;
    below 50,000 it is 0.4 %, met at 49,770 / 0.996 = 49,969.9.
    """
    terms = (1.0, 50_100.0, TIERS, 330.0)
    rules = MarginRules("whole_position")
    assert liquidation_price(*terms, rules=rules, mark_price=50_100.0) == pytest.approx(49_770.0 / 0.995, rel=1e-12)
    assert liquidation_price(*terms, rules=rules, mark_price=49_990.0) == pytest.approx(49_770.0 / 0.996, rel=1e-12)


def test_triggers_differ_at_zero_alone():
    assert [is_liquidated(x) for x in (-1.0, 0.0, 1.0)] == [True, True, False]
    assert [is_liquidated(x, "below") for x in (-1.0, 0.0, 1.0)] == [True, False, False]


def test_rates_that_rise_with_size_by_hand():
    """Deribit's page: 350 BTC at 100,000 ask (2 % + 350 x 0.005 %) x 35,000,000 = 1,312,500."""
    rules = MarginRules("size_slope", "size", 0.00005)
    assert initial_margin(350.0, 100e3, flat_with(0.01, 50.0), rules=rules) == pytest.approx(1_312_500.0, rel=1e-12)
    # 0.8 x 10 % + 1 % x sqrt(9) = 11 %; at size 1 it is 9 %, and the base of 10 % holds.
    root = MarginRules("square_root", "size", 0.01)
    assert maintenance_margin(-9.0, 100.0, flat_with(0.1, 5.0), rules=root) == pytest.approx(99.0, rel=1e-12)
    assert maintenance_margin(1.0, 100.0, flat_with(0.1, 5.0), rules=root) == pytest.approx(10.0, rel=1e-12)


def flat_with(rate: float, leverage: float) -> TierTable:
    return TierTable((0.0,), (rate,), (leverage,))


def test_floors_may_count_size():
    """60,000 contracts, worth 2 coins: whole at 0.5 %, or 50,000 of them at 0.4 % and 10,000 at 0.5 %."""
    by_size = MarginRules("whole_position", "size")
    assert maintenance_margin(60e3, 30e3, TIERS, "inverse", 1.0, by_size) == pytest.approx(0.005 * 2.0, rel=1e-12)
    marginal = MarginRules("marginal", "size")
    expected = (50e3 * 0.004 + 10e3 * 0.005) / 30e3
    assert maintenance_margin(60e3, 30e3, TIERS, "inverse", 1.0, marginal) == pytest.approx(expected, rel=1e-12)
    # Negative control: counted in coins, 2 lie in the first tier.
    assert maintenance_margin(60e3, 30e3, TIERS, "inverse") == pytest.approx(0.008, rel=1e-12)


def test_a_position_without_size_is_refused():
    with pytest.raises(ValueError, match="without size"):
        maintenance_margin(0.0, 1.0, TIERS)


def test_the_fee_at_bankruptcy_by_hand():
    """Long 1 at 100 with 10 behind and a fee of 10 %: bankrupt at 90 / 0.9 = 100, so the fee is 10."""
    rules = MarginRules(closing_fee="bankruptcy", closing_fee_rate=0.1)
    lines = requirement_lines(1.0, 100.0, ONE)
    leg = Leg(exposure(1.0), 100.0, with_closing_fee(lines, 1.0, 100.0, 10.0, rules))
    assert 10.0 + leg.surplus(200.0) == pytest.approx(110.0 - 2.0 - 10.0, rel=1e-12)


def test_funding_rates_of_the_table():
    """METHODS O1: p = 0; 0.02 %; 0.06 %; 0.1 %; -0.04 %; -0.1 %."""
    rates = {0.0: 1e-4, 2e-4: 1e-4, 6e-4: 1e-4, 1e-3: 5e-4, -4e-4: 1e-4, -1e-3: -5e-4}
    for premium, rate in rates.items():
        assert funding_rate(premium, 1e-4, 5e-4) == pytest.approx(rate, abs=1e-15)
    assert funding_rate(0.05, 1e-4, 5e-4, cap=0.003) == 0.003
    assert funding_rate(-0.05, 1e-4, 5e-4, cap=0.003) == -0.003


def test_funding_caps_and_payments_by_hand():
    assert funding_cap("rate", 0.04, 0.02, 0.01) == 0.04
    assert funding_cap("maintenance_rate", 0.75, 0.02, 0.004) == pytest.approx(0.003, rel=1e-12)
    assert funding_cap("margin_spread", 6.0, 0.02, 0.012) == pytest.approx(0.048, rel=1e-12)
    # 2 coins at 30,000 pay 1 basis point: 6; 60,000 contracts of a dollar at 30,000: 2 coins, so 0.0002.
    assert funding_payment(2.0, 30e3, 1e-4) == pytest.approx(-6.0, rel=1e-12)
    assert funding_payment(-60e3, 30e3, 1e-4, "inverse") == pytest.approx(2e-4, rel=1e-12)
    assert [premium_beyond_band(p, 25e-5) for p in (1e-4, -2e-4)] == [0.0, 0.0]
    assert premium_beyond_band(1e-3, 25e-5) == pytest.approx(75e-5, rel=1e-12)
    assert premium_beyond_band(-1e-3, 25e-5) == pytest.approx(-75e-5, rel=1e-12)


def test_procedures_by_hand():
    """300,000 lie in the tier from 250,000: a sixth leads down; 40,000 lie in the first tier and go whole."""
    assert share_closed_first("full", 300e3, TIERS) == 1.0
    assert share_closed_first("tiers", 300e3, TIERS) == pytest.approx(1.0 / 6.0, rel=1e-12)
    assert share_closed_first("tiers", 40e3, TIERS) == 1.0
    assert share_closed_first("tiers", 300e3, TIERS, Reduction(full_tiers=3)) == 1.0
    assert share_closed_first("steps", 300e3, TIERS, Reduction(step=0.125)) == 0.125
    assert [kept_after_closing(x) for x in (5.0, -5.0)] == [5.0, 0.0]
    assert [kept_after_closing(x, "forfeited") for x in (5.0, -5.0)] == [0.0, 0.0]


def test_debts_are_not_discounted():
    """METHODS M8: 10,000 at 0.95 count 9,500, and a debt of 10,000 counts whole."""
    assert collateral_value(10_000.0, 1.0, 0.95) == 9_500.0
    assert collateral_value(-10_000.0, 1.0, 0.95) == -10_000.0
    assert value_between_rates(-100.0, 0.98, 0.99) == pytest.approx(-99.0, rel=1e-12)


def test_prices_and_values_return():
    for contract in CONTRACTS.values():
        assert contract.price_at(contract.unit_value(123.0)) == pytest.approx(123.0, rel=1e-15)
        assert contract.price_at(0.0) is None
        assert contract.price_at(-1.0) is None
        assert contract.price_at(float("inf")) is None
