"""Finished runs of blocks on disk, so that a run that was stopped goes on where it was.

A folder holds ``checkpoint.json``, which says what question its files belong to, and one file for each run of blocks,
``paths-FIRST-STOP-DIGEST.npz``. A file is written aside, forced to disk and renamed; its name bears its checksum. One
that is damaged is dropped, and its paths are simulated again.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import logging
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from stresslab.scenario.resolution import identity
from stresslab.simulation.environment import different, versions
from stresslab.simulation.preparation import Simulation
from stresslab.simulation.stretch import Stretch, joined

logger = logging.getLogger(__name__)

SCHEMA = "stresslab checkpoint 2"
_HEADER = "checkpoint.json"
_LOCK = ".lock"
_UNFINISHED = ".unfinished"
_NAME = re.compile(r"paths-(\d+)-(\d+)-([0-9a-f]{32})\.npz")
# What would be lost by a sudden end: this many seconds of work, or less where it takes this much memory.
_SECONDS = 10.0
_BYTES = 128_000_000


class CheckpointError(ValueError):
    """A checkpoint is of another run, is in use, or cannot be written. The message says which, and what to do."""


class Checkpoint:
    """An open checkpoint; see `open_checkpoint`."""

    def __init__(self, folder: Path, block_width: int, seconds: float) -> None:
        self._folder = folder
        self._block_width = block_width
        self._seconds = seconds
        self._pending: list[Stretch] = []
        self._bytes = 0
        self._written = time.monotonic()

    def stretches(self, first: int, stop: int, paths: int) -> Iterator[Stretch]:
        """Read what is finished.

        Parameters
        ----------
        first, stop : int
            The paths that are wanted, ``first`` to ``stop - 1``.
        paths : int
            Paths of the run: a block may end early there, and only there.

        Yields
        ------
        Stretch
            Within the wanted paths, rising, without overlaps. A damaged file is removed, and a warning logged.
        """
        for begin, end, path in sorted(self._files()):
            whole = end % self._block_width == 0 or end == paths
            if first <= begin and end <= stop and begin % self._block_width == 0 and whole:
                stretch = _read(path)
                if stretch is None:
                    logger.warning("%s is damaged and was dropped; its paths are simulated again", path.name)
                    path.unlink(missing_ok=True)
                    continue
                yield stretch
                first = end

    def add(self, stretch: Stretch) -> None:
        """Take a finished stretch; it is on disk after about ten seconds, and in any case when the checkpoint closes.

        Raises
        ------
        CheckpointError
            If it cannot be written.
        """
        if self._pending and self._pending[-1].stop != stretch.first:
            self.flush()
        self._pending.append(stretch)
        self._bytes += sum(values.nbytes for values in stretch.arrays.values())
        # The counts of a block are larger than all else, and one sum serves for many.
        if len(self._pending) == 16:
            self._pending = [joined(self._pending)]
        if time.monotonic() - self._written >= self._seconds or self._bytes >= _BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken.

        Raises
        ------
        CheckpointError
            If it cannot be written; what was written before stands.
        """
        if self._pending:
            pending, self._pending, self._bytes = joined(self._pending), [], 0
            buffer = io.BytesIO()
            np.savez(buffer, ratio_counts=pending.ratio_counts, **pending.arrays)
            content = buffer.getvalue()
            _write(self._folder / f"paths-{pending.first}-{pending.stop}-{_digest(content)}.npz", content)
        self._written = time.monotonic()

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        for entry in self._folder.iterdir():
            if match := _NAME.fullmatch(entry.name):
                yield int(match[1]), int(match[2]), entry


@contextmanager
def open_checkpoint(
    path: str | Path, simulation: Simulation, processor: str, *, seconds: float = _SECONDS
) -> Iterator[Checkpoint]:
    """Open a checkpoint, or begin one.

    The number of paths is no part of what it belongs to: a path is the same in a short run and in a long one, so that
    a run of more paths goes on from a shorter one.

    Parameters
    ----------
    path : path
        The folder; it is made where there is none.
    simulation : Simulation
        The question.
    processor : str
        Kind of processor that simulates.
    seconds : float
        Work between two files.

    Yields
    ------
    Checkpoint
        What has been taken is written at the end, however the block ends.

    Raises
    ------
    CheckpointError
        If the folder holds something else, or a checkpoint of another question, version, block width or processor; if
        another process uses it; if it cannot be written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_strangers(folder)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
    try:
        _take(lock, folder)
        _check_header(folder, _facts(simulation, processor))
        for leftover in folder.glob(f".*{_UNFINISHED}"):
            leftover.unlink(missing_ok=True)
        checkpoint = Checkpoint(folder, simulation.block_width, seconds)
        try:
            yield checkpoint
        except CheckpointError:
            raise
        except BaseException:
            # What ended the run is what must be told, even if the disk is full as well.
            with suppress(CheckpointError):
                checkpoint.flush()
            raise
        checkpoint.flush()
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CheckpointError(
            f"{folder} is in use by another run; wait for its end or choose another folder"
        ) from error
    except OSError as error:
        logger.info("%s is on a file system without locks: %s", folder, error.strerror)


def _facts(simulation: Simulation, processor: str) -> dict[str, str]:
    scenario = simulation.scenario
    question = identity(replace(scenario, name="", paths=1, seed=0))
    return {
        "scenario": question,
        "seed": str(scenario.seed),
        "bridge": simulation.bridge,
        "every_account": str(simulation.every_account),
        "block_width": str(simulation.block_width),
        **{f"version_of_{name}": number for name, number in versions().items()},
        "processor": processor,
    }


def _check_strangers(folder: Path) -> None:
    """Refuse a folder that holds something and no checkpoint."""
    names = sorted(entry.name for entry in folder.iterdir())
    strangers = [name for name in names if name != _LOCK and not name.endswith(_UNFINISHED)]
    if strangers and _HEADER not in names:
        raise CheckpointError(
            f"{folder} is not empty and holds no checkpoint ({strangers[0]} stands in it); choose another folder"
        )


def _check_header(folder: Path, facts: dict[str, str]) -> None:
    header = folder / _HEADER
    if not header.exists():
        _write(header, (json.dumps({"schema": SCHEMA, **facts}, indent=2) + "\n").encode())
        return
    try:
        found = json.loads(header.read_text(encoding="utf-8"))
        schema = found.pop("schema")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{header} cannot be read; remove {folder} to begin anew") from error
    if schema != SCHEMA:
        raise CheckpointError(f"{folder} holds {schema!r}, this version writes {SCHEMA!r}; choose another folder")
    if told := different(_shortened(facts), _shortened(found), "in the checkpoint"):
        raise CheckpointError(f"{folder} is the checkpoint of another run: {told}; choose another folder or remove it")


def _shortened(facts: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value)[:12] if name == "scenario" else str(value) for name, value in facts.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _write(target: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    scratch = target.with_name(f".{target.name}{_UNFINISHED}")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    except OSError as error:
        raise CheckpointError(
            f"{target.parent} cannot be written: {error.strerror}; what was finished before stands: "
            "make room, then give the same command again"
        ) from error
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


def _read(path: Path) -> Stretch | None:
    """A file's stretch; None where it is damaged."""
    match = _NAME.fullmatch(path.name)
    assert match is not None
    try:
        content = path.read_bytes()
        if _digest(content) != match[3]:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        return Stretch(int(match[1]), int(match[2]), arrays, arrays.pop("ratio_counts"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
