"""Withdrawal: money taken out of a pool that holds more than it needs."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from stresslab.book.policies import Withdrawal
from stresslab.documents.fields import TABLE, Duration, Money, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.scenario.policies.kind import KIND, NAME, Kind, Ratio, Surroundings, check_order, days


class WithdrawalTable(BaseModel):
    """Money taken out of a pool that holds more than it needs."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["withdrawal"], KIND]
    trigger: Annotated[Ratio, Field(description="Margin ratio above which money is taken out.", examples=[8.0])]
    target: Annotated[Ratio, Field(description="Margin ratio that is left; below the trigger.", examples=[5.0])]
    cap: Annotated[
        Money | None,
        Field(description="Most that is taken out of one pool in all; default: no limit.", examples=[50000]),
    ] = None
    delay: Annotated[
        Duration | None, Field(description="From the decision to the departure; default: none.", examples=["2h"])
    ] = None


def _build(
    document: Document, at: KeyPath, table: WithdrawalTable | None, surroundings: Surroundings, findings: Findings
) -> Withdrawal | None:
    before = len(findings.faults)
    if table is None:
        return None
    check_order(document, at, table.target, table.trigger, findings, above=False)
    if len(findings.faults) > before:
        return None
    cap = math.inf if table.cap is None else table.cap
    return Withdrawal(table.name, table.trigger, table.target, cap, days(table.delay))


WITHDRAWAL = Kind(WithdrawalTable, _build)
