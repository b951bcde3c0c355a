"""Notional, pnl and requirement of compiled legs against the rules in plain numbers, whole and in parts."""

from __future__ import annotations

import random
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.book.book import Book, Position
from stresslab.margin.legs import Legs
from stresslab.margin.problem import build_problem
from stresslab.venues.contracts import notional, unrealized_pnl
from stresslab.venues.pack import Symbol
from stresslab.venues.rules.margin_rules import PLAIN, MarginRules, maintenance_margin
from stresslab.venues.tiers import TierTable
from tests.oracles.scenarios import configuration, pack

TABLE = TierTable((0.0, 400.0, 1_000.0), (0.01, 0.02, 0.05), (50.0, 20.0, 10.0))
BY_SIZE = TierTable((0.0, 4.0, 10.0), (0.01, 0.02, 0.05), (50.0, 20.0, 10.0))
ONE = TierTable((0.0,), (0.02,), (25.0,))
RULES = {
    "plain": (PLAIN, TABLE),
    "whole position": (MarginRules(tier_rule="whole_position"), TABLE),
    "by size": (MarginRules(tier_measure="size"), BY_SIZE),
    "whole position by size": (MarginRules(tier_rule="whole_position", tier_measure="size"), BY_SIZE),
    "slope": (MarginRules(tier_rule="size_slope", size_factor=0.003), ONE),
    "root": (MarginRules(tier_rule="square_root", size_factor=0.004), ONE),
    "entry": (MarginRules(requirement_at="entry"), TABLE),
    "fee": (MarginRules(closing_fee="mark", closing_fee_rate=0.0006), TABLE),
}


def book_of(rules: MarginRules, tiers: TierTable, contract: str, draw: random.Random) -> Book:
    """Five positions on one asset at about 100."""
    size = 10.0 if contract == "inverse" else 1.0
    symbol = Symbol("S", "BTC", contract, tiers, size, rules)
    held = tuple(
        Position(
            str(n), symbol, draw.choice((-1, 1)) * draw.uniform(0.5, 15.0), draw.uniform(80, 120), 100.0, "cross", None
        )
        for n in range(5)
    )
    return Book("test", pack(), "USD", 1.0, held, "")


def legs_of(book: Book) -> Legs:
    built = build_problem(book, [configuration("x", ("x", range(5), 1e3))], ("BTC",))
    return Legs(built.layout, built.parameters, every_position=True)


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("name", RULES)
def test_whole_and_partial_positions_have_the_figures_of_their_rules(name, contract):
    """Oracle: the figures in plain numbers, which venues' published numbers pin, of a position of the reduced size."""
    draw = random.Random(name + contract)
    rules, tiers = RULES[name]
    if contract == "inverse" and rules.tier_measure != "size":
        tiers = replace(tiers, floors=tuple(floor / 1_000 for floor in tiers.floors))  # in coin
    book = book_of(rules, tiers, contract, draw)
    legs = legs_of(book)
    ratios = np.array([0.5, 0.83, 1.0, 1.21, 2.3], np.float32)
    share = np.array([[draw.uniform(0.05, 1.0) for _ in ratios] for _ in book.positions], np.float32)
    for part, shares in ((None, np.ones_like(share)), (jnp.asarray(share), share)):
        value = legs.notional(jnp.asarray(ratios)[None], part)
        figures = value, legs.pnl(jnp.asarray(ratios)[None], part), legs.requirement(value, part)
        for row, position in enumerate(book.positions):
            kind = position.symbol.contract, position.symbol.contract_size
            for column, ratio in enumerate(ratios):
                held = position.quantity * float(shares[row, column])
                price = 100.0 * float(ratio)
                valued_at = position.entry_price if rules.requirement_at == "entry" else price
                required = maintenance_margin(held, valued_at, tiers, *kind, rules)
                expected = (
                    notional(held, price, *kind),
                    unrealized_pnl(held, position.entry_price, price, *kind),
                    required + rules.closing_fee_rate * notional(held, price, *kind),
                )
                scale = 1e-5 * notional(held, min(price, 80.0 if kind[0] == "inverse" else 1e9), *kind)
                for ours, right in zip(figures, expected, strict=True):
                    assert float(ours[row, column]) == pytest.approx(right, abs=scale + 1e-6 * abs(right))


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("name", RULES)
def test_exposures_are_slopes_in_the_log_price(name, contract):
    """Oracle: differences of pnl and requirement themselves, a hundredth to either side."""
    rules, tiers = RULES[name]
    if contract == "inverse" and rules.tier_measure != "size":
        tiers = replace(tiers, floors=tuple(floor / 1_000 for floor in tiers.floors))
    book = book_of(rules, tiers, contract, random.Random(name))
    legs = legs_of(book)
    here, step = 1.07, 0.01
    below, at, above = (jnp.full((1, 1), here * np.exp(shift), jnp.float32) for shift in (-step, 0.0, step))
    value = legs.notional(at)
    middle = np.asarray(value)[:, 0]
    pnl = np.asarray(legs.pnl(above) - legs.pnl(below))[:, 0] / (2 * step)
    np.testing.assert_allclose(np.asarray(legs.exposure(value))[:, 0], pnl, rtol=2e-3)
    required = np.asarray(legs.requirement(legs.notional(above)) - legs.requirement(legs.notional(below)))[:, 0]
    ours = np.asarray(legs.surplus_exposure(value))[:, 0]
    edges = np.asarray(tiers.floors[1:])[:, None]
    clear = (np.abs(np.log(np.maximum(edges, 1e-9) / middle)) > 2 * step).all(axis=0)
    assert clear.sum() >= 3
    np.testing.assert_allclose(ours[clear], (pnl - required / (2 * step))[clear], rtol=2e-3)


def test_plain_books_carry_no_rules():
    plain = book_of(*RULES["plain"], "linear", random.Random(1))
    assert legs_of(plain).rules is None
    strict = replace(PLAIN, trigger="below")
    assert legs_of(book_of(strict, TABLE, "linear", random.Random(1))).rules is None
    assert legs_of(book_of(*RULES["plain"], "inverse", random.Random(1))).rules is not None


def test_a_part_under_a_rate_of_the_whole_is_another_figure():
    # Negative control: half of a position in a high tier needs less than half where rates apply to the whole.
    rules, tiers = RULES["whole position"]
    symbol = Symbol("S", "BTC", "linear", tiers, 1.0, rules)
    held = tuple(Position(str(n), symbol, 12.0, 100.0, 100.0, "cross", None) for n in range(5))
    legs = legs_of(Book("test", pack(), "USD", 1.0, held, ""))
    half = jnp.full((5, 1), 0.5, jnp.float32)
    one = jnp.ones((1, 1), jnp.float32)
    whole = legs.requirement(legs.notional(one))
    part = legs.requirement(legs.notional(one, half), half)
    assert float(whole[0, 0]) == pytest.approx(60.0)  # 5 % of 1,200
    assert float(part[0, 0]) == pytest.approx(12.0)  # 2 % of 600
