"""An account explained: every pool's equity and requirement, every position's prices, term by term."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.marks import with_marks
from stresslab.margin.closed_form import (
    bankruptcy_price,
    liquidation_price,
    margin_ratio,
    surviving_price_ratios,
    unrealized_pnl,
)


@dataclass(frozen=True)
class PositionExplanation:
    """One position of a pool, at the mark.

    Parameters
    ----------
    id, symbol : str
        The position and its contract.
    quantity : float
        Signed size in base units.
    entry_price, mark_price : float
        Prices per base unit; the mark is the entry price where the book states none for the contract.
    notional : float
        Absolute value at the mark.
    unrealized_pnl : float
        Signed profit and loss since entry.
    tier_floor, maintenance_rate, maintenance_amount : float
        The tier that holds the notional: where it begins, its rate, and what it subtracts.
    maintenance_margin : float
        Rate times notional minus amount.
    maximal_leverage : float
        Of that tier.
    initial_margin : float
        Notional over maximal leverage.
    leverage : float or None
        Notional at entry over the collateral of the pool; None where the pool has no collateral.
    liquidation_price : float or None
        Mark of this symbol at which the pool's surplus is 0, all other marks still; None where there is none.
    bankruptcy_price : float or None
        Mark of this symbol at which the pool's equity is 0, all other marks still; None where there is none.
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


@dataclass(frozen=True)
class PoolExplanation:
    """One pool of one configuration, at the marks.

    Parameters
    ----------
    configuration, pool : str
        Names.
    collateral, unrealized_pnl, equity, maintenance_margin, surplus : float
        Money: equity is collateral plus pnl, surplus is equity minus maintenance margin.
    margin_ratio : float
        Equity over maintenance margin; liquidation at 1 or below.
    venue_margin_ratio : float or None
        Its inverse, a fraction, as the venue shows it; None where equity is not positive.
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
    margin_ratio: float
    venue_margin_ratio: float | None
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
        METHODS M1, M3, M4, M6 and M7 on every pool and position.
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
        One object with the key ``pools``; a price that does not exist is null.
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
    configuration = None
    for pool in explanation.pools:
        if pool.configuration != configuration:
            configuration = pool.configuration
            idle = explanation.idle_cash[configuration]
            lines += ["", f"{configuration}" + (f" (cash in no pool: {_money(idle)})" if idle else "")]
        lines += ["", *_pool_lines(pool)]
        for position in pool.positions:
            lines += ["", *(f"  {line}" for line in _position_lines(position, pool))]
    return "\n".join(lines)


def _mark(position: Position) -> float:
    return position.entry_price if position.mark_price is None else position.mark_price


def _pnl(position: Position) -> float:
    return unrealized_pnl(position.quantity, position.entry_price, _mark(position))


def _requirement(position: Position) -> float:
    return float(position.symbol.tiers.maintenance_margin(abs(position.quantity) * _mark(position)))


def _pool(book: Book, configuration: str, pool: Pool) -> PoolExplanation:
    members = [book.positions[index] for index in pool.positions]
    pnl = sum(map(_pnl, members))
    requirement = sum(map(_requirement, members))
    equity = pool.collateral + pnl
    return PoolExplanation(
        configuration=configuration,
        pool=pool.name,
        collateral=pool.collateral,
        unrealized_pnl=pnl,
        equity=equity,
        maintenance_margin=requirement,
        surplus=equity - requirement,
        margin_ratio=margin_ratio(equity, requirement),
        venue_margin_ratio=requirement / equity if equity > 0.0 else None,
        positions=tuple(_position(position, members, pool.collateral) for position in members),
    )


def _position(position: Position, members: list[Position], collateral: float) -> PositionExplanation:
    mark_price = _mark(position)
    notional = abs(position.quantity) * mark_price
    tiers = position.symbol.tiers
    tier = tiers.tier_of(notional)
    # Positions in one symbol have one mark: they move together, as in the venue's formula for both sides of a hedge.
    moving = [other for other in members if other.symbol.name == position.symbol.name]
    still = [other for other in members if other.symbol.name != position.symbol.name]
    still_pnl, still_requirement = sum(map(_pnl, still)), sum(map(_requirement, still))
    available = collateral + still_pnl - still_requirement
    return PositionExplanation(
        id=position.id,
        symbol=position.symbol.name,
        quantity=position.quantity,
        entry_price=position.entry_price,
        mark_price=mark_price,
        notional=notional,
        unrealized_pnl=_pnl(position),
        tier_floor=tiers.floors[tier],
        maintenance_rate=tiers.maintenance_rates[tier],
        maintenance_amount=tiers.maintenance_amounts[tier],
        maintenance_margin=_requirement(position),
        maximal_leverage=tiers.maximal_leverages[tier],
        initial_margin=notional / tiers.maximal_leverages[tier],
        leverage=abs(position.quantity) * position.entry_price / collateral if collateral > 0.0 else None,
        liquidation_price=_liquidation_price(moving, mark_price, available),
        bankruptcy_price=_bankruptcy_price(moving, mark_price, collateral + still_pnl),
    )


def _liquidation_price(moving: list[Position], mark_price: float, available: float) -> float | None:
    # Collateral, pnl and requirement of the positions that stand still come as one amount, `available`.
    if len(moving) == 1:
        (leg,) = moving
        return liquidation_price(leg.quantity, leg.entry_price, leg.symbol.tiers, available)
    quantities, marks = [leg.quantity for leg in moving], [_mark(leg) for leg in moving]
    ratios = surviving_price_ratios(
        quantities, [leg.entry_price for leg in moving], marks, [leg.symbol.tiers for leg in moving], available
    )
    if ratios is None:
        return None
    lower, upper = ratios
    # A fall liquidates only where the legs together are long; it is shown before the rise that the tiers may add.
    ratio = lower if lower > 0.0 else upper
    return ratio * mark_price if ratio < math.inf else None


def _bankruptcy_price(moving: list[Position], mark_price: float, available: float) -> float | None:
    if len(moving) == 1:
        (leg,) = moving
        return bankruptcy_price(leg.quantity, leg.entry_price, available)
    net_notional = sum(leg.quantity * _mark(leg) for leg in moving)
    if net_notional == 0.0:
        return None
    # Together the legs are worth what one position of this size would be, if the price were counted in marks of today.
    entry_ratio = sum(leg.quantity * leg.entry_price for leg in moving) / net_notional
    ratio = bankruptcy_price(net_notional, entry_ratio, available)
    return None if ratio is None else ratio * mark_price


def _pool_lines(pool: PoolExplanation) -> list[str]:
    venue_ratio = "none" if pool.venue_margin_ratio is None else f"{pool.venue_margin_ratio * 100:,.2f} %"
    state = "positive: the pool stands" if pool.surplus > 0.0 else "not positive: the pool is liquidated"
    return [
        f"  pool {pool.pool}",
        _line("collateral", _money(pool.collateral), ""),
        _line("+ unrealized pnl", _money(pool.unrealized_pnl), "sum over its positions"),
        _line("= equity", _money(pool.equity), ""),
        _line("- maintenance margin", _money(pool.maintenance_margin), "sum over its positions"),
        _line("= surplus", _money(pool.surplus), state),
        _line("margin ratio", f"{pool.margin_ratio:,.4f}", "equity / maintenance margin; liquidation at 1 or below"),
        _line("as the venue shows it", venue_ratio, "maintenance margin / equity; liquidation at 100 % or above"),
    ]


def _position_lines(position: PositionExplanation, pool: PoolExplanation) -> list[str]:
    side, size = ("long" if position.quantity > 0.0 else "short"), f"{abs(position.quantity):,.10g}"
    mark, entry = _price(position.mark_price), _price(position.entry_price)
    difference = f"({mark} - {entry})" if position.quantity > 0.0 else f"({entry} - {mark})"
    tier = f"tier from {position.tier_floor:,.10g}"
    leverage = "none" if position.leverage is None else f"{position.leverage:,.2f}"
    return [
        f"  position {position.id}: {side} {size} {position.symbol}, entry price {entry}",
        _line("mark price", mark, ""),
        _line("notional", _money(position.notional), f"{size} x {mark}"),
        _line("unrealized pnl", _money(position.unrealized_pnl), f"{size} x {difference}"),
        _line(
            "maintenance margin",
            _money(position.maintenance_margin),
            f"{position.maintenance_rate * 100:.10g} % x {_money(position.notional)}"
            f" - {_money(position.maintenance_amount)}; {tier}",
        ),
        _line(
            "initial margin",
            _money(position.initial_margin),
            f"notional / {position.maximal_leverage:,.10g}, the largest leverage of its tier",
        ),
        _line("leverage", leverage, "notional at entry / collateral of the pool"),
        _price_line(position, "liquidation price", position.liquidation_price, "surplus", pool.surplus),
        _price_line(position, "bankruptcy price", position.bankruptcy_price, "equity", pool.equity),
    ]


def _price_line(position: PositionExplanation, name: str, price: float | None, vanishing: str, today: float) -> str:
    if price is None:
        # Without a root above 0 the amount keeps today's sign at every price.
        where = "positive at every price" if today > 0.0 else "positive at no price"
        return _line(name, "none", f"no {name}: the pool's {vanishing} is {where} of {position.symbol}")
    away = (price / position.mark_price - 1.0) * 100
    return _line(name, _price(price), f"{away:+,.2f} % from the mark; there the pool's {vanishing} is 0")


def _line(label: str, figure: str, terms: str) -> str:
    return f"    {label:<22}{figure:>20}   {terms}".rstrip()


def _money(amount: float) -> str:
    return f"{amount:z,.2f}"


def _price(price: float) -> str:
    # Coins cost from 1e-8 to 1e5: significant digits show all of them, decimals would not.
    return f"{price:,.8g}"
