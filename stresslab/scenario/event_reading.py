"""What befalls an account besides prices: when it starts, the impact of its closes, auto-deleveraging by the venue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SkipValidation

from stresslab.book.book import Position
from stresslab.documents.fields import TABLE, Money, refuse
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import name_problem, shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, check_values, is_table, key_meant, keys_of
from stresslab.scenario.scenario import AutoDeleveraging, Impact

FIRST_YEAR, LAST_YEAR = 1970, 2200


def _in_utc(value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        remedy = f"write it in UTC: {value.isoformat(timespec='seconds')}Z"
        refuse(f"the time {value.isoformat(timespec='seconds')} has no time zone", remedy)
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        refuse(f"the year {value.year} is far from any market", f"give a year from {FIRST_YEAR} to {LAST_YEAR}")
    return value.astimezone(dt.UTC)


Start = Annotated[dt.datetime, AfterValidator(_in_utc)]


class ImpactTable(BaseModel):
    """Price impact of a close that must happen now: stress * daily volatility * sqrt(notional / daily volume)."""

    model_config = TABLE
    stress: Annotated[
        float,
        Field(gt=0.0, le=1000.0, allow_inf_nan=False, description="Factor; 1 in quiet markets.", examples=[2.0]),
    ]
    daily_volumes: Annotated[
        SkipValidation[dict[str, Money]],
        Field(
            description="Quote money traded in a day, for every underlying of the book.",
            examples=[{"BTC": 2e10, "ETH": 1e10}],
        ),
    ]


class AutoDeleveragingTable(BaseModel):
    """Winning positions closed by the venue after a large move."""

    model_config = TABLE
    probability: Annotated[
        float,
        Field(
            gt=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="With which each winning leg on an asset is closed in a step of such a move.",
            examples=[0.05],
        ),
    ]
    move: Annotated[
        float,
        Field(
            gt=0.0,
            le=100.0,
            allow_inf_nan=False,
            description="Absolute move of the asset's log price within a step above which it happens.",
            examples=[0.1],
        ),
    ]


class _One(BaseModel):
    model_config = TABLE
    volume: Money


def read_impact(
    document: Document,
    at: KeyPath,
    positions: Sequence[Position | None],
    findings: Findings,
    simulated: Collection[str] = (),
) -> Impact | None:
    """Check the table ``[liquidation_impact]``; None where there is none, or where it has faults.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table.
    positions : sequence of Position or None
        The book's; None for one with faults, empty where the book could not be read.
    findings : Findings
        Takes the faults.
    simulated : collection of str
        Assets that may be stated though the book holds nothing on them, since other books of the scenario may.
    """
    if document.at(at) is None:
        return None
    before = len(findings.faults)
    table = check_table(document, at, ImpactTable, findings)
    raw = document.at(at)
    if not isinstance(raw, dict):
        return None
    volumes_at = (*at, key_meant(raw, "daily_volumes", keys_of(ImpactTable)))
    stated = document.at(volumes_at)
    volumes: dict[str, float] = {}
    if stated is not None and is_table(document, volumes_at, findings):
        assets = dict.fromkeys(position.symbol.underlying for position in positions if position is not None)
        for asset in stated:
            one = check_values(document, volumes_at, {"volume": stated[asset]}, _One, findings, {"volume": asset})
            if one is not None:
                volumes[asset] = one.volume
            is_known = asset in assets or asset in simulated
            if positions and None not in positions and not is_known and name_problem(asset) is None:
                problem = f"the book holds nothing on {shown(asset)}"
                remedy = suggestion(asset, assets, "underlyings")
                findings.fault(document, (*volumes_at, asset), problem, remedy, key=True)
        for asset in assets:
            if asset not in stated:
                problem = f"the daily volume of {shown(asset)} is missing, which the book holds"
                findings.fault(document, volumes_at, problem, f"add {asset} = 1e9, the quote money traded in a day")
    if table is None or len(findings.faults) > before:
        return None
    return Impact(table.stress, volumes)


def read_auto_deleveraging(document: Document, at: KeyPath, findings: Findings) -> AutoDeleveraging | None:
    """Check the table ``[auto_deleveraging]``; None where there is none, or where it has faults.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table.
    findings : Findings
        Takes the faults.
    """
    if document.at(at) is None:
        return None
    table = check_table(document, at, AutoDeleveragingTable, findings)
    return None if table is None else AutoDeleveraging(table.probability, table.move)
