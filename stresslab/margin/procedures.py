"""What a venue does first with a pool that it liquidates, inside a compiled program: how much of which leg it closes.

Reductions follow each other while the pool has no surplus, each time it is tested at most as many as the pause between
two of them allows in a step. Whatever the procedure says, nothing is left of a pool whose equity does not exceed zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.venues.rules.procedures import WHOLE

if TYPE_CHECKING:
    from stresslab.scenario.scenario import Scenario

# More reductions than this in one step change nothing that matters: what is left of a pool is a few percent.
_MOST = 12
# A leg of which less than this is left is closed whole.
_REMNANT = 0.01
# A step down ends this share below the floor of its tier: rounding must not leave it above.
_BELOW_FLOOR = 1e-4


@dataclass(frozen=True)
class Reducing:
    """How a pool is reduced: what is compiled in.

    Parameters
    ----------
    procedure : {"full", "tiers", "steps"}
        What is closed of a leg, see `stresslab.venues.rules.procedures`.
    order : {"together", "worst_first", "pairs_first"}
        Which legs: all at once; the one with the largest loss; or first what longs and shorts of an asset offset.
    most : int
        Reductions in one step at most.
    """

    procedure: str
    order: str
    most: int


class Parameters(NamedTuple):
    """The numbers of the procedure.

    Parameters
    ----------
    step : jax.Array
        Share of a leg that a step closes, scalar.
    full_from : jax.Array
        Floor of the tier below which a leg is closed whole, [leg, 1].
    """

    step: Array
    full_from: Array


def build(
    scenario: Scenario, pools: Sequence[Sequence[int]], legs: Sequence[int]
) -> tuple[Reducing | None, Parameters | None]:
    """The venue's procedure; None where it closes pools whole.

    Parameters
    ----------
    scenario : Scenario
        The question.
    pools : sequence of sequence of int
        Legs of each pool.
    legs : sequence of int
        Position of each leg.
    """
    venue = scenario.book.venue
    reduction = venue.reduction
    if venue.liquidation_procedure == "full" and reduction.order == WHOLE.order:
        return None, None
    longest = max(len(pool) for pool in pools)
    if venue.liquidation_procedure == "full":
        most = longest + 1
    else:
        pauses = scenario.step / reduction.pause if reduction.pause > 0.0 else np.inf
        most = int(max(1, min(pauses, _MOST)))
    tables = [scenario.book.positions[position].symbol.tiers for position in legs]
    floors = [(*table.floors, np.inf)[min(reduction.full_tiers, len(table.floors))] for table in tables]
    full_from: Any = np.array(floors, np.float32)[:, None]
    step: Any = np.float32(reduction.step)
    return Reducing(venue.liquidation_procedure, reduction.order, most), Parameters(step, full_from)


class Standing(NamedTuple):
    """Legs of the pools in question, at the price of the reduction.

    Parameters
    ----------
    notional, pnl : jax.Array
        [leg, path].
    measure : jax.Array
        What the floors of the leg's tiers count, [leg, path].
    floor : jax.Array
        Floor of the tier in force, [leg, path].
    full_from : jax.Array
        [leg, 1].
    reducible : jax.Array
        Whether the venue may close it: a perpetual contract of which something is left, [leg, path].
    """

    notional: Array
    pnl: Array
    measure: Array
    floor: Array
    full_from: Array
    reducible: Array


def closed_part(
    reducing: Reducing,
    step: Array,
    standing: Standing,
    pools: Sequence[Sequence[int]],
    assets: Sequence[int],
    sides: Array,
) -> Array:
    """How much the next reduction closes of what is left of each leg, [leg, path], 0 to 1.

    Parameters
    ----------
    reducing : Reducing
        The procedure.
    step : jax.Array
        Share of a leg that a step closes, scalar.
    standing : Standing
        The legs.
    pools : sequence of sequence of int
        Rows of the legs of each pool.
    assets : sequence of int
        Asset of each leg.
    sides : jax.Array
        +1 long, -1 short, [leg, 1].
    """
    part = standing.reducible * _part_of_leg(reducing, step, standing)
    rows: list[Any] = [None] * len(assets)
    for pool in pools:
        here = np.array(pool, np.int32)
        for leg, row in zip(pool, _chosen(reducing, standing, part[here], here, assets, sides), strict=True):
            rows[leg] = row
    return jnp.stack(rows)


def _part_of_leg(reducing: Reducing, step: Array, standing: Standing) -> Array:
    if reducing.procedure == "steps":
        return jnp.broadcast_to(step, standing.measure.shape)
    if reducing.procedure == "tiers":
        down = 1.0 - (1.0 - _BELOW_FLOOR) * standing.floor / jnp.maximum(standing.measure, 1e-30)
        return jnp.where(standing.measure > standing.full_from, down, 1.0)
    return jnp.ones_like(standing.measure)


def _chosen(
    reducing: Reducing, standing: Standing, part: Array, here: np.ndarray, assets: Sequence[int], sides: Array
) -> Array:
    reducible = standing.reducible[here]
    if reducing.order == "together":
        # Legs that can step down do so before any leg is closed whole.
        partial = part < 1.0
        return jnp.where((partial & reducible).any(axis=0) & ~partial, 0.0, part)
    pnl = jnp.where(reducible, standing.pnl[here], jnp.inf)
    worst = jnp.arange(len(here))[:, None] == jnp.argmin(pnl, axis=0)
    worst_first = jnp.where(worst, part, 0.0)
    if reducing.order == "worst_first":
        return worst_first
    notional, side = standing.notional[here] * reducible, sides[here]
    offset = jnp.zeros_like(part)
    for asset in set(assets[leg] for leg in here):
        of_asset = np.array([assets[leg] == asset for leg in here])[:, None]
        long = (notional * of_asset * (side > 0)).sum(axis=0)
        short = (notional * of_asset * (side < 0)).sum(axis=0)
        matched = jnp.minimum(long, short)
        own = jnp.where(side > 0, long, short)
        offset = offset + jnp.where(of_asset, matched / jnp.maximum(own, 1e-30), 0.0)
    offset = jnp.where(reducible, offset, 0.0)
    return jnp.where((offset > 1e-6).any(axis=0), offset, worst_first)


def with_remnants(part: Array, share: Array) -> Array:
    """The same, where what little would be left of a leg is closed with it."""
    return jnp.where((part > 0.0) & (share * (1.0 - part) < _REMNANT), 1.0, part)
