"""Outcomes in files of the temporary folder: the same bits, no names left, and no more memory than is touched."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stresslab.results.dataset import assemble
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.simulation import folding
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from stresslab.simulation.scratch import Scratch
from tests.simulation.identical import differing
from tests.simulation.small_run import SMALL

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def both_ways(scenario: Scenario, monkeypatch) -> tuple[Outcomes, Outcomes]:
    in_memory = simulate(scenario)
    with monkeypatch.context() as patched:
        patched.setattr(folding, "IN_MEMORY", 0)
        patched.setattr(folding, "_BETWEEN_RELEASES", 2048)
        on_disk = simulate(scenario)
    assert (in_memory.scratch.on_disk, on_disk.scratch.on_disk) == (False, True)
    return in_memory, on_disk


def mapped_files(folder: Path) -> int:
    return sum(str(folder) in line for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name", ["quarterly_review", "topped_up"])
def test_results_are_the_same_to_the_bit(name, monkeypatch):
    # Pools alone; and accounts on which something acts, whose ledgers and cash are outcomes too.
    scenario = read_scenario(SCENARIOS / f"{name}.toml", paths=5_000)
    scenario = replace(scenario, horizon=40 * scenario.step, steps=40)
    in_memory, on_disk = both_ways(scenario, monkeypatch)
    assert bool(in_memory.accounts) == (name == "topped_up")
    assert differing(in_memory, on_disk) == []
    assert assemble(scenario, on_disk).identical(assemble(scenario, in_memory))
    # Control: another bit is seen.
    on_disk.profit[0, 4_999] = np.nextafter(on_disk.profit[0, 4_999], np.float32(np.inf))
    assert differing(in_memory, on_disk) == ["profit"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell what is mapped")
def test_files_have_no_names_and_go_with_the_outcomes(temporary, monkeypatch):
    in_memory, on_disk = both_ways(SMALL, monkeypatch)
    assert mapped_files(temporary) > 0
    assert list(temporary.iterdir()) == []
    del on_disk
    assert mapped_files(temporary) == 0
    del in_memory


def test_a_full_disk_is_told(temporary, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folding, "IN_MEMORY", 0)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MemoryError, match=r"No space left on device; ask for fewer paths, or name another .* TMPDIR"):
        simulate(SMALL)
    assert list(temporary.iterdir()) == []


def resident_files() -> int:
    """Bytes of files in the memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell what is resident")
def test_what_is_released_leaves_memory_and_keeps_its_values():
    scratch = Scratch(on_disk=True)
    array = scratch.empty((4, 4_000_000), np.float32)
    array[...] = np.arange(4_000_000, dtype=np.float32)
    full = resident_files()
    scratch.release()
    # 4 rows of 4 million floats are 64 MB.
    assert full - resident_files() > 60e6
    assert float(array[3, 3_999_999]) == 3_999_999.0
    assert full - resident_files() > 60e6
    assert array[1].sum(dtype=np.float64) == 4_000_000 * 3_999_999 / 2


def test_a_column_is_a_copy_of_the_valid_paths():
    outcomes = simulate(SMALL)
    valid = np.arange(SMALL.paths) % 2 == 0
    found = outcomes.column(outcomes.profit, 1, valid)
    assert np.array_equal(found, outcomes.profit[1, ::2])
    found[0] += 1.0
    assert not np.array_equal(found, outcomes.profit[1, ::2])
