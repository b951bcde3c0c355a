"""Whether a folder of results is whole, and whether its numbers come out again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from stresslab.documents.faults import InputError
from stresslab.results.differences import Difference, differences
from stresslab.results.limits import with_limits
from stresslab.results.output_folder import MANIFEST, read_manifest
from stresslab.results.saving import ResultsError, load
from stresslab.scenario.limits import limits_from_text
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.stored import scenario_from_texts


class DamagedError(ValueError):
    """A folder is not as its manifest says, or what it holds cannot be run again.

    Parameters
    ----------
    problems : list of str
        At least one; what is wrong, and where.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Stored:
    """A result of a folder and the question that it answers.

    Parameters
    ----------
    name : str
        The file, relative to the folder.
    results : xarray.Dataset
        As it was read.
    scenario : Scenario
        From the texts that it holds.
    """

    name: str
    results: xr.Dataset
    scenario: Scenario


@dataclass(frozen=True)
class Verdict:
    """What a repetition of a result gave.

    Parameters
    ----------
    name : str
        The file, relative to the folder.
    variables : int
        How many were compared.
    differences : list of Difference
        Those that are not the same to the bit.
    remarks : list of str
        What is not the same around the numbers: versions, block width, the resolved question.
    """

    name: str
    variables: int
    differences: list[Difference]
    remarks: list[str]

    @property
    def same(self) -> bool:
        """Whether every number is the same."""
        return not self.differences


def check_files(folder: str | Path) -> list[str]:
    """Compare a folder with the checksums of its manifest.

    Parameters
    ----------
    folder : path
        From `stresslab run`.

    Returns
    -------
    list of str
        Names of the files that the manifest lists; all of them are there and unchanged.

    Raises
    ------
    DamagedError
        If the manifest is missing or cannot be read, or a file is missing or changed: every one of them is told.
    """
    place = Path(folder)
    manifest = read_manifest(place)
    if manifest is None:
        raise DamagedError([f"{folder} holds no {MANIFEST} of stresslab; name the folder of a run"])
    problems = []
    for name, stated in manifest["files"].items():
        try:
            with (place / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            problems.append(f"{place / name} cannot be read: {error.strerror}")
            continue
        if found != stated:
            problems.append(f"{place / name} is not as it was written: its SHA-256 is not the manifest's")
    if problems:
        raise DamagedError(problems)
    return list(manifest["files"])


def stored_results(folder: str | Path, *, inputs: str | Path | None = None) -> list[Stored]:
    """Read the results of a folder whose files are whole, and the questions that they answer.

    Parameters
    ----------
    folder : path
        From `stresslab run`; under several models it holds one result a model.
    inputs : path, optional
        The folder of the scenario, where it names bars or price paths: a result holds their hashes alone.

    Returns
    -------
    list of Stored
        At least one.

    Raises
    ------
    DamagedError
        If a file is not as the manifest says, no result is there, or one cannot be read or run again.
    """
    place = Path(folder)
    names = [name for name in check_files(place) if Path(name).name == "results.nc"]
    if not names:
        raise DamagedError([f"{folder} holds no results.nc; name the folder of a run"])
    found, problems = [], []
    for name in names:
        try:
            results = load(place / name)
            found.append(Stored(name, results, _scenario(results, place if inputs is None else Path(inputs))))
        except ResultsError as error:
            problems.append(str(error))
        except InputError as error:
            told = "; ".join(f"{fault.path}:{fault.line}: {fault.problem}" for fault in error.faults)
            problems.append(
                f"{place / name} cannot be run again from what it holds ({told}); bars and price paths are looked for "
                "with --inputs FOLDER"
            )
    if problems:
        raise DamagedError(problems)
    return found


def verify(stored: Stored, *, threads: int | None = None, progress: Callable[[int], None] | None = None) -> Verdict:
    """Run a stored question again and compare the numbers.

    Parameters
    ----------
    stored : Stored
        From `stored_results`.
    threads, progress
        As `stresslab.run` takes them.

    Returns
    -------
    Verdict
        Variable by variable.
    """
    from stresslab.running import run

    again = run(stored.scenario, threads=threads, progress=progress)
    limits = json.loads(stored.results.attrs["documents"]).get("limits")
    if limits is not None:
        again = with_limits(again, limits_from_text(limits))
    count, found = differences(stored.results, again)
    return Verdict(stored.name, count, found, remarks(stored.results.attrs, again.attrs))


def _scenario(results: xr.Dataset, folder: Path) -> Scenario:
    attributes = results.attrs
    return scenario_from_texts(
        json.loads(attributes["documents"]),
        model=str(attributes["model"]),
        paths=int(attributes["paths"]),
        seed=int(attributes["seed"]),
        folder=folder,
    )


def remarks(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is not the same around the numbers of two results, from their attributes."""
    told = []
    if before["scenario_hash"] != after["scenario_hash"]:
        told.append("the same texts are resolved to another question by this version, or other bars were given")
    if int(before["block_width"]) != int(after["block_width"]):
        told.append(
            f"blocks had {before['block_width']} paths and now have {after['block_width']}: numbers agree to rounding"
        )
    old, new = json.loads(before["versions"]), json.loads(after["versions"])
    told += [
        f"{name} was {old.get(name, 'absent')} and is now {new.get(name, 'absent')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return told
