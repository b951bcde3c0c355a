"""P(liquidation) of each pool of a configuration, however small: a pilot run chooses the way, fresh paths answer."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.pool_figures import trigger_of
from stresslab.measures.weights import WeightedEstimate, warning_signs, weighted_probability
from stresslab.rare.likeliest import likeliest_breaches, surplus_today
from stresslab.rare.splitting import FEWEST_A_GROUP, GROUPS, Splitter
from stresslab.scenario.scenario import Scenario
from stresslab.venues.rules.margin_rules import is_liquidated

Named = TypeVar("Named", Configuration, Pool)

PLAIN, TILTED, SPLIT = "plain", "importance", "splitting"
PILOT_PATHS = 8_192
# Of splitting, over all its stages.
SPLITTING_PILOT_PATHS = 65_536
# Above this probability plain sampling is precise enough (METHODS M30).
RARE = 1e-2
# Variance that tilting or splitting must save for it to be worth its risks.
LEAST_GAIN = 2.0
UNTILTED_SHARE = 0.1
# Models whose steps are Brownian given the rest: a shift of their normals leads to the breach.
GAUSSIAN_MODELS = ("gbm", "merton", "kou", "regimes")


class RareEventError(ValueError):
    """The question has no answer as it is asked. The message says why, and what would be right."""


@dataclass(frozen=True)
class RareEvent:
    """Liquidation of one pool within the horizon.

    Parameters
    ----------
    pool : str
        Its name.
    method : {"plain", "importance", "splitting"}
        How the paths were drawn.
    reason : str
        Why so.
    estimate : WeightedEstimate
        From fresh paths, none of the pilot's.
    pilot : WeightedEstimate or None
        From the pilot run; None where there was none.
    distances : tuple of float
        Distance of each likeliest breach in standard deviations, the nearest first; none where none was sought.
    gain : float
        Variance of counting hits over that of the estimate, for one path.
    warnings : tuple of str
        What speaks against the estimate.
    """

    pool: str
    method: str
    reason: str
    estimate: WeightedEstimate
    pilot: WeightedEstimate | None
    distances: tuple[float, ...]
    gain: float
    warnings: tuple[str, ...]


def rare_events(
    scenario: Scenario, configuration: str, pool: str | None = None, *, threads: int | None = None
) -> tuple[RareEvent, ...]:
    """Estimate P(liquidation) of the pools of a configuration.

    Parameters
    ----------
    scenario : Scenario
        Its seed and number of paths are used, for each pool anew.
    configuration : str
        Name of one of its configurations.
    pool : str, optional
        Name of one of its pools; by default all of them.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.

    Returns
    -------
    tuple of RareEvent
        In the configuration's order.

    Raises
    ------
    RareEventError
        If there is no such configuration or pool, or something acts on the pools before they are liquidated.
    """
    chosen = _named(scenario.configurations, configuration, "configuration")
    pools = chosen.pools if pool is None else (_named(chosen.pools, pool, f"pool of {configuration}"),)
    _check(scenario, chosen)
    return tuple(_of_pool(scenario, each, threads) for each in pools)


class Sampler:
    """One pool's paths: compiled once, asked as often as wanted.

    Parameters
    ----------
    scenario : Scenario
        Market, horizon and step.
    pool : Pool
        Not liquidated today.
    points : numpy.ndarray
        Where to tilt to, [point, asset], as `likeliest_breaches` returns them.
    threads : int, optional
        Blocks in flight; by default one a core.
    """

    def __init__(self, scenario: Scenario, pool: Pool, points: NDArray[np.float64], threads: int | None = None) -> None:
        from stresslab.margin.problem import build_problem
        from stresslab.market.models import build_process

        assets = scenario.market.assets
        problem = build_problem(scenario.book, [Configuration("", (pool,), 0.0)], assets)
        self._layout, self._parameters = problem.layout, problem.parameters
        self._scenario, self._threads = scenario, threads
        self._process = build_process(scenario.market, scenario.step)
        self._shifts = np.vstack([np.zeros((1, len(assets))), points]) / math.sqrt(scenario.steps)
        self._shares = _shares(points)

    @property
    def untilted_share(self) -> float:
        """Share of the paths of a tilted sample that follow no tilt."""
        return self._shares[0]

    def values(
        self, seed: int, paths: int, *, is_tilted: bool, prefix: str = ""
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Weighted chances of liquidation, and the component that each path came from, each [path].

        Parameters
        ----------
        seed : int
            Of all draws. Without a tilt and a prefix prices move as in a run of the scenario with this seed.
        paths : int
            How many.
        is_tilted : bool
            Whether the tilt is on.
        prefix : str
            Of the names of all streams: another one gives independent draws.

        Raises
        ------
        RareEventError
            If a value is not finite.
        """
        from stresslab.market import noise
        from stresslab.market.models import MODELS
        from stresslab.market.tilt import COMPONENT_STREAM, tilted
        from stresslab.simulation.breach import BLOCK_WIDTH, breach_block
        from stresslab.simulation.preparation import DAYS_PER_YEAR

        scenario = self._scenario
        names = (*MODELS[scenario.market.model].streams(scenario.market.assets), COMPONENT_STREAM)
        keys = noise.stream_keys(seed, [prefix + name for name in names])
        process = tilted(self._process, self._shifts * float(is_tilted), self._shares)
        dt, steps = np.float32(scenario.step / DAYS_PER_YEAR), np.int32(scenario.steps)

        def block(first: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
            breach = breach_block(self._layout, self._parameters, process, keys, dt, steps, np.uint32(first))
            return np.asarray(breach.value), np.asarray(breach.component)

        with ThreadPoolExecutor(self._threads or os.cpu_count() or 1, thread_name_prefix="block") as executor:
            blocks = list(executor.map(block, range(0, paths, BLOCK_WIDTH)))
        values, components = (np.concatenate(each)[:paths] for each in zip(*blocks, strict=True))
        if not np.isfinite(values).all():
            raise RareEventError("the market leads beyond single precision; give volatilities and drifts that do not")
        return values, components


def _of_pool(scenario: Scenario, pool: Pool, threads: int | None) -> RareEvent:
    if _liquidated_today(scenario, pool):
        certain = WeightedEstimate(1.0, 0.0, 1.0, 1.0, float(scenario.paths), 1.0 / scenario.paths, scenario.paths)
        return RareEvent(pool.name, PLAIN, "the pool is liquidated today", certain, None, (), 1.0, ())
    points = np.zeros((0, len(scenario.market.assets)))
    if scenario.market.model in GAUSSIAN_MODELS:
        points = likeliest_breaches(scenario, pool)
        if not len(points):
            why = "no move of prices was found that liquidates the pool"
            return _sampled(scenario, pool, Sampler(scenario, pool, points, threads), None, False, why, ())
    sampler = Sampler(scenario, pool, points, threads)
    distances = tuple(float(np.linalg.norm(point)) for point in points)
    tilts = len(points) > 0
    values, components = sampler.values(scenario.seed, PILOT_PATHS, is_tilted=tilts, prefix="pilot:")
    pilot = weighted_probability(values, sampler.untilted_share if tilts else 1.0)
    is_tilted, reason = False, f"the pilot run says {pilot.probability:.2g}"
    if tilts:
        is_tilted, reason = _choice(pilot, [*warning_signs(pilot), *_missed(values, components)])
    elif pilot.probability >= RARE:
        reason += ", which is not rare"
    else:
        reason += f", and under the model {scenario.market.model} no shift of normals leads to a breach"
    if is_tilted or pilot.probability >= RARE:
        return _sampled(scenario, pool, sampler, pilot, is_tilted, reason, distances)
    split = _split(scenario, pool, pilot, reason, distances, threads)
    if isinstance(split, RareEvent):
        return split
    return _sampled(scenario, pool, sampler, pilot, False, f"{reason}; {split}", distances)


def _sampled(
    scenario: Scenario,
    pool: Pool,
    sampler: Sampler,
    pilot: WeightedEstimate | None,
    is_tilted: bool,
    reason: str,
    distances: tuple[float, ...],
) -> RareEvent:
    """The answer from fresh paths, tilted or plain."""
    values, components = sampler.values(scenario.seed, scenario.paths, is_tilted=is_tilted)
    estimate = weighted_probability(values, sampler.untilted_share if is_tilted else 1.0)
    warnings = [*warning_signs(estimate), *(_missed(values, components) if is_tilted else ())]
    method = TILTED if is_tilted else PLAIN
    return _event(pool, method, reason, estimate, pilot, distances, warnings)


def _split(
    scenario: Scenario,
    pool: Pool,
    pilot: WeightedEstimate,
    reason: str,
    distances: tuple[float, ...],
    threads: int | None,
) -> RareEvent | str:
    """The answer by splitting, or why not."""
    if scenario.market.paths is not None:
        return "paths that are given cannot branch; plain sampling instead"
    splitter = Splitter(scenario, pool, threads)
    levels = splitter.levels(scenario.seed)
    if not levels:
        return "no path of the pilot run came nearer by steps; plain sampling instead"
    needed = (len(levels) + 1) * GROUPS * FEWEST_A_GROUP
    if scenario.paths < needed:
        return f"splitting in {len(levels) + 1} stages takes {needed:,} paths at least; plain sampling instead"
    trial = splitter.estimate(scenario.seed, max(SPLITTING_PILOT_PATHS, needed), levels, prefix="pilot:")
    gain = gain_of(trial)
    if trial.probability == 0.0 or gain < LEAST_GAIN:
        found = trial.probability > 0.0
        told = f"would divide the variance by no more than {gain:.2g}" if found else "led to no breach"
        return f"splitting {told}; plain sampling instead"
    why = f"{reason}; splitting at {len(levels)} levels divides the variance of counting by about {gain:.2g}"
    estimate = splitter.estimate(scenario.seed, scenario.paths, levels)
    warnings = [each.replace("one path makes", "paths from one beginning make") for each in warning_signs(estimate)]
    return _event(pool, SPLIT, why, estimate, trial, distances, warnings)


def _event(
    pool: Pool,
    method: str,
    reason: str,
    estimate: WeightedEstimate,
    pilot: WeightedEstimate | None,
    distances: tuple[float, ...],
    warnings: list[str],
) -> RareEvent:
    if pilot is not None and _disagree(pilot, estimate):
        warnings = [*warnings, f"the pilot run said {pilot.probability:.3g}, four standard errors or more away"]
    return RareEvent(pool.name, method, reason, estimate, pilot, distances, gain_of(estimate), tuple(warnings))


def gain_of(estimate: WeightedEstimate) -> float:
    """Variance of counting hits over that of the estimate's values, for one path; infinite without any variance."""
    variance = estimate.standard_error**2 * estimate.paths
    return estimate.probability * (1.0 - estimate.probability) / variance if variance > 0.0 else math.inf


def _choice(pilot: WeightedEstimate, signs: Sequence[str]) -> tuple[bool, str]:
    """Whether to tilt, and why."""
    found = f"the pilot run says {pilot.probability:.2g}"
    if pilot.probability == 0.0:
        return False, f"{found}: its tilt led to no breach"
    if pilot.probability >= RARE:
        return False, f"{found}, which is not rare"
    gain = gain_of(pilot)
    if gain < LEAST_GAIN:
        return False, f"{found}, and tilting would divide the variance by no more than {gain:.2g}"
    if signs:
        # Weights so uneven hide their own variance: the gain would be believed too easily.
        return False, f"{found}, but its weights cannot be trusted: {'; '.join(signs)}"
    return True, f"{found}, and tilting divides the variance of counting by about {gain:.2g}"


def _missed(values: NDArray[np.float32], components: NDArray[np.int32]) -> list[str]:
    """A sign that the likeliest breach is elsewhere: the untilted paths, a tenth of all, bring most of the sum."""
    total = float(values.sum(dtype=np.float64))
    untilted = float(values[components == 0].sum(dtype=np.float64))
    if total > 0.0 and untilted > 0.5 * total:
        return [f"paths without a tilt make up {untilted / total:.0%} of the estimate: the tilt leads elsewhere"]
    return []


def _disagree(pilot: WeightedEstimate, estimate: WeightedEstimate) -> bool:
    error = math.hypot(pilot.standard_error, estimate.standard_error)
    return abs(pilot.probability - estimate.probability) > 4.0 * error > 0.0


def _shares(points: NDArray[np.float64]) -> tuple[float, ...]:
    """Shares of the components: the untilted one, then the points by how likely the least move to each is."""
    if not len(points):
        return (1.0,)
    half_squares = 0.5 * (points**2).sum(axis=1)
    likely = np.exp(half_squares.min() - half_squares)
    return (UNTILTED_SHARE, *map(float, (1.0 - UNTILTED_SHARE) * likely / likely.sum()))


def _liquidated_today(scenario: Scenario, pool: Pool) -> bool:
    members = [scenario.book.positions[index] for index in pool.positions]
    return is_liquidated(surplus_today(scenario, pool), trigger_of(members))


def _check(scenario: Scenario, configuration: Configuration) -> None:
    from stresslab.simulation.preparation import venue_acts

    if configuration.policies or scenario.market.funding is not None or venue_acts(scenario):
        raise RareEventError(
            "policies, funding, partial liquidation, price impact or deleveraging acts on the pools before they are "
            "liquidated; choose a configuration without policies, and leave the rest out of the scenario"
        )


def _named(those: Sequence[Named], name: str, kind: str) -> Named:
    for each in those:
        if each.name == name:
            return each
    raise RareEventError(f"there is no {kind} named {name!r}; there are {', '.join(each.name for each in those)}")
