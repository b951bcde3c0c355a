"""What the full form of a review computes beside the run, and on how many paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, Field, StrictBool

from stresslab.documents.fields import TABLE
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, is_table

DEFAULT_PATHS: Mapping[str, int] = MappingProxyType(
    {"tornado": 10_000, "models": 20_000, "allocation": 5_000, "rare": 100_000, "comparison": 20_000}
)
"""Paths of each analysis where the scenario does not say; never more than those of the run."""

_Count = Annotated[int, Field(strict=True, ge=0, le=10**8)]


class AnalysisTable(BaseModel):
    """What the full form of a review computes beside the run; 0 paths leave an analysis out."""

    model_config = TABLE
    tornado: Annotated[
        _Count | None, Field(description="Paths of each move of the sensitivities.", examples=[10_000])
    ] = None
    models: Annotated[
        _Count | None, Field(description="Paths under each market model that the file allows.", examples=[20_000])
    ] = None
    allocation: Annotated[
        _Count | None,
        Field(description="Paths on which the wallet is split, and on which it is checked.", examples=[5_000]),
    ] = None
    rare: Annotated[
        _Count | None, Field(description="Paths for each pool that the run hardly sees liquidated.", examples=[100_000])
    ] = None
    comparison: Annotated[
        _Count | None,
        Field(description="Paths of each run that splits the change since a former review.", examples=[20_000]),
    ] = None
    replays: Annotated[
        StrictBool, Field(description="Whether the book goes through the named crashes.", examples=[True])
    ] = True


@dataclass(frozen=True)
class Analysis:
    """What the full form of a review computes beside the run.

    Parameters
    ----------
    stated : mapping of str to int
        Paths by analysis, 0 for none, of those that the scenario states.
    replays : bool
        Whether the book goes through the named crashes, one path each.
    """

    stated: Mapping[str, int] = field(default_factory=dict)
    replays: bool = True

    def paths(self, name: str, run: int) -> int:
        """Paths of an analysis; 0 where the scenario wants none.

        Parameters
        ----------
        name : str
            A key of `DEFAULT_PATHS`.
        run : int
            Paths of the run, which a default never exceeds.
        """
        return self.stated.get(name, min(DEFAULT_PATHS[name], run))


def read_analysis(document: Document, at: KeyPath, findings: Findings) -> Analysis:
    """Read the table ``[analysis]``; the defaults where there is none, or where it has faults."""
    if document.at(at) is None or not is_table(document, at, findings):
        return Analysis()
    read = check_table(document, at, AnalysisTable, findings)
    if read is None:
        return Analysis()
    stated = {name: getattr(read, name) for name in DEFAULT_PATHS}
    return Analysis({name: paths for name, paths in stated.items() if paths is not None}, read.replays)
