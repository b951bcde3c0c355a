"""Kou's jump diffusion with common and own jumps: Brownian motion, and jumps with double exponential logs.

S. G. Kou, "A jump-diffusion model for option pricing" (2002). Logs of jumps are exponential upward with probability p
and downward otherwise, so large jumps are likelier than under normal logs of equal variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stresslab.market import gbm, jumps
from stresslab.market.parameters import Between, ByAsset, by_asset, figures_of, leaf
from stresslab.market.specification import MarketSpecification

SUMMARY = "jump diffusion: Brownian motion with common and own jumps, their logs exponential both ways"

# Two chances of n / 2 each in place of a Poisson number of mean n: its variance is lower by the share n / 2.
MOST_JUMPS_A_STEP = 0.1


class Parameters(BaseModel):
    """Jumps beside volatilities, drifts and correlation; common and own jumps are of one size."""

    model_config = ConfigDict(extra="forbid", strict=True)

    common_jump_rate: jumps.CommonRate
    own_jump_rate: jumps.OwnRate
    up_probability: Annotated[
        ByAsset, Between(0.0, 1.0), Field(description="Probability that a jump goes up.", examples=[0.4])
    ]
    mean_rise: Annotated[ByAsset, Between(0.0, 0.5), Field(description="Mean log size of a jump up.", examples=[0.03])]
    mean_fall: Annotated[
        ByAsset, Between(0.0, 1.0), Field(description="Mean log size of a jump down, positive.", examples=[0.05])
    ]


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """Jumps must be rarer than one in ten steps."""
    rates = [*figures_of(parameters["common_jump_rate"]), *figures_of(parameters["own_jump_rate"])]
    return jumps.too_many(rates, step, MOST_JUMPS_A_STEP)


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Those of Brownian motion and of the jumps."""
    return (*gbm.streams(assets), *jumps.double_exponential_streams(assets))


def build(specification: MarketSpecification, step: float) -> jumps.Jumping:
    """Parameters as arrays, the drift compensated so that E[S(T)] = S(0) exp(drift T) on the grid.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; its volatilities are those of the Brownian part.
    step : float
        Length of a step in days.
    """
    years = step / 365.0
    up, rise, fall = (by_asset(specification, key) for key in ("up_probability", "mean_rise", "mean_fall"))
    chances = {kind: 0.5 * years * by_asset(specification, f"{kind}_jump_rate") for kind in ("common", "own")}
    growth = up / (1.0 - rise) + (1.0 - up) / (1.0 + fall) - 1.0
    added = sum(2.0 * np.log1p(chance * growth) for chance in chances.values()) / years
    plain = replace(specification, drifts=specification.drifts - np.asarray(added)[:, 0])
    return jumps.Jumping(
        gbm.build(plain, step),
        jumps.DoubleExponentialJumps(
            common=jumps.threshold(chances["common"][0, 0]),  # type: ignore[arg-type]
            own=jumps.threshold(chances["own"]),  # type: ignore[arg-type]
            up_probability=leaf(up),
            mean_rise=leaf(rise),
            mean_fall=leaf(fall),
        ),
    )
