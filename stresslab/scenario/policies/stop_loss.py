"""Stop-loss: orders that close positions whose price moved against them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from stresslab.book.book import Book
from stresslab.book.configuration import Pool
from stresslab.book.policies import StopLoss
from stresslab.book.wallet import money
from stresslab.documents.fields import TABLE, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.messages import number
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import keys_of
from stresslab.scenario.policies.distances import CommonDistance, Distances, place_of, read_distances
from stresslab.scenario.policies.kind import (
    FEE_RATE,
    KIND,
    NAME,
    SLIPPAGE,
    Kind,
    Latency,
    Share,
    Surroundings,
    Uses,
    days,
)


class StopLossTable(BaseModel):
    """Orders that close positions on the losing side."""

    model_config = TABLE
    name: Annotated[Name, NAME]
    kind: Annotated[Literal["stop_loss"], KIND]
    distance: CommonDistance = None
    distances: Distances = {}
    trigger_price: Annotated[
        Literal["mark", "last"], Field(description="Price that sets it off; default: mark.", examples=["last"])
    ] = "mark"
    wick: Annotated[
        Share | None,
        Field(
            description="How far the last price runs beyond the mark at an extreme; needed with last.", examples=[0.005]
        ),
    ] = None
    slippage: Annotated[Share, SLIPPAGE] = 0.0
    fee_rate: Annotated[Share, FEE_RATE] = 0.0
    latency: Latency = None


def _build(
    document: Document, at: KeyPath, table: StopLossTable | None, surroundings: Surroundings, findings: Findings
) -> StopLoss | None:
    before = len(findings.faults)
    distances = read_distances(document, at, keys_of(StopLossTable), surroundings, findings, side=1.0)
    if table is None:
        return None
    wick_at = (*at, "wick")
    if table.trigger_price == "last" and table.wick is None:
        problem = "the key `wick` is missing, and the last price sets the stop off"
        findings.fault(document, at, problem, "add wick = 0.005: how far the last price runs beyond the mark")
    elif table.trigger_price == "mark" and table.wick is not None:
        problem = "a wick is stated, and the mark sets the stop off"
        findings.fault(document, wick_at, problem, 'add trigger_price = "last", or remove the wick')
    wick = table.wick or 0.0
    nearest = min(distances.values(), default=math.inf)
    if wick >= nearest:
        problem = f"the wick {number(wick)} is not below the distance {number(nearest)}: the stop would act today"
        findings.fault(document, wick_at, problem, "lower the wick, or set the stop farther away")
    if len(findings.faults) > before or surroundings.positions is None:
        return None
    return StopLoss(
        table.name, distances, table.trigger_price, wick, table.slippage, table.fee_rate, days(table.latency)
    )


def _surplus(uses: Uses, pool: Pool, index: int, distance: float, wick: float) -> tuple[float, float]:
    """Mark at which a stop is set off, and the pool's surplus there, with all other marks still."""
    position = uses.book.positions[index]
    assert position.mark_price is not None, "start prices mark every position"
    side = math.copysign(1.0, position.quantity)
    mark = position.mark_price * (1.0 - side * distance) / (1.0 - side * wick)
    positions = list(uses.book.positions)
    positions[index] = replace(position, mark_price=mark)
    book: Book = replace(uses.book, positions=tuple(positions))
    return mark, uses.surplus(book, pool)


def _reach(uses: Uses, pool: Pool, index: int, beyond: float, wick: float) -> float:
    """Distance of the stop at which the surplus reaches 0, by halving between none and one beyond it."""
    low, high = wick, beyond
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _surplus(uses, pool, index, middle, wick)[1] > 0.0 else (low, middle)
    return low


def _check(uses: Uses, policy: StopLoss, findings: Findings) -> None:
    """A stop that liquidation forestalls protects nothing."""
    seen = set()
    for _, configuration in uses.configurations:
        for pool in configuration.pools:
            key = (pool.positions, pool.collateral)
            if key in seen or uses.surplus(uses.book, pool) <= 0.0:
                continue  # a pool liquidated at the start is told of elsewhere
            seen.add(key)
            for index in pool.positions:
                name = uses.book.positions[index].id
                distance = policy.distances.get(name)
                if distance is None:
                    continue
                mark, surplus = _surplus(uses, pool, index, distance, policy.wick)
                if surplus > 0.0:
                    continue
                place = place_of(uses.document, uses.at, name)
                problem = (
                    f"the stop of {shown(name)} lies beyond liquidation: at the mark {mark:_.10g}, where it is set "
                    f"off, the surplus of the pool {shown(pool.name)} of {shown(configuration.name)} is "
                    f"{money(surplus)}"
                )
                reach = math.floor(_reach(uses, pool, index, distance, policy.wick) * 1e4) / 1e4
                remedy = "give the pool more collateral"
                if reach > policy.wick:
                    remedy = f"give a distance of at most {reach:g}, or the pool more collateral"
                if len(pool.positions) == 1:
                    findings.fault(uses.document, place, problem, remedy)
                else:
                    findings.notice(uses.document, place, f"{problem}, other marks held still", remedy)


STOP_LOSS = Kind(StopLossTable, _build, _check)
