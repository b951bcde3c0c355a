"""The account engine against the pool engine, and its ledger against itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.margin.ledger_lines import LINES
from stresslab.margin.problem import Bridge
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate
from tests.oracles.scenarios import configuration, position, scenario
from tests.oracles.test_twin import QUARTERLY_REVIEW, random_scenario, review

TOLERANCE = 1e-5


def value_of(question: Scenario) -> float:
    book = question.book
    return book.wallet_balance + sum(p.quantity * ((p.mark_price or 0.0) - p.entry_price) for p in book.positions)


def differences(question: Scenario, bridge: Bridge) -> tuple[int, int, float, int]:
    """Wrong steps, undecided paths, the largest difference of money over the account, and liquidations seen."""
    ours = simulate(question, bridge=bridge, every_account=True)
    pools = simulate(question, bridge=bridge)
    assert ours.accounts == tuple(range(len(question.configurations)))
    value = value_of(question)
    wrong = undecided = seen = 0
    money = 0.0
    for which, configuration_ in enumerate(question.configurations):
        pairs = zip(ours.configuration_stakes[which], pools.configuration_stakes[which], strict=True)
        for pool, (mine, other) in zip(configuration_.pools, pairs, strict=True):
            required = pools.required_collateral[pools.stake_pools[other]]
            ours_required = ours.required_collateral[ours.stake_pools[mine]]
            money = max(money, float(np.abs(required - ours_required).max()) / value)
            decided = np.abs(required - pool.collateral) > TOLERANCE * value
            undecided += int((~decided).sum())
            seen += int((pools.liquidation_step[other] <= pools.steps).sum())
            wrong += int((ours.liquidation_step[mine] != pools.liquidation_step[other])[decided].sum())
            for name in ("profit", "insurance_draw"):
                gap = np.abs(getattr(ours, name)[mine] - getattr(pools, name)[other])[decided]
                money = max(money, float(gap.max(initial=0.0)) / value)
            # A ratio within rounding of an edge may fall on either side of it.
            assert np.abs(ours.ratio_counts[:, mine] - pools.ratio_counts[:, other]).max() <= 3
    return wrong, undecided, money, seen


@pytest.mark.parametrize("number", [1, 4, 7, 10, 13])
def test_with_nothing_acting_both_engines_agree_on_every_path(number):
    question, bridge = random_scenario(number)
    question = replace(question, paths=1024)
    wrong, undecided, money, seen = differences(question, bridge)
    assert wrong == 0
    assert money < TOLERANCE
    assert seen > 0
    assert undecided < 0.01 * 1024 * sum(len(each.pools) for each in question.configurations)


def test_both_engines_agree_on_the_shipped_review():
    wrong, _, money, seen = differences(review(paths=2048), "every_pool")
    assert wrong == 0
    assert money < TOLERANCE
    assert seen > 100


def test_agreement_is_not_blind():
    # Negative control: a pool whose collateral differs by a thousandth of the account is told apart.
    question = review(paths=1024)
    first = question.configurations[0]
    pool = replace(first.pools[0], collateral=first.pools[0].collateral + 1e-3 * value_of(question))
    other = replace(first, pools=(pool, *first.pools[1:]))
    # All configurations, as in the test above, so that nothing is compiled anew.
    ours = simulate(replace(question, configurations=(other, *question.configurations[1:])), every_account=True)
    pools = simulate(question)
    mine, theirs = ours.configuration_stakes[0][0], pools.configuration_stakes[0][0]
    assert (ours.liquidation_step[mine] != pools.liquidation_step[theirs]).any()


def test_the_ledger_adds_up_over_a_quarter_of_hours():
    from stresslab.scenario.reading import read_scenario

    question = read_scenario(QUARTERLY_REVIEW, paths=1024)
    outcomes = simulate(replace(question, configurations=question.configurations[:1]), every_account=True)
    assert outcomes.steps == 2160
    assert outcomes.ledger_drift.max() < 1e-6 * value_of(question)


def test_a_liquidated_long_books_price_fee_and_forfeit_by_hand():
    # Long 1 at 1 on 0.1 with 0.5 % maintenance: liquidated at (1 - 0.1) / 0.995 = 0.904523 (METHODS O1). The price
    # loss is 0.095477, the fee of 1 % of the notional there 0.00904523, and forfeited is 0.00452261 less the fee: none.
    from tests.oracles.scenarios import pack

    for fee, remainder, forfeit in ((0.01, "returned", 0.0), (0.001, "forfeited", -(0.00452261 - 0.000904523))):
        question = scenario(
            [position("a", 1.0)],
            [configuration("only", ("a", (0,), 0.1))],
            volatilities={"BTC": 0.8},
            venue=pack(fee_rate=fee, remainder=remainder),
        )
        outcomes = simulate(question, every_account=True)
        gone = outcomes.liquidation_step[0] <= outcomes.steps
        assert 300 < gone.sum() < 500
        booked = dict(zip(LINES, outcomes.ledger[0][:, gone], strict=True))
        price, fees, kept, draw = (
            booked.pop(line) for line in ("price_pnl", "liquidation_fee", "forfeit", "insurance_draw")
        )
        assert all((amounts == 0.0).all() for amounts in booked.values())
        np.testing.assert_allclose(price, -0.095477387, atol=2e-7)
        np.testing.assert_allclose(fees, -fee * 0.904522613, atol=2e-7)
        np.testing.assert_allclose(kept, forfeit, atol=2e-7)
        np.testing.assert_allclose(draw, max(fee * 0.904522613 - 0.004522613, 0.0), atol=2e-7)
        assert (outcomes.ledger[0][1:, ~gone] == 0.0).all()
