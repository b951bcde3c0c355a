"""Positions inside a compiled program: notional, pnl, requirement, and their sums over pools."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.problem import Layout, PoolParameters
from stresslab.market.process import MarketStep


def rows_of(values: Array, rows: tuple[int, ...]) -> Array:
    """Rows by static index; nothing is copied where they are all there in order."""
    if (values.shape[0] == 1 and len(set(rows)) == 1) or rows == tuple(range(values.shape[0])):
        return values
    return values[np.array(rows, np.int32)]


@dataclass(frozen=True)
class PoolGroup:
    """Some pools and the positions in them; stands in for a `Layout` where only these matter.

    Parameters
    ----------
    position_assets : tuple of int
        Asset of each position of the book.
    several_pools : tuple of int
        Places of the group's pools among all pools.
    legs : tuple of int
        Positions that are in one of them.
    """

    position_assets: tuple[int, ...]
    several_pools: tuple[int, ...]
    legs: tuple[int, ...]


class Legs:
    """Positions with their rules, for the arithmetic of one step. Exists while a program is traced, and only then.

    Parameters
    ----------
    layout, parameters : Layout or PoolGroup, PoolParameters
        The problem.
    every_position : bool
        All positions, with one row of prices for each; by default the layout's legs, with one row of prices for each
        asset among them.
    """

    def __init__(self, layout: Layout | PoolGroup, parameters: PoolParameters, *, every_position: bool = False) -> None:
        legs = tuple(range(len(layout.position_assets))) if every_position else layout.legs
        used = [layout.position_assets[leg] for leg in legs]
        self.assets = tuple(used) if every_position else tuple(dict.fromkeys(used))
        self.asset_of_leg = (
            tuple(self.assets.index(asset) for asset in used) if not every_position else tuple(range(len(legs)))
        )
        self.value = rows_of(parameters.notional, legs)
        self.side = rows_of(parameters.side, legs)
        self.pnl_today = rows_of(parameters.pnl, legs)
        self.tiers = [
            tuple(
                rows_of(column[tier], legs)
                for column in (parameters.rate, parameters.amount, parameters.floor, parameters.rate_rise)
            )
            for tier in range(parameters.rate.shape[0])
        ]
        self.membership = (
            rows_of(parameters.membership, layout.several_pools)[:, np.array(legs, np.int32)]
            if legs
            else parameters.membership[:0, :0]
        )

    def notional(self, price_ratio: Array) -> Array:
        """Absolute position value at price ratios, [leg, path]."""
        return self.value * rows_of(price_ratio, self.asset_of_leg)

    def pnl(self, price_ratio: Array) -> Array:
        """Unrealized pnl at price ratios, [leg, path], signed (METHODS M1)."""
        return self.pnl_at(rows_of(price_ratio, self.asset_of_leg))

    def pnl_at(self, price_ratio: Array) -> Array:
        """Unrealized pnl where every leg has a price ratio of its own, [leg, path]."""
        return self.pnl_today + self.side * self.value * (price_ratio - 1.0)

    def requirement(self, notional: Array) -> Array:
        """Maintenance margin: the largest of the tiers' lines (METHODS M3)."""
        rate, amount, _, _ = self.tiers[0]
        result = rate * notional - amount
        for rate, amount, _, _ in self.tiers[1:]:
            result = jnp.maximum(result, rate * notional - amount)
        return result

    def marginal_rate(self, notional: Array) -> Array:
        """Maintenance rate of the tier in force, the slope of the requirement."""
        result = self.tiers[0][0]
        for _, _, floor, rise in self.tiers[1:]:
            result = result + jnp.where(notional > floor, rise, 0.0)
        return result

    def pooled(self, values: Array) -> Array:
        """Sums over each pool's positions, [pool, path]."""
        return _sum_over_pools(self.membership, values)

    def variance(self, exposure: Array, market: MarketStep) -> Array:
        """Variance of each pool's surplus over the step, w' S w, [pool, path] (METHODS M19)."""
        assets = np.array([self.assets[asset] for asset in self.asset_of_leg], np.int32)
        factor = market.factor[assets]
        scaled = exposure * rows_of(market.deviation, tuple(int(asset) for asset in assets))
        pools, factors = self.membership.shape[0], factor.shape[1]
        # One product for all pools, rows by factor and then by pool. The squares are added up in the open: as a
        # reduction they would be fused with the product, which the compiler does badly.
        loads = (factor.T[:, None, :] * self.membership[None, :, :]).reshape(factors * pools, -1) @ scaled
        result = loads[:pools] ** 2
        for row in range(1, factors):
            result = result + loads[row * pools : (row + 1) * pools] ** 2
        if market.common is not None:
            result = (1.0 - market.common) * result + market.common * (self.membership @ scaled) ** 2
        return result


def _sum_over_pools(membership: Array, values: Array) -> Array:
    """Sums of rows by pool; for one pool written out, so that it fuses with what makes the values."""
    if membership.shape[0] != 1:
        return membership @ values
    result = membership[:, :1] * values[:1]
    for row in range(1, membership.shape[1]):
        result = result + membership[:, row : row + 1] * values[row : row + 1]
    return result
