"""The table ``[market.stress]`` of a scenario: its keys, and what they must be together with model and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.fields import TABLE, Duration
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table
from stresslab.market.models import MODELS
from stresslab.market.parameters import Between, ByAsset
from stresslab.market.stress import RATE_KEYS, StressSpecification, scaled_parameters

if TYPE_CHECKING:
    from stresslab.scenario.time_grid import TimeGrid


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
    stress = StressSpecification(
        volatility_factor=table.volatility_factor,
        correlation_shift=table.correlation_shift,
        jump_rate_factor=table.jump_rate_factor,
        gap_time=None if time is None else time / 1440.0,
        gap_sizes=sizes,
    )
    step, check = grid.step / 1440.0, MODELS[model].step_fault
    problem_of_step = None if check(parameters, step) else check(scaled_parameters(parameters, stress), step)
    if problem_of_step is not None:
        findings.fault(document, (*at, "jump_rate_factor"), problem_of_step, "lower the factor, or shorten the step")
    return stress if len(findings.faults) == before else None


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
