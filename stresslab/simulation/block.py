"""One block of paths from the first step to the last: market, margin and folds in one compiled program."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin import account_engine, pool_engine, settlement
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.crossings import inside_of_step
from stresslab.margin.legs import Legs
from stresslab.margin.places import Places
from stresslab.margin.pool_engine import Outcome
from stresslab.margin.problem import PoolParameters
from stresslab.margin.settlement import AccountOutcome
from stresslab.market import noise
from stresslab.market.funding import Funding

# Chosen by measurement: a block of this many paths stays in the cache. It belongs to a run's identity.
BLOCK_WIDTH = 1024

# Margin ratios are sorted into bins of equal width in their logarithm, from 1 to 947; quantiles are read off the
# counts. Bin 0 holds what is liquidated; the number of a bin fits into a byte.
RATIO_BINS = 256
_BIN_WIDTH = float(np.log(1000.0)) / RATIO_BINS
RATIO_EDGES = np.exp(_BIN_WIDTH * np.arange(RATIO_BINS - 1)).astype(np.float32)


# Wide vectors where the processor has them: a third faster than the compiler's own choice.
_COMPILER_OPTIONS = {"xla_cpu_prefer_vector_width": 512}


class Grid(NamedTuple):
    """The steps of a run.

    Parameters
    ----------
    dt : jax.Array
        Length of a step in years, float32 scalar.
    snapshots : jax.Array
        Steps after which margin ratios are counted, rising, [snapshot], int32; the last is the number of steps.
    """

    dt: Array
    snapshots: Array


class Streams(NamedTuple):
    """Keys of all draws, uint32, [stream, 2]: the process's own, and one for each pool on several prices.

    Those of pools in the pool engine and in the account engine stand apart; a pool in both has the same key in both.
    The premiums of funding have keys where funding is paid.
    """

    process: Array
    pools: Array
    accounts: Array | None = None
    funding: Array | None = None


class BlockResult(NamedTuple):
    """What a block of paths leaves behind.

    Parameters
    ----------
    outcome : Outcome
        Per path.
    ratio_bins : jax.Array
        Number of the bin that holds the margin ratio, [snapshot, stake, path], uint8: how many edges lie below it. The
        pools of the accounts come after the pool engine's stakes.
    accounts : AccountOutcome or None
        Per path; None without accounts.
    """

    outcome: Outcome
    ratio_bins: Array
    accounts: AccountOutcome | None


@partial(jax.jit, static_argnames=("account_layout",), compiler_options=_COMPILER_OPTIONS)
def simulate_block(
    places: Places,
    parameters: PoolParameters,
    process: Any,
    streams: Streams,
    grid: Grid,
    first_path: Array,
    accounts: AccountParameters | None = None,
    funding: Funding | None = None,
    *,
    account_layout: AccountLayout | None = None,
) -> BlockResult:
    """Simulate paths ``first_path`` to ``first_path + BLOCK_WIDTH - 1``.

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The margin problem of the configurations on which nothing acts.
    process : pytree
        The market, see `stresslab.market.process`.
    streams, grid : Streams, Grid
        Draws and steps.
    first_path : jax.Array
        uint32 scalar.
    accounts, account_layout : AccountParameters, AccountLayout, optional
        The configurations that the account engine takes, on the same paths.
    funding : Funding, optional
        Where funding is paid; it reaches the accounts alone.
    """
    path = first_path + jnp.arange(BLOCK_WIDTH, dtype=jnp.uint32)
    problem = None if account_layout is None or accounts is None else (account_layout, accounts)
    # The correlation's factor does not change from step to step, so what follows from it is worked out once; of this
    # step outside the loop nothing else is left in the program.
    before = noise.Counter(path, jnp.uint32(0))
    factor = process.step(process.init(BLOCK_WIDTH), process.draw(streams.process, before), grid.dt)[1].factor
    member_factors = Legs(places, parameters).member_factors(factor)

    def step(index: Array, carry: Any) -> Any:
        state, premium, account, history = carry
        counter = noise.Counter(path, index.astype(jnp.uint32))
        draws = process.draw(streams.process, counter)
        state, market = process.step(state, draws, grid.dt)
        pool_bridge = noise.uniform(noise.words(streams.pools, counter)[0])
        # A model whose factor moves, so that another array comes back here, has it worked out in every step.
        known = member_factors if market.factor is factor else None
        account = pool_engine.step(places, parameters, account, market, draws.bridge, pool_bridge, known)
        if problem is not None:
            assert streams.accounts is not None, "accounts come with keys for their pools"
            inside = inside_of_step(market, draws.bridge)
            bridge = noise.uniform(noise.words(streams.accounts, counter)[0])
            payment = None
            if funding is not None:
                assert streams.funding is not None, "funding comes with keys for its premiums"
                keys, scores = streams.funding, funding.step(premium, market)
                settles = (index + 1) % funding.interval == 0
                nothing = jnp.zeros_like(market.log_price)
                premium, rate = lax.cond(
                    settles, lambda: funding.settle(scores, keys, counter), lambda: (scores, nothing)
                )
                payment = account_engine.Funding(settles, rate)
            history = account_engine.step(*problem, history, market, inside, bridge, index + 1, counter, payment)
        return state, premium, account, history

    def snapshot(carry: Any, bounds: tuple[Array, Array]) -> tuple[Any, Array]:
        state, premium, account, history = lax.fori_loop(bounds[0], bounds[1], step, carry)
        prices = process.log_price(state)
        ratios = [pool_engine.margin_ratios(places, parameters, account, prices, bounds[1])]
        if problem is not None:
            ratios.append(settlement.margin_ratios(*problem, history, prices))
        bins = jnp.ceil(jnp.log(jnp.concatenate(ratios)) / _BIN_WIDTH)
        return (state, premium, account, history), jnp.clip(bins, 0, RATIO_BINS - 1).astype(jnp.uint8)

    state = process.init(BLOCK_WIDTH)
    premium = None if funding is None else funding.init(BLOCK_WIDTH)
    account = pool_engine.init(places, parameters, BLOCK_WIDTH)
    history = None if problem is None else account_engine.init(*problem, BLOCK_WIDTH)
    starts = jnp.concatenate([jnp.zeros(1, jnp.int32), grid.snapshots[:-1]])
    (state, _, account, history), bins = lax.scan(
        snapshot, (state, premium, account, history), (starts, grid.snapshots)
    )
    prices, steps = process.log_price(state), grid.snapshots[-1]
    return BlockResult(
        pool_engine.finalize(places, parameters, account, prices, steps),
        bins,
        None if problem is None or history is None else settlement.finalize(*problem, history, prices, steps),
    )
