"""Funding rates by hand, the premium's law in closed form, and what a payment does to a position."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.market import funding, noise
from stresslab.market.funding import FundingSpecification
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.market.process import MarketStep
from stresslab.simulation.run import simulate
from tests.oracles.scenarios import configuration, position, scenario


def specification(**changes: object) -> FundingSpecification:
    base = FundingSpecification(
        interval=1.0,
        interest_rate=0.0001,
        clamp=0.0005,
        cap=np.inf,
        premiums=(premium(),),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def premium(deviation: float = 1e-4, **changes: object) -> Premium:
    return replace(Premium(PremiumLaw.normal(0.0, deviation), half_life=np.log(2.0) / 0.5), **changes)  # type: ignore[arg-type]


def built(specified: FundingSpecification, step: float = 1.0) -> funding.Funding:
    question = scenario([position("a", 1.0)], [configuration("only", ("a", (0,), 0.5))], volatilities={"BTC": 0.8})
    process = funding.build(replace(question.market, funding=specified), step)
    assert process is not None
    return process


def test_rates_are_those_of_the_worked_table():
    # METHODS O1: f for p = 0; 0.02 %; 0.06 %; 0.1 %; -0.04 %; -0.1 %.
    # The score of a normal premium of deviation 1e-4 is the premium in units of 1e-4.
    state = (jnp.array([[0.0, 2.0, 6.0, 10.0, -4.0, -10.0]], jnp.float32),)
    expected = np.array([1e-4, 1e-4, 1e-4, 5e-4, 1e-4, -5e-4])
    np.testing.assert_allclose(built(specification()).rate(state)[0], expected, atol=1e-9)
    capped = built(specification(cap=3e-4)).rate(state)[0]
    np.testing.assert_allclose(capped, [1e-4, 1e-4, 1e-4, 3e-4, 1e-4, -3e-4], atol=1e-9)


def test_a_step_of_the_premium_has_the_stated_deviation():
    # METHODS O6: k = 0.5, s = 1e-4, D = 1 gives a step of 7.9506e-5 about the mean, and a stationary 1e-4.
    process = built(specification())
    assert 1e-4 * float(process.fast.first[0, 0]) == pytest.approx(7.9506e-5, rel=1e-4)
    assert float(process.fast.decay[0, 0]) == pytest.approx(np.exp(-0.5), rel=1e-6)


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 1.0])
def test_premium_moves_with_the_price_as_stated(correlation):
    process = built(specification(premiums=(premium(price_correlation=correlation),)))
    draw = np.random.default_rng(3).standard_normal((1, 20_000)).astype(np.float32)
    deviation = np.float32(0.8 / np.sqrt(365.0))
    start = np.zeros_like(draw)
    market = MarketStep(start, process.log_return + deviation * draw, np.full((1, 1), deviation), np.eye(1))  # type: ignore[arg-type]
    keys = noise.stream_keys(7, funding.streams(["BTC"]))
    counter = noise.Counter(np.arange(20_000, dtype=np.uint32), np.uint32(5))  # type: ignore[arg-type]
    state, _ = process.settle(process.step(process.init(20_000), market), keys, counter)  # type: ignore[arg-type]
    moved = np.asarray(process.premium(state))
    # Standard errors: (1 - correlation^2) / sqrt(20,000) and 1 / sqrt(40,000).
    assert np.corrcoef(moved[0], draw[0])[0, 1] == pytest.approx(correlation, abs=4 * 0.0071)
    assert moved.std() == pytest.approx(7.9506e-5, rel=4 * 0.005)


def test_a_constant_rate_is_paid_by_the_long_and_received_by_the_short():
    # No volatility, no premium: the rate is the interest, 1e-4 an interval, on a notional of 1 for seven days.
    question = scenario(
        [position("long", 1.0), position("short", -2.0)],
        [configuration("apart", ("long", (0,), 0.5), ("short", (1,), 0.5))],
        volatilities={"BTC": 0.0},
        paths=2,
    )
    quiet = specification(premiums=(premium(0.0),))
    outcomes = simulate(replace(question, market=replace(question.market, funding=quiet)))
    np.testing.assert_allclose(outcomes.profit[:, 0], [-7e-4, 14e-4], rtol=1e-5)
    # The long needs 0.005 and all that it pays; the short never needs more than today.
    np.testing.assert_allclose(outcomes.required_collateral[:, 0], [0.005 + 7e-4, 0.01], rtol=1e-5)


def test_funding_moves_the_barrier_to_the_settlement_that_uses_up_the_surplus():
    # Collateral 0.005 + 3.5e-4: the fourth payment of 1e-4 leaves less than the requirement of 0.005.
    question = scenario(
        [position("long", 1.0)], [configuration("only", ("long", (0,), 0.00535))], volatilities={"BTC": 0.0}, paths=2
    )
    quiet = specification(premiums=(premium(0.0),))
    outcomes = simulate(replace(question, market=replace(question.market, funding=quiet)))
    # Three steps a day.
    assert outcomes.liquidation_step.tolist() == [[12, 12]]
    np.testing.assert_allclose(outcomes.profit[0], -4e-4, rtol=1e-4)
    without = simulate(question)
    assert without.liquidation_step.tolist() == [[22, 22]]


def test_parts_and_own_draws_are_correlated_as_stated():
    # One step from zero: fast and slow draws follow the price as stated and not each other; of two assets whose prices
    # do not move together, only own draws agree: 0.36 (1 - 0.3^2) for the fast parts.
    both = Premium(
        PremiumLaw.normal(0.0, 1e-4), 1.0, 0.3, slow_share=0.5, slow_half_life=9.0, slow_price_correlation=0.6
    )
    question = scenario(
        [position("a", 1.0), position("b", 1.0, asset="ETH")],
        [configuration("only", ("a", (0,), 0.5), ("b", (1,), 0.5))],
        volatilities={"BTC": 0.8, "ETH": 0.8},
    )
    specified = specification(premiums=(both, both), own_correlation=0.36)
    process = funding.build(replace(question.market, funding=specified), 1.0)
    assert process is not None
    draw = np.random.default_rng(4).standard_normal((2, 40_000)).astype(np.float32)
    deviation = np.float32(0.8 / np.sqrt(365.0))
    ends = jnp.asarray(process.log_return + deviation * draw)
    market = MarketStep(jnp.zeros_like(ends), ends, jnp.full((2, 1), deviation), jnp.eye(2))
    keys = noise.stream_keys(7, funding.streams(["BTC", "ETH"]))
    counter = noise.Counter(np.arange(40_000, dtype=np.uint32), np.uint32(5))  # type: ignore[arg-type]
    state, _ = process.settle(process.step(process.init(40_000), market), keys, counter)  # type: ignore[arg-type]
    fast, slow = (np.asarray(part) for part in state)
    # Standard errors of at most 1 / sqrt(40,000) = 0.005.
    for expected, one, other in (
        (0.3, fast[0], draw[0]),
        (0.6, slow[0], draw[0]),
        (0.0, fast[0], slow[0]),
        (0.36 * 0.91, fast[0], fast[1]),
        (0.0, fast[0], draw[1]),
    ):
        assert np.corrcoef(one, other)[0, 1] == pytest.approx(expected, abs=0.02)
    # Half a fast departure is gone in a day, half a slow one in nine.
    assert fast[0].std() == pytest.approx(np.sqrt(1 - 0.25), rel=0.02)
    assert slow[0].std() == pytest.approx(np.sqrt(1 - 0.25 ** (1 / 9)), rel=0.02)


def test_a_law_with_two_sides_by_hand():
    # Straight from -4e-4 at -1 to 6e-4 at 1; beyond, 1e-4 u exp(0.2 u^2 / 2) below and 5e-4 u above.
    law = PremiumLaw(-1.0, 1.0, -4e-4, 6e-4, 1e-4, 5e-4, low_tail=0.2)
    process = built(specification(premiums=(Premium(law, 1.0),)))
    scores = np.array([[-3.0, -1.0, 0.0, 0.5, 1.0, 3.0]], np.float32)
    expected = [-4e-4 - 2e-4 * np.exp(0.4), -4e-4, 1e-4, 3.5e-4, 6e-4, 16e-4]
    np.testing.assert_allclose(process.premium((jnp.asarray(scores),))[0], expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(law.premium(scores[0].astype(np.float64)), expected, rtol=1e-6)
    # All between the two scores is at the interest.
    assert (np.abs(np.asarray(process.rate((jnp.asarray(scores),)))[0] - 1e-4) < 1e-8).tolist() == [
        False,
        *[True] * 4,
        False,
    ]
