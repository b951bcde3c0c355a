"""Top-up: money sent from a reserve into a pool whose margin runs low."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SkipValidation

from stresslab.book.policies import TopUp
from stresslab.documents.fields import TABLE, Duration, Money, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.scenario.policies.answer import AnswerTable, read_answer
from stresslab.scenario.policies.kind import KIND, NAME, Kind, Ratio, Surroundings, check_order, days


class TopUpTable(BaseModel):
    """Money sent from a reserve into a pool whose margin runs low."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["top_up"], KIND]
    trigger: Annotated[Ratio, Field(description="Margin ratio below which money is sent.", examples=[1.5])]
    target: Annotated[Ratio, Field(description="Margin ratio that it restores; above the trigger.", examples=[2.5])]
    cap: Annotated[Money, Field(description="Most that one pool gets in all.", examples=[50000])]
    reserve: Annotated[
        Money, Field(description="Money outside the wallet for all pools of a configuration.", examples=[200000])
    ]
    delay: Annotated[
        Duration | None, Field(description="From the decision to the arrival; default: none.", examples=["2h"])
    ] = None
    answer: SkipValidation[AnswerTable | None] = Field(
        default=None, description="How long the desk takes to decide; default: no time."
    )


def _build(
    document: Document, at: KeyPath, table: TopUpTable | None, surroundings: Surroundings, findings: Findings
) -> TopUp | None:
    before = len(findings.faults)
    answer = read_answer(document, at, surroundings, findings)
    if table is None:
        return None
    check_order(document, at, table.target, table.trigger, findings, above=True)
    if len(findings.faults) > before:
        return None
    return TopUp(table.name, table.trigger, table.target, table.cap, table.reserve, days(table.delay), answer)


TOP_UP = Kind(TopUpTable, _build)
