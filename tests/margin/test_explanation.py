"""The account explained: figures against a venue's worked example, form against DESIGN section 7.4."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Literal

import pytest

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.explanation import as_json, as_text, explain
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

# Tier tables of spring 2022; their amounts are those of the venue's worked example.
BTC = Symbol(
    "BTCUSDT",
    "BTC",
    "linear",
    TierTable((0.0, 50e3, 250e3, 1e6, 7.5e6), (0.004, 0.005, 0.01, 0.025, 0.05), (125.0, 100.0, 50.0, 20.0, 10.0)),
)
ETH = Symbol(
    "ETHUSDT",
    "ETH",
    "linear",
    TierTable(
        (0.0, 10e3, 100e3, 500e3, 1e6, 2e6, 5e6),
        (0.005, 0.0065, 0.01, 0.02, 0.05, 0.1, 0.125),
        (100.0, 75.0, 50.0, 25.0, 10.0, 5.0, 4.0),
    ),
)
FLAT = Symbol("FLATUSDT", "FLAT", "linear", TierTable((0.0,), (0.005,), (125.0,)))
PACK = RulePack(
    name="example",
    source="made for this test",
    effective=dt.date(2022, 4, 16),
    funding_interval=8.0,
    liquidation_procedure="full",
    liquidation_fee_rate=0.0,
    remainder="returned",
    symbols={symbol.name: symbol for symbol in (BTC, ETH, FLAT)},
    text="",
)


def position(
    id: str,
    symbol: Symbol,
    quantity: float,
    entry_price: float,
    mark_price: float | None = None,
    margin: Literal["isolated", "cross"] = "cross",
) -> Position:
    return Position(id, symbol, quantity, entry_price, mark_price, margin, None)


def book(wallet_balance: float, *positions: Position) -> Book:
    return Book("Desk A", PACK, "USDT", wallet_balance, positions, "")


def one_pool(collateral: float, count: int, name: str = "cross", idle_cash: float = 0.0) -> Configuration:
    return Configuration("as_booked", (Pool(name, tuple(range(count)), collateral),), idle_cash)


WALLET = 1_535_443.01
EXAMPLE = book(
    WALLET, position("eth", ETH, 3_683.979, 1_456.84, 1_335.18), position("btc", BTC, 109.488, 32_481.98, 31_967.27)
)


def test_worked_example():
    """Oracle: the venue's page (METHODS O1)."""
    (pool,) = explain(EXAMPLE, [one_pool(WALLET, 2)]).pools
    eth, btc = pool.positions
    assert eth.liquidation_price == pytest.approx(1_153.26, rel=0.0, abs=5e-3)
    assert btc.liquidation_price == pytest.approx(26_316.89, rel=0.0, abs=5e-3)
    assert (eth.maintenance_rate, btc.maintenance_rate) == (0.1, 0.025)
    assert (eth.maintenance_amount, btc.maintenance_amount) == pytest.approx((135_365.0, 16_300.0), rel=1e-12)
    assert eth.maintenance_margin == pytest.approx(356_512.508, rel=0.0, abs=1e-3)
    assert btc.maintenance_margin == pytest.approx(71_200.811, rel=0.0, abs=1e-3)
    assert pool.maintenance_margin == pytest.approx(427_713.32, rel=0.0, abs=5e-3)
    assert pool.surplus == pytest.approx(603_182.24, rel=0.0, abs=5e-3)


def test_worked_example_isolated():
    """Oracle: the same venue's rows of one leg with the whole wallet behind it, 1,114.78 and 18,778.73."""
    for index, expected in ((0, 1_114.78), (1, 18_778.73)):
        alone = book(WALLET, EXAMPLE.positions[index])
        (leg,) = explain(alone, [one_pool(WALLET, 1)]).pools[0].positions
        assert leg.liquidation_price == pytest.approx(expected, rel=0.0, abs=5e-3)


def test_terms_by_hand():
    """Long 20 from 50,000 at 60,000 with 100,000 behind: notional 1.2m in the tier of 2.5 %, amount 16,300."""
    isolated = book(150_000.0, position("btc", BTC, 20.0, 50_000.0, 60_000.0, "isolated"))
    (pool,) = explain(isolated, [one_pool(100_000.0, 1, "btc", idle_cash=50_000.0)]).pools
    (leg,) = pool.positions
    assert (pool.configuration, pool.pool, pool.collateral) == ("as_booked", "btc", 100_000.0)
    assert (leg.notional, leg.unrealized_pnl, leg.tier_floor) == (1_200_000.0, 200_000.0, 1_000_000.0)
    assert leg.maintenance_margin == pytest.approx(13_700.0, rel=1e-12)
    assert (pool.equity, pool.surplus) == pytest.approx((300_000.0, 286_300.0), rel=1e-12)
    assert pool.margin_ratio == pytest.approx(300_000.0 / 13_700.0, rel=1e-12)
    assert pool.venue_margin_ratio == pytest.approx(13_700.0 / 300_000.0, rel=1e-12)
    assert (leg.initial_margin, leg.leverage) == (60_000.0, 10.0)
    # The price falls into the tier of 1 %, amount 1,300: (1,000,000 - 100,000 - 1,300) / (20 x 0.99).
    assert leg.liquidation_price == pytest.approx(898_700.0 / 19.8, rel=1e-12)
    assert leg.bankruptcy_price == 45_000.0


def test_bankruptcy_price_of_a_cross_leg():
    """At it the pool's equity is 0, the other mark still: collateral + both pnls, added up here by hand."""
    legs = explain(EXAMPLE, [one_pool(WALLET, 2)]).pools[0].positions
    eth, btc = (leg.bankruptcy_price or 0.0 for leg in legs)
    assert WALLET + 3_683.979 * (eth - 1_456.84) + 109.488 * (31_967.27 - 32_481.98) == pytest.approx(0.0, abs=1e-6)
    assert WALLET + 3_683.979 * (1_335.18 - 1_456.84) + 109.488 * (btc - 32_481.98) == pytest.approx(0.0, abs=1e-6)


def test_both_sides_of_one_symbol_move_together():
    """Oracle: the venue's formula for hedge mode (VENUES section 2.4), with one rate and no amounts."""
    long, short, wallet, rate = 3.0, 1.0, 30.0, 0.005
    hedged = book(wallet, position("long", FLAT, long, 100.0), position("short", FLAT, -short, 110.0, 100.0))
    by_formula = (wallet - long * 100.0 + short * 110.0) / (long * rate + short * rate - long + short)
    for leg in explain(hedged, [one_pool(wallet, 2)]).pools[0].positions:
        assert leg.liquidation_price == pytest.approx(by_formula, rel=1e-12)
        # 30 + 3 (P - 100) + (110 - P) = 0.
        assert leg.bankruptcy_price == pytest.approx(80.0, rel=1e-12)
    # Negative control: in two symbols, the short's mark stands still. (300 - 30 - 10 + 0.5) / (3 x 0.995).
    other = replace(FLAT, name="OTHERUSDT")
    apart = book(wallet, position("long", FLAT, long, 100.0), position("short", other, -short, 110.0, 100.0))
    assert explain(apart, [one_pool(wallet, 2)]).pools[0].positions[0].liquidation_price == pytest.approx(
        260.5 / 2.985, rel=1e-12
    )


def test_a_perfect_hedge_is_liquidated_by_a_rise():
    """10 behind long 1 and short 1: the requirement of 0.005 x 2 P reaches it at 1,000; equity never changes."""
    hedged = book(10.0, position("long", FLAT, 1.0, 100.0), position("short", FLAT, -1.0, 100.0))
    for leg in explain(hedged, [one_pool(10.0, 2)]).pools[0].positions:
        assert leg.liquidation_price == pytest.approx(1_000.0, rel=1e-12)
        assert leg.bankruptcy_price is None


def test_a_near_hedge_that_is_long_is_liquidated_by_a_rise():
    """Oracle: the venue's formula for hedge mode, (10 - 100.1 + 100) / (2.001 x 0.005 - 0.001)."""
    hedged = book(10.0, position("long", FLAT, 1.001, 100.0), position("short", FLAT, -1.0, 100.0))
    for leg in explain(hedged, [one_pool(10.0, 2)]).pools[0].positions:
        assert leg.liquidation_price == pytest.approx(9.9 / 0.009005, rel=1e-12)


def test_of_two_liquidation_prices_the_fall_is_shown():
    """Floors 0 and 150, rates 1 % and 50 %: long 2, short 1 at 100, 40 behind, end at 60/97 and at 1.74 times 100."""
    steep = Symbol("STEEPUSDT", "STEEP", "linear", TierTable((0.0, 150.0), (0.01, 0.5), (1.0, 1.0)))
    hedged = book(40.0, position("long", steep, 2.0, 100.0), position("short", steep, -1.0, 100.0))
    for leg in explain(hedged, [one_pool(40.0, 2)]).pools[0].positions:
        assert leg.liquidation_price == pytest.approx(6_000.0 / 97.0, rel=1e-12)


def test_marks_of_one_symbol_keep_their_ratio():
    """Long 2 marked at 100, short 1 at 110, 10 behind: 200 x - 110 x - 80 - 0.005 x 310 x is 0 at 80 / 88.45."""
    hedged = book(10.0, position("long", FLAT, 2.0, 100.0, 100.0), position("short", FLAT, -1.0, 110.0, 110.0))
    long, short = explain(hedged, [one_pool(10.0, 2)]).pools[0].positions
    assert (long.liquidation_price, short.liquidation_price) == pytest.approx((8_000.0 / 88.45, 8_800.0 / 88.45))
    assert (long.bankruptcy_price, short.bankruptcy_price) == pytest.approx((8_000.0 / 90.0, 8_800.0 / 90.0))


def test_a_missing_mark_is_the_entry():
    explanation = explain(book(10.0, position("a", FLAT, -1.0, 100.0)), [one_pool(10.0, 1)])
    (leg,) = explanation.pools[0].positions
    assert (leg.mark_price, leg.unrealized_pnl) == (100.0, 0.0)
    # Nothing is neither a profit nor a loss.
    assert "-0.0" not in as_json(explanation)
    assert "-0.0" not in as_text(explanation)


def test_configurations_stand_in_order():
    configurations = [
        one_pool(WALLET, 2),
        Configuration("all_isolated", (Pool("eth", (0,), 1e6), Pool("btc", (1,), 4e5)), WALLET - 1.4e6),
    ]
    explanation = explain(EXAMPLE, configurations)
    names = [(pool.configuration, pool.pool) for pool in explanation.pools]
    assert names == [("as_booked", "cross"), ("all_isolated", "eth"), ("all_isolated", "btc")]
    assert explanation.idle_cash == {"as_booked": 0.0, "all_isolated": WALLET - 1.4e6}


def test_json():
    """Oracle: the keys and their order in DESIGN section 7.4."""
    fully_paid = book(300.0, position("a", FLAT, 1.0, 100.0, 120.0))
    document = json.loads(as_json(explain(fully_paid, [one_pool(200.0, 1)])))
    assert list(document) == ["pools"]
    (pool,) = document["pools"]
    assert list(pool) == [
        "configuration",
        "pool",
        "collateral",
        "equity",
        "maintenance_margin",
        "margin_ratio",
        "positions",
    ]
    assert {key: value for key, value in pool.items() if key != "positions"} == {
        "configuration": "as_booked",
        "pool": "cross",
        "collateral": 200.0,
        "equity": 220.0,
        "maintenance_margin": 0.6,
        "margin_ratio": pytest.approx(220.0 / 0.6, rel=1e-12),
    }
    assert list(pool["positions"][0].items()) == [
        ("id", "a"),
        ("symbol", "FLATUSDT"),
        ("mark_price", 120.0),
        ("notional", 120.0),
        ("unrealized_pnl", 20.0),
        ("maintenance_margin", 0.6),
        ("liquidation_price", None),
        ("bankruptcy_price", None),
    ]


def test_text_of_the_worked_example():
    text = as_text(explain(EXAMPLE, [one_pool(WALLET, 2, idle_cash=7.5)]))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for expected in (
        "Desk A, at today's marks, money in USDT",
        "rules: example, effective 2022-04-16",
        "as_booked (cash in no pool: 7.50)",
        "collateral 1,535,443.01",
        "= equity 1,030,895.56",
        "- maintenance margin 427,713.32 sum over its positions",
        "= surplus 603,182.24 positive: the pool stands",
        "margin ratio 2.4102 equity / maintenance margin; liquidation at 1 or below",
        "as the venue shows it 41.49 % maintenance margin / equity; liquidation at 100 % or above",
        "unrealized pnl -448,192.89 3,683.979 x (1,335.18 - 1,456.84)",
        "maintenance margin 356,512.51 10 % x 4,918,775.08 - 135,365.00; tier from 2,000,000",
        "liquidation price 26,316.893 -17.68 % from the mark; there the pool's surplus is 0",
    ):
        assert expected in lines
    assert "no liquidation price" not in text
    # The figures stand in one column, each ending where the others do.
    ends = {
        line.index(figure) + len(figure) for line in text.splitlines() for figure in ("427,713.32",) if figure in line
    }
    assert len(ends) == 1


def test_text_where_there_is_no_price():
    paid = as_text(explain(book(100.0, position("a", FLAT, 1.0, 100.0)), [one_pool(100.0, 1)]))
    assert "no liquidation price: the pool's surplus is positive at every price of FLATUSDT" in paid
    assert "no bankruptcy price: the pool's equity is positive at every price of FLATUSDT" in paid
    assert "the pool stands" in paid
    # A short of one coin with 200 of its cross pool's collateral lost on another leg.
    losing = book(50.0, position("a", FLAT, -1.0, 100.0), position("b", BTC, 1.0, 300.0, 100.0))
    lost = as_text(explain(losing, [one_pool(50.0, 2)]))
    assert "no liquidation price: the pool's surplus is positive at no price of FLATUSDT" in lost
    assert "the pool is liquidated" in lost
    assert "as the venue shows it none" in " ".join(lost.split())


def test_a_pool_without_collateral():
    (pool,) = explain(book(5.0, position("a", FLAT, 1.0, 100.0, 110.0)), [one_pool(0.0, 1)]).pools
    assert pool.positions[0].leverage is None
    assert pool.equity == 10.0
    assert "leverage none" in " ".join(
        as_text(explain(book(5.0, position("a", FLAT, 1.0, 100.0)), [one_pool(0.0, 1)])).split()
    )


def test_positions_of_one_contract_have_one_mark():
    account = book(10_000.0, position("a", BTC, 1.0, 10_000.0, 11_000.0), position("b", BTC, -0.5, 10_500.0))
    (pool,) = explain(account, [one_pool(10_000.0, 2)]).pools
    assert [each.mark_price for each in pool.positions] == [11_000.0, 11_000.0]
    # By hand: 1 x (11,000 - 10,000) and -0.5 x (11,000 - 10,500).
    assert [each.unrealized_pnl for each in pool.positions] == [1_000.0, -250.0]
    # The negative control: another contract's mark is not taken.
    other = book(10_000.0, position("a", BTC, 1.0, 10_000.0, 11_000.0), position("b", FLAT, -0.5, 10_500.0))
    assert explain(other, [one_pool(10_000.0, 2)]).pools[0].positions[1].mark_price == 10_500.0
