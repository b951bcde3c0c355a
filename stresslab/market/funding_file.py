"""Funding calibrations: the premiums of assets, from a TOML file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Any

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import TABLE, Duration, Name, SchemaNumber
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, is_table, key_meant, keys_of, open_document
from stresslab.market.calibration_file import SHIPPED
from stresslab.market.premium import Premium, PremiumLaw

SHIPPED_FUNDING = SHIPPED / "funding"

Rate = Annotated[float, Field(ge=-0.1, le=0.1, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0.0, le=0.1, allow_inf_nan=False)]
Correlation = Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Side = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
_Tail = Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)]


class PremiumTable(BaseModel):
    """One asset's premium, as fitted."""

    model_config = TABLE
    share_below: Annotated[_Side, Field(description="Share of rates below the interest.", examples=[0.38])]
    share_above: Annotated[_Side, Field(description="Share of rates above the interest.", examples=[0.19])]
    scale_below: Annotated[Size, Field(description="Growth of the lower side with the score.", examples=[0.00011])]
    tail_below: Annotated[_Tail, Field(description="Fatness of the lower tail; 0 for a normal one.", examples=[0.16])]
    scale_above: Annotated[Size, Field(description="Growth of the upper side with the score.", examples=[0.0006])]
    tail_above: Annotated[_Tail, Field(description="Fatness of the upper tail.", examples=[0.15])]
    half_life: Annotated[Duration, Field(description="Of the fast part.", examples=["12h"])]
    price_correlation: Annotated[Correlation, Field(description="Of the fast part's draw.", examples=[0.0])]
    slow_share: Annotated[Share, Field(description="Part of the score's variance that is slow.", examples=[0.7])]
    slow_half_life: Annotated[Duration, Field(description="Of the slow part.", examples=["30d"])]
    slow_price_correlation: Annotated[Correlation, Field(description="Of the slow part's draw.", examples=[0.7])]


class FundingFile(BaseModel):
    """Premiums fitted to funding history."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", examples=[1])]
    name: Annotated[Name, Field(description="The calibration's name.", examples=["binance-usdm-four-2024-06"])]
    as_of: Annotated[dt.date, Field(description="Last day of the history.", examples=[dt.date(2024, 6, 30)])]
    interval: Annotated[Duration, Field(description="Between settlements.", examples=["8h"])]
    interest_rate: Annotated[Rate, Field(description="Interest of one interval.", examples=[0.0001])]
    clamp: Annotated[Size, Field(description="Most by which the rate leaves the premium.", examples=[0.0005])]
    own_correlation: Annotated[
        Share, Field(description="Correlation of any two assets' own draws.", examples=[0.9])
    ] = 0.0
    premiums: SkipValidation[dict[str, PremiumTable]] = Field(
        description="Figures by asset.", json_schema_extra={"minProperties": 1}
    )
    history: SkipValidation[dict[str, Any]] = Field(
        default={}, description="Where the figures come from, in free form."
    )


@dataclass(frozen=True)
class FundingCalibration:
    """Premiums fitted to funding history, checked.

    Parameters
    ----------
    name : str
        Its name.
    as_of : datetime.date
        Last day of the history.
    interval : int
        Minutes between settlements.
    interest_rate, clamp : float
        Of one interval.
    own_correlation : float
        Of any two assets' own draws, 0 to 1.
    premiums : mapping of str to Premium
        By asset.
    text : str
        The file as it was read.
    """

    name: str
    as_of: dt.date
    interval: int
    interest_rate: float
    clamp: float
    own_correlation: float
    premiums: Mapping[str, Premium]
    text: str


def shipped_funding_calibrations() -> tuple[str, ...]:
    """Names of the funding calibrations that come with stresslab, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED_FUNDING.glob("*.toml")))


def open_funding_calibration(reference: str, document: Document, at: KeyPath, findings: Findings) -> Document | None:
    """Open the funding calibration that a scenario names at a path: a file beside the scenario, or a shipped one."""
    if reference.endswith(".toml"):
        path = document.folder / reference
    elif reference in shipped_funding_calibrations():
        path = SHIPPED_FUNDING / f"{reference}.toml"
    else:
        remedy = suggestion(reference, shipped_funding_calibrations(), "funding calibrations")
        problem = f"there is no funding calibration {shown(reference)}"
        findings.fault(document, at, problem, f"{remedy} (a path to one ends in .toml)")
        return None
    return open_document(Path(path), str(path), findings, (document, at))


def funding_calibration_from(document: Document, findings: Findings) -> FundingCalibration | None:
    """Check a parsed file as a funding calibration; None where it has faults."""
    if not is_kind(document, "funding", findings):
        return None
    before = len(findings.faults)
    head = check_table(document, (), FundingFile, findings)
    at = (key_meant(document.data, "premiums", keys_of(FundingFile)),)
    tables = document.at(at)
    premiums: dict[str, Premium] = {}
    if tables is not None and is_table(document, at, findings):
        if not tables:
            findings.fault(document, at, "the calibration holds no asset", "add at least one table [premiums.NAME]")
        for asset in tables:
            table = check_table(document, (*at, asset), PremiumTable, findings)
            if table is not None and _fits(document, (*at, asset), table, findings) and head is not None:
                premiums[asset] = _premium(table, head)
    if head is None or not document.sound or len(findings.faults) > before:
        return None
    return FundingCalibration(
        name=head.name,
        as_of=head.as_of,
        interval=minutes_of(head.interval),
        interest_rate=head.interest_rate,
        clamp=head.clamp,
        own_correlation=head.own_correlation,
        premiums=premiums,
        text=document.text,
    )


def _fits(document: Document, at: KeyPath, table: PremiumTable, findings: Findings) -> bool:
    """Whether the figures of one table go together."""
    if table.share_below + table.share_above > 1.0:
        problem = f"the shares below and above the interest add up to {table.share_below + table.share_above:g}"
        findings.fault(document, (*at, "share_above"), problem, "give shares that add up to at most 1")
        return False
    if table.price_correlation**2 + table.slow_price_correlation**2 > 1.0:
        problem = "the squares of the two correlations with the price add up to more than 1"
        findings.fault(document, (*at, "slow_price_correlation"), problem, "give smaller ones")
        return False
    return True


def _premium(table: PremiumTable, head: FundingFile) -> Premium:
    normal = NormalDist()
    low = normal.inv_cdf(table.share_below)
    law = PremiumLaw(
        low_score=low,
        high_score=max(low, -normal.inv_cdf(table.share_above)),
        low_premium=head.interest_rate - head.clamp,
        high_premium=head.interest_rate + head.clamp,
        low_scale=table.scale_below,
        high_scale=table.scale_above,
        low_tail=table.tail_below,
        high_tail=table.tail_above,
    )
    return Premium(
        law=law,
        half_life=minutes_of(table.half_life) / 1440,
        price_correlation=table.price_correlation,
        slow_share=table.slow_share,
        slow_half_life=minutes_of(table.slow_half_life) / 1440,
        slow_price_correlation=table.slow_price_correlation,
    )
