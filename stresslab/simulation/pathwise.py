"""Derivatives of P(liquidation) path by path, through the bridge (METHODS M21).

Given prices on the grid the chance that a pool on one price is liquidated is smooth in its barriers and in the market's
parameters, so that the mean of its derivatives is the derivative of its mean. Whether a path is *seen* to be liquidated
is a step, whose derivative says nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.problem import Layout, PoolParameters, build_problem
from stresslab.market import noise
from stresslab.market.models import MODELS, build_process
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.shocks import MULTIPLIED, with_multiple
from stresslab.simulation.breach import BLOCK_WIDTH, chance_of_breach
from stresslab.simulation.preparation import DAYS_PER_YEAR, venue_acts

if TYPE_CHECKING:
    from stresslab.market.process import Process

# Relative move by which it is found out how barriers and parameters follow a factor: they are smooth functions without
# noise, so that it need only stand well above single precision.
_MOVE = 2e-3


@dataclass(frozen=True)
class PathwiseSlope:
    """A derivative and its precision.

    Parameters
    ----------
    value : float
        Derivative of P(liquidation) to the factor as a multiple of itself, at 1; either sign.
    standard_error : float
        From the spread between paths, not negative.
    """

    value: float
    standard_error: float


def pathwise_slopes(scenario: Scenario, pool: Pool, *, threads: int | None = None) -> Mapping[str, PathwiseSlope]:
    """Derivatives of a pool's P(liquidation) to whatever factor it is smooth in.

    Parameters
    ----------
    scenario : Scenario
        Its market, horizon, step, seed and paths: prices move as in a run of it.
    pool : Pool
        Of the scenario's book, held without policies.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.

    Returns
    -------
    mapping of str to PathwiseSlope
        By factor of `stresslab.scenario.shocks.MULTIPLIED`. Empty where the chance is not smooth or not known: pools
        on several prices, prices that jump or whose extremes the model draws itself, given paths, whatever acts on
        pools before they are liquidated, and pools liquidated today. A factor with a derivative that is not finite is
        left out.
    """
    if scenario.market.paths is not None or scenario.market.funding is not None or venue_acts(scenario):
        return {}
    layout, (parameters, process) = _pool_and_process(scenario, pool)
    if not layout.single_stakes or not (np.asarray(parameters.barrier) > 0.0).all():
        return {}
    if not _is_smooth(process, scenario):
        return {}
    found = {}
    for factor in MULTIPLIED:
        # A move may bring an overlay with leaves of its own, so that the middle is a move by nothing.
        lower, middle, upper = (
            _pool_and_process(with_multiple(scenario, factor, multiple), _pool_at(scenario, pool, factor, multiple))
            for multiple in (1.0 - _MOVE, 1.0, 1.0 + _MOVE)
        )
        trees = {jax.tree.structure(each[1]) for each in (lower, middle, upper)}
        if len({lower[0], middle[0], upper[0]}) > 1 or len(trees) > 1:
            continue
        slope = _slope(scenario, middle[0], middle[1], _tangent(lower[1], upper[1]), threads)
        if slope is not None:
            found[factor] = slope
    return found


def _pool_at(scenario: Scenario, pool: Pool, factor: str, multiple: float) -> Pool:
    """The pool as a move of a factor leaves it."""
    alone = replace(scenario, configurations=(Configuration("", (pool,), 0.0),))
    return with_multiple(alone, factor, multiple).configurations[0].pools[0]


def _pool_and_process(scenario: Scenario, pool: Pool) -> tuple[Layout, tuple[PoolParameters, Process]]:
    problem = build_problem(scenario.book, [Configuration("", (pool,), 0.0)], scenario.market.assets)
    return problem.layout, (problem.parameters, build_process(scenario.market, scenario.step))


def _keys(scenario: Scenario) -> NDArray[np.uint32]:
    return noise.stream_keys(scenario.seed, MODELS[scenario.market.model].streams(scenario.market.assets))


def _is_smooth(process: Process, scenario: Scenario) -> bool:
    """Whether extremes are left to the bridge and nothing jumps."""

    # A model may look its arrays up by what is traced, so they are traced too.
    def step(process: Process, keys: Any) -> Any:
        draws = process.draw(keys, noise.Counter(jnp.arange(2, dtype=jnp.uint32), jnp.uint32(0)))
        return process.step(process.init(2), draws, jnp.float32(scenario.step / DAYS_PER_YEAR))[1]

    market = jax.eval_shape(step, process, _keys(scenario))
    return market.gap is None and market.low_log_price is None and market.high_log_price is None


def _tangent(lower: Any, upper: Any) -> Any:
    """How every leaf follows the multiple; nothing where it is no finite number."""

    def each(down: Any, up: Any) -> NDArray[Any]:
        down, up = np.asarray(down), np.asarray(up)
        if not np.issubdtype(up.dtype, np.floating):
            return np.zeros_like(up)
        finite = np.isfinite(down) & np.isfinite(up)
        moved = np.where(finite, up, 0.0).astype(np.float64) - np.where(finite, down, 0.0)
        return (moved / (2.0 * _MOVE)).astype(up.dtype)

    return jax.tree.map(each, lower, upper)


def _slope(scenario: Scenario, layout: Layout, leaves: Any, tangent: Any, threads: int | None) -> PathwiseSlope | None:
    keys, dt = _keys(scenario), np.float32(scenario.step / DAYS_PER_YEAR)

    def block(first: int) -> NDArray[np.float64]:
        found = _derivatives(layout, leaves, tangent, keys, dt, np.int32(scenario.steps), np.uint32(first))
        return np.asarray(found, np.float64)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="block") as executor:
        values = np.concatenate(list(executor.map(block, range(0, scenario.paths, BLOCK_WIDTH))))[: scenario.paths]
    if not np.isfinite(values).all() or values.size < 2:
        return None
    return PathwiseSlope(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size))


@partial(jax.jit, static_argnames=("layout",))
def _derivatives(layout: Layout, leaves: Any, tangent: Any, keys: Any, dt: Any, steps: Any, first_path: Any) -> Array:
    """Derivative of each path's chance of liquidation along the tangent, [path]."""
    path = first_path + jnp.arange(BLOCK_WIDTH, dtype=jnp.uint32)

    def chance(shift: Array) -> Array:
        def moved(leaf: Any, slope: Any) -> Any:
            return leaf + shift * slope if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else leaf

        parameters, process = jax.tree.map(moved, leaves, tangent)

        def step(index: Array, carry: Any) -> Any:
            state, surviving = carry
            state, market = process.step(state, process.draw(keys, noise.Counter(path, index.astype(jnp.uint32))), dt)
            return state, surviving * (1.0 - chance_of_breach(layout, parameters, market))

        start = process.init(BLOCK_WIDTH), jnp.ones(BLOCK_WIDTH, jnp.float32)
        liquidated: Array = 1.0 - lax.fori_loop(0, steps, step, start)[1]
        return liquidated

    slope: Array = jax.jvp(chance, (jnp.float32(0.0),), (jnp.float32(1.0),))[1]
    return slope
