"""Parameters never compile again: with other figures nothing is traced, lowered or compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from stresslab.book.book import Position
from stresslab.book.policies import TopUp
from stresslab.scenario.scenario import Scenario
from stresslab.simulation import preparation
from stresslab.simulation.executors import ThreadExecutor
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import Programs
from stresslab.simulation.run import simulate
from stresslab.venues.tiers import TierTable
from tests.oracles.scenarios import configuration, pack, position, scenario

TIERS = TierTable((0.0, 60.0, 200.0), (0.005, 0.01, 0.02), (50.0, 25.0, 10.0))
HARSHER = TierTable((0.0, 40.0, 90.0), (0.01, 0.02, 0.05), (25.0, 20.0, 8.0))


def positions(size: float, entry: float, mark: float, tiers: TierTable) -> tuple[Position, ...]:
    return (
        position("a", size * 1.0, entry=entry, mark=mark, tiers=tiers),
        position("b", -size * 0.5, entry=entry, mark=mark, tiers=tiers),
        position("c", size * 2.0, asset="ETH", entry=0.4 * entry, mark=0.4 * mark, tiers=tiers),
    )


def question(
    *,
    money: float = 1.0,
    size: float = 1.0,
    entry: float = 100.0,
    mark: float = 101.0,
    tiers: TierTable = TIERS,
    volatility: float = 0.8,
    drift: float = 0.1,
    correlation: float = 0.6,
    freedom: float = 4.0,
    seed: int = 1,
    fee_rate: float = 0.001,
    remainder: str = "returned",
    policy: TopUp | None = None,
    members: tuple[int, ...] = (0, 1, 2),
) -> Scenario:
    """Pools on one price and on two, a hedge among them, and where asked a configuration that is topped up."""
    booked = configuration("as_booked", ("a", [0], 12 * money), ("b", [1], 7 * money), ("c", [2], 9 * money))
    acting = () if policy is None else (replace(booked, name="topped up", policies=(policy,)),)
    return scenario(
        positions(size, entry, mark, tiers),
        (
            booked,
            configuration("hedged", ("hedge", [0, 1], 15 * money), ("c", [2], 9 * money)),
            configuration("all_cross", ("cross", list(members), 25 * money)),
            *acting,
        ),
        volatilities={"BTC": volatility, "ETH": 1.2 * volatility},
        drifts=[drift, -drift],
        correlation=np.array([[1.0, correlation], [correlation, 1.0]]),
        model="student_t",
        extra={"degrees_of_freedom": freedom},
        days=2.0,
        step=0.25,
        seed=seed,
        venue=pack(fee_rate=fee_rate, remainder=remainder),
    )


@contextmanager
def compilations() -> Iterator[list[str]]:
    """What JAX reports of tracing, lowering and compiling, as names of events."""
    seen: list[str] = []

    def note(event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            seen.append(event.rsplit("/", 1)[1])

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


CHANGES: dict[str, dict[str, Any]] = {
    "collateral": {"money": 1.7},
    "sizes": {"size": 1.4},
    "entry prices": {"entry": 90.0},
    "prices": {"mark": 123.0},
    "floors, rates and leverages of tiers": {"tiers": HARSHER},
    "volatilities": {"volatility": 1.9},
    "drifts": {"drift": -2.0},
    "correlation": {"correlation": -0.3},
    "degrees of freedom": {"freedom": 9.0},
    "seed": {"seed": 99},
    "liquidation fee": {"fee_rate": 0.02},
    "what is left after closing": {"remainder": "forfeited"},
}


TOP_UP = TopUp("desk", 3.0, 5.0, 4.0, 6.0, 0.0)


@pytest.fixture(scope="module", params=[None, TOP_UP], ids=["pools", "accounts"])
def first(request) -> tuple[Programs, Outcomes, TopUp | None]:
    programs: Programs = {}
    with compilations() as seen:
        outcomes = simulate(question(policy=request.param), executor=ThreadExecutor(1, programs))
    # Control: a first simulation is traced and compiled, and that is seen.
    assert {"jaxpr_trace_duration", "backend_compile_duration"} <= set(seen)
    return programs, outcomes, request.param


@pytest.mark.parametrize("change", list(CHANGES))
def test_no_figure_is_compiled_in(first, change):
    programs, before, policy = first
    with compilations() as seen:
        after = simulate(question(policy=policy, **CHANGES[change]), executor=ThreadExecutor(1, programs))
    assert seen == []
    # The figure was heard all the same.
    names = ("required_collateral", "profit", "liquidation_step", "insurance_draw")
    assert any(not np.array_equal(getattr(after, name), getattr(before, name)) for name in names)


@pytest.mark.parametrize("first", [TOP_UP], indirect=True, ids=["accounts"])
def test_no_figure_of_a_policy_is_compiled_in(first):
    programs, before, _ = first
    changed = replace(TOP_UP, trigger=4.0, target=8.0, cap=5.0, reserve=9.0)
    with compilations() as seen:
        after = simulate(question(policy=changed), executor=ThreadExecutor(1, programs))
    assert seen == []
    assert not np.array_equal(after.cash_used, before.cash_used)


def test_a_process_remembers_what_it_compiled():
    # Without an executor's own memory, as two runs in a row from Python.
    simulate(question())
    with compilations() as seen:
        again = simulate(question(seed=99, money=2.0))
        assert again.compile_seconds < 0.5
    assert seen == []


def test_a_process_remembers_a_few_programs_alone():
    programs: Programs = {(number,): object() for number in range(preparation.MOST_PROGRAMS)}  # type: ignore[misc]
    simulate(question(), executor=ThreadExecutor(1, programs))
    assert len(programs) == preparation.MOST_PROGRAMS
    assert (0,) not in programs
    assert (1,) in programs


def test_another_layout_is_compiled(first):
    programs, _, policy = first
    with compilations() as seen:
        simulate(question(policy=policy, members=(0, 2)), executor=ThreadExecutor(1, dict(programs)))
    assert "backend_compile_duration" in seen
