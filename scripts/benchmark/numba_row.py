"""The work in Numba: blocks of paths in `prange`, counter-based draws, float32, loops that become vector instructions.

Written as one would by hand: the arrays of a block of 128 paths lie in the first-level cache, every inner loop runs
over the paths of a block, draws are a pure function of asset, path and step, and nothing is allocated inside the steps.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from scripts.benchmark.numba_draws import exponential, logarithm, normal, threefry, uniform
from scripts.benchmark.row import Finding, Row, shares_of
from scripts.benchmark.work import PRICE, Arrays, Work, arrays

WIDTH = 128
_SEED = np.uint32(3)
_F = np.float32
_ZERO, _HALF, _ONE, _MINUS_TWO = _F(0.0), _F(0.5), _F(1.0), _F(-2.0)


def numba_row(work: Work, bridged: bool) -> Row:
    """Numba, isolated pools bridged or tested at the ends of steps; pools of several positions at the ends of steps."""
    figures = arrays(work)
    leaves = _leaves(figures)
    started = time.perf_counter()
    _simulate(0, WIDTH, bridged, *leaves)
    seconds = time.perf_counter() - started

    def run(threads: int) -> Finding:
        numba.set_num_threads(threads)
        began = time.perf_counter()
        steps, _ = _simulate(work.steps, work.paths, bridged, *leaves)
        return Finding(time.perf_counter() - began, shares_of(steps, work.steps), steps.shape[1])

    if bridged:
        return Row("numba, bridge", "isolated bridged", seconds, run)
    return Row("numba, no bridge", "ends", seconds, run)


def _leaves(figures: Arrays) -> tuple[NDArray[Any], ...]:
    return (
        figures.load,
        figures.deviation,
        figures.drift,
        figures.quantity * _F(PRICE),
        figures.collateral,
        figures.rate,
        figures.amount,
        figures.members,
        figures.starts,
        figures.pool_collateral,
    )


@njit(fastmath=True)
def _requirement(notional, rate, amount):  # type: ignore[no-untyped-def]
    """A maximum of lines; tiers are few, and the loop over them is unrolled five deep where there are five."""
    required = rate[0] * notional
    for tier in range(1, 5):
        required = max(required, rate[tier] * notional - amount[tier])
    return required


@njit(parallel=True)
def _simulate(steps, paths, bridged, *leaves):  # type: ignore[no-untyped-def]
    pools = len(leaves[-1])
    survived = np.empty((len(leaves[3]) + pools, paths), np.int32)
    left = np.zeros((pools, paths), np.float32)
    for block in prange(paths // WIDTH):
        first = block * WIDTH
        here = slice(first, first + WIDTH)
        _simulate_block(steps, first, bridged, survived[:, here], left[:, here], *leaves)
    return survived + np.int32(1), left


# Sums may be rearranged and infinities are not expected; this is what the reference is compiled with, too.
@njit(fastmath=True, error_model="numpy")
def _simulate_block(  # type: ignore[no-untyped-def]
    steps,
    first,
    bridged,
    survived,
    left,
    load,
    deviation,
    drift,
    value,
    collateral,
    rate,
    amount,
    members,
    starts,
    pool_collateral,
):
    assets, pools = len(value), len(pool_collateral)
    log_price = np.zeros((assets, WIDTH), np.float32)
    z = np.empty((assets, WIDTH), np.float32)
    spread = np.empty((assets, WIDTH), np.float32)
    profit = np.empty((assets, WIDTH), np.float32)
    required = np.empty((assets, WIDTH), np.float32)
    move = np.empty(WIDTH, np.float32)
    equity = np.empty(WIDTH, np.float32)
    maintenance = np.empty(WIDTH, np.float32)
    remains = np.zeros((pools, WIDTH), np.float32)
    alive = np.ones((assets + pools, WIDTH), np.int32)
    count = np.zeros((assets + pools, WIDTH), np.int32)
    for step in range(steps):
        now = np.uint32(step)
        for asset in range(assets):
            key = np.uint32(asset)
            scale = _MINUS_TWO * deviation[asset] * deviation[asset]
            for i in range(WIDTH):
                word, other = threefry(key, _SEED, np.uint32(np.uint32(first) + np.uint32(i)), now)
                z[asset, i] = normal(word)
                if bridged:
                    spread[asset, i] = scale * logarithm(uniform(other))
        for asset in range(assets):
            for i in range(WIDTH):
                move[i] = drift[asset]
            for other_asset in range(asset + 1):
                weight = load[asset, other_asset]
                for i in range(WIDTH):
                    move[i] += weight * z[other_asset, i]
            size, own = value[asset], collateral[asset]
            gross = abs(size)
            side = _HALF if size < _ZERO else -_HALF
            for i in range(WIDTH):
                before = log_price[asset, i]
                after = before + move[i]
                log_price[asset, i] = after
                ratio = exponential(after)
                need, gain = _requirement(gross * ratio, rate, amount), size * (ratio - _ONE)
                required[asset, i], profit[asset, i] = need, gain
                if bridged:
                    reach = _F(math.sqrt(move[i] * move[i] + spread[asset, i]))
                    ratio = exponential(_HALF * (before + after) + side * reach)
                    need, gain = _requirement(gross * ratio, rate, amount), size * (ratio - _ONE)
                stands = alive[asset, i] if own + gain > need else np.int32(0)
                alive[asset, i] = stands
                count[asset, i] += stands
        for pool in range(pools):
            row = assets + pool
            for i in range(WIDTH):
                equity[i] = pool_collateral[pool]
                maintenance[i] = _ZERO
            for place in range(starts[pool], starts[pool + 1]):
                member = members[place]
                for i in range(WIDTH):
                    equity[i] += profit[member, i]
                    maintenance[i] += required[member, i]
            for i in range(WIDTH):
                stands = alive[row, i] if equity[i] > maintenance[i] else np.int32(0)
                remains[pool, i] = equity[i] if stands < alive[row, i] else remains[pool, i]
                alive[row, i] = stands
                count[row, i] += stands
    survived[:, :] = count
    left[:, :] = remains
