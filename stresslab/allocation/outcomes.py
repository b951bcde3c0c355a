"""Outcomes of pools at given collateral, and the objectives that are sought."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.losses import liquidation_loss
from stresslab.allocation.sampling import AllocationError, Floats, Sample

OBJECTIVES = ("expected-loss", "any-liquidation", "k-liquidations", "expected-shortfall", "target-probability")


@dataclass(frozen=True)
class Objective:
    """What is made least.

    Parameters
    ----------
    name : str
        One of `OBJECTIVES`. ``expected-loss`` is what liquidations are expected to cost, summed over the pools; the
        account's own expected loss hardly depends on the split (METHODS M22) and stands beside it in the results.
    count : int
        Positions liquidated that matter, for ``k-liquidations``; at least 1.
    level : float
        Of the expected shortfall, in (0, 1).
    target : float
        P(any liquidation) that is allowed, for ``target-probability``, in (0, 1).
    """

    name: str
    count: int = 2
    level: float = 0.975
    target: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.name not in OBJECTIVES:
            raise AllocationError(f"there is no objective {self.name!r}; give one of {', '.join(OBJECTIVES)}")
        if self.count < 1:
            raise AllocationError(f"{self.count} liquidations are no event; give a count of at least 1")
        for what, value in (("level", self.level), ("target", self.target)):
            if not 0.0 < value < 1.0:
                raise AllocationError(f"the {what} is {value:g}; give one between 0 and 1")

    @property
    def counts(self) -> int:
        """Number of liquidations whose probability is sought."""
        return self.count if self.name == "k-liquidations" else 1


@dataclass(frozen=True)
class Pools:
    """Pools of a partition on the paths of a sample.

    Parameters
    ----------
    sample : Sample
        The paths.
    members : tuple of tuple of int
        Positions of each pool.
    largest : float
        Largest collateral in question, money.
    """

    sample: Sample
    members: tuple[tuple[int, ...], ...]
    largest: float
    required: Floats = field(init=False)
    held: Floats = field(init=False)
    sizes: NDArray[np.int8] = field(init=False)

    def __post_init__(self) -> None:
        """Gather the pools' rows."""
        rows = [self.sample.place(members) for members in self.members]
        object.__setattr__(self, "required", self.sample.required[rows])
        object.__setattr__(self, "held", np.stack([self.sample.held_by(members) for members in self.members]))
        object.__setattr__(self, "sizes", np.array([len(members) for members in self.members], np.int8))

    def liquidated(self, pool: int, collateral: float) -> NDArray[np.bool_]:
        """Whether a pool is liquidated with this collateral, [path]."""
        return np.asarray(self.required[pool] >= np.float32(collateral))

    def cost(self, pool: int, collateral: Sequence[float] | NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Loss of a liquidated pool at each collateral, money."""
        return liquidation_loss(self.sample.scenario, self.members[pool], collateral, self.largest)

    def loss(self, pool: int, collateral: float) -> Floats:
        """Loss of a pool on each path, signed, [path]."""
        cost = np.float32(self.cost(pool, collateral))
        return np.where(self.liquidated(pool, collateral), cost, -self.held[pool])

    def probabilities(self, pool: int, collateral: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(liquidation) of a pool at each collateral."""
        ordered = np.sort(self.required[pool])
        return 1.0 - np.searchsorted(ordered, collateral.astype(np.float32), side="left") / ordered.size


def expected_shortfall(losses: NDArray[np.floating], level: float) -> float:
    """Mean of the worst losses by counts (METHODS M51), money."""
    beyond = losses.size * (1.0 - level)
    whole = max(math.floor(beyond + 1e-9), 1)
    return float(np.partition(losses, losses.size - whole)[losses.size - whole :].mean(dtype=np.float64))


def value_of(pools: Pools, collateral: NDArray[np.float64], objective: Objective) -> float:
    """Value of an objective for a partition with given collateral: money, or a probability."""
    each = range(len(pools.members))
    if objective.name == "expected-loss":
        return math.fsum(
            float(pools.cost(pool, collateral[pool])) * float(pools.liquidated(pool, collateral[pool]).mean())
            for pool in each
        )
    if objective.name == "expected-shortfall":
        total = np.zeros(pools.required.shape[1], np.float32)
        for pool in each:
            total += pools.loss(pool, collateral[pool])
        return expected_shortfall(total, objective.level)
    count = np.zeros(pools.required.shape[1], np.int8)
    for pool in each:
        count += pools.sizes[pool] * pools.liquidated(pool, collateral[pool])
    return float((count >= objective.counts).mean())
