"""Reductions and orders on figures small enough to reckon by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.book.policies import StopLoss, TakeProfit
from stresslab.margin import orders, procedures
from stresslab.margin.procedures import Reducing, Standing, closed_part, with_remnants
from tests.margin.policies.sights import column
from tests.oracles.scenarios import configuration, position, scenario


def standing(
    notional: Sequence[float], pnl: Sequence[float] = (0, 0, 0, 0), held: Sequence[bool] = (True,) * 4
) -> Standing:
    """Four legs whose tiers begin at 0, 50 and 80; below 50 they are closed whole."""
    floors = [max(floor for floor in (0.0, 50.0, 80.0) if size > floor) for size in notional]
    return Standing(
        column(*notional),
        column(*pnl),
        column(*notional),
        column(*floors),
        jnp.full((4, 1), 50.0),
        jnp.array(held)[:, None],
    )


# One pool of a pair and a long on another asset, and one of a single leg.
POOLS, ASSETS, SIDES = ((0, 1, 2), (3,)), (0, 0, 1, 0), column(1, -1, 1, 1)
HAIR = 1e-4


@pytest.mark.parametrize(
    ("procedure", "order", "expected"),
    [
        ("steps", "together", (0.2, 0.2, 0.2, 0.2)),
        # From 100 to just below 80, from 60 to just below 50; what is below 50 waits for the others, or goes whole.
        ("tiers", "together", (1 - 0.8 * (1 - HAIR), 1 - 50 / 60 * (1 - HAIR), 0.0, 1.0)),
        ("full", "worst_first", (0.0, 0.0, 1.0, 1.0)),
        ("steps", "worst_first", (0.0, 0.0, 0.2, 0.2)),
        # The short of 60 offsets 60 of the long of 100.
        ("full", "pairs_first", (0.6, 1.0, 0.0, 1.0)),
    ],
)
def test_the_next_reduction_by_hand(procedure, order, expected):
    legs = standing((100, 60, 40, 30), pnl=(5, -3, -4, 9))
    part = closed_part(Reducing(procedure, order, 3), jnp.float32(0.2), legs, POOLS, ASSETS, SIDES)
    np.testing.assert_allclose(part, column(*expected), rtol=1e-6, atol=1e-7)


def test_without_a_pair_the_worst_goes_first_and_what_is_closed_plays_no_part():
    legs = standing((100, 60, 40, 30), pnl=(-1, -9, -4, 9), held=(True, False, True, True))
    part = closed_part(Reducing("full", "pairs_first", 3), jnp.float32(1.0), legs, POOLS, ASSETS, SIDES)
    np.testing.assert_array_equal(part, column(0, 0, 1, 1))


def test_a_hundredth_of_a_leg_is_not_left_standing():
    # Of a share of 0.02 a part of 0.4 leaves 0.012, one of 0.6 leaves 0.008.
    part = with_remnants(column(0.4, 0.6, 0.0), column(0.02, 0.02, 0.005))
    np.testing.assert_array_equal(part, column(0.4, 1.0, 0.0))


STOP = StopLoss("stop", {"long": 0.1, "short": 0.1}, "mark", 0.0, 0.01, 0.001, 0.0)
GAIN = TakeProfit("gain", {"long": 0.2}, 0.0, 0.0005, 0.0)


def placed(*policies: StopLoss | TakeProfit) -> orders.Parameters:
    """Orders on a long and a short, with steps of a quarter of a day."""
    question = scenario(
        [position("long", 1.0), position("short", -1.0)],
        [configuration("only", ("cross", (0, 1), 1.0))],
        volatilities={"BTC": 0.5},
        step=0.25,
    )
    each = replace(question.configurations[0], policies=policies)
    parameters = orders.build(question, (each,), (0, 1))
    assert parameters is not None
    return parameters


def fill(parameters: orders.Parameters, start: float, low: float, high: float) -> orders.Fill:
    """The step's prices over today's, the same for both legs."""
    return orders.reached(parameters, *(column(math.log(price), math.log(price)) for price in (start, low, high)))


def test_orders_are_filled_at_their_level_or_where_the_step_starts_beyond_it():
    both = placed(STOP, GAIN)
    untouched = fill(both, 1.0, 0.91, 1.09)
    assert untouched.reached[:, 0].tolist() == [False, False]
    assert np.isfinite(untouched.log_price).all()
    down = fill(both, 1.0, 0.89, 1.0)
    assert down.reached[:, 0].tolist() == [True, False]
    np.testing.assert_allclose(np.exp(down.log_price[0]), 0.9, rtol=1e-6)
    np.testing.assert_allclose([down.slippage[0, 0], down.fee_rate[0, 0]], [0.01, 0.001], rtol=1e-6)
    # As after an outage: the price is beyond the level already.
    np.testing.assert_allclose(np.exp(fill(both, 0.85, 0.8, 0.87).log_price[0]), 0.85, rtol=1e-6)
    # Jumped over: the price that was reached, thrice. The short's stop is at 1.1, the long's target at 1.2.
    jumped = fill(both, 1.3, 1.3, 1.3)
    assert jumped.reached[:, 0].tolist() == [True, True]
    np.testing.assert_allclose(np.exp(jumped.log_price[:, 0]), 1.3, rtol=1e-6)
    assert float(jumped.slippage[0, 0]) == 0.0
    # Both orders of the long in one step: the stop comes first.
    np.testing.assert_allclose(np.exp(fill(both, 1.0, 0.85, 1.25).log_price[0]), 0.9, rtol=1e-6)


def test_the_last_price_runs_a_wick_ahead_of_the_mark():
    # The last price is at 0.9 where the mark is at 0.9 / 0.98 = 0.91837, at 1.1 where it is at 1.1 / 1.02 = 1.07843.
    last = placed(StopLoss("stop", {"long": 0.1, "short": 0.1}, "last", 0.02, 0.0, 0.0, 0.0))
    assert fill(last, 1.0, 0.9184, 1.0784).reached[:, 0].tolist() == [False, False]
    hit = fill(last, 1.0, 0.9183, 1.0785)
    assert hit.reached[:, 0].tolist() == [True, True]
    np.testing.assert_allclose(np.exp(hit.log_price[:, 0]), [0.9, 1.1], rtol=1e-6)


def test_an_order_with_a_latency_is_due_as_many_steps_later():
    # 0.3 days are two steps of six hours: set off in step 5, filled at the end of step 6. One is on its way at a time.
    slow = placed(StopLoss("stop", {"long": 0.1}, "mark", 0.0, 0.01, 0.001, 0.3))
    down, sent = fill(slow, 1.0, 0.89, 1.0), jnp.array([[True], [False]])
    state = orders.send(orders.init(slow, 1), down, sent, jnp.int32(5))
    assert state is not None
    assert int(state.due[0, 0]) == 6
    again = orders.send(state, down, sent, jnp.int32(6))
    assert again is not None
    assert int(again.due[0, 0]) == 6
    assert int(state.due[1, 0]) == np.iinfo(np.int32).max


def test_a_venue_that_closes_whole_has_no_procedure():
    question = scenario([position("a", 1.0)], [configuration("only", ("a", (0,), 0.1))], volatilities={"BTC": 0.5})
    assert procedures.build(question, [(0,)], [0]) == (None, None)
