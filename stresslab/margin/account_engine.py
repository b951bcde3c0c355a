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
4. Policies act on what they see at the end of the step: see `stresslab.margin.policies`.
5. The ledger is booked: every amount that moved cash stands on one of its lines.

A loss ends at what the pool owns. What is missing below zero is the insurance draw, on a line of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.crossings import Inside, at_crossing, worst_inside
from stresslab.margin.ledger import Sum, add, post, start_ledger, start_sum
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.legs import Legs, PoolGroup, rows_of
from stresslab.margin.policies import top_up
from stresslab.margin.problem import PoolParameters
from stresslab.market.process import MarketStep

NEVER = np.int32(np.iinfo(np.int32).max)


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
    top_up : stresslab.margin.policies.top_up.State or None
        None where the configuration has no such policy.
    """

    cash: Sum
    liquidation_step: Array
    deficit: Array
    funding: Array
    required: Array
    ledger: Sum
    top_up: top_up.State | None


class AccountOutcome(NamedTuple):
    """What became of every pool of a configuration on every path of a block, pools in the configuration's order.

    Parameters
    ----------
    required_collateral, liquidation_step, profit, insurance_draw : jax.Array
        As the pool engine's, [pool, path]. Profit counts no money that was moved in. Where a policy acts the required
        collateral is missing (NaN): no single figure decides whether the pool survives.
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


def init(layout: AccountLayout, acting: AccountParameters, paths: int) -> Account:
    """State before the first step, at today's marks, on a block of paths; pools without surplus are liquidated."""
    parameters = acting.positions
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
        top_up=None if acting.top_up is None else top_up.init(acting.top_up, len(layout.pools), paths),
    )
    return _liquidate(parameters, account, cash <= deficit, cash + legs.pooled(pnl), legs.pooled(notional), np.int32(0))


def step(
    layout: AccountLayout,
    acting: AccountParameters,
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
    layout, acting : AccountLayout, AccountParameters
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
    parameters = acting.positions
    legs = _legs(layout, parameters)
    ratio = jnp.exp(rows_of(market.log_price, legs.assets))
    notional, pnl = legs.notional(ratio), legs.pnl(ratio)
    deficit = legs.pooled(legs.requirement(notional) - pnl)
    worst, low = worst_inside(layout, parameters, account.deficit, deficit, market, inside, pool_bridge)
    cash = account.cash.value
    jumped = None if market.gap is None else cash > worst
    worst = worst if market.gap is None else jnp.maximum(worst, deficit)
    liquidated = (account.liquidation_step == NEVER) & (cash <= worst)

    def settle() -> Account:
        equity, gross = at_crossing(layout, parameters, cash, cash <= low, market, inside)
        if layout.bridge != "every_pool":
            first = 0 if layout.bridge == "none" else layout.single_pools
            equity = equity.at[first:].set((cash + legs.pooled(pnl))[first:])
            gross = gross.at[first:].set(legs.pooled(notional)[first:])
        if jumped is not None:  # the gap alone liquidates these, at the prices it reached
            equity = jnp.where(jumped, cash + legs.pooled(pnl), equity)
            gross = jnp.where(jumped, legs.pooled(notional), gross)
        return _liquidate(parameters, account, liquidated, equity, gross, number)

    # Most steps of a block liquidate nothing, so what a liquidation leaves is worked out only when there is one.
    account = lax.cond(liquidated.any(), settle, lambda: account)
    account = account._replace(deficit=deficit, required=jnp.maximum(account.required, worst - account.funding))
    if funding is not None:
        rate, held = rows_of(funding.rate, legs.assets), account

        def pay() -> Account:
            received = legs.pooled(-legs.side * notional * rate)
            return _pay_funding(parameters, held, received, legs, pnl, notional, number)

        account = lax.cond(funding.settles, pay, lambda: held)
    return _act(layout, acting, account, legs.pooled(pnl), number)


def margin_ratios(layout: AccountLayout, acting: AccountParameters, account: Account, log_price: Array) -> Array:
    """Equity over maintenance margin of every pool now, [pool, path], at least 1; 1 where it is liquidated."""
    legs = _legs(layout, acting.positions)
    ratio = jnp.exp(rows_of(log_price, legs.assets))
    equity = account.cash.value + legs.pooled(legs.pnl(ratio))
    required = legs.pooled(legs.requirement(legs.notional(ratio)))
    return jnp.where(account.liquidation_step == NEVER, jnp.maximum(equity / required, 1.0), 1.0)


def finalize(
    layout: AccountLayout, acting: AccountParameters, account: Account, log_price: Array, steps: Array
) -> AccountOutcome:
    """Outcomes of a block after its last step; pools in the layout's order."""
    parameters = acting.positions
    legs = _legs(layout, parameters)
    pnl = legs.pooled(legs.pnl(jnp.exp(rows_of(log_price, legs.assets))))
    pnl_today = parameters.membership @ parameters.pnl
    is_open = account.liquidation_step == NEVER
    ledger = post(account.ledger, {"price_pnl": jnp.where(is_open, pnl, 0.0) - pnl_today})
    lines = ledger.value
    equity_today = parameters.collateral + pnl_today
    # An account's value counts no pool below zero, so what a pool lacks today is no gain when insurance covers it.
    moved = lines[LINES.index("transfers")]
    profit = lines.sum(axis=0) - moved - jnp.maximum(-equity_today, 0.0)
    cash = account.cash
    # Differences of large terms first: what is left is the rounding alone.
    change = (cash.total - parameters.collateral) + cash.rest + (jnp.where(is_open, pnl, 0.0) - pnl_today)
    finite = [jnp.isfinite(values).all(axis=0) for values in (log_price, profit, account.required)]
    return AccountOutcome(
        required_collateral=account.required if acting.top_up is None else jnp.full_like(account.required, jnp.nan),
        liquidation_step=jnp.where(is_open, steps + 1, account.liquidation_step),
        profit=profit,
        insurance_draw=lines[LINES.index("insurance_draw")],
        lines=lines.sum(axis=1),
        drift=change - lines.sum(axis=0),
        failed=~(finite[0] & finite[1] & finite[2]),
    )


def _act(layout: AccountLayout, acting: AccountParameters, account: Account, pnl: Array, number: Array) -> Account:
    """Policies, at the marks of the step's end."""
    if acting.top_up is None:
        return account
    assert account.top_up is not None, "a policy comes with its state"
    equity, requirement = account.cash.value + pnl, account.deficit + pnl
    is_open = account.liquidation_step == NEVER
    state, arrived = top_up.act(acting.top_up, account.top_up, layout.served, is_open, equity, requirement, number)

    def deposit() -> tuple[Sum, Sum]:
        return add(account.cash, arrived), post(account.ledger, {"transfers": arrived})

    cash, ledger = lax.cond((arrived > 0.0).any(), deposit, lambda: (account.cash, account.ledger))
    return account._replace(cash=cash, ledger=ledger, top_up=state)


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
