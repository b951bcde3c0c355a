"""One number as precisely as paths allow: variance reduction, with intervals from independent replications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.pool_barriers import barrier_distances
from stresslab.measures.account import account_paths
from stresslab.measures.first_passage import first_passage_probability
from stresslab.measures.precision import Precision
from stresslab.measures.replications import (
    REPLICATIONS,
    ReplicatedMean,
    controlled_means,
    replicated_mean,
    residual_variance,
)
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import DAYS_PER_YEAR, venue_acts
from stresslab.simulation.run import simulate

Measure = Literal["liquidation", "expected-loss"]
Reduction = Literal["none", "control"]
REDUCTIONS: tuple[Reduction, ...] = ("none", "control")

PILOT_PATHS = 32_768
FEWEST_PATHS = 4_096
"""Fewer do not leave every replication enough for its regression."""
# A variance ratio that a control must bring to be worth the twin run beside it.
_LEAST_GAIN = 1.2
# Collateral of the legs whose liquidation serves as a control, relative to what each gets alone: nearer and farther
# barriers see what a single one does not.
_MULTIPLES = (0.5, 1.0, 2.0)
# Controls that almost never vary are left out; what is almost certain has nothing to say.
_LEAST_CHANCE = 0.002
_TWIN_MODEL = "gbm"


class EstimationError(ValueError):
    """The number cannot be had as it is asked for. The message says why, and what would be right."""


@dataclass(frozen=True)
class ReducedEstimate:
    """A number, its interval, and what the variance reduction was worth.

    Parameters
    ----------
    estimate : ReplicatedMean
        From fresh paths, none of the pilot's.
    method : {"none", "control"}
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
    """

    estimate: ReplicatedMean
    method: Reduction
    reason: str
    paths: int
    hits: int
    variance_ratio: float
    controls: int


@dataclass(frozen=True)
class _Sample:
    """Values [path], controls [control, path] and their known means [control]."""

    values: NDArray[np.float64]
    controls: NDArray[np.float64]
    known: NDArray[np.float64]

    def ratio(self, *, controlled: bool) -> float:
        if not controlled:
            return 1.0
        left, plain = residual_variance(self.values, self.controls, self.known), float(self.values.var())
        return math.inf if left <= 1e-9 * plain else plain / left

    def mean(self, *, controlled: bool) -> ReplicatedMean:
        rows = slice(None) if controlled else slice(0)
        return replicated_mean(controlled_means(self.values, self.controls[rows], self.known[rows]))


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
        Its seed and number of paths are used.
    target : Precision
        Which configuration or pool, and the wanted half-width of the 95 % interval over the estimate.
    measure : {"liquidation", "expected-loss"}
        P(liquidation) of the target, or the mean of its losses with gains counted as 0, in the account's currency.
    reduction : {"none", "control", "auto"}
        ``control``: first passages known in closed form serve as control variates; under a model other than ``gbm``
        those of a Brownian twin that is driven by the same draws. ``auto``: a pilot run on draws of its own decides.
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
        If there are fewer than `FEWEST_PATHS` paths, something acts on the pools, a path is not finite, or controls
        are asked for and there are none.
    """
    _check(scenario)
    configuration = _aimed_at(scenario, target, measure)
    method, reason, paths = "none" if reduction == "auto" else reduction, "as asked for", scenario.paths
    if reduction == "auto" or until:
        # Draws of its own: nothing that the pilot decides can bias the answer.
        pilot_scenario = replace(scenario, seed=(scenario.seed + _PILOT_OFFSET) % 2**63, paths=PILOT_PATHS)
        pilot = _sample(pilot_scenario, configuration, measure, reduction != "none", threads)
        if reduction == "auto":
            method, reason = _choice(pilot, scenario.market.model == _TWIN_MODEL)
        if until:
            paths = _paths_needed(pilot, method, target.half_width, scenario.paths)
    paths -= paths % REPLICATIONS
    sample = _sample(replace(scenario, paths=paths), configuration, measure, method == "control", threads)
    if method == "control" and not len(sample.known):
        raise EstimationError(
            "no leg has a single barrier whose first passage is known; take --variance-reduction none"
        )
    controlled = method == "control"
    return ReducedEstimate(
        estimate=sample.mean(controlled=controlled),
        method=method,
        reason=reason,
        paths=paths,
        hits=int(np.count_nonzero(sample.values > 0.0)),
        variance_ratio=sample.ratio(controlled=controlled),
        controls=len(sample.known) if controlled else 0,
    )


_PILOT_OFFSET = 0x5DEECE66D
_HEADROOM = 1.2  # the pilot's variance is itself an estimate


def _choice(pilot: _Sample, is_free: bool) -> tuple[Reduction, str]:
    if not len(pilot.known):
        return "none", "no leg has a single barrier whose first passage is known"
    if not pilot.values.any():
        return "none", "the pilot run saw nothing of it"
    ratio = pilot.ratio(controlled=True)
    # A twin run takes about as long as the run itself.
    worth = ratio if is_free else ratio / 2.0
    told = f"the pilot run says that controls divide the variance by {ratio:.3g}"
    if worth < _LEAST_GAIN:
        return "none", told if is_free else f"{told}, and a twin run beside it costs as much as twice the paths"
    return "control", told


def _paths_needed(pilot: _Sample, method: Reduction, half_width: float, most: int) -> int:
    mean = float(pilot.values.mean())
    ratio = pilot.ratio(controlled=method == "control")
    if mean == 0.0:
        return most
    needed = _HEADROOM * (2.04 / (half_width * mean)) ** 2 * float(pilot.values.var()) / ratio
    # At least a hundred hits, whatever the interval says (METHODS M34).
    hits = float(np.count_nonzero(pilot.values)) / pilot.values.size
    needed = min(max(needed, 100.0 / hits, float(FEWEST_PATHS)), float(most))
    return min(-(-math.ceil(needed) // 1024) * 1024, most)


def _check(scenario: Scenario) -> None:
    if scenario.paths < FEWEST_PATHS:
        raise EstimationError(
            f"{scenario.paths:,} paths are too few for {REPLICATIONS} replications; give {FEWEST_PATHS:,}"
        )


def _aimed_at(scenario: Scenario, target: Precision, measure: Measure) -> Configuration:
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


def _sample(
    scenario: Scenario, configuration: Configuration, measure: Measure, controlled: bool, threads: int | None
) -> _Sample:
    legs = _legs(scenario, configuration) if controlled else ()
    twin = scenario
    if legs and not _is_brownian(scenario):
        market = replace(scenario.market, model=_TWIN_MODEL, extra={}, history=None, stress=None, seasonality=None)
        twin = replace(scenario, market=market, configurations=(_alone(legs),))
    questions = (configuration, _alone(legs)) if legs and twin is scenario else (configuration,)
    outcomes = simulate(replace(scenario, configurations=questions), threads=threads)
    _finite(outcomes)
    valid = ~outcomes.failed
    account = account_paths(outcomes, configuration, outcomes.configuration_stakes[0], valid)
    values = account.any_liquidated.astype(np.float64) if measure == "liquidation" else np.maximum(account.loss, 0.0)
    if not legs:
        return _Sample(values, np.zeros((0, values.size)), np.zeros(0))
    beside = outcomes if twin is scenario else simulate(twin, threads=threads)
    _finite(beside)
    controls, known = _controls(twin, legs, beside, place=len(beside.configuration_stakes) - 1)
    return _Sample(values, controls, known)


def _is_brownian(scenario: Scenario) -> bool:
    market = scenario.market
    return market.model == _TWIN_MODEL and not market.extra and market.stress is None and market.seasonality is None


def _alone(legs: Sequence[Pool]) -> Configuration:
    return Configuration("controls", tuple(legs), 0.0)


def _finite(outcomes: Outcomes) -> None:
    if outcomes.failed.any():
        raise EstimationError("the market leads beyond single precision; give volatilities and drifts that do not")


def _legs(scenario: Scenario, configuration: Configuration) -> tuple[Pool, ...]:
    """Pools on one price that stand beside the target: its own, and the members of the others, each alone.

    A member's collateral is what it has in another configuration of the scenario where it stands alone, or else its
    share of the pool's by notional.
    """
    positions = scenario.book.positions
    alone = {
        pool.positions: pool for each in scenario.configurations for pool in each.pools if len(pool.positions) == 1
    }
    legs: dict[tuple[int, ...], Pool] = {}
    for pool in configuration.pools:
        members = [positions[index] for index in pool.positions]
        if len({member.symbol.underlying for member in members}) == 1:
            legs[pool.positions] = pool
            continue
        sizes = [abs(member.quantity) * member.entry_price for member in members]
        for index, size in zip(pool.positions, sizes, strict=True):
            share = Pool(positions[index].id, (index,), pool.collateral * size / sum(sizes))
            legs.setdefault((index,), alone.get((index,), share))
    return tuple(leg for leg in legs.values() if _one_sided(scenario, leg, leg.collateral) is not None)


def _one_sided(scenario: Scenario, leg: Pool, collateral: float) -> tuple[int, float] | None:
    """Side, -1 for a fall, and distance of the only barrier; None where there are two, none, or it is reached."""
    if not collateral > 0.0:
        return None
    members = [scenario.book.positions[index] for index in leg.positions]
    lower, upper = barrier_distances(members, collateral)
    if math.isinf(lower) == math.isinf(upper):
        return None
    side, distance = (-1, lower) if math.isinf(upper) else (1, upper)
    return (side, distance) if distance > 0.0 else None


def _controls(
    scenario: Scenario, legs: Sequence[Pool], outcomes: Outcomes, place: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Control variates of a Brownian run and their exact means: first passages of the legs, and prices at the end."""
    market, years = scenario.market, scenario.horizon / DAYS_PER_YEAR
    rows: list[NDArray[np.float64]] = []
    known: list[float] = []
    for leg, stake in zip(legs, outcomes.configuration_stakes[place], strict=True):
        asset = market.assets.index(scenario.book.positions[leg.positions[0]].symbol.underlying)
        volatility, drift = float(market.volatilities[asset]), float(market.drifts[asset])
        for multiple in _MULTIPLES:
            barrier = _one_sided(scenario, leg, multiple * leg.collateral)
            if barrier is None:
                continue
            side, distance = barrier
            log_drift = -side * (drift - 0.5 * volatility**2)
            chance = first_passage_probability(distance, log_drift, volatility, years)
            if not _LEAST_CHANCE < chance < 1.0 - _LEAST_CHANCE:
                continue
            if multiple == 1.0:
                hit = outcomes.liquidation_step[stake] <= outcomes.steps
            else:
                hit = outcomes.required_collateral[outcomes.stake_pools[stake]] >= multiple * leg.collateral
            rows.append(hit.astype(np.float64))
            known.append(chance)
    for asset, moves in enumerate(outcomes.log_price):
        rows.append(np.exp(moves.astype(np.float64)))
        known.append(math.exp(float(market.drifts[asset]) * years))
    return np.stack(rows), np.array(known)
