"""Top-ups by hand, and what they do to a book."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.book.policies import TopUp
from stresslab.margin.policies import top_up
from stresslab.simulation.run import simulate
from tests.margin.policies.sights import column, moved, question_of, sight
from tests.oracles.scenarios import configuration, position, scenario
from tests.scenario.files import SCENARIO, edited, write

POLICY = TopUp("desk", 2.0, 3.0, 50.0, 80.0, 0.5)


def acting(policy: TopUp, step: float) -> top_up.Acting:
    question = question_of(3, step=step)
    return top_up.build(policy, question, question.configurations[0])


def test_pools_are_served_in_order_within_cap_and_reserve():
    # Requirement 30: below 60 each is due what brings it to 90. The first wants 45; the second wants 70, may have 50
    # and finds 35; the third is not low.
    policy = acting(replace(POLICY, delay=0.0), 1.0)
    state, action = policy.act(policy.init(3, 1), sight(1, equity=(45, 20, 60), requirement=(30, 30, 30)))
    assert moved(action)[:, 0].tolist() == [45.0, 35.0, 0.0]
    assert state.reserve.tolist() == [0.0]


def test_money_comes_after_its_delay_and_returns_from_a_liquidated_pool():
    # Half a day is two steps of six hours: decided at the end of step 3, there at the end of step 5.
    policy, low, need = acting(POLICY, 0.25), (50, 50), (30, 30)
    state, action = policy.act(policy.init(2, 1), sight(3, equity=low, requirement=need))
    assert moved(action)[:, 0].tolist() == [0.0, 0.0]
    assert state.reserve.tolist() == [0.0]
    state, action = policy.act(state, sight(4, equity=low, requirement=need, is_open=(True, False)))
    assert moved(action)[:, 0].tolist() == [0.0, 0.0]
    assert state.reserve.tolist() == [40.0]
    # In an outage nothing arrives, and then it does.
    _, action = policy.act(state, sight(5, equity=low, requirement=need, is_open=(True, False), works=False))
    assert moved(action)[:, 0].tolist() == [0.0, 0.0]
    state, action = policy.act(state, sight(5, equity=low, requirement=need, is_open=(True, False)))
    assert moved(action)[:, 0].tolist() == [40.0, 0.0]
    assert state.sent[:, 0].tolist() == [40.0, 0.0]


def test_a_pool_that_holds_nothing_gets_nothing():
    policy = acting(replace(POLICY, delay=0.0), 1.0)
    _, action = policy.act(policy.init(2, 1), sight(1, equity=(-1e-6, -1e-6), requirement=(0, 30)))
    np.testing.assert_array_equal(moved(action), column(0, 50))


def test_a_top_up_lowers_the_probability_and_raises_what_liquidation_costs():
    plain = configuration("plain", ("a", (0,), 0.1))
    question = scenario([position("a", 1.0)], [plain], volatilities={"BTC": 0.8}, step=1 / 24, paths=4096)

    def helped(policy: TopUp):
        return simulate(replace(question, configurations=(plain, replace(plain, policies=(policy,)))), threads=2)

    outcomes = helped(TopUp("desk", 6.0, 10.0, 0.05, 0.05, 0.0))
    gone = outcomes.liquidation_step <= outcomes.steps
    # Never later than at once with all of it: the closed form for 0.15 (METHODS M60, O8) lies between 5 % at 0.203335
    # and 38.3553 % at 0.1.
    assert 0.05 < gone[1].mean() < gone[0].mean() - 0.05
    assert not (gone[1] & ~gone[0]).any()
    assert outcomes.accounts == (1,)
    moved = outcomes.ledger[0][-1]
    # A path that falls through the trigger and the barrier within one step gets nothing, and fares as before.
    assert 0.5 < (moved[gone[1]] > 0.0).mean() < 1.0
    np.testing.assert_allclose(outcomes.profit[1][moved == 0.0], outcomes.profit[0][moved == 0.0], atol=1e-6)
    # An isolated loss ends at what was posted and what was added; a long liquidated at its bankruptcy would lose all.
    lost = -outcomes.profit
    assert (lost[1] <= 0.1 + moved + 1e-6).all()
    assert lost[1][gone[1]].mean() > lost[0][gone[0]].mean() + 0.02
    assert np.isnan(outcomes.required_collateral[outcomes.stake_pools[1]]).all()
    # Control: money a century late changes nothing.
    late = helped(TopUp("desk", 6.0, 10.0, 0.05, 0.05, 36_500.0))
    assert (late.liquidation_step[0] == late.liquidation_step[1]).all()
    assert (late.ledger[0][-1] == 0.0).all()


def test_a_scenario_switches_it_on(tmp_path):
    from stresslab.results.dataset import assemble
    from stresslab.scenario.reading import read_scenario

    policy = """[[policy]]
name = "desk"
kind = "top_up"
trigger = 3.0
target = 5.0
cap = 40_000
reserve = 60_000
delay = "4h"

[[configuration]]
name = "helped"
like = "as_booked"
policies = ["desk"]

[[configuration]]
name = "hedge"""
    text = edited(
        SCENARIO, ('[[configuration]]\nname = "hedge', policy), ('"90d"', '"4d"'), ('"1h"', '"4h"'), ("100_000", "1024")
    )
    question = read_scenario(write(tmp_path, scenario=text))
    assert question.configurations[3].policies == (TopUp("desk", 3.0, 5.0, 40_000.0, 60_000.0, 240 / 1440),)
    results = assemble(question, simulate(question))
    paired = results.account_liquidation_probability_difference.sel(configuration="helped")
    assert paired < 0.0
    assert results.expected_ledger.sel(configuration="helped", ledger_line="transfers") > 0.0
    assert results.expected_ledger.sel(configuration="as_booked").isnull().all()
    assert results.transfers_quantile.sel(configuration="as_booked").isnull().all()
    used = results.transfers_quantile.sel(configuration="helped")
    # Only the long can need money: one pool gets its cap of 40,000 at most, and on many paths nothing.
    assert used.sel(quantile=0.01) == 0.0
    assert used.sel(quantile=0.999) == pytest.approx(40_000, rel=1e-6)
    assert results.required_collateral.sel(configuration="helped").isnull().all()
    assert results.required_collateral.sel(configuration="as_booked", pool="cross").notnull().all()
