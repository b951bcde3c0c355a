"""Take-profit: orders that close positions whose price moved in their favor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel

from stresslab.book.policies import TakeProfit
from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import keys_of
from stresslab.scenario.policies.distances import CommonDistance, Distances, read_distances
from stresslab.scenario.policies.kind import FEE_RATE, KIND, NAME, SLIPPAGE, Kind, Latency, Share, Surroundings, days


class TakeProfitTable(BaseModel):
    """Orders that close positions on the winning side."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["take_profit"], KIND]
    distance: CommonDistance = None
    distances: Distances = {}
    slippage: Annotated[Share, SLIPPAGE] = 0.0
    fee_rate: Annotated[Share, FEE_RATE] = 0.0
    latency: Latency = None


def _build(
    document: Document, at: KeyPath, table: TakeProfitTable | None, surroundings: Surroundings, findings: Findings
) -> TakeProfit | None:
    before = len(findings.faults)
    distances = read_distances(document, at, keys_of(TakeProfitTable), surroundings, findings, side=-1.0)
    if table is None or len(findings.faults) > before or surroundings.positions is None:
        return None
    return TakeProfit(table.name, distances, table.slippage, table.fee_rate, days(table.latency))


TAKE_PROFIT = Kind(TakeProfitTable, _build)
