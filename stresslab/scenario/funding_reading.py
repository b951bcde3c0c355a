"""The table ``[market.funding]`` of a scenario: its keys, and what they must be together with book and step."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration, Name, PathText
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, is_table
from stresslab.market.funding import FundingSpecification
from stresslab.market.funding_file import (
    Correlation,
    FundingCalibration,
    Rate,
    Share,
    Size,
    funding_calibration_from,
    open_funding_calibration,
)
from stresslab.market.premium import Premium, PremiumLaw
from stresslab.scenario.calibration_age import tell_age

_MEAN = Field(description="Mean of the premium in the long run, a rate of one interval.", examples=[0.0])
_DEVIATION = Field(description="Standard deviation of the premium in the long run.", examples=[0.0003])
_HALF_LIFE = Field(description="Time in which half of a departure from the mean is gone.", examples=["12h"])
_CORRELATION = Field(description="Correlation of the premium's moves with the price's.", examples=[0.2])
_LIKE = Field(description="The calibrated asset whose premium it has.", examples=["XRP"])
_OWN_FIGURES = ("premium_mean", "premium_deviation", "premium_half_life", "price_correlation")
_DEFAULT_INTEREST, _DEFAULT_CLAMP = 0.0001, 0.0005


class AssetFundingTable(BaseModel):
    """What one asset's premium does differently."""

    model_config = TABLE
    like: Annotated[Name | None, _LIKE] = None
    premium_mean: Annotated[Rate | None, _MEAN] = None
    premium_deviation: Annotated[Size | None, _DEVIATION] = None
    premium_half_life: Annotated[Duration | None, _HALF_LIFE] = None
    price_correlation: Annotated[Correlation | None, _CORRELATION] = None


class FundingTable(BaseModel):
    """Funding payments between longs and shorts, settled out of each pool's collateral."""

    model_config = TABLE
    interval: Annotated[
        Duration | None,
        Field(description="Between settlements, a whole number of steps; default: the rule pack's.", examples=["8h"]),
    ] = None
    calibration: Annotated[
        PathText | None,
        Field(description="A funding calibration: a path, or a shipped name.", examples=["binance-usdm-four-2024-06"]),
    ] = None
    interest_rate: Annotated[
        Rate | None,
        Field(description="Interest of one interval; default: the calibration's, else 0.0001.", examples=[0.0001]),
    ] = None
    clamp: Annotated[
        Size | None,
        Field(
            description="Most by which the rate leaves the premium; default: the calibration's, else 0.0005.",
            examples=[0.0005],
        ),
    ] = None
    cap: Annotated[
        Size | None, Field(description="Largest absolute rate of an interval; default: none.", examples=[0.02])
    ] = None
    own_correlation: Annotated[
        Share | None,
        Field(
            description="Correlation of the draws of any two premiums that are not the price's; default: the "
            "calibration's, else 0.",
            examples=[0.9],
        ),
    ] = None
    premium_mean: Annotated[Rate, _MEAN] = 0.0
    premium_deviation: Annotated[Size | None, _DEVIATION] = None
    premium_half_life: Annotated[Duration | None, _HALF_LIFE] = None
    price_correlation: Annotated[Correlation, _CORRELATION] = 0.0
    assets: SkipValidation[dict[str, AssetFundingTable]] = Field(
        default={}, description="Figures of single assets, in place of the table's own and of the calibration's."
    )


def read_funding(
    document: Document,
    at: KeyPath,
    assets: Sequence[str],
    pack_interval: float | None,
    step: int,
    start: dt.datetime | None,
    findings: Findings,
) -> tuple[FundingSpecification | None, str | None]:
    """Check the table ``[market.funding]``.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table, which is there.
    assets : sequence of str
        Underlyings of the book, in the order of the market's asset axis.
    pack_interval : float or None
        Hours between settlements by the rule pack; None where the book or its pack have faults.
    step : int
        Length of a step in minutes.
    start : datetime.datetime or None
        When the scenario begins, in UTC; None where it does not say.
    findings : Findings
        Takes the faults, and a notice where the calibration is old by then.

    Returns
    -------
    tuple of FundingSpecification or None, and str or None
        None where there are faults; and the text of the calibration that the table names.
    """
    before = len(findings.faults)
    table = check_table(document, at, FundingTable, findings)
    own = _own(document, (*at, "assets"), assets, findings)
    if table is None:
        return None, None
    calibration = None
    if table.calibration is not None:
        opened = open_funding_calibration(table.calibration, document, (*at, "calibration"), findings)
        calibration = None if opened is None else funding_calibration_from(opened, findings)
        if calibration is None:
            return None, None  # whether a figure is missing cannot be told
        tell_age(document, (*at, "calibration"), calibration.name, calibration.as_of, start, findings)
    interval = _interval(document, at, table, pack_interval, step, calibration, findings)
    found = []
    for asset in assets:
        premium = _premium(document, at, asset, table, own.get(asset), calibration, findings)
        if premium is not None:
            found.append(premium)
        elif asset not in own and calibration is None:
            break  # what the table lacks, it lacks for every other asset too
    if len(findings.faults) > before or interval is None or len(found) < len(assets):
        return None, None

    def stated(value: float | None, calibrated: str, default: float) -> float:
        if value is not None:
            return value
        return default if calibration is None else float(getattr(calibration, calibrated))

    specification = FundingSpecification(
        interval=interval / 1440,
        interest_rate=stated(table.interest_rate, "interest_rate", _DEFAULT_INTEREST),
        clamp=stated(table.clamp, "clamp", _DEFAULT_CLAMP),
        cap=math.inf if table.cap is None else table.cap,
        premiums=tuple(found),
        own_correlation=stated(table.own_correlation, "own_correlation", 0.0),
    )
    return specification, None if calibration is None else calibration.text


def _interval(
    document: Document,
    at: KeyPath,
    table: FundingTable,
    pack_interval: float | None,
    step: int,
    calibration: FundingCalibration | None,
    findings: Findings,
) -> int | None:
    """Minutes between settlements; None where they cannot be told."""
    place: KeyPath = at if table.interval is None else (*at, "interval")
    if table.interval is not None:
        interval = minutes_of(table.interval)
    elif pack_interval is not None:
        interval = round(pack_interval * 60)
    else:
        return None
    if interval % step:
        problem = f"funding settles every {duration_text(interval)}, which is no whole number of steps of "
        problem += duration_text(step)
        findings.fault(document, place, problem, "choose a step that divides the interval")
    if calibration is not None and calibration.interval != interval:
        problem = (
            f"funding settles every {duration_text(interval)}, and the calibration {shown(calibration.name)} is of "
        )
        problem += f"rates of {duration_text(calibration.interval)}"
        remedy = f'write interval = "{duration_text(calibration.interval)}", or name a calibration of this interval'
        findings.fault(document, place, problem, remedy)
    return interval


def _premium(
    document: Document,
    at: KeyPath,
    asset: str,
    table: FundingTable,
    own: AssetFundingTable | None,
    calibration: FundingCalibration | None,
    findings: Findings,
) -> Premium | None:
    """An asset's own figures, else the calibration's, else the table's; a fault where none of them holds it."""
    states_figures = own is not None and any(getattr(own, key) is not None for key in _OWN_FIGURES)
    if own is not None and own.like is not None:
        return _like(document, (*at, "assets", asset), own.like, states_figures, calibration, findings)
    if calibration is not None and not states_figures and asset in calibration.premiums:
        return calibration.premiums[asset]
    figures: dict[str, Any] = {key: getattr(own, key, None) for key in _OWN_FIGURES}
    figures = {key: getattr(table, key) if value is None else value for key, value in figures.items()}
    missing = [key for key in _OWN_FIGURES if figures[key] is None]
    if missing:
        listed = " and ".join(f"`{key}`" for key in missing)
        are = "is" if len(missing) == 1 else "are"
        if calibration is None:
            problem = f"{listed} {are} missing"
            remedy = 'add premium_deviation = 0.0003 and premium_half_life = "12h", or name a calibration'
        elif states_figures:
            problem = f"{listed} of {shown(asset)} {are} missing"
            remedy = "give all of its figures: they replace those of the calibration"
        else:
            problem = f"the calibration {shown(calibration.name)} holds no premium of {shown(asset)}"
            remedy = f'add [market.funding.assets.{asset}] with like = "{next(iter(calibration.premiums))}", or figures'
        findings.fault(document, (*at, "assets", asset) if states_figures else at, problem, remedy)
        return None
    return Premium(
        law=PremiumLaw.normal(figures["premium_mean"], figures["premium_deviation"]),
        half_life=minutes_of(figures["premium_half_life"]) / 1440,
        price_correlation=figures["price_correlation"],
    )


def _like(
    document: Document,
    at: KeyPath,
    like: str,
    states_figures: bool,
    calibration: FundingCalibration | None,
    findings: Findings,
) -> Premium | None:
    if states_figures:
        findings.fault(document, at, "the asset is like another and has figures of its own", "keep one of the two")
        return None
    if calibration is None:
        problem, remedy = (
            "the table names no calibration whose asset could be meant",
            "add calibration, or give figures",
        )
        findings.fault(document, (*at, "like"), problem, remedy)
        return None
    if like not in calibration.premiums:
        problem = f"the calibration {shown(calibration.name)} holds no premium of {shown(like)}"
        findings.fault(document, (*at, "like"), problem, suggestion(like, tuple(calibration.premiums), "assets"))
        return None
    return calibration.premiums[like]


def _own(document: Document, at: KeyPath, assets: Sequence[str], findings: Findings) -> dict[str, AssetFundingTable]:
    tables = document.at(at)
    if tables is None or not is_table(document, at, findings):
        return {}
    own = {}
    for asset in tables:
        if asset not in assets:
            problem = f"the book holds nothing on {shown(asset)}"
            findings.fault(document, (*at, asset), problem, suggestion(asset, assets, "underlyings"))
        table = check_table(document, (*at, asset), AssetFundingTable, findings)
        if table is not None:
            own[asset] = table
    return own
