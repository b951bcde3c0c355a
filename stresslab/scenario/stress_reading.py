"""The table ``[market.stress]`` of a scenario: its keys, and what they must be together with model and step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table
from stresslab.market.condition import Condition
from stresslab.market.models import MODELS
from stresslab.market.parameters import Between, ByAsset
from stresslab.market.stress import RATE_KEYS, StressSpecification, diffusion_target, scaled_parameters, stressed

if TYPE_CHECKING:
    from stresslab.market.specification import MarketSpecification
    from stresslab.scenario.time_grid import TimeGrid


class ConditionTable(BaseModel):
    """Where the price of one asset stands at one time: paths are drawn given that."""

    model_config = TABLE
    asset: Annotated[Name, Field(description="An underlying of the book.", examples=["BTC"])]
    move: Annotated[
        float,
        Field(
            ge=-0.99,
            le=10.0,
            allow_inf_nan=False,
            description="How far its price is from the start price, as a share of it.",
            examples=[-0.3],
        ),
    ]
    within: Annotated[
        Duration, Field(description="When it stands there, from the start, a whole number of steps.", examples=["1d"])
    ]


class StressTable(BaseModel):
    """What is done to the model on top of its own figures."""

    model_config = TABLE
    volatility_factor: Annotated[
        float,
        Field(gt=0.0, le=10.0, allow_inf_nan=False, description="Multiplies every volatility.", examples=[1.5]),
    ] = 1.0
    correlation_shift: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Moves every correlation towards 1: 0 not at all, 1 wholly.",
            examples=[0.5],
        ),
    ] = 0.0
    jump_rate_factor: Annotated[
        float,
        Field(ge=0.0, le=100.0, allow_inf_nan=False, description="Multiplies every rate of jumps.", examples=[3.0]),
    ] = 1.0
    gap_size: Annotated[
        ByAsset | None,
        Between(-0.99, 10.0),
        Field(description="All prices jump by this share of themselves, by asset or one for all.", examples=[-0.3]),
    ] = None
    gap_time: Annotated[
        Duration | None, Field(description="When they do, from the start, a whole number of steps.", examples=["36h"])
    ] = None
    gap_half_life: Annotated[
        Duration | None,
        Field(
            description="Half of the gap's log is gone again in this time; without it the gap stays.", examples=["8h"]
        ),
    ] = None
    condition: Annotated[
        SkipValidation[ConditionTable | None],
        Field(
            description="Draw paths given that a price stands there then.",
            examples=[{"asset": "BTC", "move": -0.3, "within": "1d"}],
        ),
    ] = None


def read_stress(
    document: Document,
    at: KeyPath,
    model: str,
    parameters: Mapping[str, Any],
    assets: Sequence[str],
    grid: TimeGrid,
    findings: Findings,
) -> StressSpecification | None:
    """Check the table ``[market.stress]``; None where it has faults.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table, which is there.
    model, parameters : str, mapping
        The market's model and its own parameters.
    assets : sequence of str
        Underlyings of the book, in the order of the market's asset axis.
    grid : TimeGrid
        Horizon and step.
    findings : Findings
        Takes the faults.
    """
    before = len(findings.faults)
    table = check_table(document, at, StressTable, findings)
    if table is None:
        return None
    if table.correlation_shift > 0.0 and "histories" in parameters:
        problem = f"the model {shown(model)} draws whole rows of bars, whose correlation cannot be moved"
        findings.fault(document, (*at, "correlation_shift"), problem, "remove the key, or choose another model")
    if "file" in parameters:
        for key, neutral in (("volatility_factor", 1.0), ("correlation_shift", 0.0)):
            if getattr(table, key) != neutral:
                problem = f"the model {shown(model)} takes prices as they are"
                findings.fault(document, (*at, key), problem, "remove the key, or change the prices in the file")
    if table.jump_rate_factor != 1.0 and not any(key in parameters for key in RATE_KEYS):
        problem = f"the model {shown(model)} has no jumps"
        findings.fault(document, (*at, "jump_rate_factor"), problem, "remove the key, or choose a model with jumps")
    sizes = _gap_sizes(document, at, table, assets, findings)
    time = None if table.gap_time is None else minutes_of(table.gap_time)
    if (table.gap_size is None) != (time is None):
        stated, missing = ("gap_size", "gap_time") if time is None else ("gap_time", "gap_size")
        findings.fault(document, (*at, stated), f"`{stated}` stands without `{missing}`", "give both, or neither")
    elif time is not None and (time % grid.step or time > grid.horizon):
        problem = f"the gap at {duration_text(time)} is at the end of no step of {duration_text(grid.step)}"
        remedy = f"give a whole number of steps, up to the horizon of {duration_text(grid.horizon)}"
        findings.fault(document, (*at, "gap_time"), problem, remedy)
    half_life = None if table.gap_half_life is None else minutes_of(table.gap_half_life)
    if half_life is not None:
        _check_half_life(document, at, half_life, time, grid, findings)
    stress = StressSpecification(
        volatility_factor=table.volatility_factor,
        correlation_shift=table.correlation_shift,
        jump_rate_factor=table.jump_rate_factor,
        gap_time=None if time is None else time / 1440.0,
        gap_sizes=sizes,
        condition=_condition(document, (*at, "condition"), model, assets, grid, findings),
        gap_half_life=None if half_life is None else half_life / 1440.0,
    )
    step, check = grid.step / 1440.0, MODELS[model].step_fault
    problem_of_step = None if check(parameters, step) else check(scaled_parameters(parameters, stress), step)
    if problem_of_step is not None:
        findings.fault(document, (*at, "jump_rate_factor"), problem_of_step, "lower the factor, or shorten the step")
    return stress if len(findings.faults) == before else None


def _check_half_life(
    document: Document, at: KeyPath, half_life: int, time: int | None, grid: TimeGrid, findings: Findings
) -> None:
    here = (*at, "gap_half_life")
    if time is None:
        findings.fault(document, here, "`gap_half_life` stands without `gap_time`", "give both, or remove it")
    elif half_life < grid.step:
        problem = f"a half-life of {duration_text(half_life)} is shorter than a step of {duration_text(grid.step)}"
        findings.fault(document, here, problem, "give at least a step, or shorten the step")
    elif document.at((*at[:-1], "funding")) is not None:
        problem = "a gap that closes again is a basis, which the premium of [market.funding] would not see"
        findings.fault(document, here, problem, "remove the key, so that the gap stays, or the funding")
    else:
        problem = f"the gap at {duration_text(time)} closes again, half of its log every {duration_text(half_life)}"
        findings.notice(document, here, problem, "where it is not a basis but a loss of value, remove the key")


def _condition(
    document: Document, at: KeyPath, model: str, assets: Sequence[str], grid: TimeGrid, findings: Findings
) -> Condition | None:
    if document.at(at) is None:
        return None
    if not MODELS[model].takes_condition:
        able = ", ".join(shown(name) for name, each in MODELS.items() if each.takes_condition)
        problem = f"the law of {shown(model)} given a price is not known in closed form"
        findings.fault(document, at, problem, f"remove the key, or choose a model of constant volatility: {able}")
    table = check_table(document, at, ConditionTable, findings)
    if table is None:
        return None
    if table.asset not in assets:
        problem = f"the book holds nothing on {shown(table.asset)}"
        findings.fault(document, (*at, "asset"), problem, suggestion(table.asset, assets, "underlyings"))
    time = minutes_of(table.within)
    if time % grid.step or time > grid.horizon:
        problem = f"the condition at {duration_text(time)} is at the end of no step of {duration_text(grid.step)}"
        remedy = f"give a whole number of steps, up to the horizon of {duration_text(grid.horizon)}"
        findings.fault(document, (*at, "within"), problem, remedy)
    return Condition(table.asset, table.move, time / 1440.0)


def tell_condition(document: Document, at: KeyPath, market: MarketSpecification, findings: Findings) -> None:
    """Say how far out a condition is, and that every figure is given it; one that cannot be met is a fault.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its table of stress.
    market : MarketSpecification
        With its overlay.
    findings : Findings
        Takes the warning, or a fault where the asset's price does not move at all.
    """
    if market.stress is None or market.stress.condition is None:
        return
    condition = market.stress.condition
    place = market.assets.index(condition.asset)
    volatility, years = stressed(market).volatilities[place], condition.time / 365.0
    at = (*at, "condition")
    if volatility == 0.0:
        problem = f"the volatility of {shown(condition.asset)} is 0, so its price never stands anywhere else"
        findings.fault(document, (*at, "asset"), problem, "state a volatility above 0, or a gap")
        return
    mean = (market.drifts[place] - 0.5 * volatility**2) * years
    score = (diffusion_target(market.stress, condition, market.assets) - mean) / (volatility * math.sqrt(years))
    problem = (
        f"every figure is given that {shown(condition.asset)} stands at {condition.move:+.1%} after "
        f"{duration_text(round(condition.time * 1440))}, {score:+.1f} standard deviations of the model"
    )
    findings.notice(
        document, at, problem, "read probabilities and losses as those of the stated case, not of the future"
    )


def _gap_sizes(
    document: Document, at: KeyPath, table: StressTable, assets: Sequence[str], findings: Findings
) -> np.ndarray[Any, np.dtype[np.float64]]:
    value = 0.0 if table.gap_size is None else table.gap_size
    if isinstance(value, Mapping):
        for asset in value:
            if asset not in assets:
                problem = f"the book holds nothing on {shown(asset)}"
                findings.fault(document, (*at, "gap_size", asset), problem, "remove it, or name one of the book's")
    # An asset that a table leaves out does not jump.
    return np.log1p([value.get(asset, 0.0) if isinstance(value, Mapping) else value for asset in assets])
