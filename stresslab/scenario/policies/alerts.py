"""Alerts: levels of the margin ratio at which the desk is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from stresslab.book.policies import Alerts
from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.messages import number
from stresslab.documents.places import KeyPath
from stresslab.scenario.policies.kind import KIND, NAME, Kind, Ratio, Surroundings

MOST_LEVELS = 8


class AlertsTable(BaseModel):
    """Levels of the margin ratio at which the desk is told."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["alerts"], KIND]
    levels: Annotated[
        list[Ratio],
        Field(
            min_length=1,
            max_length=MOST_LEVELS,
            description="Falling margin ratios, each above 1.",
            examples=[[3.0, 2.0, 1.5]],
        ),
    ]


def _build(
    document: Document, at: KeyPath, table: AlertsTable | None, surroundings: Surroundings, findings: Findings
) -> Alerts | None:
    if table is None:
        return None
    levels = tuple(float(level) for level in table.levels)
    for index in range(1, len(levels)):
        if levels[index] >= levels[index - 1]:
            problem = f"the level {number(levels[index])} is not below the one before it, {number(levels[index - 1])}"
            ordered = ", ".join(number(level) for level in sorted(set(levels), reverse=True))
            findings.fault(document, (*at, "levels", index), problem, f"write levels = [{ordered}]")
            return None
    return Alerts(table.name, levels)


ALERTS = Kind(AlertsTable, _build)
