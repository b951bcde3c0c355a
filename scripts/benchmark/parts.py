"""Where a step's time goes: its parts, each compiled alone and run over and over on one block.

A part alone is an upper bound of what it costs in the whole program, where the compiler fuses it with others and values
stay in registers that a part alone writes and reads again. The sum need not be one: the whole also keeps state, counts,
and settles what is liquidated. What the loop around a part costs is measured with an empty part and taken off. Times
are those of the processor, not of the clock on the wall, so that other work on the machine disturbs them less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from scripts.benchmark.work import STEP, Work, book, market
from stresslab.margin import pool_engine
from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.places import places_of
from stresslab.margin.problem import build_problem
from stresslab.market import gbm, noise
from stresslab.market.process import MarketStep, Noise
from stresslab.simulation import block

# What a part computes from the number of the step and values that change with it.
Part = Callable[[Array, Array], Array]
_OPTIONS = {"xla_cpu_prefer_vector_width": 512}
_EMPTY = "loop alone"
_WHOLE = "whole step"


def parts(work: Work) -> dict[str, Part]:
    """The parts of a step by name, each a function of (step, values), values near 0, [asset, path]."""
    account, configurations = book(work)
    specification = market(work, "gbm")
    problem = build_problem(account, configurations, specification.assets)
    single = build_problem(account, configurations[:1], specification.assets)
    process = gbm.build(specification, 1.0 / 24.0)
    asset_keys = noise.stream_keys(1, gbm.streams(specification.assets))
    keys = jnp.concatenate([asset_keys, noise.stream_keys(1, problem.several_streams)])
    path = jnp.arange(block.BLOCK_WIDTH, dtype=jnp.uint32)
    dt = jnp.float32(STEP)
    legs = Legs(problem.layout, problem.parameters)
    factors = legs.member_factors(process.factor)
    width = block.BLOCK_WIDTH
    single_places = places_of(single.layout, work.assets)
    alone = pool_engine.init(single_places, single.parameters, width)
    pools = len(problem.layout.several_pools)
    deviation = process.volatility * dt**0.5
    halves = jnp.full((pools, width), 0.5, jnp.float32)
    threshold = jnp.asarray(problem.parameters.threshold[len(problem.layout.single_stakes) :])

    def draws(step: Array, values: Array) -> Array:
        first, second = noise.words(keys, noise.Counter(path, step.astype(jnp.uint32)))
        mixed: Array = lax.bitcast_convert_type((first ^ second) >> np.uint32(9), jnp.float32)
        return mixed[: work.assets]

    def normals(step: Array, values: Array) -> Array:
        return noise.normal(lax.bitcast_convert_type(values, jnp.uint32) * np.uint32(2654435761))

    def correlation(step: Array, values: Array) -> Array:
        return process.step(values, Noise(values, values), dt)[0]

    def exponentials(step: Array, values: Array) -> Array:
        return jnp.exp(values)

    def bridge(step: Array, values: Array) -> Array:
        moved = MarketStep(values, values + deviation, deviation, process.factor)
        uniforms = noise.uniform(lax.bitcast_convert_type(values, jnp.uint32))
        after = pool_engine.step(single_places, single.parameters, alone, moved, uniforms, halves)
        return after.extreme + after.survived

    def tiers(step: Array, values: Array) -> Array:
        return legs.requirement(legs.notional_at(1.0 + values))

    def several(step: Array, values: Array) -> Array:
        before = legs.pooled(values)
        moved = MarketStep(values, values, deviation, process.factor)
        middle = legs.notional(jnp.sqrt(1.0 + values))
        move, variance = (
            legs.pooled(values * values) - before,
            legs.variance(legs.surplus_exposure(middle), moved, factors),
        )
        worst = 0.5 * (before + jnp.sqrt(move * move - 2.0 * variance * jnp.log(halves + move)))
        stands = threshold > rows_of(worst, problem.layout.several_stakes)
        return values + stands.sum(axis=0)

    named: dict[str, Part] = {"draws": draws, "normals": normals, "correlation": correlation}
    named |= {"exponentials": exponentials, "bridge of single prices": bridge, "tiers": tiers}
    return named | {"pools of several positions": several}


def measure_parts(work: Work, repeats: int) -> dict[str, float]:
    """Processor microseconds for a step of one block, median of the repeats: of each part, and of the whole step."""
    loops: dict[str, Callable[[], object]] = {_EMPTY: _looped(work, lambda step, values: values)}
    loops |= {name: _looped(work, part) for name, part in parts(work).items()}
    loops[_WHOLE] = _whole(work)
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        loop()
    for _ in range(repeats):
        for name, loop in loops.items():
            started = time.process_time()
            loop()
            seconds[name].append((time.process_time() - started) / work.steps)
    medians = {name: 1e6 * statistics.median(values) for name, values in seconds.items()}
    empty = medians.pop(_EMPTY)
    return {name: value if name == _WHOLE else max(value - empty, 0.0) for name, value in medians.items()}


def _looped(work: Work, part: Part) -> Callable[[], object]:
    """A part as often as the work has steps, with values that change from step to step and a sum that needs each."""

    @jax.jit
    def run(start: Array) -> Array:
        def once(step: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            values, total = carry
            values = values + np.float32(1e-6)
            # The barrier keeps the part from being fused with the loop's own sums, or moved out of it.
            return values, total + _apart(part(step, _apart(values)))

        total: Array = lax.fori_loop(0, work.steps, once, (start, jnp.zeros_like(start)))[1]
        return total

    start = np.random.default_rng(4).uniform(0.001, 0.01, (work.assets, block.BLOCK_WIDTH)).astype(np.float32)
    compiled = run.lower(start).compile(_OPTIONS)  # type: ignore[arg-type]
    return lambda: compiled(start).block_until_ready()


def _apart(values: Array) -> Array:
    result: Array = lax.optimization_barrier(values)  # type: ignore[no-untyped-call]
    return result


def _whole(work: Work) -> Callable[[], object]:
    account, configurations = book(work)
    specification = market(work, "gbm")
    problem = build_problem(account, configurations, specification.assets)
    process = gbm.build(specification, 1.0 / 24.0)
    asset_keys = noise.stream_keys(1, gbm.streams(specification.assets))
    streams = block.Streams(asset_keys, noise.stream_keys(1, problem.several_streams))  # type: ignore[arg-type]
    grid = block.Grid(np.float32(STEP), np.array([work.steps], np.int32))  # type: ignore[arg-type]
    leaves = places_of(problem.layout, work.assets), problem.parameters, process, streams, grid, np.uint32(0)
    compiled = block.simulate_block.lower(*leaves).compile()
    return lambda: jax.block_until_ready(compiled(*leaves))  # type: ignore[no-untyped-call]


def print_parts(parts: Mapping[str, float]) -> None:
    """A table of the parts with their shares of the sum, and the whole step beside it."""
    total = sum(value for name, value in parts.items() if name != _WHOLE)
    print(f"\n{'parts of a step, each alone':44} {'us':>8} {'share':>8}")
    for name, value in parts.items():
        share = "" if name == _WHOLE else f"{value / total:8.1%}"
        print(f"{name:44} {value:8.1f} {share}")
    print(f"{'sum of the parts':44} {total:8.1f}")
