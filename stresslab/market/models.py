"""The table of market models. A new model is one file beside this one and one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from stresslab.market import gbm, student_t
from stresslab.market.specification import MarketSpecification


@dataclass(frozen=True)
class Model:
    """A price process by name.

    Parameters
    ----------
    summary : str
        One line for people.
    parameters : type of pydantic.BaseModel
        The keys that the model adds to a scenario's ``[market]`` table and to a calibration, with their ranges.
    step_fault : callable
        Takes the step in days; returns what is wrong with it for this model, or None.
    build : callable
        Takes a `MarketSpecification` and the step in days; returns the process, with its parameters as arrays.
    """

    summary: str
    parameters: type[BaseModel]
    step_fault: Callable[[float], str | None]
    build: Callable[[MarketSpecification, float], Any]


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "gbm": Model(gbm.SUMMARY, gbm.Parameters, gbm.step_fault, gbm.build),
        "student_t": Model(student_t.SUMMARY, student_t.Parameters, student_t.step_fault, student_t.build),
    }
)
