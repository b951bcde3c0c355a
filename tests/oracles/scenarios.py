"""Small scenarios built in memory, so that a test states nothing but what it is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.scenario import Scenario
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

FLAT = TierTable((0.0,), (0.005,), (125.0,))


def pack(*, fee_rate: float = 0.0, remainder: str = "returned") -> RulePack:
    """Rules of a venue; the symbols stand in the positions."""
    return RulePack("test", "made up", dt.date(2026, 1, 1), 8.0, "full", fee_rate, remainder, {}, "")


def position(
    identifier: str,
    quantity: float,
    *,
    asset: str = "BTC",
    entry: float = 1.0,
    mark: float | None = None,
    tiers: TierTable = FLAT,
) -> Position:
    """A position of a symbol on an asset, at its entry price unless a mark is given."""
    symbol = Symbol(f"{asset}USDT", asset, "linear", tiers)
    return Position(identifier, symbol, quantity, entry, entry if mark is None else mark, "cross", None)


def configuration(name: str, *pools: tuple[str, Sequence[int], float], idle: float = 0.0) -> Configuration:
    """A configuration from pools of (name, positions, collateral)."""
    return Configuration(name, tuple(Pool(label, tuple(members), money) for label, members, money in pools), idle)


def scenario(
    positions: Sequence[Position],
    configurations: Sequence[Configuration],
    *,
    volatilities: Mapping[str, float],
    drifts: Sequence[float] | None = None,
    correlation: Any = None,
    model: str = "gbm",
    extra: Mapping[str, Any] = MappingProxyType({}),
    days: float = 7.0,
    step: float = 1.0 / 3.0,
    paths: int = 1024,
    seed: int = 20260930,
    venue: RulePack | None = None,
) -> Scenario:
    """A scenario whose wallet is what its first configuration holds."""
    count = len(volatilities)
    market = MarketSpecification(
        model=model,
        assets=tuple(volatilities),
        start_prices=np.ones(count),
        volatilities=np.array(list(volatilities.values())),
        drifts=np.zeros(count) if drifts is None else np.array(drifts),
        correlation=np.eye(count) if correlation is None else np.array(correlation),
        extra=dict(extra),
    )
    first = configurations[0]
    wallet = sum(pool.collateral for pool in first.pools) + first.idle_cash
    return Scenario(
        name="test",
        book=Book("test", venue or pack(), "USDT", wallet, tuple(positions), ""),
        configurations=tuple(configurations),
        market=market,
        horizon=days,
        step=step,
        steps=round(days / step),
        paths=paths,
        seed=seed,
        notices=(),
        documents={},
    )
