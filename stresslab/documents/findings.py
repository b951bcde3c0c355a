"""Faults and notices as they are gathered from all the files of one question."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stresslab.documents.faults import Fault, InputError, Notice
from stresslab.documents.names import closest, shown
from stresslab.documents.places import KeyPath, Place, Places

SIZE_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True)
class Document:
    """A TOML file that was read and could be parsed.

    Parameters
    ----------
    name : str
        The file as the user named it; faults bear it.
    folder : pathlib.Path
        Where the paths inside the file start.
    text : str
        The file, whole.
    data : dict
        What `tomllib` made of it.
    places : Places
        Where everything in it stands.
    sound : bool
        Whether all keys print and all numbers are finite and of bounded size. If not, the faults are told already, and
        nothing may be made of the file.
    """

    name: str
    folder: Path
    text: str
    data: dict[str, Any]
    places: Places
    sound: bool = True

    def at(self, path: KeyPath) -> Any:
        """The value at a path, or None where there is none."""
        value: Any = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


@dataclass
class Findings:
    """Everything that was found wrong or odd so far, and the files that were opened on the way."""

    faults: list[Fault] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    opened: dict[Path, Document | None] = field(default_factory=dict)

    def fault(self, document: Document, path: KeyPath, problem: str, remedy: str, *, key: bool = False) -> None:
        """Add a fault, placed at a value or, if so asked, at a key."""
        place = document.places.key(path) if key else document.places.value(path)
        self.fault_at(document.name, place, problem, remedy)

    def fault_at(self, name: str, place: Place, problem: str, remedy: str) -> None:
        """Add a fault at a place of a file that could not be parsed."""
        self.faults.append(Fault(name, place.line, place.column, problem, remedy))

    def notice(self, document: Document, path: KeyPath, problem: str, remedy: str) -> None:
        """Add a warning, placed at a value."""
        place = document.places.value(path)
        self.notices.append(Notice(document.name, place.line, place.column, problem, remedy))

    def stop_at_faults(self) -> None:
        """Raise `InputError` with all faults, if there are any."""
        if self.faults:
            raise InputError(self.faults)


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of bounded size.

    Raises
    ------
    ValueError
        If it cannot be had; its two arguments are the problem and the remedy.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{shown(str(path), 200)} is a folder, not a file", "name a file in it")
        if not stat.S_ISREG(mode):
            raise ValueError(f"{shown(str(path), 200)} is not a regular file", "name a file on disk")
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise ValueError(f"there is no file {shown(str(path), 200)}", _missing_file_remedy(path)) from None
    except OSError as error:
        reason = error.strerror or "unknown reason"
        remedy = "check the path and the permission to read it"
        raise ValueError(f"cannot read {shown(str(path), 200)} ({reason})", remedy) from None
    if len(content) > SIZE_LIMIT:
        raise ValueError(
            f"{shown(str(path), 200)} is larger than {SIZE_LIMIT // 2**20} MiB",
            "name a scenario, a book, a rule pack or a calibration; none is nearly as large",
        )
    return content


def _missing_file_remedy(path: Path) -> str:
    try:
        siblings = [entry.name for entry in _entries(path.parent)]
    except OSError:
        return f"there is no folder {shown(str(path.parent), 200)} either: check the path"
    near = closest(path.name, siblings)
    if near is not None:
        return f"did you mean {shown(str(path.parent / near), 200)}?"
    return "check the path; a path inside a file is relative to that file"


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count == 10_000:
                return
            yield entry
