"""Faults of input files: where, what is wrong, what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong with an input file.

    Parameters
    ----------
    path : str
        The file as the user named it.
    line, column : int
        Place in the file, counted from 1.
    problem, remedy : str
        What is wrong, and what would be right.
    """

    path: str
    line: int
    column: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, order=True)
class Notice(Fault):
    """Something that is worth a warning and does not stop a run."""


class InputError(ValueError):
    """The input is at fault. Carries every fault that was found, not the first alone.

    Parameters
    ----------
    faults : iterable of Fault
        At least one; kept sorted by file and place.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
