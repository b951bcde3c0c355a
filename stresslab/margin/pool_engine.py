"""The pool engine: what prices do to pools on which nothing acts before liquidation.

Written for a block of paths with the path axis last. A single-price pool costs one comparison a step, since only the
extremes of its price matter; a pool on several prices has its surplus stepped and bridged (METHODS M13, M14, M19).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from stresslab.margin.drivers import drivers_on_one_price, first_reached
from stresslab.margin.legs import Legs, rows_of
from stresslab.margin.liquidation_queue import Queue, empty_queue, enqueue, settled
from stresslab.margin.places import Places
from stresslab.margin.problem import NOBODY, PoolParameters
from stresslab.margin.required_collateral import required_collateral
from stresslab.market.process import MarketStep


class Account(NamedTuple):
    """State of every pool and stake: the least that the next step needs.

    Parameters
    ----------
    extreme : jax.Array
        Side times the most extreme log price so far, [row, path]; at least 0.
    survived : jax.Array
        Steps before each watch's barrier was reached, [watch, path], int32.
    reached : jax.Array
        Side times the log price at which a barrier was passed at a step's end, [watch, path]; 0 where that is the
        barrier itself.
    requirement : jax.Array
        Maintenance requirement less profit and loss of each pool on several prices, [pool, path].
    worst : jax.Array
        Its largest value so far: the required collateral, [pool, path].
    several_survived : jax.Array
        Steps before each stake on several prices was liquidated, [stake, path], int32.
    queue : Queue
        Liquidations of stakes on several prices.
    """

    extreme: Array
    survived: Array
    reached: Array
    requirement: Array
    worst: Array
    several_survived: Array
    queue: Queue


class Outcome(NamedTuple):
    """What became of every pool and stake on every path of a block.

    Parameters
    ----------
    required_collateral : jax.Array
        Collateral with which the pool just fails to survive the path, [pool, path].
    liquidation_step : jax.Array
        Step in which the stake was liquidated, [stake, path], int32; 0 today, steps + 1 if never.
    profit : jax.Array
        Change of the stake's value from today to the horizon, [stake, path].
    insurance_draw : jax.Array
        What was missing below zero at liquidation, [stake, path], not negative.
    driver : jax.Array
        Position that ended the stake, [stake, path], int16: whose pnl less requirement fell most from today to the
        liquidation; -1 if never, and today.
    log_price : jax.Array
        Log of price over start price at the horizon, [asset, path].
    failed : jax.Array
        True where a number of the path is not finite, [path].
    """

    required_collateral: Array
    liquidation_step: Array
    profit: Array
    insurance_draw: Array
    driver: Array
    log_price: Array
    failed: Array


def init(places: Places, parameters: PoolParameters, paths: int) -> Account:
    """State of the account before the first step, at today's marks, on a block of paths."""
    legs = Legs(places, parameters)
    today = jnp.ones((1, paths), jnp.float32)
    requirement = legs.pooled(legs.requirement(legs.notional_at(today)) - legs.pnl_at(today))
    collateral, threshold = (_several(places, values) for values in (parameters.collateral, parameters.threshold))
    liquidated = threshold <= rows_of(requirement, places.several_stake)
    equity = legs.pooled(legs.pnl_at(today) - parameters.fee_rate * legs.closed(legs.notional_at(today)))
    equity = rows_of(equity, places.several_stake) + collateral * (places.bridge == "every_pool")
    watches = parameters.barrier.shape[0]
    return Account(
        extreme=jnp.zeros((places.row_side.shape[0], paths), jnp.float32),
        survived=jnp.zeros((watches, paths), jnp.int32),
        reached=jnp.zeros((watches, paths), jnp.float32),
        requirement=requirement,
        worst=requirement,
        several_survived=jnp.zeros(liquidated.shape, jnp.int32),
        queue=empty_queue(len(legs.value), jnp.where(liquidated, equity, 0.0)),
    )


def step(
    places: Places,
    parameters: PoolParameters,
    account: Account,
    market: MarketStep,
    bridge: Array,
    pool_bridge: Array,
    factors: tuple[Array, ...] | None = None,
) -> Account:
    """Take every pool through one step of the market.

    Parameters
    ----------
    places, parameters : Places, PoolParameters
        The problem.
    account : Account
        State at the start of the step.
    market : MarketStep
        What the step did to prices.
    bridge : jax.Array
        Uniforms for the extremes of single prices, [asset, path].
    pool_bridge : jax.Array
        Uniforms for the least surplus of pools on several prices, [pool, path].
    factors : tuple of jax.Array, optional
        Of `Legs.member_factors`, where they were worked out before the first step.
    """
    account = _step_single(places, parameters, account, market, bridge)
    if places.several_pool.shape[0]:
        account = _step_several(places, parameters, account, market, pool_bridge, factors)
    return account


def _step_single(
    places: Places, parameters: PoolParameters, account: Account, market: MarketStep, bridge: Array
) -> Account:
    if not places.row_side.shape[0]:
        return account
    assets, side = places.row_asset, places.row_side
    start, end = rows_of(market.start_log_price, assets), rows_of(market.log_price, assets)
    if places.bridge == "none":
        inside = side * end
    elif market.low_log_price is not None and market.high_log_price is not None:
        low, high = rows_of(market.low_log_price, assets), rows_of(market.high_log_price, assets)
        inside = jnp.where(side > 0, high, -low)
    else:
        last = rows_of(market.before_gap, assets)
        # One uniform serves both extremes of an asset: low draws push the minimum down, high ones the maximum up.
        draw = rows_of(bridge, assets)
        draw = jnp.where(side > 0, 1.0 - draw, draw)
        width = _bridge_width(last - start, rows_of(market.deviation, assets) ** 2, draw)
        inside = 0.5 * (side * (start + last) + width)
    extreme = before = account.extreme
    if places.bridge != "none":
        extreme = before = jnp.maximum(before, inside)
    if places.bridge == "none" or market.gap is not None:
        extreme = jnp.maximum(before, side * end)
    held = rows_of(extreme, places.watch_row) < parameters.barrier
    if places.bridge == "none" or market.gap is not None:
        passed = ~held & (rows_of(before, places.watch_row) < parameters.barrier)
        account = account._replace(reached=jnp.where(passed, rows_of(side * end, places.watch_row), account.reached))
    return account._replace(extreme=extreme, survived=account.survived + held)


def _step_several(
    places: Places,
    parameters: PoolParameters,
    account: Account,
    market: MarketStep,
    pool_bridge: Array,
    factors: tuple[Array, ...] | None,
) -> Account:
    legs = Legs(places, parameters)
    ratio = jnp.exp(rows_of(market.log_price, legs.assets))
    notional = legs.notional(ratio)
    required = legs.requirement(notional)
    pnl = legs.pnl(ratio)
    requirement = last_requirement = legs.pooled(required - pnl)
    if market.gap is not None:
        last_ratio = jnp.exp(rows_of(market.before_gap, legs.assets))
        last_requirement = legs.pooled(legs.requirement(legs.notional(last_ratio)) - legs.pnl(last_ratio))
    if places.bridge == "every_pool":
        # At the geometric middle of the step: the slope of each surplus in log prices, what a crossing leaves, and why.
        middle = legs.notional(jnp.exp(0.5 * rows_of(market.start_log_price + market.before_gap, legs.assets)))
        variance = legs.variance(legs.surplus_exposure(middle), market, factors)
        width = _bridge_width(last_requirement - account.requirement, variance, pool_bridge)
        worst_inside = 0.5 * (account.requirement + last_requirement + width)
    else:
        worst_inside = requirement
    worst = before = jnp.maximum(account.worst, worst_inside)
    if market.gap is not None:
        worst = jnp.maximum(before, requirement)
    threshold = _several(places, parameters.threshold)
    held = threshold > rows_of(worst, places.several_stake)
    liquidated = ~held & (threshold > rows_of(account.worst, places.several_stake))

    survived = account.several_survived + held
    queue = _enqueue(places, parameters, account.queue, market, liquidated, threshold, before)
    return account._replace(several_survived=survived, queue=queue, requirement=requirement, worst=worst)


def _enqueue(
    places: Places,
    parameters: PoolParameters,
    queue: Queue,
    market: MarketStep,
    liquidated: Array,
    threshold: Array,
    before_gap: Array,
) -> Queue:
    """Let liquidations wait at the prices that they are settled at.

    ``before_gap`` is the largest deficit up to the gap at the step's end, [pool, path].
    """
    if places.bridge != "every_pool":
        return enqueue(places, parameters, queue, liquidated, market.log_price, at_end=True)
    middle = 0.5 * (market.start_log_price + market.before_gap)
    if market.gap is None:
        return enqueue(places, parameters, queue, liquidated, middle, at_end=False)
    jumped = threshold > rows_of(before_gap, places.several_stake)
    queue = enqueue(places, parameters, queue, liquidated & ~jumped, middle, at_end=False)
    return enqueue(places, parameters, queue, liquidated & jumped, market.log_price, at_end=True)


def margin_ratios(
    places: Places, parameters: PoolParameters, account: Account, log_price: Array, elapsed: Array
) -> Array:
    """Equity less haircuts over maintenance margin of every stake now; 1 where it is liquidated.

    Parameters
    ----------
    places, parameters, account : Places, PoolParameters, Account
        The problem and its state.
    log_price : jax.Array
        Log of price over start price now, [asset, path].
    elapsed : jax.Array
        Steps done, int32 scalar.

    Returns
    -------
    jax.Array
        [stake, path], at least 1.
    """
    positions = Legs(places, parameters, every_position=True)
    ratio = jnp.exp(rows_of(log_price, positions.assets))
    equity = parameters.collateral + rows_of(parameters.membership @ positions.pnl(ratio), places.stake_pool)
    demanded = positions.requirement(positions.notional(ratio))
    required = rows_of(parameters.membership @ demanded, places.stake_pool) + parameters.closing_fee
    haircut = positions.haircut(demanded)
    if haircut is not None:
        discount = rows_of(parameters.membership @ haircut, places.stake_pool)
        equity, required = equity - discount, required - discount
    alive = _alive(places, parameters, account, elapsed)
    return jnp.where(alive, jnp.maximum(equity / required, 1.0), 1.0)


def finalize(places: Places, parameters: PoolParameters, account: Account, log_price: Array, steps: Array) -> Outcome:
    """Outcomes of a block after its last step."""
    account = account._replace(queue=settled(places, parameters, account.queue))
    positions = Legs(places, parameters, every_position=True)
    ratio = jnp.exp(rows_of(log_price, positions.assets))
    pnl = parameters.membership @ positions.pnl(ratio)
    pnl_today = parameters.membership @ parameters.pnl
    alive = _alive(places, parameters, account, steps)
    settlement = jnp.concatenate(
        [_single_settlement(places, parameters, account), _several_settlement(places, parameters, account)]
    )
    left = jnp.maximum(settlement, 0.0) * parameters.returned
    value_today = jnp.maximum(parameters.collateral + rows_of(pnl_today, places.stake_pool), 0.0)
    profit = jnp.where(alive, rows_of(pnl - pnl_today, places.stake_pool), left - value_today)
    required = required_collateral(places, parameters, account.extreme, account.worst, log_price)
    step = _liquidation_step(places, parameters, account, steps)
    on_one_price = drivers_on_one_price(places, parameters, account.reached, account.survived)
    driver = jnp.concatenate([on_one_price, account.queue.driver])
    finite = [jnp.isfinite(values).all(axis=0) for values in (log_price, profit, required)]
    return Outcome(
        required_collateral=required,
        liquidation_step=step,
        profit=profit,
        insurance_draw=jnp.where(alive, 0.0, jnp.maximum(-settlement, 0.0)),
        driver=jnp.where((step > 0) & (step <= steps), driver, NOBODY).astype(jnp.int16),
        log_price=log_price,
        failed=~(finite[0] & finite[1] & finite[2]),
    )


def _liquidation_step(places: Places, parameters: PoolParameters, account: Account, steps: Array) -> Array:
    survived = jnp.concatenate([_by_stake(places, account.survived), account.several_survived])
    today = jnp.concatenate(
        [
            _by_stake(places, (parameters.barrier > 0.0).astype(jnp.int32)),
            (_several(places, parameters.threshold) > _several_deficit_today(places, parameters)).astype(jnp.int32),
        ]
    )
    return jnp.where(today == 0, 0, jnp.where(survived < steps, survived, steps) + 1)


def _alive(places: Places, parameters: PoolParameters, account: Account, elapsed: Array) -> Array:
    return _liquidation_step(places, parameters, account, elapsed) > elapsed


def _single_settlement(places: Places, parameters: PoolParameters, account: Account) -> Array:
    """Equity left on single-price stakes, by the barrier that was reached first."""
    settlement = _settlement_at_end(places, parameters, account)
    if places.bridge != "none":
        settlement = jnp.where(account.reached > 0.0, settlement, parameters.settlement)
    return first_reached(places, settlement, account.survived)


def _settlement_at_end(places: Places, parameters: PoolParameters, account: Account) -> Array:
    """Equity left where a barrier was passed at a step's end, [watch, path]."""
    positions = Legs(places, parameters, every_position=True)
    price_ratio = jnp.exp(rows_of(places.row_side, places.watch_row) * account.reached)
    stakes = places.watch_stake
    pools = rows_of(places.stake_pool, stakes)
    # On one price the pnl is a straight line in unit value, so the pool's sums suffice.
    unit_ratio = price_ratio
    if positions.rules is not None:
        rises = rows_of(parameters.membership @ positions.rules.rises.astype(jnp.float32), pools) > 0.0
        unit_ratio = jnp.where(rises, price_ratio, 1.0 / price_ratio)
    exposure = rows_of(parameters.membership @ positions.slope, pools)
    gross = rows_of(parameters.membership @ positions.closed(positions.value), pools)
    pnl = rows_of(parameters.membership @ parameters.pnl, pools)
    equity = rows_of(parameters.collateral, stakes) + pnl + exposure * (unit_ratio - 1.0)
    return equity - parameters.fee_rate * gross * unit_ratio


def _several_settlement(places: Places, parameters: PoolParameters, account: Account) -> Array:
    if places.bridge == "every_pool":
        return account.queue.settlement
    return account.queue.settlement + _several(places, parameters.collateral)


def _by_stake(places: Places, values: Array) -> Array:
    """Least value over the watches of each single-price stake, [stake, ...]."""
    return jnp.minimum(rows_of(values, places.stake_watches[:, 0]), rows_of(values, places.stake_watches[:, 1]))


def _several(places: Places, values: Array) -> Array:
    """Rows of the stakes on several prices."""
    return values[places.stake_watches.shape[0] :]


def _several_deficit_today(places: Places, parameters: PoolParameters) -> Array:
    legs = Legs(places, parameters)
    today = jnp.ones((1, 1), jnp.float32)
    deficit = legs.pooled(legs.requirement(legs.notional_at(today)) - legs.pnl_at(today))
    return rows_of(deficit, places.several_stake)


def _bridge_width(move: Array, variance: Array, draw: Array) -> Array:
    """Range of a Brownian bridge's extreme about its ends: sqrt(move^2 - 2 variance ln U) (METHODS M14)."""
    return jnp.sqrt(move * move - 2.0 * variance * jnp.log(draw))
