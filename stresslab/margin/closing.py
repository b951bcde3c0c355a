"""Closing positions: a few of them at their own price, or a whole pool that has no surplus left."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin import events
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import Account, Marked, by_account, by_pool, legs_of, order_of, put
from stresslab.margin.ledger import add, post


def close_legs(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    closed: Array,
    ratio: Array,
    slippage: Array,
    fee_rate: Array,
    *,
    fee_line: str = "trading_fee",
    correction: Array | None = None,
    is_forced: bool = True,
) -> Account:
    """Close parts of positions; what they earned becomes cash.

    Parameters
    ----------
    layout, acting, account : AccountLayout, AccountParameters, Account
        The accounts.
    closed : jax.Array
        How much of each leg's share is closed, [leg, path], 0 to its share.
    ratio : jax.Array
        Price over start price at which it is, [leg, path].
    slippage, fee_rate : jax.Array
        Costs as shares of the notional closed, broadcast over [leg, path].
    fee_line : {"trading_fee", "liquidation_fee"}
        Where the fee is booked.
    correction : jax.Array or None
        Money beyond the pnl at these prices that the pools realize, [pool, path].
    is_forced : bool
        Whether the close has a price impact, where there is any.
    """
    legs = legs_of(layout, acting.positions, layout.every_pool)
    notional = legs.notional(ratio, closed)
    cost = slippage * notional
    if is_forced and acting.events.impact is not None:
        cost = cost + events.price_impact(acting.events, notional, order_of(layout, layout.every_pool))
    lines = {
        "price_pnl": by_pool(layout, layout.every_pool, legs.pnl(ratio, closed)),
        fee_line: -by_pool(layout, layout.every_pool, fee_rate * notional),
        "slippage": -by_pool(layout, layout.every_pool, cost),
    }
    if correction is not None:
        lines["price_pnl"] = lines["price_pnl"] + correction
    cash = account.cash
    for amount in lines.values():
        cash = add(cash, amount)
    assert account.share is not None, "positions change their size"
    return account._replace(
        cash=cash,
        share=account.share - closed,
        ledger=post(account.ledger, {line: by_account(layout, amount) for line, amount in lines.items()}),
    )


def close_pools(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    pools: tuple[int, ...],
    closed: Array,
    equity: Array,
    now: Marked,
    number: Array | np.int32,
) -> Account:
    """Freeze pools that the venue closes, at what they are worth; the ledger is booked after the last step.

    Parameters
    ----------
    layout, acting, account : AccountLayout, AccountParameters, Account
        The accounts.
    pools : tuple of int
        The pools in question.
    closed : jax.Array
        Which of them, [pool, path].
    equity : jax.Array
        By which they are settled, [pool, path].
    now : Marked
        The pools at the price of the close.
    number : jax.Array
        Number of the step.
    """
    here = np.array(pools, np.int32)
    legs = legs_of(layout, acting.positions, pools)

    def where(name: str, rows: Array | np.int32) -> Array:
        values: Array = getattr(account, name)
        return put(values, pools, jnp.where(closed, rows, values[here]))

    account = account._replace(
        closed_step=where("closed_step", number),
        equity=where("equity", equity),
        notional=where("notional", by_pool(layout, pools, legs.closed(now.leg_notional))),
    )
    if account.reduced_step is not None:
        first = jnp.minimum(account.reduced_step[here], number)
        account = account._replace(reduced_step=where("reduced_step", first))
    if account.impact is not None:
        impact = events.price_impact(acting.events, legs.closed(now.leg_notional), order_of(layout, pools))
        account = account._replace(impact=where("impact", by_pool(layout, pools, impact)))
    if account.seized is not None:
        assert acting.events.backstop is not None, "only a backstop seizes"
        account = account._replace(seized=where("seized", equity < acting.events.backstop * now.requirement))
    return account
