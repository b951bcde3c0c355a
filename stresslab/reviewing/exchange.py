"""Two questions taken apart into groups, and put together again with some groups of one and some of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.configurations import CROSS, STANDARD, configuration, standard_configurations
from stresslab.market.funding import FundingSpecification
from stresslab.market.specification import MarketSpecification
from stresslab.market.stress import StressSpecification
from stresslab.scenario.resolution import resolved
from stresslab.scenario.scenario import Impact, Scenario

GROUPS = ("market", "positions", "collateral", "rules", "model")
"""Market: marks, volatilities, drifts, correlation, funding. Positions: what is held, how it is pooled, policies.
Collateral: wallet, allocations, collateral assets. Rules: the venue's, price impact, auto-deleveraging. Model: the
price process with its further parameters, stress, horizon and step."""


class CompareError(ValueError):
    """Two questions cannot be compared. The message says why."""


def changed_groups(old: Scenario, new: Scenario) -> tuple[str, ...]:
    """Groups in which two questions differ, in the order of `GROUPS`.

    Parameters
    ----------
    old, new : Scenario
        The questions; what only one of them holds belongs to the positions alone.
    """
    first, second = _contents(old, new), _contents(new, old)
    return tuple(group for group in GROUPS if first[group] != second[group])


def exchanged(old: Scenario, new: Scenario, taken: frozenset[str]) -> Scenario:
    """A question that takes some groups from the new one and all others from the old.

    Parameters
    ----------
    old, new : Scenario
        The questions; seed and number of paths are those of the new one.
    taken : frozenset of str
        Groups of the new one.

    Returns
    -------
    Scenario
        Where a side lacks what the other's positions need (a contract, an asset, an allocation), the other's figure
        stands in. The wallet holds at least the isolated allocations.

    Raises
    ------
    CompareError
        If the parts do not fit together.
    """
    if old.book.currency != new.book.currency:
        raise CompareError(f"the currencies differ: {old.book.currency} and {new.book.currency}")
    sides = {group: (new, old) if group in taken else (old, new) for group in GROUPS}
    if len({id(own) for own, _ in sides.values()}) == 1:
        return replace(sides["market"][0], seed=new.seed, paths=new.paths)
    book = _book(sides)
    assets = tuple(dict.fromkeys(position.symbol.underlying for position in book.positions))
    model, (rules, other_rules) = sides["model"][0], sides["rules"]
    return replace(
        new,
        book=book,
        configurations=_configurations(book, sides),
        market=_market(assets, sides),
        horizon=model.horizon,
        step=model.step,
        steps=model.steps,
        start=model.start,
        impact=_impact(rules.impact, other_rules.impact, assets),
        auto_deleveraging=rules.auto_deleveraging,
        notices=(),
    )


def _contents(own: Scenario, other: Scenario) -> dict[str, Any]:
    """What a question says of each group, as plain data, as far as the other could say it too."""
    whole, rest = resolved(own), resolved(other)
    book, market = whole["book"], whole["market"]
    common = {each["id"] for each in rest["book"]["positions"]}
    held = [each for each in book["positions"] if not each["is_collateral"]]
    assets = [name for name in market["assets"] if name in rest["market"]["assets"]]
    places = [market["assets"].index(name) for name in sorted(assets)]
    funding = own.market.funding
    configurations = [each for each in whole["configurations"] if each["name"] not in STANDARD]
    symbols = rest["venue"]["symbols"]
    return {
        "market": [
            {each["id"]: each["mark_price"] for each in book["positions"] if each["id"] in common},
            [[market[key][place] for place in places] for key in ("start_prices", "volatilities", "drifts")],
            [[market["correlation"][row][column] for column in places] for row in places],
            None
            if funding is None
            else [
                *(funding.interval, funding.interest_rate, funding.clamp, funding.cap, funding.own_correlation),
                [asdict(funding.premiums[place]) for place in places],
            ],
        ],
        "positions": [
            [{key: each[key] for key in ("id", "symbol", "quantity", "entry_price", "margin")} for each in held],
            [
                [
                    each["name"],
                    each["policies"],
                    each["base"],
                    [[pool["name"], pool["positions"]] for pool in each["pools"]],
                ]
                for each in configurations
            ],
        ],
        "collateral": [
            book["wallet_balance"],
            {each["id"]: each["collateral"] for each in held if each["id"] in common},
            [{**each, "mark_price": None} for each in book["positions"] if each["is_collateral"]],
            {
                (each["name"], pool["name"]): pool["collateral"]
                for each in configurations
                for pool in each["pools"]
                if each["base"] is None and pool["name"] != CROSS and _has_pool(other, each["name"], pool["name"])
            },
        ],
        "rules": [
            {key: value for key, value in whole["venue"].items() if key not in ("name", "effective", "symbols")},
            {name: symbol for name, symbol in whole["venue"]["symbols"].items() if name in symbols},
            whole["liquidation_impact"],
            whole["auto_deleveraging"],
        ],
        "model": [
            *(market[key] for key in ("model", "parameters", "history", "stress")),
            *(whole[key] for key in ("horizon", "step", "start")),
        ],
    }


def _has_pool(scenario: Scenario, name: str, pool: str) -> bool:
    return any(each.name == name and any(one.name == pool for one in each.pools) for each in scenario.configurations)


_Sides = Mapping[str, tuple[Scenario, Scenario]]


def _book(sides: _Sides) -> Book:
    positions, collateral, rules = sides["positions"][0].book, sides["collateral"][0].book, sides["rules"][0].book
    allocated = {position.id: position.collateral for position in collateral.positions}
    held = [
        replace(position, collateral=_allocation(position, allocated))
        for position in positions.positions
        if not position.is_collateral
    ]
    held += [position for position in collateral.positions if position.is_collateral]
    listed = rules.venue.symbols
    made = tuple(
        replace(
            position,
            symbol=position.symbol if position.is_collateral else listed.get(position.symbol.name, position.symbol),
            mark_price=_mark(position, sides["market"][0]),
        )
        for position in held
    )
    isolated = sum(each.collateral or 0.0 for each in made if each.margin == "isolated" and not each.is_collateral)
    return replace(
        positions,
        venue=rules.venue,
        wallet_balance=max(collateral.wallet_balance, isolated),
        positions=made,
    )


def _allocation(position: Position, allocated: Mapping[str, float | None]) -> float | None:
    if position.margin == "isolated":
        return allocated.get(position.id) or position.collateral
    return allocated.get(position.id, position.collateral)


def _mark(position: Position, market: Scenario) -> float | None:
    """Mark of a position in another market: its own there, that of its contract, or its asset's price."""
    for same in ("id", "symbol"):
        for each in market.book.positions:
            if each.symbol.name == position.symbol.name and (same == "symbol" or each.id == position.id):
                return each.mark_price
    if position.symbol.underlying in market.market.assets:
        return float(market.market.start_prices[market.market.assets.index(position.symbol.underlying)])
    return position.mark_price


def _configurations(book: Book, sides: _Sides) -> tuple[Configuration, ...]:
    positions, collateral = sides["positions"][0], sides["collateral"][0]
    built = {each.name: each for each in standard_configurations(book)}
    amounts = {(each.name, pool.name): pool.collateral for each in collateral.configurations for pool in each.pools}
    places = {position.id: place for place, position in enumerate(book.positions)}
    for each in positions.configurations:
        if each.name in STANDARD:
            continue
        if each.base is not None:
            made = replace(built[each.base], name=each.name, base=each.base)
        else:
            pools = [
                Pool(
                    pool.name,
                    tuple(sorted(places[name] for name in _members(positions, pool) if name in places)),
                    amounts.get((each.name, pool.name), pool.collateral),
                )
                for pool in each.pools
                if pool.name != CROSS
            ]
            try:
                made = configuration(book, each.name, pools)
            except ValueError as error:
                raise CompareError(f"with the collateral of one review and the pools of the other: {error}") from error
        built[each.name] = replace(made, policies=each.policies)
    return tuple(built.values())


def _members(scenario: Scenario, pool: Pool) -> list[str]:
    return [scenario.book.positions[place].id for place in pool.positions]


def _market(assets: tuple[str, ...], sides: _Sides) -> MarketSpecification:
    (own, other), (model, other_model) = ([each.market for each in sides[group]] for group in ("market", "model"))
    from_data = model.history is not None or model.paths is not None
    if from_data and model.assets != assets:
        raise CompareError(f"the bars or paths behind {model.model} do not hold the assets {', '.join(assets)} alone")
    extra = {
        key: {**_if_by_asset(other_model.extra.get(key)), **value} if isinstance(value, dict) else value
        for key, value in model.extra.items()
    }
    return MarketSpecification(
        model=model.model,
        assets=assets,
        start_prices=_by_asset(assets, own, other, "start_prices"),
        volatilities=_by_asset(assets, own, other, "volatilities"),
        drifts=_by_asset(assets, own, other, "drifts"),
        correlation=_correlation(assets, own, other),
        extra=extra,
        funding=_funding(assets, own, other),
        history=model.history,
        stress=_stress(assets, model, other_model),
        paths=model.paths,
        seasonality=model.seasonality,
    )


def _if_by_asset(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _by_asset(
    assets: tuple[str, ...], own: MarketSpecification, other: MarketSpecification, name: str
) -> NDArray[np.float64]:
    values = [
        getattr(side, name)[side.assets.index(asset)]
        for asset in assets
        for side in [own if asset in own.assets else other]
    ]
    return np.array(values, np.float64)


def _correlation(assets: tuple[str, ...], own: MarketSpecification, other: MarketSpecification) -> NDArray[np.float64]:
    """Each pair from the side that has both, zero where none has; made positive semidefinite again where need be."""
    matrix = np.eye(len(assets))
    for row, first in enumerate(assets):
        for column, second in enumerate(assets):
            for side in (own, other):
                if first in side.assets and second in side.assets:
                    matrix[row, column] = side.correlation[side.assets.index(first), side.assets.index(second)]
                    break
    values, vectors = np.linalg.eigh(matrix)
    if values.min() >= -1e-10:
        return matrix
    clipped = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = np.sqrt(np.diag(clipped))
    made: NDArray[np.float64] = clipped / np.outer(scale, scale)
    np.fill_diagonal(made, 1.0)
    return made


def _funding(
    assets: tuple[str, ...], own: MarketSpecification, other: MarketSpecification
) -> FundingSpecification | None:
    if own.funding is None:
        return None
    premiums = dict(zip(other.assets, other.funding.premiums, strict=True)) if other.funding else {}
    premiums |= dict(zip(own.assets, own.funding.premiums, strict=True))
    missing = [asset for asset in assets if asset not in premiums]
    if missing:
        raise CompareError(f"no review has funding of {', '.join(missing)} beside that of the other assets")
    return replace(own.funding, premiums=tuple(premiums[asset] for asset in assets))


def _stress(
    assets: tuple[str, ...], own: MarketSpecification, other: MarketSpecification
) -> StressSpecification | None:
    if own.stress is None:
        return None
    sizes = dict(zip(other.assets, other.stress.gap_sizes, strict=True)) if other.stress else {}
    sizes |= dict(zip(own.assets, own.stress.gap_sizes, strict=True))
    return replace(own.stress, gap_sizes=np.array([sizes.get(asset, 0.0) for asset in assets], np.float64))


def _impact(own: Impact | None, other: Impact | None, assets: tuple[str, ...]) -> Impact | None:
    if own is None:
        return None
    volumes = {**(other.daily_volumes if other else {}), **own.daily_volumes}
    missing = [asset for asset in assets if asset not in volumes]
    if missing:
        raise CompareError(f"no review has a daily volume of {', '.join(missing)} for the price impact")
    return replace(own, daily_volumes={asset: volumes[asset] for asset in assets})
