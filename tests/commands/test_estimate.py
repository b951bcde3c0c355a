"""What a run is said to cost: counted where it can be counted, proportional where it is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stresslab.scenario.reading import read_scenario
from stresslab.simulation.estimate import estimate, memory_bytes
from stresslab.simulation.run import simulate
from tests.scenario.files import SCENARIO, edited, write


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    text = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'))
    return read_scenario(write(tmp_path_factory.mktemp("inputs"), scenario=text))


def test_counts_and_memory(scenario):
    few, many = (estimate(replace(scenario, paths=paths)) for paths in (100_000, 1_000_000))
    assert (few.steps, many.steps) == (12, 12)
    # 100,000 / 1,024 = 97.7; 1,000,000 / 1,024 = 976.6.
    assert (few.blocks, many.blocks) == (98, 977)
    # Memory beyond the libraries is proportional to paths; per path at least one float for each of the book's four
    # pools, its stakes' steps, profits and draws, and two prices.
    per_path = (many.memory_bytes - few.memory_bytes) / 900_000
    assert per_path > 4 * (4 + 3 * 4 + 2)
    assert few.memory_bytes - 100_000 * per_path == pytest.approx(600e6, rel=1e-3)
    # Seconds are measured on the machine at hand, which may be busy with something else.
    assert min(many.simulation_seconds, few.simulation_seconds) > 0
    assert few.compile_seconds > 0


def test_memory_of_a_path_is_that_of_its_outcomes(scenario):
    # Oracle: the arrays themselves.
    outcomes = simulate(replace(scenario, paths=1_000))
    names = ("required_collateral", "liquidation_step", "profit", "insurance_draw", "log_price", "failed")
    held = sum(getattr(outcomes, name).nbytes for name in names)
    assert memory_bytes(replace(scenario, paths=1_000)) == 600_000_000 + 4 * held


def test_memory_does_not_grow_with_the_steps(scenario):
    longer = replace(scenario, horizon=20.0, steps=120)
    assert estimate(longer).memory_bytes == estimate(scenario).memory_bytes


def test_largest_run_is_estimated_without_its_memory(scenario):
    # 1e9 paths would take hundreds of gigabytes; the estimate simulates a few blocks.
    cost = estimate(replace(scenario, paths=10**9), threads=1)
    assert cost.blocks == 976_563
    assert cost.memory_bytes > 50e9
