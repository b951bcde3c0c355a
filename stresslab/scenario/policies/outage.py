"""Outage: times in which nothing of the desk's tools works."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SkipValidation

from stresslab.book.policies import Outage
from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration, Name, refuse
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, key_meant, keys_of, tables_in_list
from stresslab.scenario.policies.kind import KIND, NAME, Kind, Surroundings, days

_NOW = re.compile(r"0{1,9}[dhm]")


def _moment(text: str) -> str:
    if _NOW.fullmatch(text) is None:
        try:
            minutes_of(text)
        except ValueError as error:
            refuse(*error.args)
    return text


_Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"pattern": "^[0-9]{1,9}[dhm]$"})]


class WindowTable(BaseModel):
    """One outage at a fixed time."""

    model_config = TABLE
    start: Annotated[_Moment, Field(description="From the start of the scenario; 0d is at once.", examples=["10d"])]
    duration: Annotated[Duration, Field(description="How long it lasts.", examples=["6h"])]


class OutageTable(BaseModel):
    """Times in which nothing of the desk's tools works: fixed ones, or after a large move."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["outage"], KIND]
    windows: Annotated[
        SkipValidation[list[WindowTable]],
        Field(description="Fixed outages.", examples=[[{"start": "10d", "duration": "6h"}]]),
    ] = []
    move: Annotated[
        float | None,
        Field(
            gt=0.0,
            le=100.0,
            allow_inf_nan=False,
            description="Absolute move of some asset's log price that causes one; needs `window` and `duration`.",
            examples=[0.1],
        ),
    ] = None
    window: Annotated[Duration | None, Field(description="In which the move is measured.", examples=["4h"])] = None
    duration: Annotated[Duration | None, Field(description="How long such an outage lasts.", examples=["2h"])] = None


def _build(
    document: Document, at: KeyPath, table: OutageTable | None, surroundings: Surroundings, findings: Findings
) -> Outage | None:
    before = len(findings.faults)
    windows_at = (*at, key_meant(document.at(at), "windows", keys_of(OutageTable)))
    windows = [] if document.at(windows_at) is None else _windows(document, windows_at, surroundings, findings)
    if table is None:
        return None
    causes = {key: getattr(table, key) for key in ("move", "window", "duration")}
    examples = {"move": "move = 0.1", "window": 'window = "4h"', "duration": 'duration = "2h"'}
    stated = [key for key, value in causes.items() if value is not None]
    for key in (key for key, value in causes.items() if value is None and stated):
        problem = f"the key `{key}` is missing, and `{stated[0]}` needs it"
        findings.fault(document, at, problem, f"add {examples[key]} to [[policy]]")
    if not stated and document.at(windows_at) in (None, []):
        remedy = 'add windows = [{ start = "10d", duration = "6h" }], or ' + ", ".join(examples.values())
        findings.fault(document, at, "the outage has no windows and no move that causes it", remedy)
    if len(findings.faults) > before:
        return None
    move = math.inf if table.move is None else table.move
    return Outage(table.name, tuple(sorted(windows)), move, days(table.window), days(table.duration))


def _windows(
    document: Document, at: KeyPath, surroundings: Surroundings, findings: Findings
) -> list[tuple[float, float]]:
    windows = []
    for path in tables_in_list(document, at, findings):
        table = check_table(document, path, WindowTable, findings)
        if table is None:
            continue
        start = 0.0 if _NOW.fullmatch(table.start) else days(table.start)
        if surroundings.horizon is not None and start >= surroundings.horizon:
            horizon = duration_text(round(surroundings.horizon * 1440))
            problem = f"the outage starts after {table.start}, beyond the horizon of {horizon}"
            findings.fault(document, (*path, "start"), problem, f'write a start before "{horizon}"')
        windows.append((start, days(table.duration)))
    return windows


OUTAGE = Kind(OutageTable, _build)
