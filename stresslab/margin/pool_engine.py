"""The pool engine: what prices do to pools on which nothing acts before liquidation.

Written for a block of paths with the path axis last. A single-price pool costs one comparison a step, since only the
extremes of its price matter; a pool on several prices has its surplus stepped and bridged (METHODS M13, M14, M19).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.drivers import drivers_on_one_price, drivers_on_several
from stresslab.margin.legs import Legs, any_of, rows_of
from stresslab.margin.problem import NOBODY, Layout, PoolParameters
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
    price_ratio : jax.Array
        Price over start price of the assets of pools on several prices, [asset of a leg, path].
    requirement : jax.Array
        Maintenance requirement less profit and loss of each pool on several prices, [pool, path].
    worst : jax.Array
        Its largest value so far: the required collateral, [pool, path].
    several_survived : jax.Array
        Steps before each stake on several prices was liquidated, [stake, path], int32.
    settlement : jax.Array
        Equity left after the fee at liquidation, less the collateral where prices jump to it, [stake, path].
    driver : jax.Array
        Position that ended each stake on several prices, [stake, path], int16; -1 for none.
    """

    extreme: Array
    survived: Array
    reached: Array
    price_ratio: Array
    requirement: Array
    worst: Array
    several_survived: Array
    settlement: Array
    driver: Array


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


def init(layout: Layout, parameters: PoolParameters, paths: int) -> Account:
    """State of the account before the first step, at today's marks, on a block of paths."""
    legs = Legs(layout, parameters)
    ratio = jnp.ones((len(legs.assets), paths), jnp.float32)
    requirement = legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio))
    collateral, threshold = (_several(layout, values) for values in (parameters.collateral, parameters.threshold))
    liquidated = threshold <= rows_of(requirement, layout.several_stakes)
    equity = legs.pooled(legs.pnl(ratio) - parameters.fee_rate * legs.closed(legs.notional(ratio)))
    equity = rows_of(equity, layout.several_stakes) + collateral * (layout.bridge == "every_pool")
    watches = len(layout.watches)
    return Account(
        extreme=jnp.zeros((len(layout.rows), paths), jnp.float32),
        survived=jnp.zeros((watches, paths), jnp.int32),
        reached=jnp.zeros((watches, paths), jnp.float32),
        price_ratio=ratio,
        requirement=requirement,
        worst=requirement,
        several_survived=jnp.zeros((len(layout.several_stakes), paths), jnp.int32),
        settlement=jnp.where(liquidated, equity, 0.0),
        driver=jnp.full((len(layout.several_stakes), paths), NOBODY, jnp.int16),
    )


def step(
    layout: Layout,
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
    layout, parameters : Layout, PoolParameters
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
    account = _step_single(layout, parameters, account, market, bridge)
    if layout.several_pools:
        account = _step_several(layout, parameters, account, market, pool_bridge, factors)
    return account


def _step_single(
    layout: Layout, parameters: PoolParameters, account: Account, market: MarketStep, bridge: Array
) -> Account:
    if not layout.rows:
        return account
    assets = tuple(asset for asset, _ in layout.rows)
    side = jnp.array([[side] for _, side in layout.rows], jnp.float32)
    start, end = rows_of(market.start_log_price, assets), rows_of(market.log_price, assets)
    if layout.bridge == "none":
        inside = side * end
    elif market.low_log_price is not None and market.high_log_price is not None:
        low, high = rows_of(market.low_log_price, assets), rows_of(market.high_log_price, assets)
        inside = jnp.where(side > 0, high, -low)
    else:
        last = rows_of(market.before_gap, assets)
        # One uniform serves both extremes of an asset: low draws push the minimum down, high ones the maximum up.
        draw = rows_of(bridge, assets)
        draw = jnp.where(side > 0, 1.0 - draw, draw) if any(s > 0 for _, s in layout.rows) else draw
        width = _bridge_width(last - start, rows_of(market.deviation, assets) ** 2, draw)
        inside = 0.5 * (side * (start + last) + width)
    extreme = before = account.extreme
    if layout.bridge != "none":
        extreme = before = jnp.maximum(before, inside)
    if layout.bridge == "none" or market.gap is not None:
        extreme = jnp.maximum(before, side * end)
    held = rows_of(extreme, layout.watches) < parameters.barrier
    if layout.bridge == "none" or market.gap is not None:
        passed = ~held & (rows_of(before, layout.watches) < parameters.barrier)
        account = account._replace(reached=jnp.where(passed, rows_of(side * end, layout.watches), account.reached))
    return account._replace(extreme=extreme, survived=account.survived + held)


def _step_several(
    layout: Layout,
    parameters: PoolParameters,
    account: Account,
    market: MarketStep,
    pool_bridge: Array,
    factors: tuple[Array, ...] | None,
) -> Account:
    legs = Legs(layout, parameters)
    ratio = jnp.exp(rows_of(market.log_price, legs.assets))
    notional = legs.notional(ratio)
    required = legs.requirement(notional)
    pnl = legs.pnl(ratio)
    requirement = last_requirement = legs.pooled(required - pnl)
    last_ratio = ratio
    if market.gap is not None:
        last_ratio = jnp.exp(rows_of(market.before_gap, legs.assets))
        last_requirement = legs.pooled(legs.requirement(legs.notional(last_ratio)) - legs.pnl(last_ratio))
    if layout.bridge == "every_pool":
        # At the geometric middle of the step: the slope of each surplus in log prices, what a crossing leaves, and why.
        middle_ratio = jnp.sqrt(account.price_ratio * last_ratio)
        middle = legs.notional(middle_ratio)
        variance = legs.variance(legs.surplus_exposure(middle), market, factors)
        width = _bridge_width(last_requirement - account.requirement, variance, pool_bridge)
        worst_inside = 0.5 * (account.requirement + last_requirement + width)
    else:
        worst_inside = requirement
    worst = before = jnp.maximum(account.worst, worst_inside)
    if market.gap is not None:
        worst = jnp.maximum(before, requirement)
    threshold = _several(layout, parameters.threshold)
    held = threshold > rows_of(worst, layout.several_stakes)
    liquidated = ~held & (threshold > rows_of(account.worst, layout.several_stakes))

    def settle() -> tuple[Array, Array]:
        if layout.bridge == "every_pool":
            equity = legs.pooled(legs.requirement(middle) - parameters.fee_rate * legs.closed(middle))
            equity = rows_of(equity, layout.several_stakes) + _several(layout, parameters.closing_fee)
            driver = drivers_on_several(layout, legs, middle_ratio)
        else:
            equity = legs.pooled(pnl - parameters.fee_rate * legs.closed(notional))
            equity = rows_of(equity, layout.several_stakes)
            driver = drivers_on_several(layout, legs, ratio)
        if layout.bridge == "every_pool" and market.gap is not None:
            jumped = threshold > rows_of(before, layout.several_stakes)
            there = rows_of(legs.pooled(pnl - parameters.fee_rate * legs.closed(notional)), layout.several_stakes)
            equity = jnp.where(jumped, there + _several(layout, parameters.collateral), equity)
            driver = jnp.where(jumped, drivers_on_several(layout, legs, ratio), driver)
        return jnp.where(liquidated, equity, account.settlement), jnp.where(liquidated, driver, account.driver)

    # Most steps of a block liquidate nothing, so what a liquidation leaves is worked out only when there is one.
    settlement, driver = lax.cond(any_of(liquidated), settle, lambda: (account.settlement, account.driver))
    survived = account.several_survived + held
    market_now = {"price_ratio": ratio, "requirement": requirement, "worst": worst}
    return account._replace(several_survived=survived, settlement=settlement, driver=driver, **market_now)


def margin_ratios(
    layout: Layout, parameters: PoolParameters, account: Account, log_price: Array, elapsed: Array
) -> Array:
    """Equity less haircuts over maintenance margin of every stake now; 1 where it is liquidated.

    Parameters
    ----------
    layout, parameters, account : Layout, PoolParameters, Account
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
    positions = Legs(layout, parameters, every_position=True)
    ratio = jnp.exp(rows_of(log_price, positions.assets))
    equity = parameters.collateral + rows_of(parameters.membership @ positions.pnl(ratio), layout.stake_pools)
    demanded = positions.requirement(positions.notional(ratio))
    required = rows_of(parameters.membership @ demanded, layout.stake_pools) + parameters.closing_fee
    haircut = positions.haircut(demanded)
    if haircut is not None:
        discount = rows_of(parameters.membership @ haircut, layout.stake_pools)
        equity, required = equity - discount, required - discount
    alive = _alive(layout, parameters, account, elapsed)
    return jnp.where(alive, jnp.maximum(equity / required, 1.0), 1.0)


def finalize(layout: Layout, parameters: PoolParameters, account: Account, log_price: Array, steps: Array) -> Outcome:
    """Outcomes of a block after its last step."""
    positions = Legs(layout, parameters, every_position=True)
    ratio = jnp.exp(rows_of(log_price, positions.assets))
    pnl = parameters.membership @ positions.pnl(ratio)
    pnl_today = parameters.membership @ parameters.pnl
    alive = _alive(layout, parameters, account, steps)
    settlement = jnp.concatenate(
        [_single_settlement(layout, parameters, account), _several_settlement(layout, parameters, account)]
    )
    left = jnp.maximum(settlement, 0.0) * parameters.returned
    value_today = jnp.maximum(parameters.collateral + rows_of(pnl_today, layout.stake_pools), 0.0)
    profit = jnp.where(alive, rows_of(pnl - pnl_today, layout.stake_pools), left - value_today)
    required = required_collateral(layout, parameters, account.extreme, account.worst, log_price)
    step = _liquidation_step(layout, parameters, account, steps)
    on_one_price = drivers_on_one_price(layout, parameters, account.reached, account.survived)
    driver = jnp.concatenate([on_one_price, account.driver])
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


def _liquidation_step(layout: Layout, parameters: PoolParameters, account: Account, steps: Array) -> Array:
    survived = jnp.concatenate([*_by_stake(layout, account.survived), account.several_survived])
    today = jnp.concatenate(
        [
            *_by_stake(layout, (parameters.barrier > 0.0).astype(jnp.int32)),
            (_several(layout, parameters.threshold) > _several_deficit_today(layout, parameters)).astype(jnp.int32),
        ]
    )
    return jnp.where(today == 0, 0, jnp.where(survived < steps, survived, steps) + 1)


def _alive(layout: Layout, parameters: PoolParameters, account: Account, elapsed: Array) -> Array:
    return _liquidation_step(layout, parameters, account, elapsed) > elapsed


def _single_settlement(layout: Layout, parameters: PoolParameters, account: Account) -> Array:
    """Equity left on single-price stakes, by the barrier that was reached first."""
    paths = account.extreme.shape[1]
    settlement = _settlement_at_end(layout, parameters, account)
    if layout.bridge != "none":
        settlement = jnp.where(account.reached > 0.0, settlement, parameters.settlement)
    rows = []
    for watches in layout.single_stakes:
        first = settlement[watches[0]]
        for watch in watches[1:]:
            first = jnp.where(account.survived[watch] < account.survived[watches[0]], settlement[watch], first)
        rows.append(first)
    return jnp.stack(rows) if rows else jnp.zeros((0, paths), jnp.float32)


def _settlement_at_end(layout: Layout, parameters: PoolParameters, account: Account) -> Array:
    """Equity left where a barrier was passed at a step's end, [watch, path]."""
    positions = Legs(layout, parameters, every_position=True)
    side = jnp.array([[side] for _, side in layout.rows], jnp.float32)
    price_ratio = jnp.exp(rows_of(side, layout.watches) * account.reached) if layout.watches else account.reached
    pools = tuple(layout.stake_pools[stake] for stake, watches in enumerate(layout.single_stakes) for _ in watches)
    stakes = tuple(stake for stake, watches in enumerate(layout.single_stakes) for _ in watches)
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


def _several_settlement(layout: Layout, parameters: PoolParameters, account: Account) -> Array:
    if layout.bridge == "every_pool":
        return account.settlement
    return account.settlement + _several(layout, parameters.collateral)


def _by_stake(layout: Layout, values: Array) -> list[Array]:
    """Least value over the watches of each single-price stake, as a list of [1, ...]."""
    return [values[np.array(watches)].min(axis=0, keepdims=True) for watches in layout.single_stakes]


def _several(layout: Layout, values: Array) -> Array:
    """Rows of the stakes on several prices."""
    return values[len(layout.single_stakes) :]


def _several_deficit_today(layout: Layout, parameters: PoolParameters) -> Array:
    legs = Legs(layout, parameters)
    ratio = jnp.ones((len(legs.assets), 1), jnp.float32)
    return rows_of(legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio)), layout.several_stakes)


def _bridge_width(move: Array, variance: Array, draw: Array) -> Array:
    """Range of a Brownian bridge's extreme about its ends: sqrt(move^2 - 2 variance ln U) (METHODS M14)."""
    return jnp.sqrt(move * move - 2.0 * variance * jnp.log(draw))
