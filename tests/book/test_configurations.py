"""Configurations of a book, against arithmetic by hand and conservation of cash."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.configurations import configuration, standard_configurations
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

TIERS = TierTable((0.0, 1_000.0), (0.005, 0.01), (100.0, 50.0))
SYMBOL = Symbol("BTCUSDT", "BTC", "linear", TIERS)
PACK = RulePack("p", "s", dt.date(2026, 9, 30), 8.0, "full", 0.0, "returned", {"BTCUSDT": SYMBOL}, "")


def position(
    name: str, notional: float, margin: str, collateral: float | None = None, mark: float | None = 1.0
) -> Position:
    """A position of some notional, long, entered at twice the mark so that the two are told apart."""
    assert margin in ("isolated", "cross")
    return Position(name, SYMBOL, notional, 2.0, mark, "cross" if margin == "cross" else "isolated", collateral)


def book(wallet: float, *positions: Position) -> Book:
    return Book("b", PACK, "USDT", wallet, positions, "")


def named(configurations: tuple[Configuration, ...]) -> dict[str, Configuration]:
    return {entry.name: entry for entry in configurations}


def collateral(configuration: Configuration) -> dict[str, float]:
    return {pool.name: pool.collateral for pool in configuration.pools}


MIX = book(
    1_000.0,
    position("a", 500.0, "isolated", 100.0),
    position("b", 600.0, "cross"),
    position("c", 2_000.0, "cross"),
    position("d", 100.0, "isolated", 50.0),
)


def test_as_booked() -> None:
    entry = standard_configurations(MIX)[0]
    assert entry == Configuration(
        "as_booked", (Pool("a", (0,), 100.0), Pool("d", (3,), 50.0), Pool("cross", (1, 2), 850.0)), 0.0
    )


def test_all_cross() -> None:
    assert standard_configurations(MIX)[2] == Configuration("all_cross", (Pool("cross", (0, 1, 2, 3), 1_000.0),), 0.0)


def test_all_isolated_divides_by_initial_margin_at_the_mark() -> None:
    # Initial margin: b 600 / 100 = 6, c 2,000 / 50 = 40; of 850, b gets 850 x 6 / 46 and c 850 x 40 / 46.
    entry = standard_configurations(MIX)[1]
    assert [pool.name for pool in entry.pools] == ["a", "b", "c", "d"]
    assert [pool.positions for pool in entry.pools] == [(0,), (1,), (2,), (3,)]
    assert collateral(entry) == pytest.approx({"a": 100.0, "b": 5_100 / 46, "c": 34_000 / 46, "d": 50.0}, rel=1e-14)
    assert entry.idle_cash == 0.0
    # The negative control: at entry, twice the mark, b's notional of 1,200 is in the second tier.
    at_entry = book(1_000.0, *(position(p.id, p.quantity, p.margin, p.collateral, None) for p in MIX.positions))
    assert collateral(standard_configurations(at_entry)[1])["b"] == pytest.approx(850 * 24 / (24 + 80), rel=1e-14)


def test_a_cross_position_gets_the_collateral_that_it_states() -> None:
    entry = named(
        standard_configurations(book(1_000.0, position("a", 500.0, "cross", 300.0), position("b", 500.0, "cross")))
    )["all_isolated"]
    assert collateral(entry) == {"a": 300.0, "b": 700.0}
    assert entry.idle_cash == 0.0


def test_cash_is_idle_where_every_cross_position_states_its_collateral() -> None:
    entries = named(
        standard_configurations(
            book(1_000.0, position("a", 500.0, "cross", 300.0), position("b", 500.0, "isolated", 100.0))
        )
    )
    assert collateral(entries["all_isolated"]) == {"a": 300.0, "b": 100.0}
    assert entries["all_isolated"].idle_cash == 600.0
    assert collateral(entries["as_booked"]) == {"b": 100.0, "cross": 900.0}
    assert entries["as_booked"].idle_cash == 0.0


def test_a_book_without_cross_positions_has_idle_cash_and_no_cross_pool() -> None:
    entries = named(standard_configurations(book(1_000.0, position("a", 500.0, "isolated", 300.0))))
    assert entries["as_booked"] == Configuration("as_booked", (Pool("a", (0,), 300.0),), 700.0)
    assert entries["all_isolated"].idle_cash == 700.0
    assert entries["all_cross"] == Configuration("all_cross", (Pool("cross", (0,), 1_000.0),), 0.0)


def test_positions_in_no_named_pool_form_the_cross_pool() -> None:
    entry = configuration(MIX, "hedge", [Pool("h", (1, 3), 200.0)])
    assert entry == Configuration("hedge", (Pool("h", (1, 3), 200.0), Pool("cross", (0, 2), 800.0)), 0.0)
    whole = configuration(MIX, "whole", [Pool("h", (0, 1, 2, 3), 200.0)])
    assert whole == Configuration("whole", (Pool("h", (0, 1, 2, 3), 200.0),), 800.0)


def test_what_cannot_be_a_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="stands in two pools"):
        configuration(MIX, "x", [Pool("h", (0, 1), 200.0), Pool("i", (1, 2), 200.0)])
    with pytest.raises(ValueError, match="more than the wallet"):
        configuration(MIX, "x", [Pool("h", (0, 1), 1_200.0)])


def test_rounding_leaves_no_dust() -> None:
    entries = named(
        standard_configurations(book(0.3, position("a", 1.0, "isolated", 0.1), position("b", 1.0, "isolated", 0.2)))
    )
    assert entries["as_booked"].idle_cash == 0.0
    assert entries["all_isolated"].idle_cash == 0.0


@given(
    st.lists(
        st.tuples(st.floats(1.0, 1e6), st.sampled_from(["isolated", "cross", "stated"]), st.floats(0.01, 1.0)),
        min_size=1,
        max_size=6,
    )
)
def test_every_configuration_holds_every_position_and_all_of_the_wallet(
    entries: list[tuple[float, str, float]],
) -> None:
    wallet = 1_000.0
    share = 0.9 * wallet / math.fsum(weight for _, _, weight in entries)
    positions = [
        position(
            str(index),
            notional,
            "isolated" if kind == "isolated" else "cross",
            None if kind == "cross" else share * weight,
        )
        for index, (notional, kind, weight) in enumerate(entries)
    ]
    for entry in standard_configurations(book(wallet, *positions)):
        held = sorted(index for pool in entry.pools for index in pool.positions)
        assert held == list(range(len(positions)))
        assert math.fsum([entry.idle_cash, *(pool.collateral for pool in entry.pools)]) == pytest.approx(
            wallet, rel=1e-12
        )
        assert entry.idle_cash >= 0.0
        assert all(pool.collateral > 0.0 for pool in entry.pools)
