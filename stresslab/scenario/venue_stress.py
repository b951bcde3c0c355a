"""The table ``[venue_stress]`` of a scenario: harsher rules of the venue from the start, and thinner markets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, Field

from stresslab.book.book import Position
from stresslab.documents.fields import TABLE
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table
from stresslab.scenario.scenario import Impact, VenueStress
from stresslab.venues.rules.margin_rules import notional_lines


class VenueStressTable(BaseModel):
    """What the venue does differently from the start, and how much deeper closes cut."""

    model_config = TABLE
    maintenance_factor: Annotated[
        float,
        Field(ge=1.0, le=100.0, allow_inf_nan=False, description="Multiplies every maintenance rate.", examples=[1.5]),
    ] = 1.0
    haircut_increase: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Added to every haircut of the book's collateral assets.",
            examples=[0.1],
        ),
    ] = 0.0
    impact_factor: Annotated[
        float,
        Field(
            ge=1.0,
            le=1000.0,
            allow_inf_nan=False,
            description="Multiplies the price impact of forced and stop closes.",
            examples=[3.0],
        ),
    ] = 1.0


def read_venue_stress(
    document: Document, at: KeyPath, has_impact: bool, positions: Sequence[Position | None], findings: Findings
) -> VenueStress | None:
    """Check the table; None where there is none, or where it has faults.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table.
    has_impact : bool
        Whether the scenario states the impact of closes.
    positions : sequence of Position or None
        The book's; None for one with faults.
    findings : Findings
        Takes the faults, and a warning that names what is changed.
    """
    if document.at(at) is None:
        return None
    before = len(findings.faults)
    table = check_table(document, at, VenueStressTable, findings)
    if table is None:
        return None
    held = [position for position in positions if position is not None]
    parts = []
    if table.maintenance_factor != 1.0:
        parts.append(f"maintenance rates times {table.maintenance_factor:g}")
        for position in held:
            rate = 0.0 if position.is_collateral else table.maintenance_factor * _largest_rate(position)
            if rate >= 1.0:
                problem = f"a maintenance rate of {shown(position.symbol.name)} becomes {rate:.4g}, not below 1"
                findings.fault(document, (*at, "maintenance_factor"), problem, "lower the factor")
                break
    if table.haircut_increase != 0.0:
        parts.append(f"haircuts of collateral plus {table.haircut_increase:g}")
        assets = [position for position in held if _has_haircut(position)]
        highest = max((position.symbol.tiers.maintenance_rates[-1] for position in assets), default=0.0)
        if not assets and None not in positions:
            problem = "the book holds no asset with a haircut"
            findings.fault(document, (*at, "haircut_increase"), problem, "remove the key")
        elif highest + table.haircut_increase > 1.0:
            problem = f"a haircut of {highest:g} becomes {highest + table.haircut_increase:g}, above 1"
            findings.fault(document, (*at, "haircut_increase"), problem, f"give at most {1.0 - highest:g}")
    if table.impact_factor != 1.0:
        parts.append(f"price impact of closes times {table.impact_factor:g}")
        if not has_impact:
            problem = "`impact_factor` stands without [liquidation_impact]"
            findings.fault(document, (*at, "impact_factor"), problem, "state the impact of quiet markets there")
    if len(findings.faults) > before:
        return None
    if parts:
        problem = f"from the start the venue's rules are not those of its rule pack: {', '.join(parts)}"
        remedy = "read liquidation prices and probabilities as those of the stressed rules"
        findings.notice(document, at, problem, remedy)
    return VenueStress(table.maintenance_factor, table.haircut_increase, table.impact_factor)


def under_stress(positions: Sequence[Position], stress: VenueStress | None) -> tuple[Position, ...]:
    """Positions under the stressed rules: rates and haircuts of every tier; floors stay where they are.

    The largest leverage of a tier falls to the inverse of its rate where that is less, as in every rule pack.
    """
    return tuple(positions) if stress is None else tuple(_stressed(position, stress) for position in positions)


def stressed_impact(impact: Impact | None, stress: VenueStress | None) -> Impact | None:
    """Impact of closes in the thinner market."""
    return impact if impact is None or stress is None else replace(impact, stress=impact.stress * stress.impact_factor)


def _stressed(position: Position, stress: VenueStress) -> Position:
    symbol, factor = position.symbol, stress.maintenance_factor
    rates = symbol.tiers.maintenance_rates
    if position.is_collateral:
        rise = stress.haircut_increase if _has_haircut(position) else 0.0
        tiers = replace(symbol.tiers, maintenance_rates=tuple(rate + rise for rate in rates))
        return replace(position, symbol=replace(symbol, tiers=tiers))
    if factor == 1.0 or symbol.contract == "spot":
        return position
    raised = tuple(rate * factor for rate in rates)
    leverages = tuple(
        min(leverage, 1.0 / rate) for leverage, rate in zip(symbol.tiers.maximal_leverages, raised, strict=True)
    )
    tiers = replace(symbol.tiers, maintenance_rates=raised, maximal_leverages=leverages)
    # Where the rate rises with size, it does so in proportion.
    rules = replace(symbol.rules, size_factor=symbol.rules.size_factor * factor)
    return replace(position, symbol=replace(symbol, tiers=tiers, rules=rules))


def _has_haircut(position: Position) -> bool:
    """A debt has none: all of it counts."""
    return position.is_collateral and position.quantity > 0.0


def _largest_rate(position: Position) -> float:
    return max(notional_lines(position.quantity, position.symbol.tiers, position.symbol.rules).slopes)
