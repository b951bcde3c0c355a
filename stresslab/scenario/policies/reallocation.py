"""Reallocation: collateral moved between the pools of a configuration from time to time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from stresslab.book.policies import Reallocation
from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.scenario.policies.kind import KIND, NAME, Kind, Surroundings, Uses, days


class ReallocationTable(BaseModel):
    """Collateral moved between the pools of a configuration from time to time."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["reallocation"], KIND]
    every: Annotated[Duration, Field(description="Between two reallocations; at least a step.", examples=["1d"])]
    aim: Annotated[
        Literal["margin_ratio", "required_collateral"],
        Field(description="What is made equal among the pools.", examples=["margin_ratio"]),
    ]
    delay: Annotated[
        Duration | None, Field(description="From the decision to the transfer; default: none.", examples=["2h"])
    ] = None


def _build(
    document: Document, at: KeyPath, table: ReallocationTable | None, surroundings: Surroundings, findings: Findings
) -> Reallocation | None:
    if table is None:
        return None
    every = days(table.every)
    length = f"the time between reallocations, {duration_text(minutes_of(table.every))},"
    if surroundings.step is not None and every < surroundings.step:
        step = duration_text(round(surroundings.step * 1440))
        problem = f"{length} is shorter than the step of {step}"
        findings.fault(document, (*at, "every"), problem, f'write at least "{step}", or shorten the step')
        return None
    if surroundings.horizon is not None and every > surroundings.horizon:
        horizon = duration_text(round(surroundings.horizon * 1440))
        problem = f"{length} is longer than the horizon of {horizon}, so that none takes place"
        findings.fault(document, (*at, "every"), problem, f'write at most "{horizon}"')
        return None
    return Reallocation(table.name, every, table.aim, days(table.delay))


def _check(uses: Uses, policy: Reallocation, findings: Findings) -> None:
    for entry, configuration in uses.configurations:
        if len(configuration.pools) < 2:
            problem = f"{shown(policy.name)} moves collateral between pools, and {shown(configuration.name)} has one"
            remedy = 'switch it on where there are several, such as a configuration like = "all_isolated"'
            findings.fault(uses.document, entry, problem, remedy)


REALLOCATION = Kind(ReallocationTable, _build, _check)
