"""What a run is said to cost: counted where it can be counted, proportional where it is measured."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stresslab.scenario.reading import read_scenario
from stresslab.simulation import estimate as module
from stresslab.simulation.estimate import check_memory, estimate, room
from stresslab.simulation.folding import bytes_a_path
from stresslab.simulation.preparation import prepare
from stresslab.simulation.run import simulate
from tests.scenario.files import SCENARIO, edited, write

SCENARIOS = Path(__file__).parents[2] / "scenarios"


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


def arrays_of(outcomes) -> int:
    named = {field.name: getattr(outcomes, field.name) for field in fields(outcomes)}
    of_the_run = ("snapshots", "ratio_edges", "ratio_counts")
    held = {id(each): each for name, each in named.items() if isinstance(each, np.ndarray) and name not in of_the_run}
    return sum(each.nbytes for each in [*held.values(), *outcomes.alert_step.values()])


def test_room_of_a_path_is_that_of_its_outcomes(scenario, monkeypatch):
    # Oracle: the arrays themselves. The evaluation holds 16 bytes of each of four configurations and 48 beside them.
    assert len(scenario.configurations) == 4
    few = replace(scenario, paths=1_000)
    held = arrays_of(simulate(few))
    assert room(few) == (600_000_000 + 1_000 * (4 * 16 + 48) + held, 0)
    # Where they do not stand in memory, they stand on disk; one byte decides.
    monkeypatch.setattr(module, "IN_MEMORY", held)
    assert room(few)[1] == 0
    monkeypatch.setattr(module, "IN_MEMORY", held - 1)
    assert room(few) == (600_000_000 + 1_000 * (4 * 16 + 48), held)


def test_room_of_accounts_counts_ledgers_and_alerts():
    for name in ("desk_on_call", "reduced_by_tiers"):
        few = read_scenario(SCENARIOS / f"{name}.toml", paths=50)
        few = replace(few, horizon=4 * few.step, steps=4)
        assert bytes_a_path(prepare(few)) * 50 == arrays_of(simulate(few)), name


def test_kept_outcomes_take_more_memory(scenario):
    # Four configurations of four pool names: four floats each; two assets, two doubles each; the path's number.
    pools = {pool.name for each in scenario.configurations for pool in each.pools}
    plain, kept = (room(replace(scenario, paths=1_000), keep_outcomes=keep)[0] for keep in (False, True))
    assert kept - plain == 1_000 * (4 * len(pools) * 16 + 2 * 16 + 8)


def test_too_small_a_disk_is_told_before_the_run(scenario, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", 10**6)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=5 * 10**6))
    with pytest.raises(MemoryError, match="5,000,000 are free") as told:
        check_memory(replace(scenario, paths=1_000_000))
    assert "TMPDIR" in str(told.value)
    # The number that is named is enough, and one more is too many.
    most = int(str(told.value).split("at most ")[1].split(" paths")[0].replace(",", ""))
    check_memory(replace(scenario, paths=most))
    with pytest.raises(MemoryError):
        check_memory(replace(scenario, paths=most + 1))


def test_memory_does_not_grow_with_the_steps(scenario):
    longer = replace(scenario, horizon=20.0, steps=120)
    assert estimate(longer).memory_bytes == estimate(scenario).memory_bytes


def test_largest_run_is_estimated_without_its_memory(scenario):
    # 1e9 paths would take hundreds of gigabytes; the estimate simulates a few blocks.
    cost = estimate(replace(scenario, paths=10**9), threads=1)
    assert cost.blocks == 976_563
    assert cost.memory_bytes > 50e9


def test_what_a_run_takes_once_is_not_counted_for_each_block(scenario, monkeypatch):
    # A made-up clock: 0.6 s for each run, 3 s for the first one's compilation, and 0.01 s a block.
    now = 0.0

    def simulated(trial, **_):
        nonlocal now
        compile_seconds = 0.0 if now else 3.0
        now += compile_seconds + 0.6 + 0.01 * -(-trial.paths // 1024)
        return SimpleNamespace(compile_seconds=compile_seconds)

    monkeypatch.setattr(module, "simulate", simulated)
    monkeypatch.setattr("time.perf_counter", lambda: now)
    cost = estimate(replace(scenario, paths=10_000 * 1024), threads=2)
    assert cost.simulation_seconds == pytest.approx(0.6 + 0.01 * 10_000, rel=1e-6)
    assert cost.compile_seconds == 3.0
