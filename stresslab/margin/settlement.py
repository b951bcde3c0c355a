"""What is left of every account at the horizon, and how it stands on the way."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin import events
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import Account, by_account, by_pool, legs_of, marked, marked_at, order_of, put
from stresslab.margin.crossings import crossing
from stresslab.margin.ledger import post
from stresslab.margin.policies import alerts


class AccountOutcome(NamedTuple):
    """What became of every account on every path of a block.

    Parameters
    ----------
    required_collateral, liquidation_step, profit, insurance_draw : jax.Array
        As the pool engine's, [pool, path]. Profit counts no money that was moved in. Where something acts on a pool the
        required collateral is missing (NaN): no single figure decides whether the pool survives.
    closed_step : jax.Array
        Step in which the venue closed the rest of the pool, [pool, path], int32; steps + 1 if never.
    cash_used : jax.Array
        Largest amount moved in from outside, net of what was moved out before, [account, path].
    alerts : dict of int to jax.Array
        By account, where it has alerts: step of the first alert of each level, [level, pool, path]; steps + 1 if never.
    lines : jax.Array
        Sums of the ledger's lines, [account, line, path].
    drift : jax.Array
        Change of an account's equity less the sum of all its lines, [account, path]: rounding, and nothing else.
    failed : jax.Array
        True where a number of the path is not finite, [path].
    """

    required_collateral: Array
    liquidation_step: Array
    profit: Array
    insurance_draw: Array
    closed_step: Array
    cash_used: Array
    alerts: dict[int, Array]
    lines: Array
    drift: Array
    failed: Array


def margin_ratios(layout: AccountLayout, acting: AccountParameters, account: Account, log_price: Array) -> Array:
    """Equity over maintenance margin of every pool now, [pool, path], at least 1; 1 where it is closed."""
    legs = legs_of(layout, acting.positions, layout.every_pool)
    now = marked_at(layout, acting.positions, layout.every_pool, log_price, account.share)
    equity, required = account.cash.value + now.pnl, now.requirement
    haircut = legs.haircut(legs.requirement(now.leg_notional, account.share))
    if haircut is not None:
        discount = by_pool(layout, layout.every_pool, haircut)
        equity, required = equity - discount, required - discount
    # Without positions there is no requirement, and the ratio is as large as can be shown.
    ratio = jnp.where(required > 0.0, equity / jnp.where(required > 0.0, required, 1.0), jnp.inf)
    return jnp.where(account.is_open, jnp.maximum(ratio, 1.0), 1.0)


def finalize(
    layout: AccountLayout, acting: AccountParameters, account: Account, log_price: Array, steps: Array
) -> AccountOutcome:
    """Outcomes of a block after its last step."""
    parameters = acting.positions
    equity, notional, impact = _settled(layout, acting, account)
    is_open, cash = account.is_open, account.cash
    pnl = marked_at(layout, parameters, layout.every_pool, log_price, account.share).pnl
    pnl_today = by_pool(layout, layout.every_pool, parameters.pnl)
    fee, slippage = -parameters.fee_rate * notional, -impact
    left = equity + fee + slippage
    returned = jnp.broadcast_to(parameters.returned, left.shape)
    if account.seized is not None:
        returned = jnp.where(account.seized, 0.0, returned)
    draw = jnp.where(is_open, 0.0, jnp.maximum(-left, 0.0))
    value = jnp.where(is_open, cash.value + pnl, jnp.maximum(left, 0.0) * returned)
    lines = {
        "price_pnl": jnp.where(is_open, pnl, equity - cash.value) - pnl_today,
        "liquidation_fee": jnp.where(is_open, 0.0, fee),
        "slippage": jnp.where(is_open, 0.0, slippage),
        "forfeit": jnp.where(is_open, 0.0, -jnp.maximum(left, 0.0) * (1.0 - returned)),
        "insurance_draw": draw,
    }
    ledger = post(account.ledger, {line: by_account(layout, amount) for line, amount in lines.items()})
    equity_today = parameters.collateral + pnl_today
    # Differences of large terms first: what is left is the rounding alone.
    change = (cash.total - parameters.collateral) + cash.rest + (value - cash.value - pnl_today)
    # A pool's value counts nothing below zero, so what it lacks today is no gain when insurance covers it.
    profit = change - account.transfers - jnp.maximum(-equity_today, 0.0)
    acts = np.array(
        [
            not plain
            for plain, section in zip(layout.plain, layout.sections, strict=True)
            for _ in range(section.pool_count)
        ]
    )[:, None]
    finite = [jnp.isfinite(values).all(axis=0) for values in (log_price, profit)]
    never = steps + 1
    return AccountOutcome(
        required_collateral=jnp.full_like(profit, jnp.nan)
        if account.required is None
        else jnp.where(acts, jnp.nan, account.required),
        liquidation_step=jnp.minimum(
            account.closed_step if account.reduced_step is None else account.reduced_step, never
        ),
        profit=profit,
        insurance_draw=draw,
        closed_step=jnp.minimum(account.closed_step, never),
        cash_used=account.cash_used,
        alerts={
            place: jnp.minimum(state.first, never)
            for place, states in enumerate(account.policies)
            for state in states
            if isinstance(state, alerts.State)
        },
        lines=ledger.value,
        drift=by_account(layout, change) - ledger.value.sum(axis=1),
        failed=~(finite[0] & finite[1]),
    )


def _settled(layout: AccountLayout, acting: AccountParameters, account: Account) -> tuple[Array, Array, Array]:
    """Equity, notional and price impact at which each pool was closed, [pool, path]."""
    equity, notional = account.equity, account.notional
    impact = jnp.zeros_like(equity) if account.impact is None else account.impact
    pools = layout.alone + layout.together
    if not pools or layout.reducing is not None or acting.positions.rules is not None or layout.bridge == "none":
        return equity, notional, impact
    here, was_crossed = np.array(pools, np.int32), jnp.isfinite(account.reached)
    reached = jnp.where(was_crossed, account.reached, 0.0)
    at = crossing(layout, acting.positions, pools, account.cash.value[here], None, reached, account.share)
    row_of_leg = np.array([row for row, pool in enumerate(pools) for _ in layout.pools[pool]], np.int32)
    now = marked(layout, acting.positions, pools, jnp.exp(at)[row_of_leg], account.share)
    legs = legs_of(layout, acting.positions, pools)
    closed = legs.closed(now.leg_notional)
    cost = by_pool(layout, pools, events.price_impact(acting.events, closed, order_of(layout, pools)))

    def where(values: Array, rows: Array) -> Array:
        return put(values, pools, jnp.where(was_crossed, rows, values[here]))

    return where(equity, now.requirement), where(notional, by_pool(layout, pools, closed)), where(impact, cost)
