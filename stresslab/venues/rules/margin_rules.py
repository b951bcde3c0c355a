"""What a venue demands of a position, and when it acts: the switches of a pack, and figures from plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from stresslab.venues.contracts import CONTRACTS, exposure, notional
from stresslab.venues.rules.lines import RequirementLines, constant, in_unit_value, raised
from stresslab.venues.rules.tier_rules import TIER_RULES, Holding
from stresslab.venues.tiers import TierTable


@dataclass(frozen=True)
class MarginRules:
    """The margin switches of one contract. The defaults are those of Binance.

    Parameters
    ----------
    tier_rule : {"marginal", "whole_position", "size_slope", "square_root"}
        How the tier table is read.
    tier_measure : {"notional", "size"}
        What the table's floors count: notional, or size as a book states it.
    size_factor : float
        Rise of the rate with size; 0 but for the last two tier rules.
    requirement_at : {"mark", "entry"}
        The price that values the position for its maintenance margin.
    trigger : {"at_or_below", "below"}
        Whether a surplus of exactly 0 liquidates.
    closing_fee : {"none", "mark", "bankruptcy"}
        Whether a fee to close stands inside the trigger, and at which price it is reckoned.
    closing_fee_rate : float
        That fee as a share of notional, in [0, 1).
    """

    tier_rule: str = "marginal"
    tier_measure: str = "notional"
    size_factor: float = 0.0
    requirement_at: str = "mark"
    trigger: str = "at_or_below"
    closing_fee: str = "none"
    closing_fee_rate: float = 0.0


PLAIN = MarginRules()


def other_switches(rules: MarginRules) -> tuple[tuple[str, str], ...]:
    """Names and values of the switches that are not at their default, as texts show them."""
    return tuple(
        (field.name.replace("_", " "), f"{value:g}" if isinstance(value, float) else value.replace("_", " "))
        for field in fields(MarginRules)
        if (value := getattr(rules, field.name)) != field.default
    )


def _at_mark(lines: RequirementLines, entry_value: float) -> RequirementLines:
    return lines


def _at_entry(lines: RequirementLines, entry_value: float) -> RequirementLines:
    return constant(lines.at(entry_value))


REQUIREMENT_PRICES: Mapping[str, Callable[[RequirementLines, float], RequirementLines]] = MappingProxyType(
    {"mark": _at_mark, "entry": _at_entry}
)


def _at_or_below(surplus: float) -> bool:
    return surplus <= 0.0


def _below(surplus: float) -> bool:
    return surplus < 0.0


TRIGGERS: Mapping[str, Callable[[float], bool]] = MappingProxyType({"at_or_below": _at_or_below, "below": _below})


def _no_fee(lines: RequirementLines, exposed: float, bankruptcy_value: float, rate: float) -> RequirementLines:
    return lines


def _fee_at_mark(lines: RequirementLines, exposed: float, bankruptcy_value: float, rate: float) -> RequirementLines:
    return raised(lines, slope=rate * abs(exposed))


def _fee_at_bankruptcy(
    lines: RequirementLines, exposed: float, bankruptcy_value: float, rate: float
) -> RequirementLines:
    return raised(lines, amount=rate * abs(exposed) * bankruptcy_value)


CLOSING_FEES: Mapping[str, Callable[[RequirementLines, float, float, float], RequirementLines]] = MappingProxyType(
    {"none": _no_fee, "mark": _fee_at_mark, "bankruptcy": _fee_at_bankruptcy}
)


def bankruptcy_value(exposed: float, entry_value: float, collateral: float, closing_fee_rate: float = 0.0) -> float:
    """Unit value at which the equity left after paying a fee to close is 0; 0 or negative where there is none.

    Parameters
    ----------
    exposed : float
        Signed slope of pnl in unit value, not 0.
    entry_value : float
        Unit value at entry, positive.
    collateral : float
        Money behind the position, with the pnl of others that stand still.
    closing_fee_rate : float
        Share of notional, in [0, 1).
    """
    return (exposed * entry_value - collateral) / (exposed - closing_fee_rate * abs(exposed))


def with_closing_fee(
    lines: RequirementLines, exposed: float, entry_value: float, collateral: float, rules: MarginRules
) -> RequirementLines:
    """Requirement of a position with the fee to close that the venue counts in its trigger.

    Parameters
    ----------
    lines : RequirementLines
        Maintenance margin.
    exposed : float
        Signed slope of pnl in unit value, not 0.
    entry_value : float
        Unit value at entry, positive.
    collateral : float
        Money behind the position, with the pnl of others that stand still: it sets the bankruptcy price.
    rules : MarginRules
        The venue's switches.
    """
    rate = rules.closing_fee_rate
    # Where equity never reaches 0, nothing is closed at a bankruptcy price and no fee is due there.
    value = max(bankruptcy_value(exposed, entry_value, collateral, rate), 0.0)
    return CLOSING_FEES[rules.closing_fee](lines, exposed, value, rate)


def is_liquidated(surplus: float, trigger: str = "at_or_below") -> bool:
    """Whether a venue liquidates at a surplus.

    Parameters
    ----------
    surplus : float
        Equity less maintenance margin and any closing fee in the trigger; money, signed.
    trigger : {"at_or_below", "below"}
        The venue's own comparison (VENUES section 1).

    Returns
    -------
    bool
        At a surplus of 0 the two differ.
    """
    return TRIGGERS[trigger](surplus)


def requirement_lines(
    quantity: float,
    entry_price: float,
    tiers: TierTable,
    contract: str = "linear",
    contract_size: float = 1.0,
    rules: MarginRules = PLAIN,
) -> RequirementLines:
    """Maintenance margin of a position as lines in unit value, without any closing fee.

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    entry_price : float
        Average entry price, positive.
    tiers : TierTable
        The contract's tiers.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    rules : MarginRules
        The venue's switches.

    Returns
    -------
    RequirementLines
        In quote currency if linear, in coin if inverse.
    """
    exposed = abs(exposure(quantity, contract, contract_size))
    lines = in_unit_value(notional_lines(quantity, tiers, rules), exposed)
    return REQUIREMENT_PRICES[rules.requirement_at](lines, CONTRACTS[contract].unit_value(entry_price))


def maintenance_margin(
    quantity: float,
    price: float,
    tiers: TierTable,
    contract: str = "linear",
    contract_size: float = 1.0,
    rules: MarginRules = PLAIN,
) -> float:
    """Maintenance margin of a position valued at a price, by the venue's tier rule (METHODS M3, VENUES section 1).

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    price : float
        The price that values it, positive: the mark, or the entry where the venue holds the requirement there.
    tiers : TierTable
        The contract's tiers.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    rules : MarginRules
        The venue's switches; tier rule, measure and size factor are read.

    Returns
    -------
    float
        Quote currency if linear, coin if inverse; not negative.
    """
    return notional_lines(quantity, tiers, rules).at(notional(quantity, price, contract, contract_size))


def initial_margin(
    quantity: float,
    price: float,
    tiers: TierTable,
    contract: str = "linear",
    contract_size: float = 1.0,
    rules: MarginRules = PLAIN,
) -> float:
    """Least collateral that the venue asks to open a position at a price.

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    price : float
        Positive price per base unit.
    tiers : TierTable
        The contract's tiers, with the largest leverage of each. For a leverage of the user's own choice, a table of one
        tier with that leverage.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    rules : MarginRules
        The venue's switches; tier rule, measure and size factor are read.

    Returns
    -------
    float
        Quote currency if linear, coin if inverse; positive.
    """
    value = notional(quantity, price, contract, contract_size)
    return value * TIER_RULES[rules.tier_rule].initial_rate(tiers, _holding(quantity, rules), value)


def tier_measure(
    quantity: float, price: float, contract: str = "linear", contract_size: float = 1.0, rules: MarginRules = PLAIN
) -> float:
    """What the floors of the contract's tier table count, at a price: notional or size, positive."""
    return _holding(quantity, rules).measure(notional(quantity, price, contract, contract_size))


def notional_lines(quantity: float, tiers: TierTable, rules: MarginRules = PLAIN) -> RequirementLines:
    """Maintenance margin of a position as lines in the notional that values it: its rates are their slopes.

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    tiers : TierTable
        The contract's tiers.
    rules : MarginRules
        The venue's switches; tier rule, measure and size factor are read.

    Returns
    -------
    RequirementLines
        In notional.
    """
    return TIER_RULES[rules.tier_rule].requirement(tiers, _holding(quantity, rules))


def _holding(quantity: float, rules: MarginRules) -> Holding:
    if quantity == 0.0:
        raise ValueError("a position without size has no requirement")
    return Holding(abs(quantity), rules.tier_measure == "size", rules.size_factor)
