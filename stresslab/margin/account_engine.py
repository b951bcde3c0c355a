"""The account engine: the full state of every account on every path, for whatever acts before the horizon.

The order of events inside a step is fixed:

1. Prices move to the end of the step. The least surplus of each pool inside the step is drawn from the bridge, with the
   same draws as in the pool engine: of the asset for a pool on one price, of the pool for one on several (METHODS M13,
   M14, M19).
2. Stop-loss and take-profit orders that the step reaches are filled, if they come before the liquidation of their pool:
   on one price, if the pool still has a surplus at the price of the fill; on several, if the price comes to the order
   sooner than the surplus to zero, each by the mean of its passage time (METHODS M15). A pool on one price is tested
   again at the price of the fill, and goes on from there; one on several at the end of the step only.
3. A pool whose surplus reached zero inside the step is liquidated there: at the price of the crossing if it is on one
   price, at the geometric middle of the step if it is on several.
4. At the hours of funding every open pool pays or receives it, on the notional at the mark at the end of the step.
5. Margin is tested at the mark at the end of the step, and a pool without surplus is liquidated at that mark: after
   funding, after a jump, after an order (METHODS M10, DESIGN section 8). Then orders are filled that a jump passed.
6. The venue closes winning positions, where it does so; orders whose latency is over are filled; then policies act on
   what they see at the end of the step, in the order of `stresslab.margin.policies.table`.
7. The ledger is booked: every amount that moved cash stands on one of its lines.

A loss ends at what the pool owns. What is missing below zero is the insurance draw, on a line of its own.

A pool that is closed by the venue is frozen: its cash and its positions stand as they were, and what the liquidation
leaves is reckoned once, after the last step (`stresslab.margin.settlement`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin import events, inside_step, orders
from stresslab.margin.account_problem import AccountLayout, AccountParameters, Section
from stresslab.margin.account_state import (
    NEVER,
    Account,
    Marked,
    by_account,
    by_pool,
    legs_of,
    marked_at,
    pools_of,
)
from stresslab.margin.branching import changed_if
from stresslab.margin.closing import close_legs
from stresslab.margin.crossings import Inside
from stresslab.margin.ledger import add, post, start_ledger, start_sum
from stresslab.margin.legs import any_of, rows_of
from stresslab.margin.liquidation import changed_by_test, tested_at_mark
from stresslab.margin.policies.sight import Action, Sight
from stresslab.market.noise import Counter
from stresslab.market.process import MarketStep


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


def init(layout: AccountLayout, acting: AccountParameters, paths: int) -> Account:
    """State before the first step, at today's marks, on a block of paths; pools without surplus are liquidated."""
    parameters = acting.positions
    assets = max(layout.leg_assets) + 1
    logs = jnp.zeros((assets, paths), jnp.float32)
    today = marked_at(layout, parameters, layout.every_pool, logs, None)
    cash = jnp.broadcast_to(parameters.collateral, today.deficit.shape)
    nothing = jnp.zeros_like(today.deficit)
    account = Account(
        cash=start_sum(cash),
        share=jnp.ones((len(layout.leg_assets), paths), jnp.float32) if layout.resizes else None,
        reduced_step=None if layout.reducing is None else jnp.full(nothing.shape, NEVER),
        closed_step=jnp.full(nothing.shape, NEVER),
        reached=jnp.full((len(layout.alone + layout.together), paths), jnp.nan, jnp.float32),
        equity=nothing,
        notional=nothing,
        impact=None if acting.events.impact is None else nothing,
        seized=None if acting.events.backstop is None else jnp.zeros(nothing.shape, bool),
        deficit=rows_of(today.deficit, layout.several),
        funding=nothing,
        required=today.deficit if any(layout.plain) else None,
        transfers=nothing,
        cash_used=jnp.zeros((len(layout.sections), paths), jnp.float32),
        ledger=start_ledger(len(layout.sections), paths),
        orders=None if acting.orders is None else orders.init(acting.orders, paths),
        policies=tuple(
            tuple(policy.init(section.pool_count, paths) for policy in each)
            for section, each in zip(layout.sections, acting.policies, strict=True)
        ),
        outages=tuple(None if outage is None else outage.init(assets, paths) for outage in acting.outages),
    )
    return tested_at_mark(layout, acting, account, logs, layout.every_pool, np.int32(0), None)


def step(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    inside: Inside,
    pool_bridge: Array,
    number: Array,
    counter: Counter,
    funding: Funding | None,
) -> Account:
    """Take all accounts through one step, in the order that the module's text states.

    Parameters
    ----------
    layout, acting : AccountLayout, AccountParameters
        The accounts.
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
    counter : Counter
        Place of the block in the sequence of draws.
    funding : Funding or None
        None where no funding is paid.
    """
    works = tuple(
        None if outage is None else outage.works(state, number)
        for outage, state in zip(acting.outages, account.outages, strict=True)
    )
    leg_works = _by_leg(layout, works, inside.low.shape[1])
    account = inside_step.step(layout, acting, account, market, inside, pool_bridge, leg_works, number)
    if layout.bridge != "every_pool" or market.gap is not None:
        if account.required is not None:
            deficit = marked_at(layout, acting.positions, layout.every_pool, market.log_price, account.share).deficit
            account = account._replace(required=jnp.maximum(account.required, deficit - account.funding))
        account = tested_at_mark(layout, acting, account, market.log_price, layout.every_pool, number, None)
    if funding is not None:
        account = _pay(layout, acting, account, market.log_price, funding, number)
    if acting.events.auto_deleveraging is not None:
        account = _deleverage(layout, acting, account, market, counter, number)
    if acting.orders is not None:
        account = inside_step.fill_at_end(layout, acting, account, market, leg_works, number)
    account = _act(layout, acting, account, market, works, number, counter)
    return account._replace(
        outages=tuple(
            None if outage is None else outage.step(state, market.log_price, number)
            for outage, state in zip(acting.outages, account.outages, strict=True)
        )
    )


def _by_leg(layout: AccountLayout, works: tuple[Array | None, ...], paths: int) -> Array | None:
    """Whether tools work, for each leg; None where they always do."""
    if all(each is None for each in works):
        return None
    rows = [jnp.ones(paths, bool) if each is None else each for each in works]
    account_of_leg = [place for place, section in enumerate(layout.sections) for _ in range(section.leg_count)]
    return jnp.stack(rows)[np.array(account_of_leg, np.int32)]


def _pay(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    log_price: Array,
    funding: Funding,
    number: Array,
) -> Account:
    """Settle funding at its hours, then test margin at the mark."""
    legs = legs_of(layout, acting.positions, layout.every_pool)
    ratio = rows_of(jnp.exp(log_price), layout.leg_assets)

    def settle() -> Account:
        notional = legs.notional(ratio, account.share)
        owed = legs.funded(notional) * rows_of(funding.rate, layout.leg_assets)
        received = -by_pool(layout, layout.every_pool, owed)
        booked = jnp.where(account.is_open, received, 0.0)
        total = account.funding + received
        required = account.required
        if required is not None:
            deficit = marked_at(layout, acting.positions, layout.every_pool, log_price, account.share).deficit
            required = jnp.maximum(required, deficit - total)
        paid = account._replace(
            cash=add(account.cash, booked),
            funding=total,
            required=required,
            ledger=post(account.ledger, {"funding": by_account(layout, booked)}),
        )
        return tested_at_mark(layout, acting, paid, log_price, layout.every_pool, number, None)

    changed = ("cash", "funding", "required", "ledger", *changed_by_test(layout))
    return changed_if(funding.settles, account, settle, *changed)


def _deleverage(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    counter: Counter,
    number: Array,
) -> Account:
    """Close the winning positions that the venue takes, at the mark and without a fee."""
    deleveraging, share = acting.events.auto_deleveraging, account.share
    assert deleveraging is not None, "positions are taken"
    assert share is not None, "positions change their size"
    legs = legs_of(layout, acting.positions, layout.every_pool)
    ratio = rows_of(jnp.exp(market.log_price), layout.leg_assets)
    taken = events.deleveraged(deleveraging, market, counter, layout.leg_assets, legs.pnl(ratio, share))
    taken = taken & legs.reducible & (share > 0.0) & rows_of(account.is_open, layout.pool_of_leg)

    def close() -> Account:
        closed, free = jnp.where(taken, share, 0.0), jnp.zeros_like(share)
        after = close_legs(layout, acting, account, closed, ratio, free, free, is_forced=False)
        touched = pools_of(layout, taken, layout.every_pool)
        return tested_at_mark(layout, acting, after, market.log_price, layout.every_pool, number, touched)

    changed = ("cash", "share", "ledger", *changed_by_test(layout))
    return changed_if(any_of(taken), account, close, *changed)


def _act(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    works: tuple[Array | None, ...],
    number: Array,
    counter: Counter,
) -> Account:
    """Let the policies of every account act, one after the other."""
    if not any(acting.policies):
        return account
    states, moved = [], []
    for place, (section, policies) in enumerate(zip(layout.sections, acting.policies, strict=True)):
        pools = tuple(range(section.first_pool, section.first_pool + section.pool_count))
        after = list(account.policies[place])
        now: Marked | None = None
        # Money that an earlier policy of the account moved counts for the later ones; it is booked below.
        deposits = jnp.zeros_like(account.transfers[section.pools])
        for row, policy in enumerate(policies):
            if now is None:
                now = marked_at(layout, acting.positions, pools, market.log_price, account.share)
            cash, is_open = account.cash.value[section.pools] + deposits, account.is_open[section.pools]
            worth = (cash, cash + now.pnl, now.requirement, now.leg_notional)
            after[row], action = policy.act(after[row], Sight(number, counter, works[place], is_open, *worth))
            if action.deposit is not None:
                deposits = deposits + action.deposit
            if action.cut is not None:
                account, deposits = _move(layout, account, section, deposits)
                account, now = _cut(layout, acting, account, market, section, action, number), None
        states.append(tuple(after))
        moved.append(deposits)
    return _moved(layout, account._replace(policies=tuple(states)), jnp.concatenate(moved))


def _move(layout: AccountLayout, account: Account, section: Section, deposits: Array) -> tuple[Account, Array]:
    """Book what was moved before positions are cut and tested; nothing is left to book of it."""
    every = jnp.zeros_like(account.transfers).at[section.pools].set(deposits)
    return _moved(layout, account, every), jnp.zeros_like(deposits)


def _moved(layout: AccountLayout, account: Account, deposits: Array) -> Account:
    """Book money that was moved into pools and out of them, [pool, path]."""

    def move() -> Account:
        transfers = account.transfers + deposits
        return account._replace(
            cash=add(account.cash, deposits),
            transfers=transfers,
            cash_used=jnp.maximum(account.cash_used, by_account(layout, transfers)),
            ledger=post(account.ledger, {"transfers": by_account(layout, deposits)}),
        )

    return changed_if(any_of(deposits != 0.0), account, move, "cash", "transfers", "cash_used", "ledger")


def _cut(
    layout: AccountLayout,
    acting: AccountParameters,
    account: Account,
    market: MarketStep,
    section: Section,
    action: Action,
    number: Array,
) -> Account:
    """Close at the mark what a policy cuts, and test margin there."""
    cut, slippage, fee_rate, share = action.cut, action.slippage, action.fee_rate, account.share
    assert cut is not None, "a policy cuts"
    assert share is not None, "a policy that cuts comes with sizes"
    assert slippage is not None, "a cut has its costs"
    assert fee_rate is not None, "a cut has its costs"

    def close() -> Account:
        legs = legs_of(layout, acting.positions, layout.every_pool)
        pool_of_leg = np.array(layout.pool_of_leg[section.legs], np.int32) - section.first_pool
        part = jnp.zeros_like(share).at[section.legs].set(cut[pool_of_leg]) * legs.reducible
        ratio = rows_of(jnp.exp(market.log_price), layout.leg_assets)
        after = close_legs(layout, acting, account, part * share, ratio, slippage, fee_rate)
        touched = pools_of(layout, part > 0.0, layout.every_pool)
        return tested_at_mark(layout, acting, after, market.log_price, layout.every_pool, number, touched)

    changed = ("cash", "share", "ledger", *changed_by_test(layout))
    return changed_if(any_of(cut > 0.0), account, close, *changed)
