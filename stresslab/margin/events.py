"""What a venue does to positions beside liquidating their pools: price impact, seizure, and auto-deleveraging.

A close that must happen now moves the price against itself by stress times daily volatility times the square root of
its notional over the daily volume of the market (VENUES section 15). A pool that falls below a share of its maintenance
margin before it can be closed is taken over with all that it has. A position that wins when the market moves far may be
closed by the venue at the mark, and leaves its hedge alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.market import noise

if TYPE_CHECKING:
    from stresslab.market.process import MarketStep
    from stresslab.scenario.scenario import Scenario

_DAYS_PER_YEAR = 365.0


class AutoDeleveraging(NamedTuple):
    """Parameters of auto-deleveraging.

    Parameters
    ----------
    keys : jax.Array
        Key of each asset's stream of draws, [asset, 2], uint32.
    probability, move : jax.Array
        Scalars: chance that a winning position is closed, in a step that moves the log price by more than this.
    """

    keys: Array
    probability: Array
    move: Array


class Parameters(NamedTuple):
    """What else the venue does.

    Parameters
    ----------
    impact : jax.Array or None
        Of each leg: price impact in money is this times notional to the power 1.5, [leg, 1]; None for none.
    backstop : jax.Array or None
        Share of the requirement below which the venue keeps everything, scalar; None where it does not.
    auto_deleveraging : AutoDeleveraging or None
        None where no winning position is closed.
    """

    impact: Array | None
    backstop: Array | None
    auto_deleveraging: AutoDeleveraging | None


def build(scenario: Scenario, legs: Sequence[int]) -> Parameters:
    """Parameters as arrays, from the position of each leg."""
    market, impact, deleveraging = scenario.market, scenario.impact, scenario.auto_deleveraging
    coefficient: Any = None
    if impact is not None:
        assets = [scenario.book.positions[position].symbol.underlying for position in legs]
        volatility = np.array([market.volatilities[market.assets.index(asset)] for asset in assets])
        volume = np.array([impact.daily_volumes[asset] for asset in assets])
        coefficient = impact.stress * volatility / np.sqrt(_DAYS_PER_YEAR * volume)
        coefficient = coefficient[:, None].astype(np.float32)
    backstop = scenario.book.venue.backstop
    drawn = None
    if deleveraging is not None:
        keys: Any = noise.stream_keys(scenario.seed, [f"auto_deleveraging:{asset}" for asset in market.assets])
        drawn = AutoDeleveraging(keys, _scalar(deleveraging.probability), _scalar(deleveraging.move))
    return Parameters(coefficient, _scalar(backstop) if backstop else None, drawn)


def _scalar(value: float) -> Any:
    return np.float32(value)


def price_impact(parameters: Parameters, notional: Array, legs: tuple[int, ...]) -> Array:
    """Money that closing these legs costs beyond the mark, [leg, path], not negative."""
    if parameters.impact is None:
        return jnp.zeros_like(notional)
    return parameters.impact[np.array(legs, np.int32)] * notional * jnp.sqrt(notional)


def deleveraged(
    deleveraging: AutoDeleveraging, market: MarketStep, counter: noise.Counter, assets: tuple[int, ...], pnl: Array
) -> Array:
    """Legs that the venue closes at the end of a step: they win, their asset moved far, and the draw fell on it.

    Parameters
    ----------
    deleveraging : AutoDeleveraging
        Its numbers.
    market : MarketStep
        The step.
    counter : stresslab.market.noise.Counter
        Place in the sequence of draws.
    assets : tuple of int
        Asset of each leg.
    pnl : jax.Array
        Unrealized pnl at the mark, [leg, path].
    """
    moved = jnp.abs(market.log_price - market.start_log_price) > deleveraging.move
    drawn = noise.uniform(noise.words(deleveraging.keys, counter)[0]) < deleveraging.probability
    return (moved & drawn)[np.array(assets, np.int32)] & (pnl > 0.0)
