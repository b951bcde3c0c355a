"""Closing positions: a few of them at their own price, or a whole pool that has no surplus left."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin import events, procedures
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import Account, Marked, by_account, legs_of, marked, order_of
from stresslab.margin.ledger import add, post
from stresslab.margin.legs import rows_of


def put(values: Array, pools: tuple[int, ...], rows: Array) -> Array:
    """Rows of some pools replaced."""
    return rows if len(pools) == values.shape[0] else values.at[np.array(pools, np.int32)].set(rows)


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
        Costs as shares of the notional closed, broadcast over [leg, path]; price impact is added where there is any.
    fee_line : {"trading_fee", "liquidation_fee"}
        Where the fee is booked.
    correction : jax.Array or None
        Money beyond the pnl at these prices that the pools realize, [pool, path].
    """
    legs = legs_of(layout, acting.positions, layout.every_pool)
    notional = legs.notional(ratio, closed)
    impact = events.price_impact(acting.events, notional, order_of(layout, layout.every_pool))
    lines = {
        "price_pnl": legs.pooled(legs.pnl(ratio, closed)),
        fee_line: -legs.pooled(fee_rate * notional),
        "slippage": -legs.pooled(slippage * notional + impact),
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
    requirement: Array,
    leg_notional: Array,
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
    equity, requirement : jax.Array
        At the price of the close, [pool, path].
    leg_notional : jax.Array
        Of their legs, [leg, path].
    number : jax.Array
        Number of the step.
    """
    here = np.array(pools, np.int32)
    legs = legs_of(layout, acting.positions, pools)

    def where(name: str, rows: Array) -> Array:
        values: Array = getattr(account, name)
        return put(values, pools, jnp.where(closed, rows, values[here]))

    account = account._replace(
        liquidation_step=where("liquidation_step", jnp.minimum(account.liquidation_step[here], number)),
        closed_step=where("closed_step", number),
        equity=where("equity", equity),
        notional=where("notional", legs.pooled(leg_notional)),
    )
    if account.impact is not None:
        impact = events.price_impact(acting.events, leg_notional, order_of(layout, pools))
        account = account._replace(impact=where("impact", legs.pooled(impact)))
    if account.seized is not None:
        assert acting.events.backstop is not None, "only a backstop seizes"
        account = account._replace(seized=where("seized", equity < acting.events.backstop * requirement))
    return account


def test_at_mark(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    log_price: Array,
    pools: tuple[int, ...],
    number: Array | np.int32,
) -> Account:
    """Test pools at marks, [asset, path], and liquidate those without a surplus."""
    if not pools:
        return account
    ratio = rows_of(jnp.exp(log_price), tuple(layout.leg_assets[leg] for leg in order_of(layout, pools)))
    here = np.array(pools, np.int32)

    def lacking(account: Account) -> tuple[Array, Marked]:
        now = marked(layout, acting.positions, pools, ratio, account.share)
        return account.is_open[here] & (account.cash.value[here] <= now.deficit), now

    hit, now = lacking(account)
    if layout.reduction is None:
        equity = account.cash.value[here] + now.pnl
        return close_pools(layout, acting, account, pools, hit, equity, now.requirement, now.leg_notional, number)

    def reduce() -> Account:
        def again(_: int, account: Account) -> Account:
            hit, now = lacking(account)
            equity = account.cash.value[here] + now.pnl
            return procedures.reduce(layout, acting, account, pools, hit, ratio, equity, number)

        return lax.fori_loop(0, layout.reduction.most, again, account)

    return lax.cond(hit.any(), reduce, lambda: account)
