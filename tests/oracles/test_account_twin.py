"""The account engine against its plain twin, path by path, where much acts at once (tolerances of `test_twin`)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from stresslab.book.configuration import Configuration
from stresslab.margin.ledger_lines import LINES
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.oracles.account_twin import AccountResult, run_account
from tests.oracles.funding_twin import funding_rates
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
    bridge: str,
    *,
    of_twin: Scenario | None = None,
    total: Comparison | None = None,
    only: Sequence[int] = (0, 1, 2),
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
        for which in only:
            each: Configuration = question.configurations[which]
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
