"""The tables of a scenario's file: keys, types and ranges (DESIGN 7.2)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.fields import TABLE, Drift, Duration, Money, Name, PathText, Price, SchemaNumber, Volatility
from stresslab.market.correlation import CorrelationTable
from stresslab.market.models import MODELS
from stresslab.market.seasonality import ProfileTable
from stresslab.scenario.analysis import AnalysisTable
from stresslab.scenario.event_reading import AutoDeleveragingTable, ImpactTable, Start
from stresslab.scenario.funding_reading import FundingTable
from stresslab.scenario.stress_reading import StressTable
from stresslab.scenario.venue_stress import VenueStressTable

MOST_PATHS = 1_000_000_000
LARGEST_SEED = 2**63 - 1

Paths = Annotated[int, Field(ge=1, le=MOST_PATHS)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class AssetTable(BaseModel):
    """One asset of the market."""

    model_config = TABLE
    price: Annotated[
        Price | None, Field(description="Price at the start; default: the book's mark price.", examples=[61000])
    ] = None
    volatility: Annotated[
        Volatility | None,
        Field(
            description="A year, of log returns; required without a calibration. 62 percent is 0.62.", examples=[0.62]
        ),
    ] = None
    drift: Annotated[Drift | None, Field(description="A year; default: the calibration's, else 0.", examples=[0.0])] = (
        None
    )


class MarketTable(BaseModel):
    """Where prices go: a model, and its figures inline or from a calibration."""

    model_config = TABLE
    model: Annotated[
        Name,
        Field(
            description="A price process, or a list of them.",
            examples=["gbm"],
            json_schema_extra={"enum": list(MODELS)},
        ),
    ]
    calibration: Annotated[
        PathText | None,
        Field(
            description="A shipped calibration, or a path to one that ends in .toml, relative to this file.",
            examples=["binance-spot-eight-2024-06"],
        ),
    ] = None
    funding: SkipValidation[FundingTable | None] = Field(
        default=None, description="Funding payments; without this table none are made."
    )
    stress: SkipValidation[StressTable | None] = Field(
        default=None, description="An overlay on top of the model's own figures."
    )
    seasonality: SkipValidation[ProfileTable | None] = Field(
        default=None,
        description="How volatile each hour of the week is; needs the scenario's start. Default: the calibration's.",
    )
    assets: SkipValidation[dict[str, AssetTable]] = Field(
        default={}, description="Figures by asset; beside a calibration they take its figures' place."
    )
    correlation: SkipValidation[CorrelationTable | None] = Field(
        default=None, description="Required for several assets without a calibration."
    )


class PoolTable(BaseModel):
    """Positions that share collateral."""

    model_config = TABLE
    name: Annotated[Name, Field(description="Unique name of the pool.", examples=["majors"])]
    positions: Annotated[
        list[Name], Field(min_length=1, description="Ids of positions.", examples=[["btc-long", "eth-short"]])
    ]
    collateral: Annotated[Money, Field(description="Money behind the pool.", examples=[120000])]


class ConfigurationTable(BaseModel):
    """One more way to margin the book; positions in no pool named here form the cross pool."""

    model_config = TABLE
    name: Annotated[Name, Field(description="Unique name of the configuration.", examples=["hedge pooled"])]
    pools: Annotated[
        SkipValidation[list[PoolTable]],
        Field(
            description="The pools, at least one; needed without `like`.",
            examples=[[{"name": "majors", "positions": ["btc-long", "eth-short"], "collateral": 120_000}]],
            json_schema_extra={"minItems": 1},
        ),
    ] = []
    like: Annotated[
        Name | None,
        Field(description="Instead of pools: the configuration whose pools it takes.", examples=["as_booked"]),
    ] = None
    policies: Annotated[
        list[Name], Field(description="Names of the policies that act on it.", examples=[["desk reserve"]])
    ] = []


class ScenarioFile(BaseModel):
    """A question to the simulator."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", description="Version of this format.", examples=[1])]
    name: Annotated[Name, Field(description="Title of the review.", examples=["2026 Q3 review"])]
    book: Annotated[
        PathText, Field(description="Path of the book, relative to this file.", examples=["books/desk_a.toml"])
    ]
    horizon: Annotated[Duration, Field(description="Length of the simulation.", examples=["90d"])]
    step: Annotated[Duration, Field(description="Length of a step; it divides the horizon.", examples=["1h"])]
    paths: Annotated[Paths, Field(description="Number of paths.", examples=[100000])]
    seed: Annotated[Seed, Field(description="Seed of all draws.", examples=[20260930])]
    start: Annotated[
        Start | None,
        Field(
            description="When it begins, in UTC; needed where a desk's delays depend on the hour or the day.",
            examples=["2026-10-01T00:00:00Z"],
        ),
    ] = None
    market: SkipValidation[MarketTable]
    configuration: SkipValidation[list[ConfigurationTable]] = Field(
        default=[], description="Further configurations beside as_booked, all_isolated and all_cross."
    )
    policy: SkipValidation[list[dict[str, Any]]] = Field(
        default=[], description="Policies that configurations switch on by name."
    )
    liquidation_impact: SkipValidation[ImpactTable | None] = Field(
        default=None, description="Price impact of forced and stop closes; without this table there is none."
    )
    auto_deleveraging: SkipValidation[AutoDeleveragingTable | None] = Field(
        default=None, description="Winning positions closed by the venue; without this table none are."
    )
    venue_stress: SkipValidation[VenueStressTable | None] = Field(
        default=None, description="Harsher rules of the venue and thinner markets from the start."
    )
    analysis: SkipValidation[AnalysisTable | None] = Field(
        default=None, description="What the full form of a review computes beside the run."
    )
