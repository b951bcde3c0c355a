"""Between the ends of a step: orders and liquidations, by which of them comes first."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin import orders
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import Account, marked, marked_at, order_of, pools_of, put
from stresslab.margin.branching import changed_if, where_needed
from stresslab.margin.closing import close_legs, close_pools
from stresslab.margin.crossings import Inside, crossing, several, worst_of_several, worst_of_single
from stresslab.margin.legs import any_of, rows_of
from stresslab.margin.liquidation import (
    changed_by_test,
    reduce_on_the_way,
    reduce_pools,
    tested_at_mark,
    without_surplus,
)
from stresslab.market.process import MarketStep


def step(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    inside: Inside,
    pool_bridge: Array,
    works: Array | None,
    number: Array,
) -> Account:
    """Fill orders and liquidate pools between the ends of a step.

    Parameters
    ----------
    layout, acting, account : AccountLayout, AccountParameters, Account
        The accounts.
    market : MarketStep
        What the step does to prices.
    inside : Inside
        Extremes of every price.
    pool_bridge : jax.Array
        Uniforms for the least surplus of pools on several prices, [stream, path].
    works : jax.Array or None
        Whether the desk's tools work, [leg, path]; None where they always do.
    number : jax.Array
        Number of the step.
    """
    draw = rows_of(pool_bridge, layout.streams)
    if layout.several and layout.resizes:
        # Reductions and orders at the end of the last step left less than was valued inside it.
        before = marked_at(layout, acting.positions, layout.several, market.start_log_price, account.share).deficit
        account = account._replace(deficit=before)
    start = market.start_log_price[_asset_of_single(layout)]
    if acting.orders is not None and layout.bridge != "none":
        account, start = _fill(layout, acting, account, market, inside, draw, works, number, start)
    account = _single(layout, acting, account, inside, start, number)
    return _several(layout, acting, account, market, draw, number)


def _asset_of_single(layout: AccountLayout) -> np.ndarray:
    """Asset of each pool on one price."""
    return np.array([layout.leg_assets[layout.pools[pool][0]] for pool in layout.alone + layout.together], np.int32)


def _single(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    inside: Inside,
    start: Array,
    number: Array,
) -> Account:
    """Liquidate pools on one price, each on its way from a log price, [pool on one price, path], to its worst."""
    pools = layout.alone + layout.together
    if layout.bridge == "none" or not pools:
        return account
    here = np.array(pools, np.int32)
    worst, reached = worst_of_single(layout, acting.positions, inside, account.share)
    hit = without_surplus(layout, acting, account, pools, worst)
    account, changed = _with_required(account, pools, worst), changed_by_test(layout)
    if layout.reducing is not None:
        before = account
        return changed_if(
            any_of(hit), before, lambda: reduce_on_the_way(layout, acting, before, start, reached, number), *changed
        )
    if acting.positions.rules is None:
        # What the crossing leaves follows from cash, which is frozen now, and is worked out after the last step.
        return account._replace(
            reached=jnp.where(hit, reached, account.reached),
            closed_step=put(account.closed_step, pools, jnp.where(hit, number, account.closed_step[here])),
        )

    def close() -> Account:
        cash = account.cash.value[here]
        at = crossing(layout, acting.positions, pools, cash, start, reached, account.share)
        row_of_leg = np.array([row for row, pool in enumerate(pools) for _ in layout.pools[pool]], np.int32)
        now = marked(layout, acting.positions, pools, jnp.exp(at)[row_of_leg], account.share)
        return close_pools(layout, acting, account, pools, hit, now.requirement, now, number)

    return changed_if(any_of(hit), account, close, *changed)


def _with_required(account: Account, pools: tuple[int, ...], worst: Array) -> Account:
    """The same with the required collateral after a deficit."""
    if account.required is None:
        return account
    here = np.array(pools, np.int32)
    required = jnp.maximum(account.required[here], worst - account.funding[here])
    return account._replace(required=put(account.required, pools, required))


def _several(
    layout: AccountLayout, acting: AccountParameters, account: Account, market: MarketStep, draw: Array, number: Array
) -> Account:
    if not layout.several:
        return account
    pools, here = layout.several, np.array(layout.several, np.int32)
    over = several(layout, acting.positions, market, account.share)
    after = over.deficit()
    if layout.bridge == "every_pool":
        last = after if market.gap is None else over.deficit_before_gap()
        worst = worst_of_several(over, account.deficit, last, draw)
        # Where an order was filled on the way nothing is bridged, and the pool is tested at the end of the step alone.
        worst = jnp.where(jnp.isnan(account.deficit), -jnp.inf, worst)
        hit = without_surplus(layout, acting, account, pools, worst)
        stood = account.cash.value[here] > account.deficit
        account = _with_required(account, pools, worst)

        def close() -> Account:
            ratio = over.middle_ratio()
            now = over.marked(ratio)
            if layout.reducing is None:
                return close_pools(layout, acting, account, pools, hit, now.requirement, now, number)
            # A pool that had no surplus when the step began crosses nothing, and is worth what its marks say.
            equity = jnp.where(stood, now.requirement, account.cash.value[here] + now.pnl)
            return reduce_pools(layout, acting, account, pools, hit, ratio, equity, now, number)

        # Most steps of a block liquidate none, so what a liquidation leaves is worked out only when there is one.
        account = changed_if(any_of(hit), account, close, *changed_by_test(layout))
    account = account._replace(deficit=after)
    if layout.resizes:
        account = tested_at_mark(layout, acting, account, market.log_price, pools, number, None)
    return account


def _fill(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    inside: Inside,
    draw: Array,
    works: Array | None,
    number: Array,
    here: Array,
) -> tuple[Account, Array]:
    """Fill the orders that the step reaches before it liquidates their pool.

    Also returned is from where pools on one price go on, [pool on one price, path]: `here`, or the last fill's price.
    """
    share = account.share
    assert acting.orders is not None, "orders are filled"
    assert share is not None, "orders come with sizes"
    start, low, high = (rows_of(log, layout.leg_assets) for log in (market.start_log_price, *inside))
    active = orders.passed(acting.orders, low, high) & (share > 0.0) & rows_of(account.is_open, layout.pool_of_leg)
    if works is not None:
        active = active & works

    def execute() -> tuple[Account, Array]:
        assert acting.orders is not None, "orders are filled"
        # Levels and costs are worked out here, where they are needed.
        fill = orders.reached(acting.orders, start, low, high)
        first = active & _before_liquidation(layout, acting, account, market, fill, draw)
        at_once = first if fill.latency is None else first & (fill.latency == 0)
        closed = jnp.where(at_once, share, 0.0)
        after = close_legs(layout, acting, account, closed, jnp.exp(fill.log_price), fill.slippage, fill.fee_rate)
        touched = pools_of(layout, at_once, layout.several)
        after = after._replace(
            orders=orders.send(account.orders, fill, first, number),
            # Not a number: the bridge of this pool is broken in this step.
            deficit=jnp.where(touched, jnp.nan, account.deficit),
        )
        return _test_at_fills(layout, acting, after, at_once, fill.log_price, here, number)

    changed = ("cash", "share", "ledger", "orders", "deficit", *changed_by_test(layout))
    return where_needed(any_of(active), account, here, execute, *changed)


def _test_at_fills(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    filled: Array,
    log_price: Array,
    here: Array,
    number: Array,
) -> tuple[Account, Array]:
    """Test pools on one price where their last order was filled, [leg, path]: the fill cost money."""
    pools, touched = layout.alone + layout.together, jnp.zeros_like(here, bool)
    for place in range(max((len(layout.pools[pool]) for pool in pools), default=0)):
        legs = np.array([layout.pools[pool][min(place, len(layout.pools[pool]) - 1)] for pool in pools], np.int32)
        here = jnp.where(filled[legs], log_price[legs], here)
        touched = touched | filled[legs]
    if layout.reducing is not None or not pools:
        # What is reduced on the way to the worst of the step begins from here, and is tested here first.
        return account, here
    row_of_leg = np.array([row for row, pool in enumerate(pools) for _ in layout.pools[pool]], np.int32)
    now = marked(layout, acting.positions, pools, jnp.exp(here)[row_of_leg], account.share)
    hit = touched & without_surplus(layout, acting, account, pools, now.deficit)
    equity = account.cash.value[np.array(pools, np.int32)] + now.pnl
    return close_pools(layout, acting, account, pools, hit, equity, now, number), here


def _before_liquidation(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    fill: orders.Fill,
    draw: Array,
) -> Array:
    """Whether an order comes before the liquidation of its pool, [leg, path]."""
    rows: list[Array | None] = [None] * len(layout.leg_assets)
    cash = account.cash.value
    if layout.alone:
        # On one price whatever is nearer comes first: the pool must still hold where the order is.
        legs = order_of(layout, layout.alone)
        ratio = jnp.exp(rows_of(fill.log_price, legs))
        there = marked(layout, acting.positions, layout.alone, ratio, account.share)
        holds = cash[np.array(layout.alone, np.int32)] > there.deficit
        for row, leg in enumerate(legs):
            rows[leg] = holds[row]
    for pool in layout.together:
        members = layout.pools[pool]
        for leg in members:
            ratio = jnp.exp(fill.log_price[leg])[None].repeat(len(members), axis=0)
            there = marked(layout, acting.positions, (pool,), ratio, account.share)
            rows[leg] = cash[pool] > there.deficit[0]
    if layout.several:
        over = several(layout, acting.positions, market, account.share)
        surplus = cash[np.array(layout.several, np.int32)] - account.deficit
        after = over.deficit_before_gap()
        left = cash[np.array(layout.several, np.int32)] - after
        worst = worst_of_several(over, account.deficit, after, draw)
        holds = cash[np.array(layout.several, np.int32)] > worst
        when = _passage(surplus, left)
        for row, pool in enumerate(layout.several):
            for leg in layout.pools[pool]:
                asset = layout.leg_assets[leg]
                start, end, level = market.start_log_price[asset], market.log_price[asset], fill.log_price[leg]
                rows[leg] = holds[row] | (_passage(start - level, end - level) <= when[row])
    return jnp.stack([row for row in rows if row is not None])


def _passage(before: Array, after: Array) -> Array:
    """Mean share of a step at which a bridge that passes zero does so, from its ends' distances (METHODS M15)."""
    total = jnp.abs(before) + jnp.abs(after)
    return jnp.abs(before) / jnp.where(total > 0.0, total, 1.0)


def fill_at_end(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    works: Array | None,
    number: Array,
) -> Account:
    """Fill at the end of a step, at the mark: orders whose latency is over, or passed by a jump; none in an outage."""
    share, state = account.share, account.orders
    assert acting.orders is not None, "orders are filled"
    assert share is not None, "orders come with sizes"
    jumps = layout.bridge == "none" or market.gap is not None
    if state is None and not jumps:
        return account
    end = rows_of(market.log_price, layout.leg_assets)
    open_legs = (share > 0.0) & rows_of(account.is_open, layout.pool_of_leg)
    if works is not None:
        open_legs = open_legs & works
    fill, at_once = orders.reached(acting.orders, end, end, end), jnp.zeros_like(open_legs)
    if jumps:
        active = fill.reached & open_legs
        at_once = active if fill.latency is None else active & (fill.latency == 0)
        state = orders.send(state, fill, active, number)
        account = account._replace(orders=state)
    due, slippage, fee_rate = at_once, fill.slippage, fill.fee_rate
    if state is not None:
        due = at_once | (open_legs & (state.due <= number))
        slippage = jnp.where(at_once, slippage, state.slippage)
        fee_rate = jnp.where(at_once, fee_rate, state.fee_rate)

    def execute() -> Account:
        closed = jnp.where(due, share, 0.0)
        after = close_legs(layout, acting, account, closed, jnp.exp(end), slippage, fee_rate)
        touched = pools_of(layout, due, layout.every_pool)
        return tested_at_mark(layout, acting, after, market.log_price, layout.every_pool, number, touched)

    changed = ("cash", "share", "ledger", *changed_by_test(layout))
    return changed_if(any_of(due), account, execute, *changed)
