"""The account engine: the full state of every account on every path, for whatever acts before the horizon.

The order of events inside a step is fixed:

1. Prices move to the end of the step. The least surplus of each pool inside the step is drawn from the bridge, with the
   same draws as in the pool engine: of the asset for a pool on one price, of the pool for one on several (METHODS M13,
   M14, M19).
2. Stop-loss and take-profit orders that the step reaches are filled, if they come before the liquidation of their pool:
   on one price, if the pool still has a surplus at the price of the fill; on several, if the price comes to the order
   sooner than the surplus to zero, each by the mean of its passage time (METHODS M15). A pool on several prices that
   filled an order is tested again at the end of the step only.
3. A pool whose surplus reached zero inside the step is liquidated there: at the price of the crossing if it is on one
   price, at the geometric middle of the step if it is on several.
4. At the hours of funding every open pool pays or receives it, on the notional at the mark at the end of the step.
5. Margin is tested at the mark at the end of the step, and a pool without surplus is liquidated at that mark: after
   funding, after a jump, after an order (METHODS M10, DESIGN section 8). Only then are orders filled that the jump passed.
6. Winning positions are closed by the venue, where it does so. Orders and policies act on what they see at the end of
   the step: see `stresslab.margin.policies`.
7. The ledger is booked: every amount that moved cash stands on one of its lines.

A loss ends at what the pool owns. What is missing below zero is the insurance draw, on a line of its own.

A pool that is closed by the venue is frozen: its cash and its positions stand as they were, and what the liquidation
leaves is reckoned once, after the last step (`stresslab.margin.settlement`).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from stresslab.margin import closing, events, inside_step, orders
from stresslab.margin.account_problem import AccountLayout, AccountParameters
from stresslab.margin.account_state import NEVER, Account, Marked, marked_at
from stresslab.margin.crossings import Inside
from stresslab.margin.ledger import add, start_ledger, start_sum
from stresslab.margin.legs import rows_of
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
    logs = jnp.zeros((max(layout.leg_assets) + 1, paths), jnp.float32)
    today = marked_at(layout, parameters, layout.every_pool, logs, None)
    cash = jnp.broadcast_to(parameters.collateral, today.deficit.shape)
    nothing = jnp.zeros_like(today.deficit)
    account = Account(
        cash=start_sum(cash),
        share=jnp.ones((len(layout.leg_assets), paths), jnp.float32) if layout.resizes else None,
        liquidation_step=jnp.full(nothing.shape, NEVER),
        closed_step=jnp.full(nothing.shape, NEVER),
        reached=jnp.full((len(layout.alone + layout.together), paths), jnp.nan, jnp.float32),
        equity=nothing,
        notional=nothing,
        impact=None if acting.events.impact is None else nothing,
        seized=None if acting.events.backstop is None else jnp.zeros(nothing.shape, bool),
        deficit=rows_of(today.deficit, layout.several),
        funding=nothing,
        required=today.deficit,
        transfers=nothing,
        cash_used=jnp.zeros((len(layout.sections), paths), jnp.float32),
        ledger=start_ledger(len(layout.sections), paths),
        orders=None if acting.orders is None else orders.init(acting.orders, paths),
        policies=tuple(
            tuple(policy.init(section.pool_count, paths) for policy in each)
            for section, each in zip(layout.sections, acting.policies, strict=True)
        ),
    )
    return closing.test_at_mark(layout, acting, account, today, layout.every_pool, np.int32(0))


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
    account = inside_step.step(layout, acting, account, market, inside, pool_bridge, number)
    if funding is not None:
        paid, rate = account, funding.rate

        def settle() -> Account:
            marked = marked_at(layout, acting.positions, layout.every_pool, market.log_price, paid.share)
            settled = _pay(layout, acting, paid, marked, rate)
            return closing.test_at_mark(layout, acting, settled, marked, layout.every_pool, number)

        account = lax.cond(funding.settles, settle, lambda: paid)
    if acting.events.auto_deleveraging is not None:
        account = events.deleverage(layout, acting, account, market, counter, number)
    if acting.orders is not None:
        account = inside_step.fill_at_end(layout, acting, account, market, number)
    return _policies(layout, acting, account, market, number, counter)
