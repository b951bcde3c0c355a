"""From configurations to arrays: the pools and stakes that the engine evaluates, each once.

What a pool earns and requires does not depend on its collateral, so configurations that hold the same positions in one
pool share that *pool*; a pool with a given collateral is a *stake*. A pool whose positions sit on one underlying is a
*single-price* pool: its surplus is a concave function of one price, so it is liquidated where the price first leaves an
interval, and its required collateral follows from the extremes of the price. Only the others have their surplus
stepped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.pool_barriers import bankruptcy_fee_line, bankruptcy_fees
from stresslab.margin.pool_classes import PoolClass, class_size, pool_classes
from stresslab.margin.pool_figures import trigger_of
from stresslab.margin.position_arrays import is_plain, kind_arrays, plain_arrays, rule_arrays, single
from stresslab.margin.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax import Array

    from stresslab.book.book import Book, Position
    from stresslab.book.configuration import Configuration

Bridge = Literal["every_pool", "single_price", "none"]

# Stands for the position that ended a pool where none did.
NOBODY = -1


@dataclass(frozen=True)
class Layout:
    """The shape of a problem: what is compiled in. Everything else is an array and may change without compiling again.

    Parameters
    ----------
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points. The last two exist for tests and comparisons.
    position_assets : tuple of int
        Asset of each position.
    rows : tuple of (int, int)
        The extremes that are followed: (asset, +1 for the highest price or -1 for the lowest).
    watches : tuple of int
        Row of each barrier.
    single_pools, several_pools : tuple of int
        Places among all pools of the single-price pools and of those on several prices; the latter by falling size of
        their class.
    single_stakes : tuple of tuple of int
        Watches (one or two) of each stake on a single-price pool.
    several_stakes : tuple of int
        Place among `several_pools` of the pool of each other stake.
    stake_pools : tuple of int
        Pool of each stake; single-price stakes come first.
    legs : tuple of int
        Positions that are in some pool on several prices.
    edges : tuple of (int, int)
        Pool and row of each price at which the deficit of a single-price pool jumps.
    """

    bridge: Bridge
    position_assets: tuple[int, ...]
    rows: tuple[tuple[int, int], ...]
    watches: tuple[int, ...]
    single_pools: tuple[int, ...]
    several_pools: tuple[int, ...]
    single_stakes: tuple[tuple[int, ...], ...]
    several_stakes: tuple[int, ...]
    stake_pools: tuple[int, ...]
    legs: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()


class RuleParameters(NamedTuple):
    """What a position needs beyond plain tiers, each [position, 1]; absent where every position is plain.

    Parameters
    ----------
    rises : jax.Array
        True where unit value is the price (linear, spot), False where it is one over the price (inverse).
    at_entry : jax.Array
        True where the notional at entry is margined instead of the one at the mark.
    entry_notional : jax.Array
        Absolute value at entry.
    by_size : jax.Array
        True where the floors of the tiers count size.
    size : jax.Array
        Absolute quantity as the book states it.
    size_slope, size_root : jax.Array
        What the rate rises by at the whole size: in a straight line, and with its square root above a discounted base.
    closing_rate : jax.Array
        Fee to close in the trigger as a share of the notional at the mark.
    closing_amount : jax.Array
        Fee to close at the bankruptcy price, money; 0 where `closing_fee` of the stakes holds it.
    """

    rises: Array
    at_entry: Array
    entry_notional: Array
    by_size: Array
    size: Array
    size_slope: Array
    size_root: Array
    closing_rate: Array
    closing_amount: Array


class KindParameters(NamedTuple):
    """Which legs are no perpetual contracts, each [position, 1]; absent where all are.

    Parameters
    ----------
    funded : jax.Array
        1 for a perpetual contract, 0 for spot and collateral, which pay no funding.
    haircut : jax.Array
        1 where the requirement is the haircut of a collateral asset, 0 where it is maintenance margin.
    """

    funded: Array
    haircut: Array


class BankruptcyFee(NamedTuple):
    """Fee to close each position of each pool at its bankruptcy price, as a line in the pool's collateral.

    Parameters
    ----------
    level, slope : jax.Array
        The fee is ``level + slope * collateral`` where that is positive, else 0; [pool, position].
    """

    level: Array
    slope: Array


class PoolParameters(NamedTuple):
    """The numbers of a problem, in the account's currency, float32.

    Parameters
    ----------
    notional : jax.Array
        Absolute position value at today's mark, [position, 1].
    side : jax.Array
        +1 long, -1 short, [position, 1].
    pnl : jax.Array
        Unrealized pnl at today's mark, [position, 1].
    rate, amount : jax.Array
        Maintenance rate and amount of every tier, [tier, position, 1]; short tables repeat their last tier.
    floor, rate_rise : jax.Array
        Where each tier begins and by how much its rate exceeds the one before, [tier, position, 1].
    membership : jax.Array
        1 where a position is in a pool, [pool, position].
    collateral : jax.Array
        Of each stake, [stake, 1].
    barrier : jax.Array
        Of each watch: row side times the log of price over start price at which its pool's surplus is 0, [watch, 1].
    closing_fee : jax.Array
        Fees to close at bankruptcy prices that stand in the trigger of each stake, [stake, 1].
    threshold : jax.Array
        What the deficit of each stake must stay below, [stake, 1]: collateral less closing fee, and a unit in the last
        place more where a surplus of 0 does not liquidate.
    settlement : jax.Array
        Of each watch: equity left after the liquidation fee at its barrier, [watch, 1].
    edge_reach, edge_deficit : jax.Array
        Of each edge: row side times the log of price over start price, and the pool's deficit there, [edge, 1].
    fee_rate : jax.Array
        Liquidation fee as a share of the notional closed, scalar.
    returned : jax.Array
        1 where the equity left after closing goes back to the account, 0 where the venue keeps it, scalar.
    rules : RuleParameters or None
        None where every position is linear with marginal tiers at the mark and no fee in the trigger.
    kinds : KindParameters or None
        None where every position is a perpetual contract.
    bankruptcy_fee : BankruptcyFee or None
        None where no venue has such a fee in its trigger.
    classes : tuple of PoolClass
        The pools on several prices by the number of their members; those with all legs are in none, and come first.
    """

    notional: Array
    side: Array
    pnl: Array
    rate: Array
    amount: Array
    floor: Array
    rate_rise: Array
    membership: Array
    collateral: Array
    closing_fee: Array
    threshold: Array
    barrier: Array
    settlement: Array
    edge_reach: Array
    edge_deficit: Array
    fee_rate: Array
    returned: Array
    rules: RuleParameters | None = None
    kinds: KindParameters | None = None
    bankruptcy_fee: BankruptcyFee | None = None
    classes: tuple[PoolClass, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A book under several configurations, ready for the engine.

    Parameters
    ----------
    layout : Layout
        What is compiled in.
    parameters : PoolParameters
        What may change without compiling again.
    pools : tuple of tuple of int
        Positions of each distinct pool.
    collaterals : numpy.ndarray
        Collateral of each stake, [stake], float64.
    configuration_stakes : tuple of tuple of int
        For each configuration the stake behind each of its pools, in the configuration's order.
    several_streams : tuple of str
        Name of the stream of bridge draws of each pool on several prices, by the set of its members.
    """

    layout: Layout
    parameters: PoolParameters
    pools: tuple[tuple[int, ...], ...]
    collaterals: NDArray[np.float64]
    configuration_stakes: tuple[tuple[int, ...], ...]
    several_streams: tuple[str, ...]


def build_problem(
    book: Book,
    configurations: Sequence[Configuration],
    assets: Sequence[str],
    *,
    bridge: Bridge = "every_pool",
) -> Problem:
    """Arrange a book and its configurations for the pool engine.

    Parameters
    ----------
    book : Book
        With the mark price of every position resolved.
    configurations : sequence of Configuration
        Partitions of its positions.
    assets : sequence of str
        Underlyings in the order of the market's asset axis.
    bridge : {"every_pool", "single_price", "none"}
        See `Layout`.

    Returns
    -------
    Problem
        Each pool and each stake once, however many configurations share it.
    """
    position_assets = tuple(assets.index(position.symbol.underlying) for position in book.positions)
    pools = tuple(dict.fromkeys(pool.positions for configuration in configurations for pool in configuration.pools))
    on_one_price = [len({position_assets[position] for position in pool}) == 1 for pool in pools]
    single_pools = tuple(index for index, single in enumerate(on_one_price) if single)
    several_pools = tuple(index for index, single in enumerate(on_one_price) if not single)
    legs = tuple(sorted({position for pool in several_pools for position in pools[pool]}))
    several_pools = tuple(
        sorted(several_pools, key=lambda pool: -class_size(len(pools[pool]), len(legs), len(several_pools)))
    )

    wanted = dict.fromkeys(
        (pools.index(pool.positions), pool.collateral)
        for configuration in configurations
        for pool in configuration.pools
    )
    # In the order of their pools, so that rows of pools need not be moved where each pool has one stake.
    places = {pool: place for place, pool in enumerate([*single_pools, *several_pools])}
    stakes = sorted(wanted, key=lambda stake: places[stake[0]] if not on_one_price[stake[0]] else -1)
    configuration_stakes = tuple(
        tuple(stakes.index((pools.index(pool.positions), pool.collateral)) for pool in configuration.pools)
        for configuration in configurations
    )

    watches = Watches(book, position_assets)
    single_stakes = tuple(watches.of(pools[pool], collateral) for pool, collateral in stakes if on_one_price[pool])
    for pool in single_pools:
        watches.corners(pool, pools[pool])
    layout = Layout(
        bridge=bridge,
        position_assets=position_assets,
        rows=tuple(watches.rows),
        watches=tuple(watches.row_of_watch),
        single_pools=single_pools,
        several_pools=several_pools,
        single_stakes=single_stakes,
        several_stakes=tuple(several_pools.index(pool) for pool, _ in stakes if not on_one_price[pool]),
        stake_pools=tuple(pool for pool, _ in stakes),
        legs=legs,
        edges=tuple(watches.edges),
    )
    collaterals = np.array([collateral for _, collateral in stakes], dtype=np.float64)
    membership = np.array([[position in pool for position in range(len(book.positions))] for pool in pools], np.float64)
    membership = membership.reshape(len(pools), len(book.positions))
    closing_fees, thresholds = _thresholds(book, [(pools[pool], collateral) for pool, collateral in stakes])
    parameters = PoolParameters(
        **plain_arrays(book.positions),
        membership=single(membership),
        collateral=single(collaterals[:, None]),
        closing_fee=closing_fees,
        threshold=thresholds,
        barrier=single(np.array(watches.barriers)[:, None]),
        settlement=single(np.array(watches.settlements)[:, None]),
        edge_reach=single(np.array(watches.edge_reaches)[:, None]),
        edge_deficit=single(np.array(watches.edge_deficits)[:, None]),
        fee_rate=single(book.venue.liquidation_fee_rate),
        returned=single(book.venue.remainder == "returned"),
        rules=None if all(map(is_plain, book.positions)) else RuleParameters(**rule_arrays(book.positions)),
        kinds=KindParameters(**kind_arrays(book.positions)) if any(map(_is_spot, book.positions)) else None,
        bankruptcy_fee=_bankruptcy_fee(book, pools),
        classes=pool_classes([pools[pool] for pool in several_pools], legs),
    )
    streams = tuple(
        "pool:" + "\x1f".join(sorted(book.positions[position].id for position in pools[pool])) for pool in several_pools
    )
    return Problem(layout, parameters, pools, collaterals, configuration_stakes, streams)


def _is_spot(position: Position) -> bool:
    return position.symbol.contract == "spot"


def for_account(book: Book, configuration: Configuration, parameters: PoolParameters) -> PoolParameters:
    """Parameters of a single configuration, in which each position has its own fee at the bankruptcy price.

    Several configurations share positions but not the fees, which depend on the pool's collateral; there they stand in
    ``closing_fee`` of the stakes instead.
    """
    if parameters.rules is None:
        return parameters
    fees = np.zeros(len(book.positions))
    for pool in configuration.pools:
        members = [book.positions[index] for index in pool.positions]
        fees[list(pool.positions)] = bankruptcy_fees(members, pool.collateral)
    return parameters._replace(rules=parameters.rules._replace(closing_amount=single(fees[:, None])))


def _thresholds(book: Book, stakes: Sequence[tuple[tuple[int, ...], float]]) -> tuple[Array, Array]:
    """Closing fee of each stake, and what its deficit is compared with."""
    fees, thresholds = np.zeros((len(stakes), 1)), np.zeros((len(stakes), 1), np.float32)
    for row, (pool, collateral) in enumerate(stakes):
        members = [book.positions[index] for index in pool]
        fees[row] = math.fsum(bankruptcy_fees(members, collateral))
        thresholds[row] = collateral - fees[row]
        if trigger_of(members) == "below":
            thresholds[row] = np.nextafter(thresholds[row], np.float32(np.inf))
    return single(fees), single(thresholds)


def _bankruptcy_fee(book: Book, pools: Sequence[tuple[int, ...]]) -> BankruptcyFee | None:
    if all(position.symbol.rules.closing_fee != "bankruptcy" for position in book.positions):
        return None
    lines = np.zeros((2, len(pools), len(book.positions)))
    for row, pool in enumerate(pools):
        members = [book.positions[index] for index in pool]
        lines[:, row, list(pool)] = np.array([bankruptcy_fee_line(member, members) for member in members]).T
    return BankruptcyFee(single(lines[0]), single(lines[1]))
