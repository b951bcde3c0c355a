"""Horizon and step: that one divides the other, and that the model can be stepped so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stresslab.documents.durations import duration_text, minutes_of
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.reading import key_meant, keys_of
from stresslab.market.models import MODELS
from stresslab.scenario.tables import ScenarioFile

MOST_STEPS = 10_000_000
LONGEST_HORIZON = 36_500 * 1440  # minutes: a hundred years


@dataclass(frozen=True)
class TimeGrid:
    """Length of the simulation and of a step, in whole minutes, both positive; the step divides the horizon."""

    horizon: int
    step: int


def read_time_grid(document: Document, findings: Findings) -> TimeGrid | None:
    """Judge horizon and step together where each is a duration; None where something is wrong."""
    known = keys_of(ScenarioFile)
    horizon_key, step_key = (key_meant(document.data, key, known) for key in ("horizon", "step"))
    try:
        horizon, step = (minutes_of(document.data[key]) for key in (horizon_key, step_key))
    except (KeyError, TypeError, ValueError):
        return None  # the file's own table says so
    lengths = f"the step {duration_text(step)}", f"the horizon {duration_text(horizon)}"
    if horizon > LONGEST_HORIZON:
        problem = f"{lengths[1]} is above the limit of {duration_text(LONGEST_HORIZON)}, a hundred years"
        findings.fault(document, (horizon_key,), problem, "shorten the horizon")
        return None
    if step > horizon:
        findings.fault(
            document,
            (step_key,),
            f"{lengths[0]} is longer than {lengths[1]}",
            "shorten the step or lengthen the horizon",
        )
        return None
    if horizon % step:
        near = " or ".join(f'"{duration_text(divisor)}"' for divisor in _nearest_divisors(horizon, step))
        findings.fault(document, (step_key,), f"{lengths[0]} does not divide {lengths[1]}", f"write {near}")
        return None
    if horizon // step > MOST_STEPS:
        problem = (
            f"{lengths[1]} has {horizon // step:_} steps of {duration_text(step)}, above the limit of {MOST_STEPS:_}"
        )
        findings.fault(document, (step_key,), problem, "lengthen the step or shorten the horizon")
        return None
    return TimeGrid(horizon, step)


def check_model_step(
    document: Document, model: str, parameters: Mapping[str, Any], grid: TimeGrid, findings: Findings
) -> None:
    """A model with its parameters may ask more of the step than that it divides the horizon."""
    problem = MODELS[model].step_fault(parameters, grid.step / 1440)
    if problem is not None:
        step_key = key_meant(document.data, "step", keys_of(ScenarioFile))
        near = " or ".join(
            f'"{duration_text(divisor)}"'
            for divisor in _nearest_divisors(grid.horizon, grid.step)
            if MODELS[model].step_fault(parameters, divisor / 1440) is None
        )
        remedy = f"write {near}" if near else 'write a step such as "1h" or "8h"'
        findings.fault(
            document,
            (step_key,),
            f"model {shown(model)} cannot take steps of {duration_text(grid.step)}: {problem}",
            remedy,
        )


def _nearest_divisors(horizon: int, step: int) -> list[int]:
    """Lengths next to a step that divide the horizon, in the step's own unit where there are such."""
    small = [length for length in range(1, math.isqrt(horizon) + 1) if horizon % length == 0]
    divisors = sorted({*small, *(horizon // length for length in small)})
    for unit in (1440, 60, 1):
        if step % unit == 0:
            below = [length for length in divisors if length < step and length % unit == 0]
            above = [length for length in divisors if length > step and length % unit == 0]
            found = [*below[-1:], *above[:1]]
            if found:
                return found
    return []
