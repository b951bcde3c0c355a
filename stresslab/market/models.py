"""The table of market models. A new model is one file beside this one and one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from pydantic import BaseModel

from stresslab.market import (
    bates,
    bootstrap,
    component_history,
    copula_t,
    filtered_history,
    garch,
    gbm,
    heston,
    kou,
    merton,
    paths,
    regimes,
    student_t,
)
from stresslab.market.antithetic import Antithetic
from stresslab.market.component_filter import LEVEL_DAYS
from stresslab.market.process import Process
from stresslab.market.quasi_random import quasi_randomized
from stresslab.market.sampling import AntitheticPairs
from stresslab.market.seasonality import with_seasonality
from stresslab.market.specification import MarketSpecification
from stresslab.market.stress import stressed, with_condition, with_gap


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
        Takes the model's own parameters by name and the step in days; returns what is wrong with that step, or None.
    streams : callable
        Takes the names of the assets; returns the names of the streams of draws that the process reads.
    build : callable
        Takes a `MarketSpecification` and the step in days; returns the process, with its parameters as arrays.
    own_volatility_days : float or None
        Of a model that draws from history: the last days whose volatility stands where none is stated; None for all.
    takes_condition : bool
        Whether its paths can be drawn given where a price stands (`stresslab.market.condition`).
    draw_days : callable
        Takes the model's own parameters by name; returns the days over which one draw holds, 0 where each step has its
        own. Within them a path may not go over to other draws (`stresslab.simulation.lineage`).
    takes_seasonality : bool
        Whether it may run on the clock of the week (`stresslab.market.seasonality`).
    draws_normals : bool
        Whether a step's prices come from independent standard normals in the noise, which other ones may replace
        (`stresslab.market.sampling`).
    takes_spare_assets : bool
        Whether assets that nobody holds may stand behind the market's own (`stresslab.market.spare_assets`).
    """

    summary: str
    parameters: type[BaseModel]
    step_fault: Callable[[Mapping[str, Any], float], str | None]
    streams: Callable[[Sequence[str]], tuple[str, ...]]
    build: Callable[[MarketSpecification, float], Process]
    own_volatility_days: float | None = None
    takes_condition: bool = False
    takes_seasonality: bool = True
    takes_spare_assets: bool = False
    draws_normals: bool = False
    draw_days: Callable[[Mapping[str, Any]], float] = lambda parameters: 0.0


class _Module(Protocol):
    """What the file of a model holds."""

    @property
    def SUMMARY(self) -> str: ...
    @property
    def Parameters(self) -> type[BaseModel]: ...
    def step_fault(self, parameters: Mapping[str, Any], step: float, /) -> str | None: ...
    def streams(self, assets: Sequence[str], /) -> tuple[str, ...]: ...
    def build(self, specification: MarketSpecification, step: float, /) -> Process: ...


def _of(module: _Module) -> Model:
    return Model(module.SUMMARY, module.Parameters, module.step_fault, module.streams, module.build)


def _drawing_normals(module: _Module) -> Model:
    return replace(_of(module), draws_normals=True)


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "gbm": replace(_drawing_normals(gbm), takes_condition=True, takes_spare_assets=True),
        "student_t": replace(_drawing_normals(student_t), draw_days=student_t.draw_days, takes_spare_assets=True),
        "copula_t": replace(_drawing_normals(copula_t), draw_days=student_t.draw_days, takes_spare_assets=True),
        "merton": replace(_drawing_normals(merton), takes_spare_assets=True),
        "kou": replace(_drawing_normals(kou), takes_spare_assets=True),
        "garch": replace(_drawing_normals(garch), draw_days=garch.draw_days),
        "regimes": replace(_drawing_normals(regimes), takes_spare_assets=True),
        # The scheme of their variance is right for steps of one length, which `step_fault` checks.
        "heston": replace(_drawing_normals(heston), takes_seasonality=False),
        "bates": replace(_drawing_normals(bates), takes_seasonality=False),
        "filtered_history": _of(filtered_history),
        "component_history": replace(_of(component_history), own_volatility_days=LEVEL_DAYS),
        "bootstrap": _of(bootstrap),
        "paths": replace(_of(paths), takes_seasonality=False),
    }
)


def build_process(specification: MarketSpecification, step: float) -> Process:
    """The process of a market, its overlay included.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market.
    step : float
        Length of a step in days.
    """
    process = MODELS[specification.model].build(stressed(specification), step)
    process = with_seasonality(process, specification.seasonality, step)
    return with_sampling(with_gap(with_condition(process, specification, step), specification, step), specification)


def with_sampling(process: Process, specification: MarketSpecification) -> Process:
    """The process with the draws of different paths as the market says, if they are not independent.

    Raises
    ------
    ValueError
        If the model draws no independent normals.
    """
    plan = specification.sampling
    if plan is None:
        return process
    if not MODELS[specification.model].draws_normals:
        raise ValueError(f"the model {specification.model} draws no normals whose paths could hang together")
    if isinstance(plan, AntitheticPairs):
        return Antithetic(process)
    return quasi_randomized(process, plan, len(specification.assets))
