"""One number with as little variance as a method gives, chosen by a pilot run or by the user."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    refusal,
    take_sample,
    usable_paths,
)
from stresslab.measures.precision import Precision
from stresslab.measures.replications import REPLICATIONS, ReplicatedMean
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.preparation import venue_acts

PILOT_PATHS = 32_768
"""Of each method."""
FEWEST_PATHS = 4_096
"""Fewer do not leave every replication enough for its regression."""
# A variance ratio, its cost taken off, that a method must bring to be worth what may be wrong with it.
_LEAST_GAIN = 1.2
# Time of a run on Sobol's points over that of a plain one: measured 1.1 to 1.45, the more the fewer steps there are.
_SOBOL_COST = 1.3
_PILOT_OFFSET = 0x5DEECE66D
# The pilot's variance is itself an estimate; of Sobol's points it rests on 32 means alone: 31 over the 5 % quantile of
# chi-squared with 31 degrees of freedom, 19.28.
_HEADROOM, _SOBOL_HEADROOM = 1.2, 1.6


@dataclass(frozen=True)
class Gain:
    """What a method was worth in the pilot run.

    Parameters
    ----------
    method : {"none", "control", "antithetic", "sobol"}
        Which.
    variance_ratio : float
        Variance of a plain path over that of a path as the method uses it, above 0.
    per_second : float
        The same for the paths of a second: measured, a twin run's time in it, compilations left out.
    """

    method: Reduction
    variance_ratio: float
    per_second: float


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
        Of each method that the pilot tried beside plain paths; empty where the user chose. Comparisons leave it out,
        since seconds differ from run to run.
    """

    estimate: ReplicatedMean
    method: Reduction
    reason: str
    paths: int
    hits: int
    variance_ratio: float
    controls: int
    gains: tuple[Gain, ...] = field(default=(), compare=False)


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
        variance and counted cost, so that one seed gives one answer.
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
        pilot_scenario = replace(scenario, seed=(scenario.seed + _PILOT_OFFSET) % 2**63, paths=PILOT_PATHS)
        pilots = [take_sample(pilot_scenario, configuration, measure, each, threads) for each in tried]
        chosen = pilots[0]
        if reduction == "auto":
            # Without a control there is nothing but plain paths a second time.
            pilots = [pilot for pilot in pilots if pilot.method != "control" or len(pilot.known)]
            gains = _gains(pilots)
            chosen, reason = _choice(pilots, is_brownian(scenario))
        method = chosen.method
        if until:
            paths = _paths_needed(chosen, target.half_width, scenario.paths)
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


def _gains(pilots: Sequence[Sample]) -> tuple[Gain, ...]:
    plain, *others = pilots
    ratios = [(each, each.variance_ratio()) for each in others]
    return tuple(Gain(each.method, ratio, ratio * plain.seconds / each.seconds) for each, ratio in ratios)


def _choice(pilots: Sequence[Sample], controls_are_free: bool) -> tuple[Sample, str]:
    plain = pilots[0]
    if not plain.values.any():
        return plain, "the pilot run saw nothing of it"
    # Counted and not measured, so that the clock does not decide; a twin run takes about as long as the run itself.
    costs = {"control": 1.0 if controls_are_free else 2.0, "sobol": _SOBOL_COST}
    ratios = [each.variance_ratio() for each in pilots]
    worth = [ratio / costs.get(each.method, 1.0) for each, ratio in zip(pilots, ratios, strict=True)]
    best = int(np.argmax(worth))
    if worth[best] < _LEAST_GAIN:
        return plain, "the pilot run says that nothing is worth its cost"
    return pilots[best], f"the pilot run says that it divides the variance by {ratios[best]:.3g}"


def _paths_needed(pilot: Sample, half_width: float, most: int) -> int:
    mean = float(pilot.values.mean())
    if mean == 0.0:
        return most
    headroom = _SOBOL_HEADROOM if pilot.method == "sobol" else _HEADROOM
    needed = headroom * (2.04 / (half_width * mean)) ** 2 * float(pilot.values.var()) / pilot.variance_ratio()
    # At least a hundred hits, whatever the interval says (METHODS M34).
    hits = float(np.count_nonzero(pilot.values)) / pilot.values.size
    needed = min(max(needed, 100.0 / hits, float(FEWEST_PATHS)), float(most))
    # Whole replications of Sobol's points are as many paths as a pilot has.
    unit = PILOT_PATHS if pilot.method == "sobol" else 1024
    return min(-(-math.ceil(needed) // unit) * unit, most)


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
