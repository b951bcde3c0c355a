"""A run that is stopped goes on: the same bits, however and wherever it was stopped.

The oracle is the run that nobody stopped. Where a count of blocks is expected, it is counted by hand from the block
width of 1,024 paths.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.simulation import checkpoint
from stresslab.simulation.checkpoint import CheckpointError, open_checkpoint
from stresslab.simulation.executors import Session, ThreadExecutor
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import Simulation, block_program, prepare
from stresslab.simulation.run import simulate
from stresslab.simulation.stretch import Stretch, joined
from tests.simulation.identical import differing
from tests.simulation.small_run import SMALL

BLOCKS = 7


class StoppedError(Exception):
    pass


@cache
def uninterrupted() -> Outcomes:
    outcomes = simulate(SMALL)
    hit = (outcomes.liquidation_step <= outcomes.steps).mean(axis=1)
    assert all((hit > 0.02) & (hit < 0.98))
    return outcomes


@cache
def blocks() -> dict[int, Stretch]:
    work, _ = block_program(prepare(SMALL))
    return {first: work(first) for first in range(0, SMALL.paths, 1024)}


@dataclass
class Recorded:
    """Hands out blocks that were simulated before, in the pieces asked for, and stops where told."""

    stop_after: int = BLOCKS
    piece: int = 1
    asked: list[int] = field(default_factory=list)

    @contextmanager
    def session(self, simulation: Simulation) -> Iterator[Session]:
        yield RecordedSession(self)


@dataclass
class RecordedSession:
    of: Recorded
    processor: str = "test"
    compile_seconds: float = 0.0

    def stretches(self, runs: Sequence[range]) -> Iterator[Stretch]:
        for run in runs:
            for start in range(0, len(run), self.of.piece):
                firsts = run[start : start + self.of.piece]
                if len(self.of.asked) + len(firsts) > self.of.stop_after:
                    raise StoppedError
                self.of.asked += firsts
                yield joined([blocks()[first] for first in firsts])


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("paths-*.npz"), key=lambda path: int(path.name.split("-")[1]))


def test_stop_and_resume_at_any_block(tmp_path_factory):
    @given(stops=st.lists(st.integers(0, BLOCKS - 1), max_size=3), pieces=st.lists(st.integers(1, 4), min_size=4))
    def check(stops, pieces):
        folder = tmp_path_factory.mktemp("checkpoint") / "new"
        done: set[int] = set()
        for stop, piece in zip(stops, pieces, strict=False):
            halting = Recorded(stop, piece)
            # Where less is missing than it may do, it ends.
            with suppress(StoppedError):
                simulate(SMALL, executor=halting, checkpoint=folder)
            assert done.isdisjoint(halting.asked)
            done |= set(halting.asked)
        last = Recorded(piece=pieces[-1])
        outcomes = simulate(SMALL, executor=last, checkpoint=folder)
        assert differing(outcomes, uninterrupted()) == []
        # Nothing is simulated twice, and nothing is left out.
        assert sorted(last.asked) == sorted(set(range(0, SMALL.paths, 1024)) - done)
        shutil.rmtree(folder)

    check()


def test_control_a_block_of_another_seed_would_be_seen():
    other = simulate(replace(SMALL, seed=SMALL.seed + 1))
    assert {"required_collateral", "profit", "log_price"} <= set(differing(other, uninterrupted()))


@pytest.mark.parametrize("change", ["a bit", "half of it", "empty", "not ours"])
def test_damaged_file_is_dropped_and_simulated_again(tmp_path, caplog, monkeypatch, change):
    monkeypatch.setattr(checkpoint, "_BYTES", 0)
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    assert len(files(tmp_path)) == BLOCKS
    victim = files(tmp_path)[3]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    kept = {"a bit": bytes(content), "half of it": bytes(content[: len(content) // 2]), "empty": b"", "not ours": b"x"}
    victim.write_bytes(kept[change])
    again = Recorded()
    with caplog.at_level(logging.WARNING):
        outcomes = simulate(SMALL, executor=again, checkpoint=tmp_path)
    assert again.asked == [3 * 1024]
    assert differing(outcomes, uninterrupted()) == []
    assert [record.getMessage() for record in caplog.records] == [
        f"{victim.name} is damaged and was dropped; its paths are simulated again"
    ]
    assert len(files(tmp_path)) == BLOCKS


def test_without_damage_nothing_is_simulated_or_said(tmp_path, caplog):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    again = Recorded()
    assert differing(simulate(SMALL, executor=again, checkpoint=tmp_path), uninterrupted()) == []
    assert again.asked == []
    assert caplog.records == []


def test_more_paths_go_on_from_fewer_and_fewer_from_more(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_BYTES", 0)
    few = replace(SMALL, paths=2 * 1024 + 100)
    simulate(few, checkpoint=tmp_path)
    more = Recorded()
    with pytest.raises(CheckpointError, match="processor"):
        simulate(SMALL, executor=more, checkpoint=tmp_path)
    longer = simulate(SMALL, checkpoint=tmp_path)
    assert differing(longer, uninterrupted()) == []
    # Two whole blocks were taken over; the third ended early and was simulated anew, beside its former file.
    names = [path.name.split("-")[1:3] for path in files(tmp_path)]
    assert names[:2] == [["0", "1024"], ["1024", "2048"]]
    assert sorted(names[2:4]) == [["2048", "2148"], ["2048", "3072"]]
    assert differing(simulate(few, checkpoint=tmp_path), simulate(few)) == []


CHANGES = {
    "scenario": replace(SMALL, horizon=1.0, steps=2),
    "seed": replace(SMALL, seed=SMALL.seed + 1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_checkpoint_of_another_question_is_refused(tmp_path, what):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    message = f"is the checkpoint of another run: {what} is .* here and .* in the checkpoint; choose another folder"
    with pytest.raises(CheckpointError, match=message):
        simulate(CHANGES[what], executor=Recorded(), checkpoint=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("fact", ["version_of_stresslab", "version_of_jaxlib", "block_width", "processor"])
def test_checkpoint_of_another_program_is_refused(tmp_path, fact):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    header = json.loads((tmp_path / "checkpoint.json").read_text())
    header[fact] = "other"
    (tmp_path / "checkpoint.json").write_text(json.dumps(header))
    with pytest.raises(CheckpointError, match=f"{fact.replace('_', ' ')} is .* here and other in the checkpoint"):
        simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)


def test_other_title_and_notices_are_the_same_question(tmp_path):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    again = Recorded()
    simulate(replace(SMALL, name="renamed"), executor=again, checkpoint=tmp_path)
    assert again.asked == []


def test_foreign_folder_is_refused_and_untouched(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"holds no checkpoint \(notes.txt stands in it\)"):
        simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt"}


def test_unreadable_header_is_refused(tmp_path):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    (tmp_path / "checkpoint.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"checkpoint.json cannot be read; remove"):
        simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)


def test_two_runs_at_once_are_refused(tmp_path):
    refused = pytest.raises(CheckpointError, match="is in use by another run")
    with open_checkpoint(tmp_path, prepare(SMALL), "test"), refused:
        simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)


def test_full_disk_keeps_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_BYTES", 0)
    synced = os.fsync
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        # The first file is the header; three blocks find room.
        if calls > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(CheckpointError, match="No space left on device; what was finished before stands"):
            simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    assert len(files(tmp_path)) == 3
    assert not list(tmp_path.glob(".*.unfinished"))
    again = Recorded()
    assert differing(simulate(SMALL, executor=again, checkpoint=tmp_path), uninterrupted()) == []
    assert again.asked == [1024 * block for block in range(3, BLOCKS)]


def test_files_come_after_seconds_not_after_every_block(tmp_path):
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    (only,) = files(tmp_path)
    assert only.name.startswith(f"paths-0-{SMALL.paths}-")


def test_leftover_of_a_killed_writer_is_removed(tmp_path):
    (tmp_path / ".checkpoint.json.unfinished").write_text("{")
    simulate(SMALL, executor=Recorded(), checkpoint=tmp_path)
    assert not list(tmp_path.glob(".*.unfinished"))


def test_threads_go_on_too(tmp_path):
    simulate(replace(SMALL, paths=2048), executor=ThreadExecutor(2), checkpoint=tmp_path)
    assert differing(simulate(SMALL, threads=2, checkpoint=tmp_path), uninterrupted()) == []


def test_gap_between_stretches_is_refused():
    with pytest.raises(ValueError, match="without a gap"):
        joined([blocks()[0], blocks()[2048]])
