"""Positions inside a compiled program: notional, pnl, requirement, and their sums over pools."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.margin.places import Places
from stresslab.margin.pool_variance import class_squares, factor_rows, member_factors
from stresslab.margin.problem import KindParameters, Layout, PoolParameters, RuleParameters
from stresslab.market.process import MarketStep
from stresslab.venues.rules.tier_rules import DISCOUNT

_TINY = 1e-30  # keeps a quotient of nothing by nothing finite


Rows = tuple[int, ...] | Array | None
"""Places of rows: compiled in, or an index array, int32; None for all in order."""


def rows_of(values: Array, rows: Rows) -> Array:
    """Rows of an array, places on its first axis; nothing is copied where they are known to be all there in order."""
    if rows is None:
        return values
    if not isinstance(rows, tuple):
        # Places are within bounds by construction, and without a mode the compiler would have each of them checked.
        return jnp.take(values, rows, axis=0, mode="clip")
    if (values.shape[0] == 1 and len(set(rows)) == 1) or rows == tuple(range(values.shape[0])):
        return values
    return values[np.array(rows, np.int32)]


def sum_of(values: Array) -> Array:
    """Sum of rows, [1, path], added up in the open: a reduction would not be fused with what makes the values."""
    result = values[:1]
    for row in range(1, values.shape[0]):
        result = result + values[row : row + 1]
    return result


def any_of(flags: Array) -> Array:
    """Whether any of them is true, a scalar; rows first, which is element by element, then along the paths."""
    rows = flags[0]
    for row in range(1, flags.shape[0]):
        rows = rows | flags[row]
    return rows.any()


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

    Where every position is linear with marginal tiers at the mark, the parameters hold no rules, and what is traced is
    a maximum of lines; otherwise the tier in force is selected. Methods that take a share scale each position by it, as
    where a part was closed before.

    Parameters
    ----------
    layout, parameters : Layout or PoolGroup or Places, PoolParameters
        The problem. The places of the first two are compiled in, those of the last are not.
    every_position : bool
        All positions, with one row of prices for each; by default the layout's legs, with one row of prices for each
        asset among them.
    """

    def __init__(
        self, layout: Layout | PoolGroup | Places, parameters: PoolParameters, *, every_position: bool = False
    ) -> None:
        legs, self.assets, self.asset_of_leg = _leg_rows(layout, every_position=every_position)
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
        self.rules = None if parameters.rules is None else RuleParameters(*(rows_of(x, legs) for x in parameters.rules))
        self.slope = self.side * self.value  # of the pnl in unit ratio
        if self.rules is not None:
            self.slope = jnp.where(self.rules.rises, self.slope, -self.slope)
        self.kinds = None if parameters.kinds is None else KindParameters(*(rows_of(x, legs) for x in parameters.kinds))
        self.classes = () if every_position else parameters.classes
        several = layout.several_pool if isinstance(layout, Places) else layout.several_pools
        self.membership = rows_of(rows_of(parameters.membership, several).T, legs).T

    def unit_ratio(self, price_ratio: Array) -> Array:
        """Unit value over today's where every leg has a price ratio of its own: the ratio, or its reciprocal (M2)."""
        if self.rules is None:
            return price_ratio
        return jnp.where(self.rules.rises, price_ratio, 1.0 / price_ratio)

    def notional(self, price_ratio: Array, share: Array | None = None) -> Array:
        """Absolute position value at price ratios by asset, of a share of each position, [leg, path]."""
        return self.notional_at(rows_of(price_ratio, self.asset_of_leg), share)

    def notional_at(self, price_ratio: Array, share: Array | None = None) -> Array:
        """Absolute position value where every leg has a price ratio of its own, [leg, path]."""
        return _shared(self.value * self.unit_ratio(price_ratio), share)

    def pnl(self, price_ratio: Array, share: Array | None = None) -> Array:
        """Unrealized pnl at price ratios by asset, [leg, path], signed (METHODS M1 and M2)."""
        return self.pnl_at(rows_of(price_ratio, self.asset_of_leg), share)

    def pnl_at(self, price_ratio: Array, share: Array | None = None) -> Array:
        """Unrealized pnl where every leg has a price ratio of its own, [leg, path]."""
        return _shared(self.pnl_today + self.slope * (self.unit_ratio(price_ratio) - 1.0), share)

    def requirement(self, notional: Array, share: Array | None = None) -> Array:
        """What equity must exceed: maintenance margin, closing fees in the trigger, haircuts, [leg, path].

        Parameters
        ----------
        notional : jax.Array
            As `notional` returns it, [leg, path].
        share : jax.Array, optional
            The share that it was asked for, in [0, 1], [leg, path].
        """
        if self.rules is not None:
            rules, (valued, measure, line, _) = self.rules, self._in_tier(notional, share)
            # A table by size gives a rate, whatever the price; one by notional gives the amount itself.
            required = jnp.where(rules.by_size, line * (valued / jnp.maximum(measure, _TINY)), line)
            required = required + valued * self._size_rate(share) + rules.closing_rate * notional
            return required + _shared(rules.closing_amount, share)
        rate, amount, _, _ = self.tiers[0]
        result = rate * notional - amount
        for rate, amount, _, _ in self.tiers[1:]:
            result = jnp.maximum(result, rate * notional - amount)
        return result

    def marginal_rate(self, notional: Array, share: Array | None = None) -> Array:
        """Slope of the requirement in the notional at the mark, [leg, path]."""
        if self.rules is not None:
            rules, (_, measure, line, rate) = self.rules, self._in_tier(notional, share)
            result = jnp.where(rules.by_size, line / jnp.maximum(measure, _TINY), rate) + self._size_rate(share)
            return jnp.where(rules.at_entry, 0.0, result) + rules.closing_rate
        result = self.tiers[0][0]
        for _, _, floor, rise in self.tiers[1:]:
            result = result + jnp.where(notional > floor, rise, 0.0)
        return result

    def exposure(self, notional: Array) -> Array:
        """Slope of the pnl in the log price, [leg, path], signed: linear and inverse alike, long gains as it rises."""
        return self.side * notional

    def surplus_exposure(self, notional: Array, share: Array | None = None) -> Array:
        """Slope of pnl less requirement in the log price, [leg, path], signed."""
        rate = self.marginal_rate(notional, share)
        if self.rules is not None:
            rate = jnp.where(self.rules.rises, rate, -rate)
        return (self.side - rate) * notional

    def funded(self, notional: Array) -> Array:
        """Signed notional on which funding is paid, [leg, path]: of perpetual contracts alone."""
        exposure = self.exposure(notional)
        return exposure if self.kinds is None else self.kinds.funded * exposure

    def closed(self, notional: Array) -> Array:
        """Notional that a liquidation closes, [leg, path]: all but collateral, which stays what it is."""
        return notional if self.kinds is None else (1.0 - self.kinds.haircut) * notional

    def haircut(self, required: Array) -> Array | None:
        """The part of a requirement that discounts collateral, [leg, path]; None where nothing is discounted."""
        return None if self.kinds is None else self.kinds.haircut * required

    @property
    def reducible(self) -> Array:
        """Whether a venue may close part of a leg, [leg, 1]: perpetual contracts alone."""
        return self.side != 0.0 if self.kinds is None else self.kinds.funded > 0.0

    def measure(self, notional: Array, share: Array | None = None) -> Array:
        """What the floors of the tiers count, [leg, path]: notional, or size."""
        return notional if self.rules is None else self._in_tier(notional, share)[1]

    def floor_below(self, measure: Array) -> Array:
        """Floor of the tier in force, [leg, path]."""
        result = self.tiers[0][2]
        for _, _, floor, _ in self.tiers[1:]:
            result = jnp.where(measure > floor, floor, result)
        return jnp.broadcast_to(result, measure.shape)

    def _in_tier(self, notional: Array, share: Array | None) -> tuple[Array, Array, Array, Array]:
        """Notional that is margined, what its table's floors count, and line and rate of the tier in force."""
        rules = self.rules
        assert rules is not None, "plain legs have no rules"
        valued = jnp.where(rules.at_entry, _shared(rules.entry_notional, share), notional)
        measure = jnp.where(rules.by_size, _shared(rules.size, share), valued)
        slope, amount, _, _ = self.tiers[0]
        line = slope * measure - amount
        for rate, amount, floor, _ in self.tiers[1:]:
            line = jnp.where(measure > floor, rate * measure - amount, line)
            slope = jnp.where(measure > floor, rate, slope)
        return valued, measure, line, slope

    def _size_rate(self, share: Array | None) -> Array:
        """What the rate rises by with size (VENUES sections 9 and 12)."""
        rules = self.rules
        assert rules is not None, "plain legs have no rules"
        root = rules.size_root if share is None else rules.size_root * jnp.sqrt(share)
        return _shared(rules.size_slope, share) + jnp.maximum(root - (1.0 - DISCOUNT) * self.tiers[0][0], 0.0)

    def pooled(self, values: Array) -> Array:
        """Sums over each pool's positions, [pool, path]."""
        return _sum_over_pools(self.membership, values)

    def member_factors(self, factor: Array) -> tuple[Array, ...]:
        """What `variance` needs of the correlation's factor, [asset, asset]; the same in every step."""
        return member_factors(self.classes, self.market_assets(), factor)

    def variance(self, exposure: Array, market: MarketStep, factors: tuple[Array, ...] | None = None) -> Array:
        """Variance of each pool's surplus over the step, w' S w, [pool, path] (METHODS M19).

        Parameters
        ----------
        exposure : jax.Array
            Slope of the surplus in the log price, [leg, path].
        market : MarketStep
            The step.
        factors : tuple of jax.Array, optional
            Of `member_factors`, where they were worked out before the first step.
        """
        assets = self.market_assets()
        scaled = exposure * rows_of(market.deviation, assets)
        own = self.member_factors(market.factor) if factors is None else factors
        # Pools with all legs, or with more than any class has, come first.
        whole = self.membership[: self.membership.shape[0] - sum(each.leg.shape[0] for each in self.classes)]
        parts = [_variance_of_whole(whole, scaled, factor_rows(market.factor, assets))] if whole.shape[0] else []
        parts += [class_squares(each, factor, scaled) for each, factor in zip(self.classes, own, strict=True)]
        result = parts[0] if len(parts) == 1 else jnp.concatenate(parts)
        if market.common is not None:
            result = (1.0 - market.common) * result + market.common * self.pooled(scaled) ** 2
        return result

    def market_assets(self) -> Rows:
        """Asset of each leg on the market's axis."""
        if self.assets is None or self.asset_of_leg is None:
            return self.asset_of_leg if self.assets is None else self.assets
        if isinstance(self.assets, tuple) and isinstance(self.asset_of_leg, tuple):
            return tuple(self.assets[asset] for asset in self.asset_of_leg)
        return rows_of(jnp.asarray(self.assets), self.asset_of_leg)


def _leg_rows(layout: Layout | PoolGroup | Places, *, every_position: bool) -> tuple[Rows, Rows, Rows]:
    """Positions of the legs, their assets each once, and the place among these of each leg's."""
    if isinstance(layout, Places):
        own = (
            (None, layout.position_asset, None)
            if every_position
            else (layout.leg, layout.leg_asset, layout.asset_of_leg)
        )
        return own
    legs = tuple(range(len(layout.position_assets))) if every_position else layout.legs
    used = tuple(layout.position_assets[leg] for leg in legs)
    if every_position:
        return legs, used, tuple(range(len(legs)))
    assets = tuple(dict.fromkeys(used))
    return legs, assets, tuple(assets.index(asset) for asset in used)


def _variance_of_whole(membership: Array, scaled: Array, factor: Array) -> Array:
    """Variance of pools that are summed over all legs, with the factor's row of each leg."""
    pools, factors = membership.shape[0], factor.shape[1]
    # One product for all pools, rows by factor and then by pool. The squares are added up in the open: as a
    # reduction they would be fused with the product, which the compiler does badly.
    loads = (factor.T[:, None, :] * membership[None, :, :]).reshape(factors * pools, -1) @ scaled
    result = loads[:pools] ** 2
    for row in range(1, factors):
        result = result + loads[row * pools : (row + 1) * pools] ** 2
    return result


def _shared(values: Array, share: Array | None) -> Array:
    return values if share is None else values * share


def _sum_over_pools(membership: Array, values: Array) -> Array:
    """Sums of rows by pool; for one pool written out, so that it fuses with what makes the values."""
    if membership.shape[0] != 1:
        return membership @ values
    result = membership[:, :1] * values[:1]
    for row in range(1, membership.shape[1]):
        result = result + membership[:, row : row + 1] * values[row : row + 1]
    return result
