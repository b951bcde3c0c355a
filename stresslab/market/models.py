"""The table of market models. A new model is one file beside this one and one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import BaseModel

from stresslab.market import gbm, student_t
from stresslab.market.process import Process
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
    streams : callable
        Takes the names of the assets; returns the names of the streams of draws that the process reads.
    build : callable
        Takes a `MarketSpecification` and the step in days; returns the process, with its parameters as arrays.
    """

    summary: str
    parameters: type[BaseModel]
    step_fault: Callable[[float], str | None]
    streams: Callable[[Sequence[str]], tuple[str, ...]]
    build: Callable[[MarketSpecification, float], Process]


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "gbm": Model(gbm.SUMMARY, gbm.Parameters, gbm.step_fault, gbm.streams, gbm.build),
        "student_t": Model(
            student_t.SUMMARY, student_t.Parameters, student_t.step_fault, student_t.streams, student_t.build
        ),
    }
)
