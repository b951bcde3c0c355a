"""The account engine against its plain twin, path by path, with funding that moves the barriers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from stresslab.book.policies import TopUp
from stresslab.margin.ledger_lines import LINES
from stresslab.market.funding import FundingSpecification
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate
from tests.margin.test_account_engine import TOLERANCE, value_of
from tests.oracles.account_twin import funding_rates, run_account
from tests.oracles.test_twin import random_scenario
from tests.oracles.twin import market_path


def premiums(count: int, deviation: float) -> list[Premium]:
    """Premiums of every kind: the first normal and fast alone, the others with two sides and a slow part."""
    found = []
    for index, (mean, price) in enumerate(
        zip(np.linspace(0.0, 0.002, count).tolist(), np.linspace(0.3, -0.4, count).tolist(), strict=True)
    ):
        law = PremiumLaw.normal(mean, deviation)
        if index:
            low, high = mean - deviation / 2, mean + deviation / 2
            law = PremiumLaw(-0.5, 0.4, low, high, deviation, 1.5 * deviation, low_tail=0.1, high_tail=0.2)
        slow = 0.3 * (index > 0)
        found.append(Premium(law, 0.7, price, slow_share=slow, slow_half_life=4.0, slow_price_correlation=2 * slow))
    return found


def funded(question: Scenario, *, deviation: float = 0.004, interval_steps: int = 2) -> Scenario:
    """The same question where funding is paid, and enough of it to matter."""
    count = len(question.market.assets)
    funding = FundingSpecification(
        interval=interval_steps * question.step,
        interest_rate=0.0001,
        clamp=0.0005,
        cap=0.006,
        premiums=tuple(premiums(count, deviation)),
        own_correlation=0.6,
    )
    return replace(question, market=replace(question.market, funding=funding))


def disagreements(ours: Scenario, of_twin: Scenario) -> Comparison:
    """Run both, the twin perhaps on another scenario."""
    outcomes = simulate(ours)
    value = value_of(ours)
    wrong = seen = moved = undecided = 0
    money = 0.0
    for path in range(ours.paths):
        steps = market_path(of_twin, path)
        rates = funding_rates(of_twin, steps, path)
        for which, configuration in enumerate(of_twin.configurations):
            totals = dict.fromkeys(LINES, 0.0)
            stakes = outcomes.configuration_stakes[which]
            results = run_account(of_twin, configuration, steps, rates, path)
            # One reserve serves all pools, so what is too near to call in one of them may change the others.
            shared = bool(configuration.policies) and min(each.distance for each in results) < TOLERANCE * value
            undecided += shared
            decided = not shared
            for stake, expected in zip(stakes, results, strict=True):
                if not configuration.policies:
                    required = outcomes.required_collateral[outcomes.stake_pools[stake], path]
                    money = max(money, abs(required - expected.required_collateral) / value)
                seen += expected.liquidation_step <= of_twin.steps
                for line in LINES:
                    totals[line] += expected.lines[line]
                if shared or expected.distance < TOLERANCE * value:
                    decided = False
                    continue
                wrong += int(outcomes.liquidation_step[stake, path] != expected.liquidation_step)
                money = max(money, abs(outcomes.profit[stake, path] - expected.profit) / value)
            if decided and which in outcomes.accounts:
                lines = outcomes.ledger[outcomes.accounts.index(which), :, path]
                money = max(money, *(abs(lines[row] - totals[line]) / value for row, line in enumerate(LINES)))
                moved += totals["transfers"] > 0.0
    assert undecided < 0.02 * ours.paths * len(ours.configurations)
    return Comparison(wrong, money, float(outcomes.ledger_drift.max(initial=0.0)) / value, seen, moved)


@dataclass(frozen=True)
class Comparison:
    """Wrong steps, largest difference of money over the account, drift of the ledger, and what was seen of events."""

    wrong: int
    money: float
    drift: float
    liquidations: int
    topped_up: int


def topped_up(question: Scenario, *, delay_steps: float, target: float = 8.0) -> Scenario:
    """The same question where every second configuration tops up from a reserve that does not last."""
    value = value_of(question)
    policy = TopUp("desk", 5.0, target, 0.15 * value, 0.25 * value, delay_steps * question.step)
    configurations = tuple(
        replace(each, policies=(policy,)) if place % 2 else each for place, each in enumerate(question.configurations)
    )
    return replace(question, configurations=configurations)


@pytest.mark.parametrize("number", [0, 4, 6])
def test_engine_and_twin_agree_with_funding(number):
    question, bridge = random_scenario(number)
    assert bridge == "every_pool"
    question = funded(replace(question, paths=60))
    result = disagreements(question, question)
    assert result.wrong == 0
    assert result.money < TOLERANCE
    assert result.drift < 1e-6
    assert result.liquidations > 0


@pytest.mark.parametrize(("number", "delay"), [(4, 0.0), (5, 1.5)])
def test_engine_and_twin_agree_with_top_ups(number, delay):
    question, _ = random_scenario(number)
    question = topped_up(funded(replace(question, paths=60)), delay_steps=delay)
    result = disagreements(question, question)
    assert result.wrong == 0
    assert result.money < TOLERANCE
    assert result.drift < 1e-6
    assert result.liquidations > 0
    assert result.topped_up > 20


def test_a_twin_with_another_premium_disagrees():
    question, _ = random_scenario(0)
    question = replace(question, paths=20)
    assert disagreements(funded(question), funded(question, deviation=0.0041)).money > 10 * TOLERANCE


def test_a_twin_with_another_target_disagrees():
    question = replace(random_scenario(4)[0], paths=20)
    result = disagreements(topped_up(question, delay_steps=0.0), topped_up(question, delay_steps=0.0, target=7.9))
    assert result.money > 10 * TOLERANCE
