"""Samples of one number by each method of variance reduction, and what each is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.estimation.controls import brownian_controls, control_legs
from stresslab.market.models import MODELS
from stresslab.market.sampling import AntitheticPairs, QuasiRandom, Sampling
from stresslab.measures.account import account_paths
from stresslab.measures.replications import (
    REPLICATIONS,
    ReplicatedMean,
    controlled_means,
    grouped_variance_ratio,
    replicated_mean,
    residual_variance,
)
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate

Measure = Literal["liquidation", "expected-loss"]
Reduction = Literal["none", "control", "antithetic", "sobol"]
REDUCTIONS: tuple[Reduction, ...] = ("none", "control", "antithetic", "sobol")

_TWIN_MODEL = "gbm"
# A block of paths belongs to one replication of Sobol's points.
_SOBOL_POINTS = 1024
# SciPy has direction numbers for 21,201 coordinates; an asset takes 16, and assets are filled up by three fifths
# at most.
_MOST_SOBOL_ASSETS = 800


class EstimationError(ValueError):
    """The number cannot be had as it is asked for. The message says why, and what would be right."""


@dataclass(frozen=True)
class Sample:
    """One number on every path of a run.

    Parameters
    ----------
    method : {"none", "control", "antithetic", "sobol"}
        How the paths were drawn, or what stands beside them.
    values : numpy.ndarray
        [path], in the order of the paths.
    controls : numpy.ndarray
        [control, path]; no row but under ``control``, and there too where no control is known.
    known : numpy.ndarray
        Their exact means, [control].
    """

    method: Reduction
    values: NDArray[np.float64]
    controls: NDArray[np.float64]
    known: NDArray[np.float64]

    def variance_ratio(self) -> float:
        """Variance of a plain path over that of one as it is used here, positive; infinite where no chance is left."""
        if self.method == "antithetic":
            return grouped_variance_ratio(self.values, 2)
        if self.method == "sobol":
            return grouped_variance_ratio(self.values, self.values.size // REPLICATIONS)
        if not len(self.known):
            return 1.0
        left, plain = residual_variance(self.values, self.controls, self.known), float(self.values.var())
        return math.inf if left <= 1e-9 * plain else plain / left

    def plain(self) -> Sample:
        """The same paths without what stands beside them."""
        return _uncontrolled("none", self.values)

    def mean(self) -> ReplicatedMean:
        """The estimate, with an interval from independent replications."""
        return replicated_mean(controlled_means(self.values, self.controls, self.known))


def path_unit(method: Reduction) -> int:
    """Paths of which a method takes a multiple, so that its replications are equal."""
    return REPLICATIONS * {"antithetic": 2, "sobol": _SOBOL_POINTS}.get(method, 1)


def usable_paths(method: Reduction, paths: int) -> int:
    """The most paths up to a number that make equal replications under a method; 0 where one takes more."""
    return paths - paths % path_unit(method)


def refusal(scenario: Scenario, method: Reduction) -> str | None:
    """Why a method cannot be had under a scenario's model and paths; None where it can, or its controls will tell."""
    if method in ("antithetic", "sobol") and not MODELS[scenario.market.model].draws_normals:
        return f"the model {scenario.market.model} draws from history or given paths, and no normals"
    if method == "sobol" and not usable_paths(method, scenario.paths):
        return f"Sobol's points need {path_unit('sobol'):,} paths at least"
    if method == "sobol" and len(scenario.market.assets) > _MOST_SOBOL_ASSETS:
        return f"Sobol's points are known for {_MOST_SOBOL_ASSETS:,} assets at most"
    return None


def is_brownian(scenario: Scenario) -> bool:
    """Whether the controls' means are known under the scenario's own market, so that they need no twin run."""
    market = scenario.market
    return market.model == _TWIN_MODEL and not market.extra and market.stress is None and market.seasonality is None


def take_sample(
    scenario: Scenario, configuration: Configuration, measure: Measure, method: Reduction, threads: int | None
) -> Sample:
    """Simulate one number by one method.

    Parameters
    ----------
    scenario : Scenario
        Its number of paths is one of `usable_paths`.
    configuration : Configuration
        The target's pools.
    measure : {"liquidation", "expected-loss"}
        What the values are: 1 where any pool is liquidated and 0 elsewhere, or the loss, gains counted as 0.
    method : {"none", "control", "antithetic", "sobol"}
        One without a `refusal`.
    threads : int or None
        Blocks in flight.

    Raises
    ------
    EstimationError
        If a path is not finite.
    """
    if method == "control":
        return _controlled(scenario, configuration, measure, threads)
    plans: dict[Reduction, Sampling] = {
        "antithetic": AntitheticPairs(),
        "sobol": QuasiRandom(scenario.seed, REPLICATIONS, scenario.paths // REPLICATIONS, scenario.steps),
    }
    market = replace(scenario.market, sampling=plans.get(method))
    outcomes = _simulated(replace(scenario, market=market, configurations=(configuration,)), threads)
    return _uncontrolled(method, _values(outcomes, configuration, measure))


def _controlled(scenario: Scenario, configuration: Configuration, measure: Measure, threads: int | None) -> Sample:
    legs = control_legs(scenario, configuration)
    if not legs:
        return replace(take_sample(scenario, configuration, measure, "none", threads), method="control")
    alone = Configuration("controls", legs, 0.0)
    if is_brownian(scenario):
        twin = replace(scenario, configurations=(configuration, alone))
        outcomes = beside = _simulated(twin, threads)
    else:
        market = replace(scenario.market, model=_TWIN_MODEL, extra={}, history=None, stress=None, seasonality=None)
        twin = replace(scenario, market=market, configurations=(alone,))
        outcomes = _simulated(replace(scenario, configurations=(configuration,)), threads)
        beside = _simulated(twin, threads)
    controls, known = brownian_controls(twin, legs, beside, place=len(beside.configuration_stakes) - 1)
    return Sample("control", _values(outcomes, configuration, measure), controls, known)


def _uncontrolled(method: Reduction, values: NDArray[np.float64]) -> Sample:
    return Sample(method, values, np.zeros((0, values.size)), np.zeros(0))


def _simulated(scenario: Scenario, threads: int | None) -> Outcomes:
    outcomes = simulate(scenario, threads=threads)
    if outcomes.failed.any():
        raise EstimationError("the market leads beyond single precision; give volatilities and drifts that do not")
    return outcomes


def _values(outcomes: Outcomes, configuration: Configuration, measure: Measure) -> NDArray[np.float64]:
    account = account_paths(outcomes, configuration, outcomes.configuration_stakes[0], ~outcomes.failed)
    return account.any_liquidated.astype(np.float64) if measure == "liquidation" else np.maximum(account.loss, 0.0)
