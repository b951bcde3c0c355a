"""The account engine against its plain twin, path by path, with funding that moves the barriers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stresslab.margin.ledger_lines import LINES
from stresslab.market.funding import FundingSpecification
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate
from tests.margin.test_account_engine import TOLERANCE, value_of
from tests.oracles.account_twin import AccountPool, funding_rates
from tests.oracles.test_twin import random_scenario
from tests.oracles.twin import market_path


def funded(question: Scenario, *, deviation: float = 0.004, interval_steps: int = 2) -> Scenario:
    """The same question where funding is paid, and enough of it to matter."""
    count = len(question.market.assets)
    funding = FundingSpecification(
        interval=interval_steps * question.step,
        interest_rate=0.0001,
        clamp=0.0005,
        cap=0.006,
        premium_means=np.linspace(0.0, 0.002, count),
        premium_deviations=np.full(count, deviation),
        premium_half_lives=np.full(count, 0.7),
        price_correlations=np.linspace(0.3, -0.4, count),
    )
    return replace(question, market=replace(question.market, funding=funding))


def disagreements(ours: Scenario, of_twin: Scenario) -> tuple[int, float, float, int]:
    """Wrong steps, largest difference of money over the account, drift of the ledger, liquidations seen."""
    outcomes = simulate(ours)
    value = value_of(ours)
    wrong = seen = 0
    money = 0.0
    for path in range(ours.paths):
        steps = market_path(of_twin, path)
        rates = funding_rates(of_twin, steps, path)
        for which, configuration in enumerate(of_twin.configurations):
            totals = dict.fromkeys(LINES, 0.0)
            decided = True
            for pool, stake in zip(configuration.pools, outcomes.configuration_stakes[which], strict=True):
                expected = AccountPool(of_twin, pool.positions, pool.collateral).run(steps, rates, path)
                required = outcomes.required_collateral[outcomes.stake_pools[stake], path]
                money = max(money, abs(required - expected.required_collateral) / value)
                seen += expected.liquidation_step <= of_twin.steps
                for line in LINES:
                    totals[line] += expected.lines[line]
                if expected.distance < TOLERANCE * value:
                    decided = False
                    continue
                wrong += int(outcomes.liquidation_step[stake, path] != expected.liquidation_step)
                money = max(money, abs(outcomes.profit[stake, path] - expected.profit) / value)
            if decided:
                lines = outcomes.ledger[outcomes.accounts.index(which), :, path]
                money = max(money, *(abs(lines[row] - totals[line]) / value for row, line in enumerate(LINES)))
    return wrong, money, float(outcomes.ledger_drift.max()) / value, seen


@pytest.mark.parametrize("number", [0, 4, 6])
def test_engine_and_twin_agree_with_funding(number):
    question, bridge = random_scenario(number)
    assert bridge == "every_pool"
    question = funded(replace(question, paths=60))
    wrong, money, drift, seen = disagreements(question, question)
    assert wrong == 0
    assert money < TOLERANCE
    assert drift < 1e-6
    assert seen > 0


def test_a_twin_with_another_premium_disagrees():
    question, _ = random_scenario(0)
    question = replace(question, paths=20)
    assert disagreements(funded(question), funded(question, deviation=0.0041))[1] > 10 * TOLERANCE
