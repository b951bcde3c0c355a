"""Lines of text that show an explained pool or position, term by term."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stresslab.venues.rules.margin_rules import other_switches

if TYPE_CHECKING:
    from stresslab.margin.explanation import PoolExplanation, PositionExplanation


def pool_lines(pool: PoolExplanation, digits: int) -> list[str]:
    """A pool's equity, requirement and margin ratio; money with so many digits."""
    venue_ratio = "none" if pool.venue_margin_ratio is None else f"{pool.venue_margin_ratio * 100:,.2f} %"
    state = "the pool is liquidated" if pool.liquidated else "the pool stands"
    sign = "positive" if pool.surplus > 0.0 else "not positive"
    strict = any(position.rules.trigger == "below" for position in pool.positions)
    counted = "(equity - haircuts)" if pool.haircuts else "equity"
    below, above = ("below 1", "above 100 %") if strict else ("at 1 or below", "at 100 % or above")
    return [
        f"  pool {pool.pool}",
        _line("collateral", money_text(pool.collateral, digits), ""),
        _line("+ unrealized pnl", money_text(pool.unrealized_pnl, digits), "sum over its positions"),
        _line("= equity", money_text(pool.equity, digits), ""),
        *([_line("- haircuts", money_text(pool.haircuts, digits), "of collateral assets")] if pool.haircuts else []),
        _line("- maintenance margin", money_text(pool.maintenance_margin, digits), "sum over its positions"),
        _line("= surplus", money_text(pool.surplus, digits), f"{sign}: {state}"),
        _line("margin ratio", _ratio(pool.margin_ratio), f"{counted} / maintenance margin; liquidation {below}"),
        _line("as the venue shows it", venue_ratio, f"maintenance margin / {counted}; liquidation {above}"),
    ]


def _ratio(ratio: float) -> str:
    return f"{ratio:,.4f}" if math.isfinite(ratio) else "none"


def asset_lines(asset: PositionExplanation, pool: PoolExplanation, digits: int) -> list[str]:
    """Value and haircut of a collateral asset, and the prices of it that end its pool."""
    size, mark = f"{asset.quantity:,.10g}", _price(asset.mark_price)
    rate, from_value = f"{asset.maintenance_rate * 100:.10g} %", f"{asset.tier_floor:,.10g}"
    terms = f"{rate} x {money_text(asset.notional, digits)} - {money_text(asset.maintenance_amount, digits)}"
    return [
        f"  collateral {asset.id}: {size} {asset.symbol}",
        _line("mark price", mark, ""),
        _line("value", money_text(asset.unrealized_pnl, digits), f"{size} x {mark}"),
        _line("haircut", money_text(asset.haircut, digits), f"{terms}; tier from {from_value}"),
        _price_line(asset, "liquidation price", asset.liquidation_price, "surplus", pool.surplus),
        _price_line(asset, "bankruptcy price", asset.bankruptcy_price, "equity", pool.equity),
    ]


def position_lines(position: PositionExplanation, pool: PoolExplanation, digits: int) -> list[str]:
    """Figures of one contract held, each with the terms that it is made of."""
    side, size = ("long" if position.quantity > 0.0 else "short"), f"{abs(position.quantity):,.10g}"
    mark, entry = _price(position.mark_price), _price(position.entry_price)
    inverse = position.contract == "inverse"
    if inverse:
        size = f"{size} x {position.contract_size:,.10g}"
        (first, second) = (entry, mark) if position.quantity > 0.0 else (mark, entry)
        difference, value = f"(1 / {first} - 1 / {second})", f"{size} / {mark}"
    else:
        (first, second) = (mark, entry) if position.quantity > 0.0 else (entry, mark)
        difference, value = f"({first} - {second})", f"{size} x {mark}"
    leverage = "none" if position.leverage is None else f"{position.leverage:,.2f}"
    margin = money_text(position.maintenance_margin, digits)
    return [
        f"  position {position.id}: {side} {size} {position.symbol}, entry price {entry}",
        *(f"    rule of this contract: {name} {what}" for name, what in other_switches(position.rules)),
        _line("mark price", mark, ""),
        _line("notional", money_text(position.notional, digits), value),
        _line("unrealized pnl", money_text(position.unrealized_pnl, digits), f"{size} x {difference}"),
        _line("maintenance margin", margin, _margin_terms(position, digits)),
        _line(
            "initial margin",
            money_text(position.initial_margin, digits),
            f"notional / {position.maximal_leverage:,.10g}, the largest leverage of its tier",
        ),
        _line("leverage", leverage, "notional at entry / collateral of the pool"),
        _price_line(position, "liquidation price", position.liquidation_price, "surplus", pool.surplus),
        _price_line(position, "bankruptcy price", position.bankruptcy_price, "equity", pool.equity),
    ]


def _margin_terms(position: PositionExplanation, digits: int) -> str:
    terms = f"{position.maintenance_rate * 100:.10g} % x {money_text(position.valued_notional, digits)}"
    if position.rules.requirement_at == "entry":
        terms += " (notional at entry)"
    if position.rules.tier_rule == "marginal":
        terms += f" - {money_text(position.maintenance_amount, digits)}"
    if position.closing_fee:
        rate, fee = f"{position.rules.closing_fee_rate * 100:.10g} %", money_text(position.closing_fee, digits)
        terms += f" + {fee} to close ({rate} of the value at the {position.rules.closing_fee} price)"
    return f"{terms}; tier from {position.tier_floor:,.10g}"


def _price_line(position: PositionExplanation, name: str, price: float | None, vanishing: str, today: float) -> str:
    if price is None:
        # Without a root above 0 the amount keeps today's sign at every price.
        where = "positive at every price" if today > 0.0 else "positive at no price"
        return _line(name, "none", f"no {name}: the pool's {vanishing} is {where} of {position.symbol}")
    away = (price / position.mark_price - 1.0) * 100
    steps = ("whole_position", "notional", "mark")
    rules = position.rules
    jumps = vanishing == "surplus" and (rules.tier_rule, rules.tier_measure, rules.requirement_at) == steps
    what = "reaches 0, or steps over it at a tier's edge" if jumps else "is 0"
    return _line(name, _price(price), f"{away:+,.2f} % from the mark; there the pool's {vanishing} {what}")


def _line(label: str, figure: str, terms: str) -> str:
    return f"    {label:<22}{figure:>20}   {terms}".rstrip()


def money_text(amount: float, digits: int) -> str:
    """An amount of money."""
    return f"{amount:z,.{digits}f}"


def _price(price: float) -> str:
    # Coins cost from 1e-8 to 1e5: significant digits show all of them, decimals would not.
    return f"{price:,.8g}"
