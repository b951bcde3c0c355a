"""Deleveraging: positions of a pool cut in proportion before it is liquidated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SkipValidation

from stresslab.book.policies import Deleveraging
from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.scenario.policies.answer import AnswerTable, read_answer
from stresslab.scenario.policies.kind import (
    FEE_RATE,
    KIND,
    NAME,
    SLIPPAGE,
    Kind,
    Latency,
    Ratio,
    Share,
    Surroundings,
    check_order,
    days,
)


class DeleveragingTable(BaseModel):
    """Positions of a pool cut in proportion before it is liquidated."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["deleveraging"], KIND]
    trigger: Annotated[Ratio, Field(description="Margin ratio below which positions are cut.", examples=[1.5])]
    target: Annotated[Ratio, Field(description="Margin ratio that it restores; above the trigger.", examples=[2.5])]
    slippage: Annotated[Share, SLIPPAGE] = 0.0
    fee_rate: Annotated[Share, FEE_RATE] = 0.0
    latency: Latency = None
    answer: SkipValidation[AnswerTable | None] = Field(
        default=None, description="How long the desk takes to decide; default: no time."
    )


def _build(
    document: Document, at: KeyPath, table: DeleveragingTable | None, surroundings: Surroundings, findings: Findings
) -> Deleveraging | None:
    before = len(findings.faults)
    answer = read_answer(document, at, surroundings, findings)
    if table is None:
        return None
    check_order(document, at, table.target, table.trigger, findings, above=True)
    if len(findings.faults) > before:
        return None
    latency = days(table.latency)
    return Deleveraging(table.name, table.trigger, table.target, table.slippage, table.fee_rate, latency, answer)


DELEVERAGING = Kind(DeleveragingTable, _build)
