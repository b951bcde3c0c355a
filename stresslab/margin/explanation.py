"""An account explained: every pool's equity and requirement, every position's prices, term by term."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.marks import with_marks
from stresslab.margin.closed_form import margin_ratio
from stresslab.margin.explanation_lines import asset_lines, money_text, pool_lines, position_lines
from stresslab.margin.pool_figures import (
    bankruptcy_price_of,
    liquidation_price_of,
    mark_of,
    notional_at,
    pnl_of,
    requirement_of,
    trigger_of,
)
from stresslab.venues.rules.margin_rules import (
    MarginRules,
    initial_margin,
    is_liquidated,
    notional_lines,
    tier_measure,
)


@dataclass(frozen=True)
class PositionExplanation:
    """One position of a pool, at the mark.

    Parameters
    ----------
    id, symbol : str
        The position and its contract.
    quantity : float
        Signed size: base units if linear, contracts if inverse.
    entry_price, mark_price : float
        Prices per base unit; the mark is the entry price where the book states none for the contract.
    notional : float
        Absolute value at the mark.
    unrealized_pnl : float
        Signed profit and loss since entry.
    tier_floor, maintenance_rate, maintenance_amount : float
        The tier that holds the position: where it begins, its rate, and what it subtracts.
    maintenance_margin : float
        Rate times notional minus amount, plus the closing fee where the venue counts one in its trigger.
    maximal_leverage : float
        Of that tier, at the mark.
    initial_margin : float
        Notional over maximal leverage.
    leverage : float or None
        Notional at entry over the collateral of the pool; None where the pool has no collateral.
    liquidation_price : float or None
        Mark of this symbol at which the pool's surplus is 0, all other marks still; None where there is none.
    bankruptcy_price : float or None
        Mark of this symbol at which the pool's equity is 0, all other marks still; None where there is none.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Quote currency in one contract if inverse, else 1.
    rules : MarginRules
        The switches of the contract.
    valued_notional : float
        Notional that the rate applies to: at the mark, or at entry.
    closing_fee : float
        Part of the maintenance margin that is the fee to close.
    haircut : float
        What does not count of an asset that serves as collateral; 0 for contracts.
    is_collateral : bool
        Whether it is such an asset: all its value is pnl, and it has no maintenance margin.
    """

    id: str
    symbol: str
    quantity: float
    entry_price: float
    mark_price: float
    notional: float
    unrealized_pnl: float
    tier_floor: float
    maintenance_rate: float
    maintenance_amount: float
    maintenance_margin: float
    maximal_leverage: float
    initial_margin: float
    leverage: float | None
    liquidation_price: float | None
    bankruptcy_price: float | None
    contract: str
    contract_size: float
    rules: MarginRules
    valued_notional: float
    closing_fee: float
    haircut: float
    is_collateral: bool


@dataclass(frozen=True)
class PoolExplanation:
    """One pool of one configuration, at the marks.

    Parameters
    ----------
    configuration, pool : str
        Names.
    collateral, unrealized_pnl, equity, maintenance_margin, surplus : float
        Money: equity is collateral plus pnl, surplus is equity minus haircuts and maintenance margin.
    haircuts : float
        What does not count of collateral assets; money, not negative.
    margin_ratio : float
        Equity less haircuts over maintenance margin; liquidation at 1 or below. Infinite where nothing is demanded.
    venue_margin_ratio : float or None
        Its inverse, a fraction, as the venue shows it; None where equity less haircuts is not positive.
    liquidated : bool
        Whether the venue's trigger is met today.
    positions : tuple of PositionExplanation
        At least one, in the order of the book.
    """

    configuration: str
    pool: str
    collateral: float
    unrealized_pnl: float
    equity: float
    maintenance_margin: float
    surplus: float
    haircuts: float
    margin_ratio: float
    venue_margin_ratio: float | None
    liquidated: bool
    positions: tuple[PositionExplanation, ...]


@dataclass(frozen=True)
class Explanation:
    """A book under one or more configurations, at the marks.

    Parameters
    ----------
    book, venue, effective, currency : str
        Name of the account, of its rule pack, the day from which the pack's rules hold, and the currency of all money.
    idle_cash : dict of str to float
        Money in no pool, by configuration.
    pools : tuple of PoolExplanation
        In the order of the configurations and their pools.
    """

    book: str
    venue: str
    effective: str
    currency: str
    idle_cash: dict[str, float]
    pools: tuple[PoolExplanation, ...]


def explain(book: Book, configurations: Iterable[Configuration]) -> Explanation:
    """Explain a book under configurations, at today's marks.

    Parameters
    ----------
    book : Book
        The account. A position without a mark price is marked as another one in its contract is, else at its entry
        price.
    configurations : iterable of Configuration
        Partitions of the book's positions.

    Returns
    -------
    Explanation
        METHODS M1 to M7 on every pool and position, under the rules of each contract.
    """
    configurations = tuple(configurations)
    book = replace(book, positions=with_marks(book.positions))
    return Explanation(
        book=book.name,
        venue=book.venue.name,
        effective=book.venue.effective.isoformat(),
        currency=book.currency,
        idle_cash={configuration.name: configuration.idle_cash for configuration in configurations},
        pools=tuple(_pool(book, each.name, pool) for each in configurations for pool in each.pools),
    )


def as_json(explanation: Explanation) -> str:
    """The explanation as the JSON text that ``stresslab explain --json`` prints (DESIGN section 7.4).

    Parameters
    ----------
    explanation : Explanation
        What to print.

    Returns
    -------
    str
        One object with the key ``pools``; a price that does not exist is null, and so is the margin ratio of a pool of
        which nothing is demanded.
    """
    pool_keys = ("configuration", "pool", "collateral", "equity", "maintenance_margin", "margin_ratio")
    position_keys = (
        "id",
        "symbol",
        "mark_price",
        "notional",
        "unrealized_pnl",
        "maintenance_margin",
        "liquidation_price",
        "bankruptcy_price",
    )
    pools = [
        {key: getattr(pool, key) for key in pool_keys}
        | {"margin_ratio": pool.margin_ratio if math.isfinite(pool.margin_ratio) else None}
        | {"positions": [{key: getattr(position, key) for key in position_keys} for position in pool.positions]}
        for pool in explanation.pools
    ]
    return json.dumps({"pools": pools}, indent=2, allow_nan=False, ensure_ascii=False)


def as_text(explanation: Explanation) -> str:
    """The explanation as plain text, every figure with the terms it is made of.

    Parameters
    ----------
    explanation : Explanation
        What to print.

    Returns
    -------
    str
        Lines of text without a final line break.
    """
    lines = [
        f"{explanation.book}, at today's marks, money in {explanation.currency}",
        f"rules: {explanation.venue}, effective {explanation.effective}",
    ]
    # A cent of a coin is a fortune: amounts in coin are shown to its hundred millionths.
    in_coin = any(position.contract == "inverse" for pool in explanation.pools for position in pool.positions)
    digits = 8 if in_coin else 2
    configuration = None
    for pool in explanation.pools:
        if pool.configuration != configuration:
            configuration = pool.configuration
            idle = explanation.idle_cash[configuration]
            lines += ["", f"{configuration}" + (f" (cash in no pool: {money_text(idle, digits)})" if idle else "")]
        lines += ["", *pool_lines(pool, digits)]
        for position in pool.positions:
            shown = asset_lines if position.is_collateral else position_lines
            lines += ["", *(f"  {line}" for line in shown(position, pool, digits))]
    return "\n".join(lines)


def _pool(book: Book, configuration: str, pool: Pool) -> PoolExplanation:
    members = [book.positions[index] for index in pool.positions]
    explained = tuple(_position(position, members, pool.collateral) for position in members)
    pnl = sum(position.unrealized_pnl for position in explained)
    requirement = sum(position.maintenance_margin for position in explained)
    equity = pool.collateral + pnl
    haircuts = sum(position.haircut for position in explained)
    counted = equity - haircuts
    surplus = counted - requirement
    return PoolExplanation(
        configuration=configuration,
        pool=pool.name,
        collateral=pool.collateral,
        unrealized_pnl=pnl,
        equity=equity,
        maintenance_margin=requirement,
        surplus=surplus,
        haircuts=haircuts,
        margin_ratio=margin_ratio(counted, requirement) if requirement > 0.0 else math.inf,
        venue_margin_ratio=requirement / counted if counted > 0.0 else None,
        liquidated=is_liquidated(surplus, trigger_of(members)),
        positions=explained,
    )


def _position(position: Position, members: list[Position], collateral: float) -> PositionExplanation:
    mark_price, symbol = mark_of(position), position.symbol
    rules = symbol.rules
    notional = notional_at(position, mark_price)
    valued_at = position.entry_price if rules.requirement_at == "entry" else mark_price
    valued = notional_at(position, valued_at)
    lines = notional_lines(position.quantity, symbol.tiers, rules)
    piece = lines.piece_of(valued)
    tier = symbol.tiers.tier_of(tier_measure(position.quantity, valued_at, *_contract(position), rules))
    margin, closing_fee = requirement_of(position, members, collateral)
    initial = initial_margin(position.quantity, mark_price, symbol.tiers, *_contract(position), rules)
    return PositionExplanation(
        id=position.id,
        symbol=symbol.name,
        quantity=position.quantity,
        entry_price=position.entry_price,
        mark_price=mark_price,
        notional=notional,
        unrealized_pnl=pnl_of(position),
        tier_floor=symbol.tiers.floors[tier],
        maintenance_rate=lines.slopes[piece],
        maintenance_amount=-lines.constants[piece],
        maintenance_margin=0.0 if position.is_collateral else margin + closing_fee,
        maximal_leverage=notional / initial,
        initial_margin=initial,
        leverage=notional_at(position, position.entry_price) / collateral if collateral > 0.0 else None,
        liquidation_price=liquidation_price_of(position, members, collateral),
        bankruptcy_price=bankruptcy_price_of(position, members, collateral),
        contract=symbol.contract,
        contract_size=symbol.contract_size,
        rules=rules,
        valued_notional=valued,
        closing_fee=closing_fee,
        haircut=margin if position.is_collateral else 0.0,
        is_collateral=position.is_collateral,
    )


def _contract(position: Position) -> tuple[str, float]:
    return position.symbol.contract, position.symbol.contract_size
