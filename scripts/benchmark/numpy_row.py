"""The work in NumPy: float32, vectorized over blocks of paths that fit into the cache, blocks in threads.

NumPy gives up the interpreter's lock inside its loops, so that threads run beside each other; blocks are wide enough
that they seldom wait for the lock. Draws come from SFC64, the quickest of its generators, one stream a block; normals
are made of uniforms by Box and Muller in vector arithmetic, in less than half the time of the generator's own ziggurat.
Nothing is allocated inside the loop.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from scripts.benchmark.row import Finding, Row, shares_of
from scripts.benchmark.work import PRICE, Arrays, Work, arrays

# Values in one array of a block, 320 kB; narrower blocks wait for the interpreter's lock more than they gain.
_VALUES = 81_920
_SEED = 2


def block_width(work: Work) -> int:
    """Paths of a block: a power of two, at most 8,192, that leaves blocks for two threads."""
    return min(8192, work.paths // 2, 1 << int(np.log2(_VALUES // work.assets)))


def numpy_row(work: Work, bridged: bool) -> Row:
    """NumPy, isolated pools bridged or tested at the ends of steps; pools of several positions at the ends of steps."""
    figures, width = arrays(work), block_width(work)
    blocks = range(work.paths // width)

    def run(threads: int) -> Finding:
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as executor:
            steps = np.concatenate(
                list(executor.map(lambda number: simulate(figures, work.steps, width, number, bridged), blocks)), axis=1
            )
        return Finding(time.perf_counter() - began, shares_of(steps, work.steps), steps.shape[1])

    if bridged:
        return Row("numpy, bridge", "isolated bridged", 0.0, run)
    return Row("numpy, no bridge", "ends", 0.0, run)


def simulate(figures: Arrays, steps: int, width: int, number: int, bridged: bool) -> NDArray[np.int32]:
    """Step of liquidation of every pool on the paths of one block, [pool, path]; steps + 1 if never."""
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(_SEED, spawn_key=(number,))))
    assets, pools = len(figures.quantity), len(figures.pool_collateral)
    drift, quantity, collateral = (column[:, None] for column in (figures.drift, figures.quantity, figures.collateral))
    notional_today = np.abs(quantity) * np.float32(PRICE)
    value_today = quantity * np.float32(PRICE)
    side = np.where(quantity > 0, np.float32(-0.5), np.float32(0.5))
    minus_twice_variance = np.float32(-2.0) * figures.deviation[:, None] ** 2
    membership = np.zeros((pools, assets), np.float32)
    for pool in range(pools):
        membership[pool, figures.members[figures.starts[pool] : figures.starts[pool + 1]]] = 1.0
    pool_collateral = figures.pool_collateral[:, None]

    log_price = np.zeros((assets, width), np.float32)
    move, inside, value, deficit, line = (np.empty_like(log_price) for _ in range(5))
    half = (assets + 1) // 2
    normal, radius = np.empty((2 * half, width), np.float32), np.empty((half, width), np.float32)
    pooled = np.empty((pools, width), np.float32)
    held, pool_held = np.ones((assets, width), bool), np.ones((pools, width), bool)
    stands, pool_stands = np.empty_like(held), np.empty_like(pool_held)
    survived, pool_survived = np.zeros((assets, width), np.int32), np.zeros((pools, width), np.int32)
    left = np.zeros((pools, width), np.float32)

    def deficit_at(log: NDArray[np.float32]) -> NDArray[np.float32]:
        """Requirement, a maximum of lines in the notional, less profit and loss."""
        np.exp(log, out=value)
        np.multiply(value, notional_today, out=move)
        np.multiply(move, figures.rate[0], out=deficit)
        for rate, amount in zip(figures.rate[1:], figures.amount[1:], strict=True):
            np.multiply(move, rate, out=line)
            np.subtract(line, amount, out=line)
            np.maximum(deficit, line, out=deficit)
        np.subtract(value, np.float32(1.0), out=value)
        np.multiply(value, value_today, out=value)
        return np.subtract(deficit, value, out=deficit)

    def draw_exponential(out: NDArray[np.float32], scale: NDArray[np.float32] | np.float32) -> None:
        """Exponential variates times minus a scale; NumPy's uniforms reach 0 and not 1."""
        generator.random(out=out, dtype=np.float32)
        np.subtract(np.float32(1.0), out, out=out)
        np.log(out, out=out)
        np.multiply(out, scale, out=out)

    def draw_normal() -> None:
        """Pairs of normals by Box and Muller."""
        draw_exponential(radius, np.float32(-2.0))
        np.sqrt(radius, out=radius)
        first, second = normal[:half], normal[half:]
        generator.random(out=second, dtype=np.float32)
        np.multiply(second, np.float32(2.0 * np.pi), out=second)
        np.cos(second, out=first)
        np.sin(second, out=second)
        np.multiply(first, radius, out=first)
        np.multiply(second, radius, out=second)

    for _ in range(steps):
        draw_normal()
        np.matmul(figures.load, normal[:assets], out=move)
        np.add(move, drift, out=move)
        if bridged:
            draw_exponential(inside, minus_twice_variance)
            np.multiply(move, move, out=line)
            np.add(inside, line, out=inside)
            np.sqrt(inside, out=inside)
            np.multiply(inside, side, out=inside)
            np.add(inside, log_price, out=inside)
            np.add(log_price, move, out=log_price)
            np.multiply(move, np.float32(0.5), out=move)
            np.add(inside, move, out=inside)
            np.less(deficit_at(inside), collateral, out=stands)
            deficit_at(log_price)
        else:
            np.add(log_price, move, out=log_price)
            np.less(deficit_at(log_price), collateral, out=stands)
        np.logical_and(held, stands, out=held)
        np.add(survived, held, out=survived)
        np.matmul(membership, deficit, out=pooled)
        np.less(pooled, pool_collateral, out=pool_stands)
        # What is left of a pool is worked out in the few steps in which one is liquidated.
        np.greater(pool_held, pool_stands, out=pool_stands)
        if pool_stands.any():
            np.copyto(left, pool_collateral + membership @ value, where=pool_stands)
            np.greater(pool_held, pool_stands, out=pool_held)
        np.add(pool_survived, pool_held, out=pool_survived)
    return np.concatenate([survived, pool_survived]) + 1
