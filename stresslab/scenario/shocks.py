"""One input of a question moved down and up: what sensitivities are taken to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Position
from stresslab.book.configuration import Configuration
from stresslab.market.funding import FundingSpecification
from stresslab.market.models import MODELS
from stresslab.market.specification import MarketSpecification
from stresslab.market.stress import RATE_KEYS, StressSpecification, scaled_parameters
from stresslab.scenario.scenario import Scenario
from stresslab.venues.contracts import CONTRACTS

PRICE = 0.05
VOLATILITY = 0.1
CORRELATION = 0.1
JUMP_RATE = 0.25
SIZE = 0.1
FUNDING = 1e-4
"""How far each factor is moved: shares of itself, a weight, and a rate of an interval."""
MOST_POSITIONS = 12
"""How many positions are moved alone, each at the price of two simulations."""

_Move = Callable[[Scenario, float], Scenario]


@dataclass(frozen=True)
class Shock:
    """A factor moved down and up by as much.

    Parameters
    ----------
    factor : str
        What is moved.
    unit : str
        ``"1"`` where the size is a share of the factor itself or a weight, else what it is added in.
    size : float
        How far it is moved either way, positive.
    words : tuple of str
        The move down and the move up, as a reader meets them.
    scenarios : tuple of Scenario
        The question with the factor moved down, and up.
    position : str
        The position whose size alone is moved; empty where the factor is one of the whole book.
    """

    factor: str
    unit: str
    size: float
    words: tuple[str, str]
    scenarios: tuple[Scenario, Scenario]
    position: str = ""


def shocks(scenario: Scenario) -> tuple[Shock, ...]:
    """Every factor that the scenario has, moved down and up.

    Parameters
    ----------
    scenario : Scenario
        Read and checked.

    Returns
    -------
    tuple of Shock
        ``price``: marks of all contracts, at once and together. ``size``: every position, what is added or given up
        being traded at the mark, so that equity stays. ``collateral``: of every pool, collateral assets included;
        idle cash stays. ``leverage``: by way of the collateral, which is divided. ``volatility``; ``correlation``,
        moved towards one or zero; ``jump_rate``; ``funding``: every rate of an interval; and in a book of several, as
        ``size of ID``, each of its `MOST_POSITIONS` largest positions alone. Those that the market does
        not have are left out: volatility of given paths, correlation of one asset or of bars drawn whole, jumps of a
        model without them or at a rate that the step cannot hold, funding where none is paid.
    """
    market = scenario.market
    found = [
        _relative(scenario, "price", PRICE, _with_prices),
        _relative(scenario, "size", SIZE, _with_sizes),
        _relative(scenario, "collateral", SIZE, _with_collateral),
        _relative(scenario, "leverage", SIZE, MULTIPLIED["leverage"]),
    ]
    if market.paths is None:
        found.append(_relative(scenario, "volatility", VOLATILITY, _with_volatility))
    if market.paths is None and market.history is None and len(market.assets) > 1:
        moved = [
            replace(scenario, market=replace(market, correlation=(1.0 - CORRELATION) * market.correlation + target))
            for target in (CORRELATION * np.eye(len(market.assets)), np.full_like(market.correlation, CORRELATION))
        ]
        words = f"{CORRELATION:g} towards zero", f"{CORRELATION:g} towards one"
        found.append(Shock("correlation", "1", CORRELATION, words, (moved[0], moved[1])))
    if _jumps(market) and _step_holds(scenario, 1.0 + JUMP_RATE):
        found.append(_relative(scenario, "jump_rate", JUMP_RATE, _with_jump_rate))
    if market.funding is not None:
        lower, upper = (
            replace(scenario, market=replace(market, funding=_shifted(market.funding, shift)))
            for shift in (-FUNDING, FUNDING)
        )
        words = f"−{FUNDING:.2%} an interval", f"+{FUNDING:.2%} an interval"
        found.append(Shock("funding", "rate of an interval", FUNDING, words, (lower, upper)))
    return (*found, *_shocks_of_positions(scenario))


def _shocks_of_positions(scenario: Scenario) -> list[Shock]:
    """The sizes of the largest positions, one after another; none where there is one."""

    def value(position: Position) -> float:
        kind = CONTRACTS[position.symbol.contract]
        return abs(position.quantity) * kind.unit_value(position.mark_price or position.entry_price)

    traded = [each for each in scenario.book.positions if not each.is_collateral]
    if len(traded) < 2:
        return []
    largest = sorted(traded, key=value, reverse=True)[:MOST_POSITIONS]
    found = []
    for position in (each for each in traded if each in largest):

        def moved(question: Scenario, factor: float, only: Position = position) -> Scenario:
            return _with_sizes(question, factor, only)

        shock = _relative(scenario, f"size of {position.id}", SIZE, moved)
        found.append(replace(shock, position=position.id))
    return found


def with_multiple(scenario: Scenario, factor: str, multiple: float) -> Scenario:
    """The question with one factor of `MULTIPLIED` multiplied, as `shocks` moves it.

    Parameters
    ----------
    scenario : Scenario
        Read and checked.
    factor : str
        One of `MULTIPLIED`.
    multiple : float
        What it is multiplied by, positive.
    """
    return MULTIPLIED[factor](scenario, multiple)


def _relative(scenario: Scenario, factor: str, size: float, moved: _Move) -> Shock:
    words = f"−{size:.0%}".replace("%", " %"), f"+{size:.0%}".replace("%", " %")
    return Shock(factor, "1", size, words, (moved(scenario, 1.0 - size), moved(scenario, 1.0 + size)))


def _with_prices(scenario: Scenario, factor: float) -> Scenario:
    # What stands in the wallet to be worth one, as a stablecoin, does not move with what is traded.
    traded = {each.symbol.underlying for each in scenario.book.positions if not each.is_collateral}
    market = scenario.market
    factors: NDArray[np.float64] = np.where([asset in traded for asset in market.assets], factor, 1.0)
    positions = tuple(
        replace(each, mark_price=None if each.mark_price is None else each.mark_price * factor)
        if each.symbol.underlying in traded
        else each
        for each in scenario.book.positions
    )
    return replace(
        scenario,
        book=replace(scenario.book, positions=positions),
        market=replace(market, start_prices=market.start_prices * factors),
    )


def _with_sizes(scenario: Scenario, factor: float, only: Position | None = None) -> Scenario:
    positions = tuple(
        each
        if each.is_collateral or (only is not None and each.id != only.id)
        else replace(each, quantity=each.quantity * factor, entry_price=_entry(each, factor))
        for each in scenario.book.positions
    )
    return replace(scenario, book=replace(scenario.book, positions=positions))


def _entry(position: Position, factor: float) -> float:
    """Entry price with which the larger or smaller position has the pnl that it had."""
    kind = CONTRACTS[position.symbol.contract]
    mark = kind.unit_value(position.mark_price or position.entry_price)
    moved = kind.price_at(mark - (mark - kind.unit_value(position.entry_price)) / factor)
    # A position that has won more than its size can give no such price; it keeps its own.
    return position.entry_price if moved is None else moved


def _with_collateral(scenario: Scenario, factor: float) -> Scenario:
    def scaled(configuration: Configuration) -> Configuration:
        pools = tuple(replace(pool, collateral=pool.collateral * factor) for pool in configuration.pools)
        return replace(configuration, pools=pools)

    positions = tuple(
        replace(each, quantity=each.quantity * factor) if each.is_collateral and each.quantity > 0.0 else each
        for each in scenario.book.positions
    )
    return replace(
        scenario,
        book=replace(scenario.book, positions=positions),
        configurations=tuple(scaled(each) for each in scenario.configurations),
    )


def _overlay(market: MarketSpecification) -> StressSpecification:
    return market.stress or StressSpecification(1.0, 0.0, 1.0, None, np.zeros(len(market.assets)))


def _with_volatility(scenario: Scenario, factor: float) -> Scenario:
    overlay = _overlay(scenario.market)
    stress = replace(overlay, volatility_factor=overlay.volatility_factor * factor)
    return replace(scenario, market=replace(scenario.market, stress=stress))


def _with_jump_rate(scenario: Scenario, factor: float) -> Scenario:
    overlay = _overlay(scenario.market)
    stress = replace(overlay, jump_rate_factor=overlay.jump_rate_factor * factor)
    return replace(scenario, market=replace(scenario.market, stress=stress))


def _jumps(market: MarketSpecification) -> bool:
    rates = [market.extra.get(key) for key in RATE_KEYS]
    figures = [list(rate.values()) if isinstance(rate, Mapping) else [rate] for rate in rates]
    return any(each for every in figures for each in every)


def _step_holds(scenario: Scenario, factor: float) -> bool:
    moved = _with_jump_rate(scenario, factor).market
    parameters = scaled_parameters(moved.extra, _overlay(moved))
    return MODELS[moved.model].step_fault(parameters, scenario.step) is None


def _shifted(funding: FundingSpecification, shift: float) -> FundingSpecification:
    """Every rate higher by the shift, as far as the venue's cap lets it: premiums and interest move together."""
    premiums = tuple(
        replace(
            each,
            law=replace(each.law, low_premium=each.law.low_premium + shift, high_premium=each.law.high_premium + shift),
        )
        for each in funding.premiums
    )
    return replace(funding, interest_rate=funding.interest_rate + shift, premiums=premiums)


MULTIPLIED: Mapping[str, _Move] = MappingProxyType(
    {
        "price": _with_prices,
        "size": _with_sizes,
        "collateral": _with_collateral,
        "leverage": lambda scenario, multiple: _with_collateral(scenario, 1.0 / multiple),
        "volatility": _with_volatility,
    }
)
"""How the factors are multiplied in which a chance of liquidation may be smooth."""
