"""Problems filled up to a few sizes, so that books of about the same size share a compiled program.

What fills up does nothing: positions of size zero that are in no pool, barriers out of reach, pools without members.
Nothing of it reaches an outcome: `Padded` says which rows are real.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.places import Places, places_of
from stresslab.margin.pool_classes import PoolClass
from stresslab.margin.problem import BankruptcyFee, KindParameters, Layout, PoolParameters, Problem, RuleParameters

if TYPE_CHECKING:
    from jax import Array

# Of positions, pools, stakes and barriers; beyond the last each is 1.6 times the one before. Up to two thirds are added
# to a small book, which is quick in any case, and to a large one rarely more than a half.
SIZES = (1, 2, 3, 4, 6, 10, 16, 24, 40)
_GROWTH = 1.6

# Every step works through all tiers of all positions, so their numbers are closer to each other.
TIERS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 32)

_UNREACHED = math.inf


def padded_size(count: int) -> int:
    """Rows that are laid out for some: as many or a few more.

    Parameters
    ----------
    count : int
        At least 0; none stay none.
    """
    if count == 0:
        return 0
    size = next((size for size in SIZES if count <= size), SIZES[-1])
    while size < count:
        size = round(_GROWTH * size)
    return size


@dataclass(frozen=True)
class Padded:
    """A problem as programs take it.

    Parameters
    ----------
    places : Places
        Where things lie.
    parameters : PoolParameters
        With rows that do nothing.
    streams : tuple of str
        Name of the stream of bridge draws of each pool on several prices.
    pools, stakes : numpy.ndarray
        Rows of the problem's pools and stakes, in its order.
    """

    places: Places
    parameters: PoolParameters
    streams: tuple[str, ...]
    pools: NDArray[np.intp]
    stakes: NDArray[np.intp]


def unpadded(problem: Problem, assets: int) -> Padded:
    """A problem as it is.

    Parameters
    ----------
    problem : Problem
        A book under several configurations.
    assets : int
        Length of the market's asset axis.
    """
    layout = problem.layout
    pools, stakes = np.arange(len(problem.pools)), np.arange(len(layout.stake_pools))
    return Padded(places_of(layout, assets), problem.parameters, problem.several_streams, pools, stakes)


def padded(problem: Problem, assets: int) -> Padded:
    """A problem filled up.

    Parameters
    ----------
    problem : Problem
        A book under several configurations.
    assets : int
        Length of the market's asset axis, those that fill it up included.
    """
    layout = problem.layout
    several = _several_rows(layout, [each.leg.shape[0] for each in problem.parameters.classes])
    row_of = {place: row for row, place in enumerate(several) if place is not None}
    pool_count = padded_size(len(layout.single_pools)) + len(several)
    spare = iter(range(len(problem.pools), pool_count))
    several_pools = tuple(next(spare) if place is None else layout.several_pools[place] for place in several)
    if layout.several_stakes == tuple(range(len(layout.several_pools))):
        # One stake a pool: they go where their pools go, and still need not be moved.
        several_stakes, own = tuple(range(len(several))), sorted(row_of.values())
    else:
        several_stakes = _filled(tuple(row_of[place] for place in layout.several_stakes), len(several) - 1)
        own = list(range(len(layout.several_stakes)))
    single_stakes = _filled(layout.single_stakes, (0,))
    stake_pools = _filled(layout.stake_pools[: len(layout.single_stakes)], 0)

    position_assets = _counted(layout.position_assets, lambda position: min(position, assets - 1))
    rows = _counted(layout.rows, lambda row: (min(row, assets - 1), -1))
    filled = Layout(
        bridge=layout.bridge,
        position_assets=position_assets,
        rows=rows,
        watches=_counted(layout.watches, lambda watch: min(watch, len(rows) - 1)),
        single_pools=layout.single_pools,
        several_pools=several_pools,
        single_stakes=single_stakes,
        several_stakes=several_stakes,
        stake_pools=(*stake_pools, *(several_pools[row] for row in several_stakes)),
        legs=_legs(layout.legs, len(position_assets)),
        edges=_filled(layout.edges, (0, 0)),
    )
    stakes = np.array([*range(len(layout.single_stakes)), *(len(single_stakes) + row for row in own)], np.intp)
    return Padded(
        places_of(filled, assets, _leg_assets(filled, assets)),
        _parameters(problem, filled, pool_count, stakes),
        tuple("spare" if place is None else problem.several_streams[place] for place in several),
        np.arange(len(problem.pools)),
        stakes,
    )


def _several_rows(layout: Layout, classes: Sequence[int]) -> list[int | None]:
    """The pools on several prices, each class filled up; None for a row that does nothing."""
    rows: list[int | None] = []
    first = 0
    for count in (len(layout.several_pools) - sum(classes), *classes):
        rows += [*range(first, first + count), *[None] * (padded_size(count) - count)]
        first += count
    return rows


def _filled(values: tuple[Any, ...], fill: Any) -> tuple[Any, ...]:
    return _counted(values, lambda place: fill)


def _counted(values: tuple[Any, ...], fill: Callable[[int], Any]) -> tuple[Any, ...]:
    """Values filled up by what is made for each place."""
    return (*values, *map(fill, range(len(values), padded_size(len(values)))))


def _legs(legs: tuple[int, ...], positions: int) -> tuple[int, ...]:
    """Legs filled up with positions that are in no pool on several prices; all in order where that is all of them."""
    count = padded_size(len(legs))
    if count == positions:
        return tuple(range(positions))
    others = [position for position in range(positions) if position not in legs]
    return (*legs, *others[: count - len(legs)])


def _leg_assets(layout: Layout, assets: int) -> list[int]:
    """The assets of the legs, each once, filled up with others; all in order where that is all of them."""
    used = list(dict.fromkeys(layout.position_assets[leg] for leg in layout.legs))
    count = padded_size(len(used))
    if count >= assets:
        return list(range(assets))
    return used + [asset for asset in range(assets) if asset not in used][: count - len(used)]


def _parameters(problem: Problem, filled: Layout, pools: int, stakes: NDArray[np.intp]) -> PoolParameters:
    given = problem.parameters
    positions = len(filled.position_assets)
    tiers = next((count for count in TIERS if count >= given.rate.shape[0]), given.rate.shape[0])

    def column(values: Array, fill: float = 0.0) -> Array:
        return _grown(values, positions, 0, fill)

    def table(values: Array) -> Array:
        # Repeating the last tier, which adds nothing to the maximum and no rise.
        return _grown(np.concatenate([values, *[values[-1:]] * (tiers - values.shape[0])]), positions, 1)

    def by_pool(values: Array) -> Array:
        return _grown(_grown(values, pools, 0), positions, 1)

    def by_stake(values: Array, fill: float) -> Array:
        result = np.full((len(filled.stake_pools), 1), fill, np.float32)
        result[stakes] = values
        return result  # type: ignore[return-value]

    rises = np.concatenate([given.rate_rise, *[np.zeros_like(given.rate_rise[-1:])] * (tiers - given.rate.shape[0])])
    place = {leg: row for row, leg in enumerate(filled.legs)}
    new_leg = np.array([place[leg] for leg in problem.layout.legs], np.int32)
    watches, edges = len(filled.watches), len(filled.edges)
    rules, kinds, fees = given.rules, given.kinds, given.bankruptcy_fee
    return given._replace(
        notional=column(given.notional),
        side=column(given.side, 1.0),
        pnl=column(given.pnl),
        rate=table(given.rate),
        amount=table(given.amount),
        floor=table(given.floor),
        rate_rise=_grown(rises, positions, 1),
        membership=by_pool(given.membership),
        collateral=by_stake(given.collateral, 1.0),
        closing_fee=by_stake(given.closing_fee, 0.0),
        threshold=by_stake(given.threshold, _UNREACHED),
        barrier=_grown(given.barrier, watches, 0, _UNREACHED),
        settlement=_grown(given.settlement, watches, 0),
        edge_reach=_grown(given.edge_reach, edges, 0, _UNREACHED),
        edge_deficit=_grown(given.edge_deficit, edges, 0),
        rules=None if rules is None else RuleParameters(*map(column, rules)),
        kinds=None if kinds is None else KindParameters(*map(column, kinds)),
        bankruptcy_fee=None if fees is None else BankruptcyFee(*map(by_pool, fees)),
        classes=tuple(_class(each, new_leg) for each in given.classes),
    )


def _class(given: PoolClass, new_leg: NDArray[np.int32]) -> PoolClass:
    rows = padded_size(given.leg.shape[0])
    return PoolClass(_grown(new_leg[np.asarray(given.leg)], rows, 0), _grown(given.present, rows, 0))


def _grown(values: Any, count: int, axis: int, fill: float = 0.0) -> Array:
    """Values with rows added at the end of an axis."""
    values = np.asarray(values)
    widths = [(0, count - values.shape[axis] if place == axis else 0) for place in range(values.ndim)]
    return np.pad(values, widths, constant_values=fill)  # type: ignore[return-value]
