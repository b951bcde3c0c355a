"""Where things lie in the arrays of a problem, as arrays themselves: no program is compiled for one book alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import numpy as np
from jax import Array

from stresslab.margin.problem import Bridge, Layout


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Places:
    """A `Layout` as the pool engine takes it: index arrays, int32, which may change without compiling again.

    None stands for rows that are all there in order: they need not be moved. What is compiled in are the shapes, which
    of the arrays are None, and the bridge.

    Parameters
    ----------
    bridge : {"every_pool", "single_price", "none"}
        As in `Layout`.
    position_asset : jax.Array or None
        Asset of each position, [position].
    row_asset : jax.Array or None
        Asset of each extreme that is followed, [row].
    row_side : jax.Array
        +1 for the highest price, -1 for the lowest, [row, 1], float32.
    watch_row : jax.Array or None
        Row of each barrier, [watch].
    stake_watches : jax.Array
        The two watches of each stake on a single-price pool, [stake, 2]; the same one twice where there is one.
    watch_stake : jax.Array
        The stake of each watch, [watch].
    several_stake : jax.Array or None
        Place among the pools on several prices of the pool of each other stake, [stake].
    several_pool : jax.Array
        Place among all pools of each pool on several prices, [pool].
    stake_pool : jax.Array
        Pool of each stake, single-price stakes first, [stake].
    leg : jax.Array or None
        Position of each leg, [leg].
    leg_asset : jax.Array or None
        The assets of the legs, each once, [asset of a leg].
    asset_of_leg : jax.Array or None
        Place among these of each leg's asset, [leg].
    edge_pool, edge_row : jax.Array
        As in `Layout`, [edge].
    """

    bridge: Bridge = field(metadata={"static": True})
    position_asset: Array | None
    row_asset: Array | None
    row_side: Array
    watch_row: Array | None
    stake_watches: Array
    watch_stake: Array
    several_stake: Array | None
    several_pool: Array
    stake_pool: Array
    leg: Array | None
    leg_asset: Array | None
    asset_of_leg: Array | None
    edge_pool: Array
    edge_row: Array


def places_of(layout: Layout, assets: int, leg_assets: Sequence[int] | None = None) -> Places:
    """The places of a layout.

    Parameters
    ----------
    layout : Layout
        Of a problem.
    assets : int
        Length of the market's asset axis.
    leg_assets : sequence of int, optional
        Assets among which those of the legs are; by default these alone.
    """
    used = [layout.position_assets[leg] for leg in layout.legs]
    chosen = list(dict.fromkeys(used)) if leg_assets is None else list(leg_assets)
    edges = np.array(layout.edges, np.int32).reshape(-1, 2)
    watches = [(each[0], each[-1]) for each in layout.single_stakes]
    # Backwards, since stakes that fill up a layout name the first watch again.
    stake_of = {watch: stake for stake, each in reversed([*enumerate(layout.single_stakes)]) for watch in each}
    return Places(
        bridge=layout.bridge,
        position_asset=_unless_in_order(layout.position_assets, assets),
        row_asset=_unless_in_order([asset for asset, _ in layout.rows], assets),
        row_side=np.array([[side] for _, side in layout.rows], np.float32).reshape(-1, 1),  # type: ignore[arg-type]
        watch_row=_unless_in_order(layout.watches, len(layout.rows)),
        stake_watches=np.array(watches, np.int32).reshape(-1, 2),  # type: ignore[arg-type]
        watch_stake=_indices([stake_of.get(watch, 0) for watch in range(len(layout.watches))]),
        several_stake=_unless_in_order(layout.several_stakes, len(layout.several_pools)),
        several_pool=_indices(layout.several_pools),
        stake_pool=_indices(layout.stake_pools),
        leg=_unless_in_order(layout.legs, len(layout.position_assets)),
        leg_asset=_unless_in_order(chosen, assets),
        asset_of_leg=_unless_in_order([chosen.index(asset) for asset in used], len(chosen)),
        edge_pool=edges[:, 0],  # type: ignore[arg-type]
        edge_row=edges[:, 1],  # type: ignore[arg-type]
    )


def _indices(places: Sequence[int]) -> Array:
    return np.array(places, np.int32)  # type: ignore[return-value]


def _unless_in_order(places: Sequence[int], count: int) -> Array | None:
    return None if list(places) == list(range(count)) else _indices(places)
