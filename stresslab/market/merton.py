"""Merton's jump diffusion with common and own jumps (METHODS M42): Brownian motion, and jumps with normal logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stresslab.market import gbm, jumps
from stresslab.market.parameters import Between, ByAsset, by_asset, figures_of, leaf
from stresslab.market.process import correlation_factor
from stresslab.market.specification import MarketSpecification

SUMMARY = "jump diffusion: Brownian motion with common and own jumps, their logs normal"

# One jump a step on average: a finer step is called for long before.
MOST_JUMPS_A_STEP = 1.0

Mean = Annotated[ByAsset, Between(-1.0, 1.0)]
Deviation = Annotated[ByAsset, Between(0.0, 1.0)]
COMMON_MEAN = Field(description="Mean log size of a common jump.", examples=[-0.05])
COMMON_DEVIATION = Field(description="Standard deviation of the log size of a common jump.", examples=[0.06])
OWN_MEAN = Field(description="Mean log size of an asset's own jump.", examples=[-0.02])
OWN_DEVIATION = Field(description="Standard deviation of the log size of an asset's own jump.", examples=[0.05])


class Parameters(BaseModel):
    """Jumps beside volatilities, drifts and correlation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    common_jump_rate: jumps.CommonRate
    common_jump_mean: Annotated[Mean, COMMON_MEAN] = 0.0
    common_jump_deviation: Annotated[Deviation, COMMON_DEVIATION] = 0.0
    own_jump_rate: jumps.OwnRate
    own_jump_mean: Annotated[Mean, OWN_MEAN] = 0.0
    own_jump_deviation: Annotated[Deviation, OWN_DEVIATION] = 0.0


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """Jumps must be fewer than steps."""
    rates = [*figures_of(parameters["common_jump_rate"]), *figures_of(parameters["own_jump_rate"])]
    return jumps.too_many(rates, step, MOST_JUMPS_A_STEP)


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Those of Brownian motion and of the jumps."""
    return (*gbm.streams(assets), *jumps.normal_streams(assets))


def build(specification: MarketSpecification, step: float) -> jumps.Jumping:
    """Parameters as arrays, the drift compensated so that E[S(T)] = S(0) exp(drift T).

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; its volatilities are those of the Brownian part.
    step : float
        Length of a step in days.
    """
    return jumps.Jumping(gbm.build(compensated(specification), step), build_jumps(specification, step))


def compensated(specification: MarketSpecification) -> MarketSpecification:
    """The market with drifts that make up for what normal jumps add: rate (E[e^J] - 1) for each kind (M42)."""
    added = np.zeros(len(specification.assets))
    for kind in ("common", "own"):
        rate, mean, deviation = (
            by_asset(specification, f"{kind}_jump_{name}") for name in ("rate", "mean", "deviation")
        )
        added += (rate * np.expm1(mean + 0.5 * deviation**2))[:, 0]
    return replace(specification, drifts=specification.drifts - added)


def build_jumps(specification: MarketSpecification, step: float) -> jumps.NormalJumps:
    """Normal jumps as arrays; sizes of a common jump are correlated as the assets are."""
    years = step / 365.0
    common, own = (by_asset(specification, f"{kind}_jump_rate") for kind in ("common", "own"))
    return jumps.NormalJumps(
        common=jumps.poisson_thresholds(common[0] * years)[:, 0],  # type: ignore[arg-type]
        own=jumps.poisson_thresholds(own * years),  # type: ignore[arg-type]
        common_mean=leaf(by_asset(specification, "common_jump_mean")),
        common_deviation=leaf(by_asset(specification, "common_jump_deviation")),
        own_mean=leaf(by_asset(specification, "own_jump_mean")),
        own_deviation=leaf(by_asset(specification, "own_jump_deviation")),
        factor=leaf(correlation_factor(specification.correlation)),
    )
