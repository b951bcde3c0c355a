"""From configurations to arrays: the accounts that the account engine steps, all of them at once.

An *account* is one configuration with its own state. Its positions are *legs*: the legs of all accounts stand below
each other on one axis, and so do their pools, so that one program steps them together. Unlike in the pool engine
nothing is shared between configurations: what acts on a pool makes its history its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stresslab.margin import events, orders, procedures
from stresslab.margin.policies.table import build_policies
from stresslab.margin.pool_figures import trigger_of
from stresslab.margin.problem import Bridge, PoolParameters, build_problem, for_account

if TYPE_CHECKING:
    from stresslab.book.configuration import Configuration
    from stresslab.scenario.scenario import Scenario


@dataclass(frozen=True)
class Section:
    """The place of one account on the axes of pools and legs.

    Parameters
    ----------
    first_pool, pool_count, first_leg, leg_count : int
        Where they begin, and how many there are.
    """

    first_pool: int
    pool_count: int
    first_leg: int
    leg_count: int

    @property
    def pools(self) -> slice:
        """Its pools, in the configuration's order."""
        return slice(self.first_pool, self.first_pool + self.pool_count)

    @property
    def legs(self) -> slice:
        """Its legs, pool after pool."""
        return slice(self.first_leg, self.first_leg + self.leg_count)


@dataclass(frozen=True)
class AccountLayout:
    """The shape of the accounts: what is compiled in.

    Parameters
    ----------
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points.
    leg_assets, leg_positions : tuple of int
        Asset of each leg, and its position in the book; the legs stand pool after pool.
    falling : tuple of bool
        Of each leg: whether a falling price hurts it.
    pools : tuple of tuple of int
        Legs of each pool.
    alone, together, several : tuple of int
        Places of the pools of one leg, of those of several legs on one price, and of those on several prices.
    streams : tuple of int
        Row of the bridge draws of each pool on several prices.
    sections : tuple of Section
        The accounts.
    reducing : Reducing or None
        How the venue reduces a pool before it closes it; None where it closes it whole.
    resizes : bool
        Whether anything changes the size of positions before their pool is closed.
    spares_zero : tuple of bool
        Of each pool: whether a surplus of exactly 0 does not liquidate it.
    plain : tuple of bool
        Of each account: whether nothing acts on it, so that its required collateral means something.
    """

    bridge: Bridge
    leg_assets: tuple[int, ...]
    leg_positions: tuple[int, ...]
    falling: tuple[bool, ...]
    pools: tuple[tuple[int, ...], ...]
    alone: tuple[int, ...]
    together: tuple[int, ...]
    several: tuple[int, ...]
    streams: tuple[int, ...]
    sections: tuple[Section, ...]
    reducing: procedures.Reducing | None
    resizes: bool
    spares_zero: tuple[bool, ...]
    plain: tuple[bool, ...]

    @property
    def every_pool(self) -> tuple[int, ...]:
        """Places of all pools."""
        return tuple(range(len(self.pools)))

    @property
    def pool_of_leg(self) -> tuple[int, ...]:
        """Pool of each leg."""
        return tuple(place for place, pool in enumerate(self.pools) for _ in pool)


class AccountParameters(NamedTuple):
    """The numbers of the accounts.

    Parameters
    ----------
    positions : PoolParameters
        Legs and pools; it has no watches, and its stakes are the pools.
    events : stresslab.margin.events.Parameters
        What else the venue does.
    procedure : stresslab.margin.procedures.Parameters or None
        None where a pool is closed whole.
    orders : stresslab.margin.orders.Parameters or None
        None where no account has any.
    policies : tuple of tuple of Policy
        The policies of each account in the order in which they act.
    outages : tuple of Outage or None
        Of each account.
    """

    positions: PoolParameters
    events: events.Parameters
    procedure: procedures.Parameters | None
    orders: orders.Parameters | None
    policies: tuple[tuple[Any, ...], ...]
    outages: tuple[Any, ...]


@dataclass(frozen=True)
class AccountProblem:
    """Configurations, ready for the account engine.

    Parameters
    ----------
    layout : AccountLayout
        What is compiled in.
    parameters : AccountParameters
        What may change without compiling again.
    streams : tuple of str
        Names of the streams that pools on several prices draw from; a pool draws from the same one as in the pool
        engine.
    """

    layout: AccountLayout
    parameters: AccountParameters
    streams: tuple[str, ...]


def build_accounts(
    scenario: Scenario, configurations: Sequence[Configuration], *, bridge: Bridge = "every_pool"
) -> AccountProblem | None:
    """Arrange configurations for the account engine.

    Parameters
    ----------
    scenario : Scenario
        With the mark price of every position resolved.
    configurations : sequence of Configuration
        Partitions of its book's positions.
    bridge : {"every_pool", "single_price", "none"}
        See `AccountLayout`.

    Returns
    -------
    AccountProblem or None
        None without configurations.
    """
    if not configurations:
        return None
    positions = scenario.book.positions
    problem = build_problem(scenario.book, configurations, scenario.market.assets, bridge=bridge)
    assets = problem.layout.position_assets
    streams: dict[str, int] = {}
    sections: list[Section] = []
    legs: list[int] = []
    pools: list[tuple[int, ...]] = []
    alone: list[int] = []
    together: list[int] = []
    several: list[int] = []
    rows: list[int] = []
    for each in configurations:
        sections.append(Section(len(pools), len(each.pools), len(legs), len(positions)))
        for pool in each.pools:
            single = len({assets[position] for position in pool.positions}) == 1
            (alone if len(pool.positions) == 1 else together if single else several).append(len(pools))
            if not single:
                name = problem.several_streams[problem.layout.several_pools.index(problem.pools.index(pool.positions))]
                rows.append(streams.setdefault(name, len(streams)))
            pools.append(tuple(range(len(legs), len(legs) + len(pool.positions))))
            legs += pool.positions
    order_parameters = orders.build(scenario, configurations, legs)
    policies, outages = build_policies(scenario, configurations)
    venue_events = events.build(scenario, legs)
    reducing, procedure = procedures.build(scenario, pools, legs)
    cuts = any(policy.cuts for each in policies for policy in each)
    layout = AccountLayout(
        bridge=bridge,
        leg_assets=tuple(assets[position] for position in legs),
        leg_positions=tuple(legs),
        falling=tuple(positions[position].quantity > 0.0 for position in legs),
        pools=tuple(pools),
        alone=tuple(alone),
        together=tuple(together),
        several=tuple(several),
        streams=tuple(rows),
        sections=tuple(sections),
        reducing=reducing,
        resizes=bool(reducing or cuts or order_parameters is not None or venue_events.auto_deleveraging is not None),
        spares_zero=tuple(trigger_of([positions[legs[leg]] for leg in pool]) == "below" for pool in pools),
        plain=tuple(
            reducing is None and venue_events.auto_deleveraging is None and not each.policies for each in configurations
        ),
    )
    own = [for_account(scenario.book, each, problem.parameters) for each in configurations]
    nothing = _single(np.empty((0, 1)))
    parameters = problem.parameters._replace(
        **_of_legs([(parameters, legs[section.legs]) for parameters, section in zip(own, sections, strict=True)]),
        membership=_single([[leg in pool for leg in range(len(legs))] for pool in pools]),
        collateral=_single([[pool.collateral] for each in configurations for pool in each.pools]),
        **dict.fromkeys(("closing_fee", "threshold", "barrier", "settlement", "edge_reach", "edge_deficit"), nothing),
        bankruptcy_fee=None,
        classes=(),
    )
    acting = AccountParameters(parameters, venue_events, procedure, order_parameters, policies, outages)
    return AccountProblem(layout, acting, tuple(streams))


def _of_legs(accounts: Sequence[tuple[PoolParameters, Sequence[int]]]) -> dict[str, Any]:
    """What describes positions, for each leg of each account; the axis of positions is the last but one."""

    def taken(values: Callable[[PoolParameters], Any]) -> Any:
        return np.concatenate([np.asarray(values(own))[..., list(legs), :] for own, legs in accounts], axis=-2)

    names = ("notional", "side", "pnl", "rate", "amount", "floor", "rate_rise")
    result: dict[str, Any] = {name: taken(attrgetter(name)) for name in names}
    for name in ("rules", "kinds"):
        group = getattr(accounts[0][0], name)
        if group is not None:
            fields = (taken(attrgetter(f"{name}.{field}")) for field in group._fields)
            result[name] = type(group)(*fields)
    return result


def _single(values: Any) -> Any:
    return np.asarray(values, dtype=np.float32)
