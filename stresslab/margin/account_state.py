"""The state of all accounts on a block of paths, and the valuation of their pools at marks."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.account_problem import AccountLayout
from stresslab.margin.ledger import Sum
from stresslab.margin.legs import Legs, PoolGroup, rows_of, sum_of
from stresslab.margin.problem import PoolParameters

NEVER = np.int32(np.iinfo(np.int32).max)


class Account(NamedTuple):
    """State of all accounts.

    Parameters
    ----------
    cash : Sum
        Money of each pool without the pnl of its open positions, [pool, path]; frozen when the pool is closed.
    share : jax.Array or None
        Size of each leg over its size today, [leg, path], 0 to 1; None where only whole pools are closed.
    reduced_step : jax.Array or None
        Step of the first forced reduction, [pool, path], int32; 0 today, `NEVER` before it. None where the venue closes
        pools whole.
    closed_step : jax.Array
        Step in which the venue closed what was left of the pool, [pool, path], int32; `NEVER` while it is open.
    reached : jax.Array
        Of each pool on one price: log of price over start price beyond the crossing at which it was closed; not a
        number where it was not, or was at a mark. [pool on one price, path].
    equity, notional : jax.Array
        Of each pool, where it was closed at a mark or on several prices: at what, [pool, path].
    impact : jax.Array or None
        Price impact of that close, [pool, path]; None where there is none.
    seized : jax.Array or None
        Whether the venue keeps all of what was left, [pool, path]; None where it never does.
    deficit : jax.Array
        Requirement less unrealized pnl of each pool on several prices at the end of the last step, [pool, path].
    funding : jax.Array
        Funding received so far by the pool if it was never liquidated, [pool, path].
    required : jax.Array or None
        Largest deficit less funding so far, inside steps too: the required collateral, [pool, path]. None where
        something acts on every account.
    transfers : jax.Array
        Money moved into each pool so far, [pool, path], signed.
    cash_used : jax.Array
        Largest sum of it over an account's pools so far, [account, path], not negative.
    ledger : Sum
        Sums of the ledger's lines, [account, line, path].
    orders : Any
        State of stop-loss and take-profit orders; None where there are none.
    policies : tuple of tuple
        State of each account's policies.
    outages : tuple
        State of each account's outages; None where it has none.
    """

    cash: Sum
    share: Array | None
    reduced_step: Array | None
    closed_step: Array
    reached: Array
    equity: Array
    notional: Array
    impact: Array | None
    seized: Array | None
    deficit: Array
    funding: Array
    required: Array | None
    transfers: Array
    cash_used: Array
    ledger: Sum
    orders: Any
    policies: tuple[tuple[Any, ...], ...]
    outages: tuple[Any, ...]

    @property
    def is_open(self) -> Array:
        """Whether the venue left anything of the pool, [pool, path]."""
        return self.closed_step == NEVER


class Marked(NamedTuple):
    """Legs and pools at marks.

    Parameters
    ----------
    leg_notional, leg_pnl : jax.Array
        [leg, path].
    pnl, requirement : jax.Array
        [pool, path].
    """

    leg_notional: Array
    leg_pnl: Array
    pnl: Array
    requirement: Array

    @property
    def deficit(self) -> Array:
        """Requirement less unrealized pnl, [pool, path]."""
        return self.requirement - self.pnl


def legs_of(layout: AccountLayout, parameters: PoolParameters, pools: tuple[int, ...]) -> Legs:
    """The legs of some pools, in the order of `order_of`, with a row of prices for each leg."""
    return Legs(PoolGroup(tuple(range(len(layout.leg_assets))), pools, order_of(layout, pools)), parameters)


def order_of(layout: AccountLayout, pools: tuple[int, ...]) -> tuple[int, ...]:
    """Legs of some pools, pool after pool."""
    return tuple(leg for pool in pools for leg in layout.pools[pool])


def assets_of(layout: AccountLayout, pools: tuple[int, ...]) -> tuple[int, ...]:
    """Asset of each of these legs."""
    return tuple(layout.leg_assets[leg] for leg in order_of(layout, pools))


def shares_of(share: Array | None, layout: AccountLayout, pools: tuple[int, ...]) -> Array | None:
    """Sizes of these legs."""
    return None if share is None else rows_of(share, order_of(layout, pools))


def marked(
    layout: AccountLayout, parameters: PoolParameters, pools: tuple[int, ...], ratio: Array, share: Array | None
) -> Marked:
    """Value some pools.

    Parameters
    ----------
    layout, parameters : AccountLayout, PoolParameters
        The accounts.
    pools : tuple of int
        Which of them.
    ratio : jax.Array
        Price over start price of each of their legs, [leg, path].
    share : jax.Array or None
        Size of every leg of the layout.
    """
    legs, held = legs_of(layout, parameters, pools), shares_of(share, layout, pools)
    notional, pnl = legs.notional(ratio, held), legs.pnl(ratio, held)
    requirement = legs.requirement(notional, held)
    return Marked(notional, pnl, by_pool(layout, pools, pnl), by_pool(layout, pools, requirement))


def marked_at(
    layout: AccountLayout, parameters: PoolParameters, pools: tuple[int, ...], log_price: Array, share: Array | None
) -> Marked:
    """The same where every asset has one log price, [asset, path]."""
    return marked(layout, parameters, pools, rows_of(jnp.exp(log_price), assets_of(layout, pools)), share)


def by_pool(layout: AccountLayout, pools: tuple[int, ...], values: Array) -> Array:
    """Sums over the legs of each of some pools, [pool, path], from their legs in the order of `order_of`."""
    rows, first, leg = [], 0, 0
    for pool in pools:
        count = len(layout.pools[pool])
        if count > 1:
            rows += [values[first:leg], sum_of(values[leg : leg + count])]
            first = leg + count
        leg += count
    parts = [part for part in [*rows, values[first:leg]] if part.shape[0]]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def by_account(layout: AccountLayout, values: Array) -> Array:
    """Sums over the pools of each account, [account, path], from [pool, path]."""
    return jnp.concatenate([sum_of(values[section.pools]) for section in layout.sections])


def put(values: Array, pools: tuple[int, ...], rows: Array) -> Array:
    """Rows of some pools or legs replaced; by a gather, since the compiler scatters one element after the other."""
    count = values.shape[0]
    if pools == tuple(range(count)):
        return rows
    place = np.arange(count)
    place[list(pools)] = count + np.arange(len(pools))
    return jnp.concatenate([values, rows])[place.astype(np.int32)]


def pools_of(layout: AccountLayout, legs: Array, pools: tuple[int, ...]) -> Array:
    """Whether any of its legs is true, for some pools, [pool, path]."""
    rows = []
    for pool in pools:
        row = legs[layout.pools[pool][0]]
        for leg in layout.pools[pool][1:]:
            row = row | legs[leg]
        rows.append(row)
    return jnp.stack(rows) if rows else jnp.zeros((0, legs.shape[1]), bool)
