"""Liquidation: testing pools, and closing those without a surplus whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin import procedures
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import Account, Marked, assets_of, by_pool, legs_of, marked, order_of, pools_of, put
from stresslab.margin.branching import changed_if
from stresslab.margin.closing import close_legs, close_pools
from stresslab.margin.crossings import crossing
from stresslab.margin.legs import any_of, rows_of

T = TypeVar("T")

# Of the money that ever was in a pool.
_NO_DEBT = 1e-6


def changed_by_test(layout: AccountLayout) -> tuple[str, ...]:
    """What testing pools may change of an account."""
    closed = ("reduced_step", "closed_step", "equity", "notional", "impact", "seized")
    return closed if layout.reducing is None else (*closed, "cash", "share", "ledger")


def _repeated(
    layout: AccountLayout, times: int, account: Account, beside: T, act: Callable[[Account, T], tuple[Account, T]]
) -> Account:
    """Reduce pools so many times; something beside the account is handed on from one to the next."""
    names = changed_by_test(layout)

    def again(_: Any, carry: tuple[tuple[Any, ...], T]) -> tuple[tuple[Any, ...], T]:
        after, other = act(account._replace(**dict(zip(names, carry[0], strict=True))), carry[1])
        return tuple(getattr(after, name) for name in names), other

    values, _ = lax.fori_loop(0, times, again, (tuple(getattr(account, name) for name in names), beside))
    return account._replace(**dict(zip(names, values, strict=True)))


def without_surplus(
    layout: AccountLayout, acting: AccountParameters, account: Account, pools: tuple[int, ...], deficit: Array
) -> Array:
    """Open pools whose surplus liquidates them, [pool, path], by their deficit."""
    here = np.array(pools, np.int32)
    cash = account.cash.value[here]
    spares = np.array([layout.spares_zero[pool] for pool in pools])[:, None]
    if spares.any():
        cash = jnp.where(spares, jnp.nextafter(cash, jnp.inf), cash)
    hit = account.is_open[here] & (cash <= deficit)
    if account.share is None:
        return hit
    # A pool whose positions are all closed is liquidated only if it owes money; what rounding leaves is no debt.
    owes = cash < -_NO_DEBT * (acting.positions.collateral[here] + jnp.abs(account.transfers[here]))
    return hit & (pools_of(layout, account.share > 0.0, pools) | owes)


def tested_at_mark(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    log_price: Array,
    pools: tuple[int, ...],
    number: Array | np.int32,
    among: Array | None,
) -> Account:
    """Test pools at marks, log price over start price, [asset, path], and liquidate those without a surplus.

    Where a mask, [pool, path], is given, only pools that it marks are tested: whether anything happened on another path
    of the block must not decide whether a pool on this one is tested.
    """
    if not pools:
        return account
    here = np.array(pools, np.int32)
    tested = None if among is None else among[here]
    ratio = rows_of(jnp.exp(log_price), assets_of(layout, pools))

    def at_mark(account: Account) -> tuple[Array, Array, Marked]:
        now = marked(layout, acting.positions, pools, ratio, account.share)
        hit = without_surplus(layout, acting, account, pools, now.deficit)
        return hit if tested is None else hit & tested, account.cash.value[here] + now.pnl, now

    hit, equity, now = at_mark(account)
    reducing = layout.reducing
    if reducing is None:
        return changed_if(
            any_of(hit),
            account,
            lambda: close_pools(layout, acting, account, pools, hit, equity, now, number),
            *changed_by_test(layout),
        )

    def again(account: Account, nothing: None) -> tuple[Account, None]:
        hit, equity, now = at_mark(account)
        return reduce_pools(layout, acting, account, pools, hit, ratio, equity, now, number), None

    reduced = changed_by_test(layout)
    return changed_if(any_of(hit), account, lambda: _repeated(layout, reducing.most, account, None, again), *reduced)


def reduce_on_the_way(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    start: Array,
    reached: Array,
    number: Array,
) -> Account:
    """Reduce pools on one price while their price goes from the start of a step to its worst.

    Parameters
    ----------
    layout, acting, account : AccountLayout, AccountParameters, Account
        The accounts.
    start, reached : jax.Array
        Log of price over start price, [pool on one price, path].
    number : jax.Array
        Number of the step.
    """
    pools, reducing = layout.alone + layout.together, layout.reducing
    assert reducing is not None, "pools are reduced"
    here = np.array(pools, np.int32)
    row_of_leg = np.array([row for row, pool in enumerate(pools) for _ in layout.pools[pool]], np.int32)

    def again(account: Account, at: Array) -> tuple[Account, Array]:

        def value(log: Array) -> Marked:
            return marked(layout, acting.positions, pools, jnp.exp(log)[row_of_leg], account.share)

        cash = account.cash.value[here]
        hit = without_surplus(layout, acting, account, pools, value(reached).deficit)
        between = crossing(layout, acting.positions, pools, cash, at, reached, account.share)
        # Where the pool is below its requirement already, it is reduced where the price stands.
        at = jnp.where(hit & (cash > value(at).deficit), between, at)
        now = value(at)
        ratio = jnp.exp(at)[row_of_leg]
        return reduce_pools(layout, acting, account, pools, hit, ratio, cash + now.pnl, now, number), at

    return _repeated(layout, reducing.most, account, start, again)


def reduce_pools(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    pools: tuple[int, ...],
    hit: Array,
    ratio: Array,
    equity: Array,
    now: Marked,
    number: Array | np.int32,
) -> Account:
    """One reduction of pools that have no surplus; what it leaves nothing of is closed.

    Parameters
    ----------
    layout, acting, account : AccountLayout, AccountParameters, Account
        The accounts.
    pools : tuple of int
        The pools in question.
    hit : jax.Array
        Which of them are reduced, [pool, path].
    ratio : jax.Array
        Price over start price of each of their legs, [leg, path].
    equity : jax.Array
        Of each pool, by which it is settled: beyond cash and the pnl at these prices where the surplus of a pool on
        several prices crossed zero inside a step, [pool, path].
    now : Marked
        The pools at these prices.
    number : jax.Array
        Number of the step.
    """
    reducing, procedure, share = layout.reducing, acting.procedure, account.share
    assert reducing is not None, "pools are reduced"
    assert procedure is not None, "pools are reduced"
    assert share is not None, "positions change their size"
    legs, order = legs_of(layout, acting.positions, pools), order_of(layout, pools)
    own, here = np.array(order, np.int32), np.array(pools, np.int32)
    rows: list[list[int]] = []
    for pool in pools:
        rows.append(list(range(sum(map(len, rows)), sum(map(len, rows)) + len(layout.pools[pool]))))
    row_of_leg = np.array([row for row, members in enumerate(rows) for _ in members], np.int32)
    held = share[own]
    measure = legs.measure(now.leg_notional, held)
    standing = procedures.Standing(
        notional=now.leg_notional,
        pnl=now.leg_pnl,
        measure=measure,
        floor=legs.floor_below(measure),
        full_from=procedure.full_from[own],
        reducible=legs.reducible & (held > 0.0),
    )
    part = procedures.closed_part(
        reducing, procedure.step, standing, rows, [layout.leg_assets[leg] for leg in order], legs.side
    )
    part = procedures.with_remnants(part, held)
    left = ((part < 1.0) & standing.reducible).astype(jnp.float32)
    ends = ~(by_pool(layout, pools, left) > 0.0) | (equity <= 0.0)
    if acting.events.backstop is not None:
        ends = ends | (equity < acting.events.backstop * now.requirement)
    account = close_pools(layout, acting, account, pools, hit & ends, equity, now, number)
    goes_on = hit & ~ends
    # What the pool is settled at beyond its marks is realized in proportion to the notional that is closed.
    gross = by_pool(layout, pools, now.leg_notional)
    beyond = equity - account.cash.value[here] - now.pnl
    correction = beyond * by_pool(layout, pools, part * now.leg_notional) / jnp.where(gross > 0.0, gross, 1.0)
    closed = jnp.where(goes_on[row_of_leg], part * held, 0.0)
    every_leg = put(jnp.zeros_like(share), order, closed)
    every_ratio = put(jnp.ones_like(share), order, ratio)
    every_pool = put(jnp.zeros_like(account.equity), pools, jnp.where(goes_on, correction, 0.0))
    account = close_legs(
        layout,
        acting,
        account,
        every_leg,
        every_ratio,
        jnp.float32(0.0),
        acting.positions.fee_rate,
        fee_line="liquidation_fee",
        correction=every_pool,
    )
    steps = account.reduced_step
    assert steps is not None, "pools are reduced"
    first = jnp.where(goes_on, jnp.minimum(steps[here], number), steps[here])
    return account._replace(reduced_step=put(steps, pools, first))
