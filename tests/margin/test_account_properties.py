"""What holds of the account engine whatever the book: found by Hypothesis on layouts that are compiled once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stresslab.book.book import Position
from stresslab.book.policies import TopUp
from stresslab.market.funding import FundingSpecification
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from stresslab.venues.pack import Symbol
from tests.oracles.scenarios import FLAT, configuration, pack, position, scenario

FEW = settings(max_examples=6)
SIZES = st.floats(0.3, 2.0)
SHARES = st.floats(0.02, 0.3)


def book(sizes: tuple[float, float, float], share: float, seed: int, fee_rate: float, deviation: float) -> Scenario:
    """A long and a short on one asset and a long on another: alone, all together, and topped up."""
    signs = (1.0, -1.0, 1.0)
    held = [
        position(f"p{row}", sign * size, asset="ETH" if row == 2 else "BTC")
        for row, (sign, size) in enumerate(zip(signs, sizes, strict=True))
    ]
    alone = configuration("alone", *((f"p{row}", (row,), share * sizes[row]) for row in range(3)))
    cross = configuration("cross", ("cross", (0, 1, 2), share * sum(sizes)))
    desk = TopUp("desk", 3.0, 6.0, 0.2, 0.3, 0.0)
    question = scenario(
        held,
        [alone, cross, replace(alone, name="helped", policies=(desk,))],
        volatilities={"BTC": 1.0, "ETH": 1.0},
        correlation=[[1.0, 0.6], [0.6, 1.0]],
        paths=1024,
        seed=seed,
        venue=pack(fee_rate=fee_rate),
    )
    premium = Premium(PremiumLaw.normal(0.0005, deviation), 1.0)
    funding = FundingSpecification(question.step, 0.0001, 0.0005, 0.01, (premium, premium))
    return replace(question, market=replace(question.market, funding=funding))


BOOKS = st.builds(
    book, st.tuples(SIZES, SIZES, SIZES), SHARES, st.integers(0, 2**40), st.floats(0.0, 0.02), st.floats(0.0, 0.005)
)


def scaled(question: Scenario, size: float, collateral: float) -> Scenario:
    """The same question with every position, and all collateral and reserves, so many times as large."""
    positions = tuple(replace(p, quantity=p.quantity * size) for p in question.book.positions)
    configurations = tuple(
        replace(
            each,
            pools=tuple(replace(pool, collateral=pool.collateral * collateral) for pool in each.pools),
            policies=tuple(
                replace(p, cap=p.cap * collateral, reserve=p.reserve * collateral)
                for p in each.policies
                if isinstance(p, TopUp)
            ),
        )
        for each in question.configurations
    )
    return replace(question, book=replace(question.book, positions=positions), configurations=configurations)


def rows(outcomes: Outcomes, which: int) -> list[int]:
    return list(outcomes.configuration_stakes[which])


@FEW
@given(BOOKS)
def test_the_ledger_adds_up_to_the_profit(question):
    outcomes = simulate(question)
    for which, each in enumerate(question.configurations):
        value = sum(pool.collateral for pool in each.pools)
        # At a leverage above 10 the rounding of a notional, of which 1.2e-7 is one unit, is more than that.
        unit = max(1e-6 * value, 1e-7 * sum(abs(p.quantity) for p in question.book.positions))
        booked = outcomes.ledger[which].astype(np.float64)
        profit = outcomes.profit[rows(outcomes, which)].astype(np.float64).sum(axis=0)
        assert outcomes.ledger_drift[which].max() < unit
        # All lines but the last, which is the transfers, are profit, since nothing is lost at entry prices yet.
        np.testing.assert_allclose(booked[:-1].sum(axis=0), profit, atol=2.0 * unit)


@FEW
@given(BOOKS, st.floats(1.001, 2.0))
def test_more_collateral_never_liquidates_earlier(question, factor):
    plain, more = simulate(question), simulate(scaled(question, 1.0, factor))
    for which in (0, 1):
        earlier = more.liquidation_step[rows(more, which)] < plain.liquidation_step[rows(plain, which)]
        assert not earlier.any()
    assert (more.liquidation_step <= plain.liquidation_step).any()


@FEW
@given(BOOKS)
def test_twice_the_book_is_twice_the_money(question):
    # Doubling changes no digit of a binary number, so nothing may differ, rounding included.
    once, twice = simulate(question), simulate(scaled(question, 2.0, 2.0))
    np.testing.assert_array_equal(twice.liquidation_step, once.liquidation_step)
    np.testing.assert_array_equal(twice.profit, 2.0 * once.profit)
    np.testing.assert_array_equal(twice.ledger, 2.0 * once.ledger)


@FEW
@given(BOOKS)
def test_an_isolated_loss_ends_at_what_was_posted_and_topped_up(question):
    outcomes = simulate(question)
    for which in (0, 2):
        each = question.configurations[which]
        posted = np.array([pool.collateral for pool in each.pools])[:, None]
        lost = -outcomes.profit[rows(outcomes, which)]
        if which == 0:
            assert (lost <= posted * (1.0 + 1e-6)).all()
        else:
            assert (lost.sum(axis=0) <= (posted.sum() + outcomes.ledger[which][-1]) * (1.0 + 1e-6)).all()
            # The cap of one pool is 0.2.
            assert (lost <= posted + 0.2 * (1.0 + 1e-6)).all()


@FEW
@given(BOOKS)
def test_no_pool_is_liquidated_above_its_requirement(question):
    # Without funding and fees the money left of a lone long gives the price at which it was closed.
    question = replace(
        question, book=replace(question.book, venue=replace(question.book.venue, liquidation_fee_rate=0.0))
    )
    normal = PremiumLaw.normal(0.0, 0.0)
    funding = replace(question.market.funding, interest_rate=0.0, premiums=(Premium(normal, 1.0), Premium(normal, 1.0)))
    question = replace(question, market=replace(question.market, funding=funding))
    outcomes = simulate(question)
    for row, place in enumerate(question.book.positions):
        pool = question.configurations[0].pools[row]
        stake = outcomes.configuration_stakes[0][row]
        gone = outcomes.liquidation_step[stake] <= outcomes.steps
        left = pool.collateral + outcomes.profit[stake][gone].astype(np.float64)
        price = 1.0 + outcomes.profit[stake][gone] / place.quantity
        assert (left <= 0.005 * abs(place.quantity) * price + 2e-6).all()


def on_mirrored_prices(inverse: bool, quantity: float, share: float, seed: int) -> Outcomes:
    """A linear long on one asset, or an inverse short on another whose log price is the first one's turned round."""
    drift, volatility = 0.3, 0.9
    asset, contract = ("B", "inverse") if inverse else ("A", "linear")
    held = Position(
        "p", Symbol("P", asset, contract, FLAT), -quantity if inverse else quantity, 1.0, 1.0, "cross", None
    )
    question = scenario(
        [held],
        [configuration("only", ("p", (0,), share * quantity))],
        volatilities={"A": volatility, "B": volatility},
        # (drift - volatility^2 / 2) of both add up to nothing, and so do their draws.
        drifts=[drift, volatility**2 - drift],
        correlation=[[1.0, -1.0], [-1.0, 1.0]],
        paths=1024,
        seed=seed,
    )
    return simulate(question, bridge="none", every_account=True)


@FEW
@given(SIZES, SHARES, st.integers(0, 2**40))
def test_an_inverse_short_mirrors_a_linear_long(quantity, share, seed):
    # In its unit value, one over the price, an inverse short is a linear long (METHODS M2).
    long, short = (on_mirrored_prices(inverse, quantity, share, seed) for inverse in (False, True))
    np.testing.assert_allclose(long.log_price[0], -long.log_price[1], atol=2e-6)
    near = np.abs(long.required_collateral[0] - share * quantity) < 1e-5 * quantity
    assert near.mean() < 0.02
    np.testing.assert_array_equal(short.liquidation_step[0][~near], long.liquidation_step[0][~near])
    np.testing.assert_allclose(short.profit[0][~near], long.profit[0][~near], atol=1e-5 * quantity)


def inverse_short(collateral: float, seed: int) -> Outcomes:
    """One dollar short at a price of one, in a market that moves tenfold either way."""
    held = Position("p", Symbol("P", "A", "inverse", FLAT), -1.0, 1.0, 1.0, "cross", None)
    only = configuration("only", ("p", (0,), collateral))
    question = scenario([held], [only], volatilities={"A": 6.0}, days=60.0, step=1.0, paths=1024, seed=seed)
    return simulate(question, every_account=True)


@FEW
@given(st.integers(0, 2**40))
def test_an_inverse_short_without_leverage_is_never_liquidated(seed):
    # A coin posted behind a dollar short at 1: equity is 1 + (1 / S - 1) = 1 / S, and the requirement 0.005 / S.
    assert not (inverse_short(1.0, seed).liquidation_step <= 60).any()
    # Control: with 0.8 coins equity is 1 / S - 0.2, gone at a price of 4.975.
    assert (inverse_short(0.8, seed).liquidation_step <= 60).mean() > 0.05
