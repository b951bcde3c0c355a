"""One number with as little variance as a method gives, chosen by a pilot run or by the user."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stresslab.book.configuration import Configuration
from stresslab.estimation.samples import (
    REDUCTIONS,
    EstimationError,
    Measure,
    Reduction,
    Sample,
    is_brownian,
    path_unit,
    refusal,
    take_sample,
    usable_paths,
)
from stresslab.market.quasi_random import STRETCHES
from stresslab.measures.precision import Precision
from stresslab.measures.replications import REPLICATIONS, ReplicatedMean
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.preparation import venue_acts

PILOT_PATHS = 32_768
"""Of each method, at most; never more than the run itself has."""
FEWEST_PATHS = 4_096
"""Fewer do not leave every replication enough for its regression."""
# A variance ratio, its cost taken off, that a method must bring to be worth what may be wrong with it.
_LEAST_GAIN = 1.2
_PILOT_OFFSET = 0x5DEECE66D
# The interval at the end rests on 32 means: their variance stays below 1.45 times its mean in 95 % of runs
# (chi-squared of 31 degrees of freedom, 44.99 / 31). Under Sobol's points the pilot's does too: the same quantile
# of F(31, 31) is 1.82.
_HEADROOM, _SOBOL_HEADROOM = 1.45, 1.82


@dataclass(frozen=True)
class Gain:
    """What a method was worth in the pilot run.

    Parameters
    ----------
    method : {"none", "control", "antithetic", "sobol"}
        Which.
    variance_ratio : float
        Variance of a plain path over that of a path as the method uses it, above 0.
    """

    method: Reduction
    variance_ratio: float


@dataclass(frozen=True)
class ReducedEstimate:
    """A number, its interval, and what the variance reduction was worth.

    Parameters
    ----------
    estimate : ReplicatedMean
        From fresh paths, none of the pilot's.
    method : {"none", "control", "antithetic", "sobol"}
        How it was made.
    reason : str
        Why so.
    paths : int
        Paths behind it; a twin run beside them not counted.
    hits : int
        Paths on which the event occurred, or a loss was made.
    variance_ratio : float
        Variance of a plain path over that of a path as it was used, above 0; infinite where nothing is left to chance.
    controls : int
        Control variates in use.
    gains : tuple of Gain
        Of each method that the pilot tried beside plain paths; empty where the user chose.
    """

    estimate: ReplicatedMean
    method: Reduction
    reason: str
    paths: int
    hits: int
    variance_ratio: float
    controls: int
    gains: tuple[Gain, ...] = ()


def reduced_estimate(
    scenario: Scenario,
    target: Precision,
    *,
    measure: Measure = "liquidation",
    reduction: Reduction | Literal["auto"] = "auto",
    until: bool = False,
    threads: int | None = None,
) -> ReducedEstimate:
    """Estimate a probability of liquidation or an expected loss with as little variance as a method gives.

    Parameters
    ----------
    scenario : Scenario
        Its seed and number of paths are used; the paths are rounded down to what makes equal replications.
    target : Precision
        Which configuration or pool, and the wanted half-width of the 95 % interval over the estimate.
    measure : {"liquidation", "expected-loss"}
        P(liquidation) of the target, or the mean of its losses with gains counted as 0, in the account's currency.
    reduction : {"none", "control", "antithetic", "sobol", "auto"}
        ``control``: first passages known in closed form serve as control variates (METHODS M32); under a model other
        than ``gbm`` those of a Brownian twin that is driven by the same draws. ``antithetic``: paths in mirrored pairs.
        ``sobol``: randomized quasi-random paths (M33). ``auto``: a pilot run of each on draws of its own decides by
        variance, paths that make no whole replication, and counted cost, so that one seed gives one answer.
    until : bool
        Take as many paths as the pilot says that the half-width needs, and at most the scenario's.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.

    Returns
    -------
    ReducedEstimate
        Its interval is Student's over 32 independent replications.

    Raises
    ------
    EstimationError
        If there are fewer than `FEWEST_PATHS` paths, something acts on the pools, a path is not finite, or a method
        is asked for that the model, the number of paths or the pools do not allow.
    """
    _check(scenario, reduction)
    configuration = _aimed_at(scenario, target)
    reason, paths = "as asked for", scenario.paths
    gains: tuple[Gain, ...] = ()
    tried = [each for each in REDUCTIONS if refusal(scenario, each) is None] if reduction == "auto" else [reduction]
    method = tried[0]
    if reduction == "auto" or until:
        # Draws of its own: nothing that the pilot decides can bias the answer.
        pilot = replace(scenario, seed=(scenario.seed + _PILOT_OFFSET) % 2**63, paths=min(PILOT_PATHS, scenario.paths))
        pilots = _pilots(pilot, configuration, measure, tried, threads)
        wanted = target.half_width if until else None
        chosen = pilots[0]
        if reduction == "auto":
            gains = tuple(Gain(each.method, each.variance_ratio()) for each in pilots[1:])
            chosen, reason = _choice(pilots, scenario, wanted)
        method = chosen.method
        if wanted is not None:
            paths = min(_paths_needed(chosen, wanted), scenario.paths)
    paths = usable_paths(method, paths)
    sample = take_sample(replace(scenario, paths=paths), configuration, measure, method, threads)
    if method == "control" and not len(sample.known):
        raise EstimationError(
            "no leg has a single barrier whose first passage is known; take another --variance-reduction"
        )
    return ReducedEstimate(
        estimate=sample.mean(),
        method=method,
        reason=reason,
        paths=paths,
        hits=int(np.count_nonzero(sample.values > 0.0)),
        variance_ratio=sample.variance_ratio(),
        controls=len(sample.known),
        gains=gains,
    )


def _pilots(
    scenario: Scenario, configuration: Configuration, measure: Measure, tried: Sequence[Reduction], threads: int | None
) -> list[Sample]:
    """A sample by each method; without a control there is none of that. Plain paths are the controls' sample."""
    found: list[Sample] = []
    for method in tried:
        if method == "none" and "control" in tried:
            continue
        own = replace(scenario, paths=usable_paths(method, scenario.paths))
        sample = take_sample(own, configuration, measure, method, threads)
        if method == "control" and len(tried) > 1:
            found.append(sample.plain())
            if not len(sample.known):
                continue
        found.append(sample)
    return found


def _choice(pilots: Sequence[Sample], scenario: Scenario, half_width: float | None) -> tuple[Sample, str]:
    """The method that gives most, and why: precision of the run's paths, or least work to the half-width."""
    plain = pilots[0]
    if not plain.values.any():
        return plain, "the pilot run saw nothing of it"
    ratios = [each.variance_ratio() for each in pilots]
    if half_width is None:
        used = [usable_paths(each.method, scenario.paths) / scenario.paths for each in pilots]
        worth = [
            ratio * share / _cost(each.method, scenario)
            for each, ratio, share in zip(pilots, ratios, used, strict=True)
        ]
    else:
        needed = [_paths_needed(each, half_width) * _cost(each.method, scenario) for each in pilots]
        worth = [needed[0] / each for each in needed]
    best = int(np.argmax(worth))
    if worth[best] < _LEAST_GAIN * worth[0]:
        return plain, "the pilot run says that nothing is worth its cost"
    return pilots[best], f"the pilot run says that it divides the variance by {ratios[best]:.3g}"


def _cost(method: Reduction, scenario: Scenario) -> float:
    """Time of a run over that of a plain one. Counted and not measured, so that the clock does not decide."""
    if method == "control":
        # A twin run takes about as long as the run itself.
        return 1.0 if is_brownian(scenario) else 2.0
    if method == "sobol":
        # Measured: what begins a stretch costs most of a step, and there are up to 16 stretches whatever the steps.
        return 1.1 + 0.6 * min(STRETCHES, scenario.steps) / scenario.steps
    return 1.0


def _paths_needed(pilot: Sample, half_width: float) -> int:
    """Paths after which the interval is so narrow; very many where the pilot saw nothing."""
    mean = float(pilot.values.mean())
    if mean == 0.0:
        return sys.maxsize
    headroom = _SOBOL_HEADROOM if pilot.method == "sobol" else _HEADROOM
    needed = headroom * (2.04 / (half_width * mean)) ** 2 * float(pilot.values.var()) / pilot.variance_ratio()
    # At least a hundred hits, whatever the interval says (METHODS M34).
    hits = float(np.count_nonzero(pilot.values)) / pilot.values.size
    unit = max(path_unit(pilot.method), 1024)
    return -(-math.ceil(max(needed, 100.0 / hits, float(FEWEST_PATHS))) // unit) * unit


def _check(scenario: Scenario, reduction: Reduction | Literal["auto"]) -> None:
    if scenario.paths < FEWEST_PATHS:
        raise EstimationError(
            f"{scenario.paths:,} paths are too few for {REPLICATIONS} replications; give {FEWEST_PATHS:,}"
        )
    refused = None if reduction == "auto" else refusal(scenario, reduction)
    if refused is not None:
        raise EstimationError(f"{refused}; take another --variance-reduction")


def _aimed_at(scenario: Scenario, target: Precision) -> Configuration:
    """The target as a configuration of its own; a pool by itself becomes one."""
    configuration = scenario.configurations[target.configuration]
    if configuration.policies or scenario.market.funding is not None or venue_acts(scenario):
        raise EstimationError(
            "policies, funding, partial liquidation, price impact or deleveraging acts on the pools; choose a "
            "configuration without policies and leave the rest out of the scenario, or use `run --until`"
        )
    if target.pool is None:
        return configuration
    return Configuration(configuration.name, (configuration.pools[target.pool],), 0.0)
