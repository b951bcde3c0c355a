"""The resolved question as plain data, and its identity."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import numpy as np

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration
from stresslab.market.funding import FundingSpecification
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.scenario import Scenario
from stresslab.venues.pack import RulePack, Symbol


def resolved(scenario: Scenario) -> dict[str, Any]:
    """The whole question with every default filled in, as data that JSON can hold.

    Parameters
    ----------
    scenario : Scenario
        Read and checked.

    Returns
    -------
    dict
        Names, book, rules of the symbols held, configurations, market, time grid, paths and seed. Comments, the order
        of keys and the way figures are written in the files do not show in it.
    """
    return {
        "name": scenario.name,
        "horizon": scenario.horizon,
        "step": scenario.step,
        "steps": scenario.steps,
        "paths": scenario.paths,
        "seed": scenario.seed,
        "start": None if scenario.start is None else scenario.start.isoformat(),
        "market": _market(scenario.market),
        "book": _book(scenario.book),
        "venue": _venue(scenario.book),
        "configurations": [_configuration(configuration, scenario.book) for configuration in scenario.configurations],
        "liquidation_impact": _plain(scenario.impact),
        "auto_deleveraging": _plain(scenario.auto_deleveraging),
        "venue_stress": _plain(scenario.venue_stress),
    }


def identity(scenario: Scenario) -> str:
    """SHA-256 of the resolved question's canonical JSON, in hexadecimal digits."""
    text = json.dumps(resolved(scenario), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _plain(value: Any) -> Any:
    """Dataclasses of figures as data that JSON can hold; it has no infinity, so that no limit is null."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if value == math.inf else value


def _market(market: MarketSpecification) -> dict[str, Any]:
    read = market.history or market.paths
    # Named only where there is one: a question without it is the question it was before there were any.
    chosen = {name: _plain(getattr(market, name)) for name in ("seasonality", "sampling")}
    plan = {} if market.sampling is None else {"sampling_kind": type(market.sampling).__name__}
    return (
        {name: value for name, value in chosen.items() if value is not None}
        | plan
        | {
            "model": market.model,
            "assets": list(market.assets),
            "start_prices": market.start_prices.tolist(),
            "volatilities": market.volatilities.tolist(),
            "drifts": market.drifts.tolist(),
            "correlation": market.correlation.tolist(),
            "parameters": dict(market.extra),
            "history": None if read is None else dict(read.hashes),
            "stress": None if market.stress is None else _plain(market.stress),
            "funding": None if market.funding is None else _funding(market.funding),
        }
    )


def _funding(funding: FundingSpecification) -> dict[str, Any]:
    # JSON has no infinity: no cap is null.
    return asdict(funding) | {"cap": funding.cap if math.isfinite(funding.cap) else None}


def _book(book: Book) -> dict[str, Any]:
    return {
        "name": book.name,
        "currency": book.currency,
        "wallet_balance": book.wallet_balance,
        "positions": [_position(position) for position in book.positions],
    }


def _position(position: Position) -> dict[str, Any]:
    return {
        "id": position.id,
        "symbol": position.symbol.name,
        "quantity": position.quantity,
        "entry_price": position.entry_price,
        "mark_price": position.mark_price,
        "margin": position.margin,
        "collateral": position.collateral,
        "is_collateral": position.is_collateral,
    }


def _venue(book: Book) -> dict[str, Any]:
    pack: RulePack = book.venue
    held = {position.symbol.name: position.symbol for position in book.positions}
    return {
        "name": pack.name,
        "effective": pack.effective.isoformat(),
        "funding_interval": pack.funding_interval,
        "liquidation_procedure": pack.liquidation_procedure,
        "liquidation_fee_rate": pack.liquidation_fee_rate,
        "remainder": pack.remainder,
        "reduction": vars(pack.reduction),
        "backstop": pack.backstop,
        "symbols": {name: _symbol(symbol) for name, symbol in held.items()},
    }


def _symbol(symbol: Symbol) -> dict[str, Any]:
    return {
        "underlying": symbol.underlying,
        "contract": symbol.contract,
        "contract_size": symbol.contract_size,
        "rules": vars(symbol.rules),
        "floors": list(symbol.tiers.floors),
        "maintenance_rates": list(symbol.tiers.maintenance_rates),
        "maximal_leverages": list(symbol.tiers.maximal_leverages),
    }


def _configuration(configuration: Configuration, book: Book) -> dict[str, Any]:
    pools = [
        {
            "name": pool.name,
            "positions": [book.positions[index].id for index in pool.positions],
            "collateral": pool.collateral,
        }
        for pool in configuration.pools
    ]
    policies = [{"kind": type(policy).__name__, **_plain(policy)} for policy in configuration.policies]
    return {
        "name": configuration.name,
        "pools": pools,
        "idle_cash": configuration.idle_cash,
        "policies": policies,
        "base": configuration.base,
    }
