"""The account engine against its plain twin, path by path, where much acts at once (tolerances of `test_twin`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from stresslab.book.policies import Deleveraging, Policy, StopLoss, TopUp, Withdrawal
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.problem import Bridge
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.oracles.account_twin import AccountResult, run_account
from tests.oracles.funding_twin import funding_rates
from tests.oracles.random_accounts import SHAPES, random_account
from tests.oracles.twin import gain, market_path

TOLERANCE = 1e-5


def value_of(question: Scenario) -> float:
    """The account's value today."""
    book = question.book
    return book.wallet_balance + sum(gain(p, p.mark_price or math.nan) for p in book.positions)


@dataclass
class Comparison:
    """Wrong steps, largest difference of money over the account's value, and what was seen of events."""

    wrong: int = 0
    money: float = 0.0
    drift: float = 0.0
    compared: int = 0
    undecided: int = 0
    events: Counter[str] = field(default_factory=Counter)
    first: str = ""

    def agrees(self) -> bool:
        return self.wrong == 0 and self.money < TOLERANCE and self.drift < 1e-6


def gaps(
    outcomes: Outcomes, which: int, path: int, expected: AccountResult
) -> Iterator[tuple[str, float, float, bool]]:
    """Name, ours and the twin's of everything that is compared; whether it is money."""
    row = outcomes.accounts.index(which)
    stakes = outcomes.configuration_stakes[which]
    steps: Sequence[tuple[str, Sequence[int]]] = (
        ("liquidation_step", expected.liquidation_steps),
        ("closed_step", expected.closed_steps),
    )
    money = (("profit", expected.profits), ("insurance_draw", expected.insurance_draws))
    for place, stake in enumerate(stakes):
        for name, values in steps:
            yield f"{name} {place}", float(getattr(outcomes, name)[stake, path]), float(values[place]), False
        for name, amounts in money:
            yield f"{name} {place}", float(getattr(outcomes, name)[stake, path]), amounts[place], True
    for line, label in enumerate(LINES):
        yield label, float(outcomes.ledger[row, line, path]), expected.lines[label], True
    yield "cash_used", float(outcomes.cash_used[row, path]), expected.cash_used, True
    for level, alerts in enumerate(expected.alerts):
        for place, step in enumerate(alerts):
            ours = float(outcomes.alert_step[row][level, place, path])
            yield f"alert {level} {place}", ours, float(outcomes.steps + 1 if step is None else step), False


def compare(
    ours: Scenario,
    bridge: Bridge,
    *,
    of_twin: Scenario | None = None,
    total: Comparison | None = None,
) -> Comparison:
    """Run both, the twin perhaps on another scenario."""
    result, question = total or Comparison(), of_twin or ours
    outcomes = simulate(ours, bridge=bridge, every_account=True)
    value = value_of(ours)
    result.drift = float(np.max([result.drift, *(outcomes.ledger_drift.ravel() / value)]))
    assert not outcomes.failed.any()
    for path in range(ours.paths):
        steps = market_path(question, path)
        rates = funding_rates(question, steps, path)
        for which, each in enumerate(question.configurations):
            expected = run_account(question, each, steps, rates, path, bridge)
            result.compared += 1
            if expected.distance < TOLERANCE * value:
                result.undecided += 1
                continue
            result.events.update(expected.events)
            result.events["liquidated"] += min(expected.liquidation_steps) <= ours.steps
            for name, mine, theirs, is_money in gaps(outcomes, which, path, expected):
                gap = abs(mine - theirs) / value if is_money else 0.0
                wrong = not is_money and mine != theirs
                result.wrong += wrong
                result.money = float(np.max([result.money, gap]))
                if not result.first and (wrong or not gap < TOLERANCE):
                    result.first = f"{each.name}, path {path}: {name} is {mine}, should be {theirs}"
    return result


# What the books of a shape must have held for the comparison to mean anything: how often, in all.
SEEN = {
    "whole": {"topped_up": 50, "withdrawn": 100, "reallocated": 100, "sent_back": 5, "no_answer": 20, "forfeited": 50},
    "orders": {"stop_loss": 100, "take_profit": 100, "deleveraged": 10, "auto_deleveraged": 100, "insurance": 20},
    "steps": {"reduced": 30, "deleveraged": 10, "topped_up": 50, "reallocated": 100, "stop_loss": 100},
    "tiers": {"reduced": 30, "stop_loss": 50, "take_profit": 50, "withdrawn": 50, "topped_up": 20},
    "jumps": {"reduced": 3, "seized": 3, "insurance": 20, "deleveraged": 20, "stop_loss": 50, "stayed_outside": 3},
}


@pytest.mark.parametrize("name", SHAPES)
def test_random_accounts_agree_path_by_path(name):
    total = Comparison()
    for number in range(5):
        compare(random_account(name, number, 44), SHAPES[name].bridge, total=total)
        assert total.agrees(), (number, total)
    assert {event: total.events[event] for event, least in SEEN[name].items() if total.events[event] < least} == {}
    assert total.events["liquidated"] > 20
    assert total.undecided < 0.02 * total.compared


def with_policies(question: Scenario, kind: type[Policy], **changes: Any) -> Scenario:
    """The same question where every policy of a kind has other numbers."""
    return replace(
        question,
        configurations=tuple(
            replace(each, policies=tuple(replace(p, **changes) if isinstance(p, kind) else p for p in each.policies))
            for each in question.configurations
        ),
    )


def other_venue(question: Scenario, **changes: Any) -> Scenario:
    return replace(question, book=replace(question.book, venue=replace(question.book.venue, **changes)))


CONTROLS = {
    "a trigger": ("whole", 0, lambda q: with_policies(q, TopUp, trigger=1.4)),
    "a sweep's target": ("whole", 2, lambda q: with_policies(q, Withdrawal, target=3.9)),
    "a premium's half-life": (
        "whole",
        0,
        lambda q: replace(
            q,
            market=replace(
                q.market,
                funding=replace(
                    q.market.funding, premiums=tuple(replace(p, half_life=2.0) for p in q.market.funding.premiums)
                ),
            ),
        ),
    ),
    "an impact": ("whole", 0, lambda q: replace(q, impact=replace(q.impact, stress=1.01 * q.impact.stress))),
    "a stop's slippage": ("orders", 0, lambda q: with_policies(q, StopLoss, slippage=0.011)),
    "a cut's latency": ("orders", 0, lambda q: with_policies(q, Deleveraging, latency=0.75)),
    "a chance": (
        "orders",
        0,
        lambda q: replace(q, auto_deleveraging=replace(q.auto_deleveraging, probability=0.05)),
    ),
    "a step of a procedure": (
        "steps",
        2,
        lambda q: other_venue(q, reduction=replace(q.book.venue.reduction, step=0.35)),
    ),
    "a backstop": ("jumps", 2, lambda q: other_venue(q, backstop=0.2)),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_twin_with_another_number_disagrees(control):
    name, number, changed = CONTROLS[control]
    question = random_account(name, number, 44)
    assert not compare(question, SHAPES[name].bridge, of_twin=changed(question)).agrees()
