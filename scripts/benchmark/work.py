"""The pieces of work that are measured: a book, its configurations and its market, and the same as plain arrays."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.market.bar_rows import BarRows
from stresslab.market.models import MODELS
from stresslab.market.process import correlation_factor
from stresslab.market.specification import MarketSpecification
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

PRICE = 100.0
STEP = 1.0 / 8760.0
FLOORS = (0.0, 50_000.0, 500_000.0, 2_496_666.0, 4_400_000.0)
RATES = (0.004, 0.005, 0.01, 0.025, 0.05)
_LEVERAGES = (100, 100, 50, 20, 10)
_WEIGHTS = {"alpha": 0.03, "beta": 0.95}


@dataclass(frozen=True)
class Work:
    """One piece of work.

    Parameters
    ----------
    name : str
        What the command line calls it.
    assets, steps, paths : int
        One position on each asset; hourly steps; paths of one measurement, a multiple of 1,024.
    pool_sizes : tuple of int
        One configuration for each: the positions in order, that many to a pool. The first is 1: isolated margin.
    """

    name: str
    assets: int
    steps: int
    paths: int
    pool_sizes: tuple[int, ...]

    @property
    def asset_steps(self) -> int:
        """Assets times steps times paths."""
        return self.assets * self.steps * self.paths

    @property
    def pools(self) -> tuple[tuple[int, ...], ...]:
        """Positions of every pool, the isolated ones first; no two configurations share one."""
        starts = [(size, first) for size in self.pool_sizes for first in range(0, self.assets, size)]
        return tuple(tuple(range(first, min(first + size, self.assets))) for size, first in starts)


SMALL = Work("small", 10, 720, 65_536, (1, 10))
LARGE = Work("large", 40, 2_160, 16_384, (1, 2, 4, 5, 8, 10, 20, 40))
WORKS = {work.name: work for work in (SMALL, LARGE)}


@dataclass(frozen=True)
class Arrays:
    """A piece of work as the rows beside ours take it, float32 but for the pools.

    Parameters
    ----------
    load : numpy.ndarray
        Standard deviations of a step times the factor of the correlation, lower triangular, [asset, asset].
    deviation, drift : numpy.ndarray
        Of the log return of a step, [asset].
    quantity, collateral : numpy.ndarray
        Signed size and the money behind an isolated position, [asset].
    rate, amount : numpy.ndarray
        Of each tier, [tier].
    members, starts : numpy.ndarray
        Positions of the pools of several positions, one pool after the other, and where each begins, int64.
    pool_collateral : numpy.ndarray
        Of those pools, [pool].
    """

    load: NDArray[np.float32]
    deviation: NDArray[np.float32]
    drift: NDArray[np.float32]
    quantity: NDArray[np.float32]
    collateral: NDArray[np.float32]
    rate: NDArray[np.float32]
    amount: NDArray[np.float32]
    members: NDArray[np.int64]
    starts: NDArray[np.int64]
    pool_collateral: NDArray[np.float32]


def quantities(work: Work) -> NDArray[np.float64]:
    """Sizes rise and sides alternate; beyond ten positions the sizes begin anew."""
    index = np.arange(work.assets)
    return np.asarray(np.where(index % 2, -1.0, 1.0) * (1000.0 + 900.0 * (index % 10)), np.float64)


def volatilities(work: Work) -> NDArray[np.float64]:
    """A year, of log returns: from 0.6 to 1.14, and then anew."""
    return np.asarray(0.6 + 0.06 * (np.arange(work.assets) % 10), np.float64)


def correlation(work: Work) -> NDArray[np.float64]:
    """0.6 between any two assets, [asset, asset]."""
    return np.full((work.assets, work.assets), 0.6) + 0.4 * np.eye(work.assets)


def _single(values: object) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def arrays(work: Work) -> Arrays:
    """The work as plain arrays; tier amounts by the recursion of METHODS M3."""
    deviation = volatilities(work) * STEP**0.5
    collateral = np.abs(quantities(work)) * PRICE / 8.0
    several = work.pools[work.assets :]
    rates = np.array(RATES)
    sums = [collateral[list(pool)].sum() for pool in several]
    return Arrays(
        load=_single(deviation[:, None] * correlation_factor(correlation(work))),
        deviation=_single(deviation),
        drift=_single(-0.5 * deviation**2),
        quantity=_single(quantities(work)),
        collateral=_single(collateral),
        rate=_single(rates),
        amount=_single(np.concatenate([[0.0], np.cumsum(np.diff(rates) * FLOORS[1:])])),
        members=np.array([position for pool in several for position in pool], np.int64),
        starts=np.cumsum([0, *map(len, several)]),
        pool_collateral=_single(sums),
    )


def book(work: Work) -> tuple[Book, tuple[Configuration, ...]]:
    """The work as a book, eight times leveraged, and its configurations."""
    tiers = TierTable(FLOORS, RATES, _LEVERAGES)
    positions = []
    for asset, quantity in enumerate(quantities(work).tolist()):
        symbol = Symbol(f"A{asset}USDT", f"A{asset}", "linear", tiers)
        collateral = abs(quantity) * PRICE / 8.0
        positions.append(Position(f"p{asset}", symbol, quantity, PRICE, PRICE, "isolated", collateral))
    symbols = {position.symbol.name: position.symbol for position in positions}
    pack = RulePack("bench", "made up", dt.date(2026, 1, 1), 8.0, "full", 0.0, "returned", symbols, "")
    wallet = sum(position.collateral or 0.0 for position in positions)
    configurations = []
    for size in work.pool_sizes:
        pools = []
        for first in range(0, work.assets, size):
            members = tuple(range(first, min(first + size, work.assets)))
            collateral = sum(positions[member].collateral or 0.0 for member in members)
            pools.append(Pool(f"{size} from {first}", members, collateral))
        configurations.append(Configuration(f"{size} to a pool", tuple(pools), 0.0))
    return Book("bench", pack, "USDT", wallet, tuple(positions), ""), tuple(configurations)


def market(work: Work, model: str) -> MarketSpecification:
    """The assets under a market model; models that draw bars get two years of made-up ones."""
    histories = {"histories": {f"A{asset}": "made_up.csv" for asset in range(work.assets)}}
    figures: dict[str, dict[str, Any]] = {
        "student_t": {"degrees_of_freedom": 4.0},
        "garch": {"degrees_of_freedom": 4.0, **_WEIGHTS},
        "component_history": histories,
        "filtered_history": {**histories, **_WEIGHTS},
        "bootstrap": histories,
    }
    correlated, volatility = correlation(work), volatilities(work)
    bars = None
    if "histories" in MODELS[model].parameters.model_fields:
        draw = np.random.default_rng(1)
        shocks = draw.standard_t(4.0, (2 * 8760, work.assets)) @ np.linalg.cholesky(correlated).T / 2.0**0.5
        returns = shocks * volatility * STEP**0.5
        wick = 0.3 * np.abs(returns).mean(axis=0) * draw.exponential(size=(2, *returns.shape))
        bars = BarRows(returns, np.minimum(returns, 0.0) - wick[0], np.maximum(returns, 0.0) + wick[1], 1.0 / 24.0, {})
    parameters = MODELS[model].parameters.model_validate(figures.get(model, {})).model_dump()
    names = tuple(f"A{asset}" for asset in range(work.assets))
    start, drift = np.full(work.assets, PRICE), np.zeros(work.assets)
    return MarketSpecification(model, names, start, volatility, drift, correlated, parameters, history=bars)
