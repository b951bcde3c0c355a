"""From one configuration to arrays: its pools with their state, for the account engine.

Unlike in the pool engine nothing is shared between configurations: what acts on a pool makes its history its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.book.policies import TopUp
from stresslab.margin.policies import top_up
from stresslab.margin.problem import Bridge, PoolParameters, build_problem, for_account

if TYPE_CHECKING:
    from stresslab.book.book import Book
    from stresslab.book.configuration import Configuration


@dataclass(frozen=True)
class AccountLayout:
    """The shape of a configuration's account: what is compiled in.

    Parameters
    ----------
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points.
    position_assets : tuple of int
        Asset of each position.
    pools : tuple of tuple of int
        Positions of each pool; pools on one price come first.
    single_pools : int
        How many pools are on one price.
    streams : tuple of int
        Row of the bridge draws of each pool on several prices.
    served : tuple of int
        Pools in the configuration's own order, in which money is handed out.
    """

    bridge: Bridge
    position_assets: tuple[int, ...]
    pools: tuple[tuple[int, ...], ...]
    single_pools: int
    streams: tuple[int, ...]
    served: tuple[int, ...]


class AccountParameters(NamedTuple):
    """The numbers of a configuration's account.

    Parameters
    ----------
    positions : PoolParameters
        Positions and pools; its stakes are the layout's pools, and it has no watches.
    top_up : stresslab.margin.policies.top_up.Parameters or None
        None where the configuration has no such policy.
    """

    positions: PoolParameters
    top_up: top_up.Parameters | None


@dataclass(frozen=True)
class AccountProblem:
    """A configuration, ready for the account engine.

    Parameters
    ----------
    layout : AccountLayout
        What is compiled in.
    parameters : AccountParameters
        What may change without compiling again.
    order : tuple of int
        Place in the configuration of each of the layout's pools.
    collaterals : numpy.ndarray
        Of each of the layout's pools, [pool], float64.
    """

    layout: AccountLayout
    parameters: AccountParameters
    order: tuple[int, ...]
    collaterals: NDArray[np.float64]


def build_accounts(
    book: Book,
    configurations: Sequence[Configuration],
    assets: Sequence[str],
    step: float,
    *,
    bridge: Bridge = "every_pool",
) -> tuple[tuple[AccountProblem, ...], tuple[str, ...]]:
    """Arrange configurations for the account engine.

    Parameters
    ----------
    book : Book
        With the mark price of every position resolved.
    configurations : sequence of Configuration
        Partitions of its positions.
    assets : sequence of str
        Underlyings in the order of the market's asset axis.
    step : float
        Length of a step in days.
    bridge : {"every_pool", "single_price", "none"}
        See `AccountLayout`.

    Returns
    -------
    tuple of AccountProblem, tuple of str
        One for each configuration, and the names of the streams that their pools on several prices draw from; a pool
        draws from the same stream as in the pool engine.
    """
    streams: dict[str, int] = {}
    problems = []
    for configuration in configurations:
        problem = build_problem(book, [configuration], assets, bridge=bridge)
        pools = [problem.layout.stake_pools[stake] for stake in problem.configuration_stakes[0]]
        order = sorted(range(len(pools)), key=lambda place: pools[place] not in problem.layout.single_pools)
        rows = [pools[place] for place in order]
        collaterals = np.array([configuration.pools[place].collateral for place in order])
        several = [row for row in rows if row in problem.layout.several_pools]
        names = [problem.several_streams[problem.layout.several_pools.index(row)] for row in several]
        layout = AccountLayout(
            bridge=bridge,
            position_assets=problem.layout.position_assets,
            pools=tuple(problem.pools[row] for row in rows),
            single_pools=len(problem.layout.single_pools),
            streams=tuple(streams.setdefault(name, len(streams)) for name in names),
            served=tuple(order.index(place) for place in range(len(order))),
        )
        parameters = for_account(book, configuration, problem.parameters)._replace(
            membership=np.asarray(problem.parameters.membership)[rows],  # type: ignore[arg-type]
            collateral=np.asarray(collaterals[:, None], np.float32),  # type: ignore[arg-type]
        )
        top_ups = [top_up.build(policy, step) for policy in configuration.policies if isinstance(policy, TopUp)]
        acting = AccountParameters(parameters, top_ups[0] if top_ups else None)
        problems.append(AccountProblem(layout, acting, tuple(order), collaterals))
    return tuple(problems), tuple(streams)
