"""Bates's model: Heston's stochastic volatility, with common and own jumps as in Merton's (METHODS M42, M44)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from stresslab.market import heston, jumps, merton
from stresslab.market.specification import MarketSpecification

SUMMARY = "Bates's model: Heston's stochastic volatility with common and own jumps, their logs normal"


class Parameters(BaseModel):
    """Law of the variance, and jumps."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mean_reversion: heston.Reversion
    volatility_of_variance: heston.VarianceVolatility
    leverage_correlation: heston.Leverage = 0.0
    start_volatility: heston.StartVolatility = None
    common_jump_rate: jumps.CommonRate
    common_jump_mean: Annotated[merton.Mean, merton.COMMON_MEAN] = 0.0
    common_jump_deviation: Annotated[merton.Deviation, merton.COMMON_DEVIATION] = 0.0
    own_jump_rate: jumps.OwnRate
    own_jump_mean: Annotated[merton.Mean, merton.OWN_MEAN] = 0.0
    own_jump_deviation: Annotated[merton.Deviation, merton.OWN_DEVIATION] = 0.0


def step_fault(parameters: Mapping[str, Any], step: float) -> str | None:
    """What either part asks of the step."""
    return heston.step_fault(parameters, step) or merton.step_fault(parameters, step)


def streams(assets: Sequence[str]) -> tuple[str, ...]:
    """Those of Heston's model and of the jumps."""
    return (*heston.streams(assets), *jumps.normal_streams(assets))


def build(specification: MarketSpecification, step: float) -> jumps.Jumping:
    """Parameters as arrays, the drift compensated so that E[S(T)] = S(0) exp(drift T).

    Parameters
    ----------
    specification : MarketSpecification
        A checked market.
    step : float
        Length of a step in days.
    """
    return jumps.Jumping(heston.build(merton.compensated(specification), step), merton.build_jumps(specification, step))
