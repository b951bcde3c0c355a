"""The shipped scenarios of policies and procedures, on few paths and a third of their horizon: each visibly acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stresslab.margin.ledger_lines import LINES
from stresslab.scenario.reading import read_scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def shipped(name: str, *configurations: str) -> Outcomes:
    read = read_scenario(SCENARIOS / f"{name}.toml", paths=1_024)
    kept = tuple(each for each in read.configurations if each.name in configurations)
    assert [each.name for each in kept] == list(configurations)
    question = replace(read, configurations=kept, horizon=read.horizon / 3, steps=read.steps // 3)
    outcomes = simulate(question)
    assert not outcomes.failed.any()
    assert np.isfinite(outcomes.profit).all()
    value = question.book.wallet_balance
    assert outcomes.ledger_drift.max(initial=0.0) < 1e-5 * value
    return outcomes


def line(outcomes: Outcomes, account: int, name: str) -> np.ndarray:
    found: np.ndarray = outcomes.ledger[account, LINES.index(name)]
    return found


def liquidated(outcomes: Outcomes, configuration: int) -> float:
    steps = outcomes.liquidation_step[list(outcomes.configuration_stakes[configuration])]
    return float((steps <= outcomes.steps).any(axis=0).mean())


def test_stops_close_before_the_venue_does_but_not_in_an_outage():
    outcomes = shipped("stops", "as_booked", "stopped", "stops in outages")
    assert liquidated(outcomes, 0) > 0.02 > liquidated(outcomes, 1)
    assert liquidated(outcomes, 1) <= liquidated(outcomes, 2)
    assert (line(outcomes, 0, "slippage") < 0.0).mean() > 0.2
    # The same draws: where no outage changes anything, both lose the same.
    assert 0.0 < (line(outcomes, 0, "slippage") != line(outcomes, 1, "slippage")).mean() < 0.9


def test_a_desk_on_call_is_told_sends_money_and_cuts():
    outcomes = shipped("desk_on_call", "watched", "topped up", "cut back")
    alerts = outcomes.alert_step[0]
    told = (alerts <= outcomes.steps).mean(axis=(1, 2))
    assert told[0] > told[-1] > 0.0
    # Few fall from ten times the requirement to it within one step.
    gone = outcomes.liquidation_step[list(outcomes.configuration_stakes[0])]
    assert (alerts[0] <= gone)[gone <= outcomes.steps].mean() > 0.9
    assert line(outcomes, 0, "transfers").max() == 0.0
    assert (line(outcomes, 1, "transfers") > 0.0).mean() > 0.05
    assert outcomes.cash_used[1].max() <= 100_000.0
    assert (line(outcomes, 2, "trading_fee") < 0.0).mean() > 0.05


def test_collateral_moves_between_pools_and_out_of_them():
    outcomes = shipped("rebalanced", "all_isolated", "equal ratios", "equal risk", "swept")
    for account in (0, 1):
        assert liquidated(outcomes, account + 1) < liquidated(outcomes, 0)
    # What is moved between pools adds up to nothing, but for what is on its way at the end.
    assert np.abs(line(outcomes, 0, "transfers")).max() < 0.05
    assert line(outcomes, 2, "transfers").min() < 0.0
    assert line(outcomes, 2, "transfers").max() <= 0.0


@pytest.mark.parametrize(
    ("name", "fee"), [("reduced_by_steps", False), ("reduced_by_tiers", True), ("worst_first", True)]
)
def test_procedures_reduce_before_they_close(name, fee):
    outcomes = shipped(name, "as_booked")
    first, last = outcomes.liquidation_step, outcomes.closed_step
    assert (first <= last).all()
    gone = first <= outcomes.steps
    assert gone.any()
    # On some paths something is left at the end of the step of the first reduction, and for good on some.
    assert ((last > first) & gone).any()
    assert (line(outcomes, 0, "liquidation_fee").min() < 0.0) == fee
