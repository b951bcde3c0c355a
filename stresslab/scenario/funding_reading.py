"""The table ``[market.funding]`` of a scenario: its keys, and what they must be together with book and step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, is_table
from stresslab.market.funding import FundingSpecification

Rate = Annotated[float, Field(ge=-0.1, le=0.1, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0.0, le=0.1, allow_inf_nan=False)]
Correlation = Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]

_MEAN = Field(description="Mean of the premium in the long run, a rate of one interval.", examples=[0.0])
_DEVIATION = Field(description="Standard deviation of the premium in the long run.", examples=[0.0003])
_HALF_LIFE = Field(description="Time in which half of a departure from the mean is gone.", examples=["12h"])
_CORRELATION = Field(description="Correlation of the premium's moves with the price's.", examples=[0.2])


class AssetFundingTable(BaseModel):
    """What one asset's premium does differently."""

    model_config = TABLE
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
    interest_rate: Annotated[Rate, Field(description="Interest of one interval.", examples=[0.0001])] = 0.0001
    clamp: Annotated[Size, Field(description="Most by which the rate leaves the premium.", examples=[0.0005])] = 0.0005
    cap: Annotated[
        Size | None, Field(description="Largest absolute rate of an interval; default: none.", examples=[0.02])
    ] = None
    premium_mean: Annotated[Rate, _MEAN] = 0.0
    premium_deviation: Annotated[Size, _DEVIATION]
    premium_half_life: Annotated[Duration, _HALF_LIFE]
    price_correlation: Annotated[Correlation, _CORRELATION] = 0.0
    assets: SkipValidation[dict[str, AssetFundingTable]] = Field(
        default={}, description="Figures of single assets, in place of the table's own."
    )


def read_funding(
    document: Document,
    at: KeyPath,
    assets: Sequence[str],
    pack_interval: float | None,
    step: int,
    findings: Findings,
) -> FundingSpecification | None:
    """Check the table ``[market.funding]``; None where it has faults.

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
    findings : Findings
        Takes the faults.
    """
    before = len(findings.faults)
    table = check_table(document, at, FundingTable, findings)
    own = _own(document, (*at, "assets"), assets, findings)
    if table is None:
        return None
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
    if len(findings.faults) > before:
        return None

    def figures(key: str) -> list[float | str]:
        stated = [None if asset not in own else getattr(own[asset], key) for asset in assets]
        return [getattr(table, key) if value is None else value for value in stated]

    return FundingSpecification(
        interval=interval / 1440,
        interest_rate=table.interest_rate,
        clamp=table.clamp,
        cap=math.inf if table.cap is None else table.cap,
        premium_means=np.array(figures("premium_mean"), dtype=np.float64),
        premium_deviations=np.array(figures("premium_deviation"), dtype=np.float64),
        premium_half_lives=np.array([minutes_of(str(text)) / 1440 for text in figures("premium_half_life")]),
        price_correlations=np.array(figures("price_correlation"), dtype=np.float64),
    )


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
