"""The account engine: the full state of a configuration on every path, for whatever acts before the horizon.

The order of events inside a step is fixed:

1. Prices move to the end of the step; the least surplus of each pool inside the step is drawn from the bridge, with the
   same draws as in the pool engine: of the asset for a pool on one price, of the pool for one on several (METHODS M13,
   M14, M19).
2. A pool whose surplus reached zero inside the step is liquidated there: at the price of the crossing if it is on one
   price, at the geometric middle of the step if it is on several, and at the end of the step where nothing is bridged,
   since the price then jumps (DESIGN section 8).
3. At the hours of funding every open pool pays or receives it, on the notional at the mark at the end of the step; then
   its margin is tested again, and a pool without surplus is liquidated at that mark (METHODS M10).
4. The ledger is booked: every amount that moved cash stands on one of its lines.

A loss ends at what the pool owns. What is missing below zero is the insurance draw, on a line of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.account_problem import AccountLayout
from stresslab.margin.ledger import Sum, add, post, start_ledger, start_sum
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.legs import Legs, PoolGroup, rows_of
from stresslab.margin.problem import PoolParameters
from stresslab.market.process import MarketStep

NEVER = np.int32(np.iinfo(np.int32).max)

# Newton's method on a surplus that is concave and piecewise linear ends after as many iterations as tiers are crossed
# between its start and the root. A step crosses few.
_ITERATIONS = 8


class Inside(NamedTuple):
    """Prices of a step over start prices, as pools on one price meet them, each [asset, path].

    Parameters
    ----------
    low, high : jax.Array
        Extremes inside the step.
    """

    low: Array
    high: Array


class Funding(NamedTuple):
    """Funding at the end of a step.

    Parameters
    ----------
    settles : jax.Array
        Whether a settlement falls on the end of the step, bool scalar.
    rate : jax.Array
        Rate of the interval, [asset, path]; longs pay a positive one.
    """

    settles: Array
    rate: Array


class Account(NamedTuple):
    """State of a configuration's pools.

    Parameters
    ----------
    cash : Sum
        Money of each pool without the pnl of its open positions, [pool, path]; after a liquidation what was left.
    liquidation_step : jax.Array
        Step of the liquidation, [pool, path], int32; 0 today, `NEVER` while the pool is open.
    deficit : jax.Array
        Requirement less unrealized pnl at the end of the last step, [pool, path].
    funding : jax.Array
        Funding received so far by the pool if it was never liquidated, [pool, path].
    required : jax.Array
        Largest deficit less funding so far, inside steps too: the required collateral, [pool, path].
    ledger : Sum
        Sums of the ledger's lines, [line, pool, path].
    """

    cash: Sum
    liquidation_step: Array
    deficit: Array
    funding: Array
    required: Array
    ledger: Sum


class AccountOutcome(NamedTuple):
    """What became of every pool of a configuration on every path of a block, pools in the configuration's order.

    Parameters
    ----------
    required_collateral, liquidation_step, profit, insurance_draw : jax.Array
        As the pool engine's, [pool, path].
    lines : jax.Array
        Sums of the ledger's lines over the pools, [line, path].
    drift : jax.Array
        Change of equity less the sum of all lines, [pool, path]: rounding, and nothing else.
    failed : jax.Array
        True where a number of the path is not finite, [path].
    """

    required_collateral: Array
    liquidation_step: Array
    profit: Array
    insurance_draw: Array
    lines: Array
    drift: Array
    failed: Array


def inside_of_step(market: MarketStep, bridge: Array) -> Inside:
    """Extremes of every price inside a step; one uniform serves both, as in the pool engine."""
    middle = 0.5 * (market.start_log_price + market.log_price)
    square, variance = (market.log_price - market.start_log_price) ** 2, market.deviation**2

    def reach(draw: Array) -> Array:
        return 0.5 * jnp.sqrt(square - 2.0 * variance * jnp.log(draw))

    return Inside(jnp.exp(middle - reach(bridge)), jnp.exp(middle + reach(1.0 - bridge)))


def init(layout: AccountLayout, parameters: PoolParameters, paths: int) -> Account:
    """State before the first step, at today's marks, on a block of paths; pools without surplus are liquidated."""
    legs = _legs(layout, parameters)
    ratio = jnp.ones((len(legs.assets), paths), jnp.float32)
    notional, pnl = legs.notional(ratio), legs.pnl(ratio)
    deficit = legs.pooled(legs.requirement(notional) - pnl)
    cash = jnp.broadcast_to(parameters.collateral, deficit.shape)
    account = Account(
        cash=start_sum(cash),
        liquidation_step=jnp.full(deficit.shape, NEVER),
        deficit=deficit,
        funding=jnp.zeros_like(deficit),
        required=deficit,
        ledger=start_ledger(len(layout.pools), paths),
    )
    return _liquidate(parameters, account, cash <= deficit, cash + legs.pooled(pnl), legs.pooled(notional), np.int32(0))


def step(
    layout: AccountLayout,
    parameters: PoolParameters,
    account: Account,
    market: MarketStep,
    inside: Inside,
    pool_bridge: Array,
    number: Array,
    funding: Funding | None,
) -> Account:
    """Take a configuration through one step, in the order that the module's text states.

    Parameters
    ----------
    layout, parameters : AccountLayout, PoolParameters
        The configuration.
    account : Account
        State at the start of the step.
    market : MarketStep
        What the step did to prices.
    inside : Inside
        Extremes inside the step.
    pool_bridge : jax.Array
        Uniforms for the least surplus of pools on several prices, [stream, path].
    number : jax.Array
        Number of the step, from 1, int32 scalar.
    funding : Funding or None
        None where no funding is paid.
    """
    legs = _legs(layout, parameters)
    ratio = jnp.exp(rows_of(market.log_price, legs.assets))
    notional, pnl = legs.notional(ratio), legs.pnl(ratio)
    deficit = legs.pooled(legs.requirement(notional) - pnl)
    worst, low = _worst_inside(layout, parameters, account.deficit, deficit, market, inside, pool_bridge)
    cash = account.cash.value
    liquidated = (account.liquidation_step == NEVER) & (cash <= worst)

    def settle() -> Account:
        equity, gross = _at_crossing(layout, parameters, cash, cash <= low, market, inside)
        if layout.bridge != "every_pool":
            first = 0 if layout.bridge == "none" else layout.single_pools
            equity = equity.at[first:].set((cash + legs.pooled(pnl))[first:])
            gross = gross.at[first:].set(legs.pooled(notional)[first:])
        return _liquidate(parameters, account, liquidated, equity, gross, number)

    # Most steps of a block liquidate nothing, so what a liquidation leaves is worked out only when there is one.
    account = lax.cond(liquidated.any(), settle, lambda: account)
    account = account._replace(deficit=deficit, required=jnp.maximum(account.required, worst - account.funding))
    if funding is None:
        return account

    def pay() -> Account:
        assert funding is not None
        rate = rows_of(funding.rate, legs.assets)
        return _pay_funding(parameters, account, legs.pooled(-legs.side * notional * rate), legs, pnl, notional, number)

    paid: Account = lax.cond(funding.settles, pay, lambda: account)
    return paid


def margin_ratios(layout: AccountLayout, parameters: PoolParameters, account: Account, log_price: Array) -> Array:
    """Equity over maintenance margin of every pool now, [pool, path], at least 1; 1 where it is liquidated."""
    legs = _legs(layout, parameters)
    ratio = jnp.exp(rows_of(log_price, legs.assets))
    equity = account.cash.value + legs.pooled(legs.pnl(ratio))
    required = legs.pooled(legs.requirement(legs.notional(ratio)))
    return jnp.where(account.liquidation_step == NEVER, jnp.maximum(equity / required, 1.0), 1.0)


def finalize(
    layout: AccountLayout, parameters: PoolParameters, account: Account, log_price: Array, steps: Array
) -> AccountOutcome:
    """Outcomes of a block after its last step; pools in the layout's order."""
    legs = _legs(layout, parameters)
    pnl = legs.pooled(legs.pnl(jnp.exp(rows_of(log_price, legs.assets))))
    pnl_today = parameters.membership @ parameters.pnl
    is_open = account.liquidation_step == NEVER
    ledger = post(account.ledger, {"price_pnl": jnp.where(is_open, pnl, 0.0) - pnl_today})
    lines = ledger.value
    equity_today = parameters.collateral + pnl_today
    # An account's value counts no pool below zero, so what a pool lacks today is no gain when insurance covers it.
    profit = lines.sum(axis=0) - jnp.maximum(-equity_today, 0.0)
    cash = account.cash
    # Differences of large terms first: what is left is the rounding alone.
    change = (cash.total - parameters.collateral) + cash.rest + (jnp.where(is_open, pnl, 0.0) - pnl_today)
    finite = [jnp.isfinite(values).all(axis=0) for values in (log_price, profit, account.required)]
    return AccountOutcome(
        required_collateral=account.required,
        liquidation_step=jnp.where(is_open, steps + 1, account.liquidation_step),
        profit=profit,
        insurance_draw=lines[LINES.index("insurance_draw")],
        lines=lines.sum(axis=1),
        drift=change - lines.sum(axis=0),
        failed=~(finite[0] & finite[1] & finite[2]),
    )


def _pay_funding(
    parameters: PoolParameters,
    account: Account,
    received: Array,
    legs: Legs,
    pnl: Array,
    notional: Array,
    number: Array,
) -> Account:
    """Settle funding, then test margin at the mark."""
    is_open = account.liquidation_step == NEVER
    booked = jnp.where(is_open, received, 0.0)
    funding = account.funding + received
    account = account._replace(
        cash=add(account.cash, booked),
        funding=funding,
        required=jnp.maximum(account.required, account.deficit - funding),
        ledger=post(account.ledger, {"funding": booked}),
    )
    cash = account.cash.value
    liquidated = is_open & (cash <= account.deficit)
    return _liquidate(parameters, account, liquidated, cash + legs.pooled(pnl), legs.pooled(notional), number)


def _legs(layout: AccountLayout, parameters: PoolParameters) -> Legs:
    pools = tuple(range(len(layout.pools)))
    group = PoolGroup(layout.position_assets, pools, tuple(range(len(layout.position_assets))))
    return Legs(group, parameters, every_position=True)


def _group(layout: AccountLayout, parameters: PoolParameters, *, single: bool) -> Legs:
    """Positions of the pools on one price, or of the others."""
    places = range(layout.single_pools) if single else range(layout.single_pools, len(layout.pools))
    legs = tuple(sorted(position for place in places for position in layout.pools[place]))
    return Legs(PoolGroup(layout.position_assets, tuple(places), legs), parameters)


def _deficit(legs: Legs, ratio: Array) -> Array:
    return legs.pooled(legs.requirement(legs.notional(ratio)) - legs.pnl(ratio))


def _worst_inside(
    layout: AccountLayout,
    parameters: PoolParameters,
    before: Array,
    after: Array,
    market: MarketStep,
    inside: Inside,
    pool_bridge: Array,
) -> tuple[Array, Array]:
    """Largest deficit inside the step, and the deficit at the lowest price for pools on one price, [pool, path]."""
    if layout.bridge == "none":
        return after, after
    worst, low = [], []
    if layout.single_pools:
        legs = _group(layout, parameters, single=True)
        ends = [_deficit(legs, rows_of(extreme, legs.assets)) for extreme in inside]
        worst.append(jnp.maximum(*ends))
        low.append(ends[0])
    if layout.single_pools < len(layout.pools):
        after = after[layout.single_pools :]
        if layout.bridge == "every_pool":
            legs = _group(layout, parameters, single=False)
            middle = legs.notional(_middle(legs, market))
            variance = legs.variance((legs.side - legs.marginal_rate(middle)) * middle, market)
            before, draw = before[layout.single_pools :], rows_of(pool_bridge, layout.streams)
            width = jnp.sqrt((after - before) ** 2 - 2.0 * variance * jnp.log(draw))
            after = 0.5 * (before + after + width)
        worst.append(after)
        low.append(after)
    return jnp.concatenate(worst), jnp.concatenate(low)


def _middle(legs: Legs, market: MarketStep) -> Array:
    start, end = (rows_of(log, legs.assets) for log in (market.start_log_price, market.log_price))
    return jnp.exp(0.5 * (start + end))


def _at_crossing(
    layout: AccountLayout, parameters: PoolParameters, cash: Array, falling: Array, market: MarketStep, inside: Inside
) -> tuple[Array, Array]:
    """Equity and gross notional where the surplus of a pool crosses zero, [pool, path]."""
    equity, gross = [], []
    if layout.single_pools:
        legs = _group(layout, parameters, single=True)
        here = slice(layout.single_pools)
        asset = np.array([layout.position_assets[pool[0]] for pool in layout.pools[here]], np.int32)

        # From outside the interval in which the surplus is positive every tangent of it meets zero before the root.
        def tangent(_: int, reached: Array) -> Array:
            ratio = legs.membership.T @ reached
            notional = legs.value * ratio
            surplus = cash[here] - legs.pooled(legs.requirement(notional) - legs.pnl_at(ratio))
            slope = legs.pooled(legs.value * (legs.side - legs.marginal_rate(notional)))
            return reached - jnp.where(slope == 0.0, 0.0, surplus / jnp.where(slope == 0.0, 1.0, slope))

        reached = jnp.where(falling[here], inside.low[asset], inside.high[asset])
        reached = lax.fori_loop(0, _ITERATIONS, tangent, reached)
        notional = legs.value * (legs.membership.T @ reached)
        equity.append(legs.pooled(legs.requirement(notional)))
        gross.append(legs.pooled(notional))
    if layout.single_pools < len(layout.pools):
        legs = _group(layout, parameters, single=False)
        notional = legs.notional(_middle(legs, market))
        equity.append(legs.pooled(legs.requirement(notional)))
        gross.append(legs.pooled(notional))
    return jnp.concatenate(equity), jnp.concatenate(gross)


def _liquidate(
    parameters: PoolParameters,
    account: Account,
    liquidated: Array,
    equity: Array,
    gross: Array,
    number: Array | np.int32,
) -> Account:
    """Close pools at an equity: the fee first, then what is missing is drawn or what is left may be forfeited (M9)."""
    fee = -parameters.fee_rate * gross
    left = equity + fee
    lines = {
        "price_pnl": equity - account.cash.value,
        "liquidation_fee": fee,
        "forfeit": -jnp.maximum(left, 0.0) * (1.0 - parameters.returned),
        "insurance_draw": jnp.maximum(-left, 0.0),
    }
    lines = {name: jnp.where(liquidated, amount, 0.0) for name, amount in lines.items()}
    cash = account.cash
    for amount in lines.values():
        cash = add(cash, amount)
    return account._replace(
        cash=cash,
        liquidation_step=jnp.where(liquidated, number, account.liquidation_step),
        ledger=post(account.ledger, lines),
    )
