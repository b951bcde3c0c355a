"""The jobs of a batch: which scenarios, and where their results go."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from stresslab.documents.faults import Fault, InputError
from stresslab.results.output_folder import OutputFolderError

MARK_FILE = "batch.json"
MARK = "stresslab batch 1"
ENDING = "scenario.toml"
OWN_FILES = (MARK_FILE, "summary.csv", "cover.pdf", "log.jsonl")


@dataclass(frozen=True, order=True)
class Job:
    """One scenario of a batch.

    Parameters
    ----------
    name : str
        Of the results below the batch's folder: the scenario's relative path without ``.toml``.
    file : str
        The scenario, as messages name it.
    """

    name: str
    file: str


def find_jobs(source: str | Path, out: str | Path) -> tuple[Job, ...]:
    """Scenarios below a folder, or on a list.

    Parameters
    ----------
    source : path
        A folder, whose every ``*scenario.toml`` is a job, or a text file with a scenario a line, relative to the list;
        empty lines and what follows a ``#`` at a line's beginning are left out.
    out : path
        The batch's folder; what lies in it is no job.

    Returns
    -------
    tuple of Job
        By name; at least one.

    Raises
    ------
    InputError
        If there is none, or a line of the list cannot be a job; every such line is told.
    """
    place = Path(source)
    jobs = _in_folder(place, Path(out)) if place.is_dir() else _on_list(place)
    if not jobs:
        remedy = f"name a folder with files that end in {ENDING}, or a list with a scenario a line"
        raise InputError([Fault(str(source), 1, 1, "there is no scenario", remedy)])
    return tuple(sorted(jobs))


def _in_folder(folder: Path, out: Path) -> list[Job]:
    own = out.resolve()
    return [
        Job(path.relative_to(folder).with_suffix("").as_posix(), str(path))
        for path in folder.rglob(f"*{ENDING}")
        if path.is_file() and own not in path.resolve().parents
    ]


def _on_list(path: Path) -> list[Job]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        reason, remedy = f"cannot be read: {error.strerror}", "name a folder, or a list with a scenario a line"
        raise InputError([Fault(str(path), 1, 1, reason, remedy)]) from error
    except UnicodeDecodeError as error:
        raise InputError([Fault(str(path), 1, 1, "is not UTF-8 text", "give a list with a scenario a line")]) from error
    jobs: dict[str, Job] = {}
    faults = []
    for number, line in enumerate(lines, 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        relative = Path(os.path.normpath(written))
        problem: str | None = None
        if relative.suffix != ".toml":
            problem = "this is no .toml file"
        elif relative.is_absolute() or relative.parts[0] == "..":
            problem = "the scenario does not lie below the folder of the list"
        job = Job(relative.with_suffix("").as_posix(), str(path.parent / relative))
        if problem is None and job.name in jobs:
            problem = "this scenario stands on the list twice"
        if problem is not None:
            faults.append(Fault(str(path), number, 1, problem, "name scenarios relative to the list, each once"))
        jobs[job.name] = job
    if faults:
        raise InputError(faults)
    return list(jobs.values())


def nested(jobs: tuple[Job, ...]) -> dict[str, str]:
    """Jobs whose results would lie within another's folder, and that other."""
    names = {job.name for job in jobs}
    found = {}
    for job in jobs:
        parents = {parent.as_posix() for parent in Path(job.name).parents} & names
        if parents:
            found[job.name] = min(parents)
    return found


def claim_folder(out: str | Path) -> Path:
    """Make a batch's folder, or take up a former one.

    Parameters
    ----------
    out : path
        Where nothing, an empty folder, or a former batch stands.

    Returns
    -------
    pathlib.Path
        The folder, which bears the mark of a batch.

    Raises
    ------
    OutputFolderError
        If something else stands there, or it cannot be written.
    """
    if not str(out):
        raise OutputFolderError("its name is empty; name a folder, or . for this one")
    folder = Path(out)
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputFolderError(f"{out} is a file; name a folder")
        if folder.is_dir() and any(folder.iterdir()) and not _is_batch(folder):
            raise OutputFolderError(f"{out} is not empty and holds no former batch; choose another folder")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / MARK_FILE, (json.dumps({"schema": MARK}) + "\n").encode())
    except OSError as error:
        raise OutputFolderError(f"{out} cannot be written: {error.strerror}; choose another folder") from error
    return folder


def remove_leftovers(folder: Path, jobs: tuple[Job, ...]) -> None:
    """Remove what a batch that was killed left half-made beside the places of the jobs."""
    for job in jobs:
        place = folder / job.name
        if not place.parent.is_dir():
            continue
        for entry in list(place.parent.iterdir()):
            if entry.name.startswith((f".{place.name}.unfinished-", f".{place.name}.former-")):
                shutil.rmtree(entry, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; an existing one is replaced at the end."""
    scratch = path.with_name(f".{path.name}.unfinished")
    scratch.write_bytes(content)
    scratch.replace(path)


def _is_batch(folder: Path) -> bool:
    try:
        mark = json.loads((folder / MARK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("schema") == MARK
