"""Pools by the number of their members, so that what is summed over a pool costs what the pool holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jax import Array

# Rows a class may have. Each is at most half as many again as the one before, so that a pool is filled up by a third at
# the most; a pool with more members than the last is summed over all legs.
SIZES = (2, 3, 4, 6, 8, 12, 16, 24)

# No more pools than these on so few legs are summed over all legs: classes would not be quicker, measured, and each
# would ask for a program of its own.
_FEW_POOLS = 4
_FEW_LEGS = 10


class PoolClass(NamedTuple):
    """Pools with about as many members.

    Parameters
    ----------
    leg : jax.Array
        Place among the layout's legs of each member, [pool, member], int32; the first leg where a row is filled up.
    present : jax.Array
        1 for a member, 0 where a row is filled up, [pool, member], float32.
    """

    leg: Array
    present: Array


def class_size(members: int, legs: int, pools: int) -> int:
    """Rows of the class of a pool; the number of legs where it is summed over all of them.

    Parameters
    ----------
    members, legs : int
        Positions in the pool, and in any pool on several prices.
    pools : int
        Number of pools on several prices.
    """
    if pools <= _FEW_POOLS and legs <= _FEW_LEGS:
        return legs
    return next((size for size in SIZES if members <= size < legs), legs)


def pool_classes(pools: Sequence[Sequence[int]], legs: Sequence[int]) -> tuple[PoolClass, ...]:
    """The classes of pools that follow those with all legs.

    Parameters
    ----------
    pools : sequence of sequence of int
        Positions of each pool, classes in falling order of their size.
    legs : sequence of int
        Position of each leg.
    """
    place = {position: leg for leg, position in enumerate(legs)}
    classes = []
    for size in sorted({class_size(len(pool), len(legs), len(pools)) for pool in pools} - {len(legs)}, reverse=True):
        own = [pool for pool in pools if class_size(len(pool), len(legs), len(pools)) == size]
        leg, present = np.zeros((len(own), size), np.int32), np.zeros((len(own), size), np.float32)
        for row, pool in enumerate(own):
            leg[row, : len(pool)] = [place[position] for position in pool]
            present[row, : len(pool)] = 1.0
        classes.append(PoolClass(leg, present))  # type: ignore[arg-type]
    return tuple(classes)
