"""Liquidation and bankruptcy prices under every switch of a rule pack, from plain numbers.

Quantities are signed. Money is in the quote currency for linear contracts and in the coin for inverse ones.
`closed_form` holds the special case that the simulation uses: linear, marginal tiers at the mark, no fee inside.
"""

from __future__ import annotations

from stresslab.margin.price_intervals import Leg, liquidation_value
from stresslab.venues.contracts import CONTRACTS, exposure, price_beside
from stresslab.venues.rules.lines import RequirementLines
from stresslab.venues.rules.margin_rules import (
    PLAIN,
    REQUIREMENT_PRICES,
    MarginRules,
    bankruptcy_value,
    requirement_lines,
    with_closing_fee,
)
from stresslab.venues.tiers import TierTable


def liquidation_price(
    quantity: float,
    entry_price: float,
    tiers: TierTable,
    collateral: float,
    other_unrealized_pnl: float = 0.0,
    other_maintenance_margin: float = 0.0,
    *,
    contract: str = "linear",
    contract_size: float = 1.0,
    rules: MarginRules = PLAIN,
    mark_price: float | None = None,
) -> float | None:
    """Liquidation price of an isolated position, or of one leg of a cross pool with all other marks still.

    METHODS M4, M5 and M7 under the switches of VENUES section 1. The tier in force is that of the liquidation price
    itself, whatever tier holds today's notional.

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    entry_price : float
        Average entry price, positive.
    tiers : TierTable
        The contract's tiers.
    collateral : float
        Money behind the pool: the isolated margin, or all of the cross pool's collateral.
    other_unrealized_pnl, other_maintenance_margin : float
        Sums over the pool's other positions at their present marks; 0 for an isolated position.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    rules : MarginRules
        The venue's switches.
    mark_price : float, optional
        Where the price stands, positive; default the entry. It matters only where the requirement jumps, so that there
        can be several such prices: the nearest on the losing side counts.

    Returns
    -------
    float or None
        The price at which surplus reaches 0, or steps over it at a jump of the requirement; on the wrong side of the
        mark where the pool is liquidated already. None where there is no such price.
    """
    lines = requirement_lines(quantity, entry_price, tiers, contract, contract_size, rules)
    return _liquidation_price(
        lines,
        quantity,
        entry_price,
        collateral + other_unrealized_pnl,
        other_maintenance_margin,
        contract,
        contract_size,
        rules,
        entry_price if mark_price is None else mark_price,
    )


def liquidation_price_at_rate(
    quantity: float,
    entry_price: float,
    maintenance_rate: float,
    maintenance_amount: float,
    collateral: float,
    other_unrealized_pnl: float = 0.0,
    other_maintenance_margin: float = 0.0,
    *,
    contract: str = "linear",
    contract_size: float = 1.0,
    rules: MarginRules = PLAIN,
) -> float | None:
    """The same price if one rate and amount were in force at every price (METHODS M4, M5 and M7).

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    entry_price : float
        Average entry price, positive.
    maintenance_rate : float
        The tier's rate, in [0, 1).
    maintenance_amount : float
        What the tier subtracts from rate times notional; money, not negative.
    collateral : float
        Money behind the pool.
    other_unrealized_pnl, other_maintenance_margin : float
        Sums over the pool's other positions at their present marks; 0 for an isolated position.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    rules : MarginRules
        The venue's switches; requirement_at, trigger and closing fee are read.

    Returns
    -------
    float or None
        None where there is no such price.
    """
    slope = maintenance_rate * abs(exposure(quantity, contract, contract_size))
    lines = RequirementLines((0.0,), (slope,), (-maintenance_amount,))
    return _liquidation_price(
        REQUIREMENT_PRICES[rules.requirement_at](lines, CONTRACTS[contract].unit_value(entry_price)),
        quantity,
        entry_price,
        collateral + other_unrealized_pnl,
        other_maintenance_margin,
        contract,
        contract_size,
        rules,
        entry_price,
    )


def _liquidation_price(
    lines: RequirementLines,
    quantity: float,
    entry_price: float,
    equity_behind: float,
    other_maintenance_margin: float,
    contract: str,
    contract_size: float,
    rules: MarginRules,
    mark_price: float,
) -> float | None:
    unit_value = CONTRACTS[contract].unit_value
    exposed, entry_value = exposure(quantity, contract, contract_size), unit_value(entry_price)
    requirement = with_closing_fee(lines, exposed, entry_value, equity_behind, rules)
    leg = Leg(exposed, entry_value, requirement)
    available = equity_behind - other_maintenance_margin
    value = liquidation_value([leg], available, unit_value(mark_price), rules.trigger)
    return price_beside(value, entry_value, contract)


def bankruptcy_price(
    quantity: float,
    entry_price: float,
    collateral: float,
    other_unrealized_pnl: float = 0.0,
    *,
    contract: str = "linear",
    contract_size: float = 1.0,
    closing_fee_rate: float = 0.0,
) -> float | None:
    """Price at which the equity of the pool is 0, all other marks still (METHODS M6, VENUES section 2.3).

    Parameters
    ----------
    quantity : float
        Signed size, not 0: base units if linear, contracts if inverse.
    entry_price : float
        Average entry price, positive.
    collateral : float
        Money behind the pool.
    other_unrealized_pnl : float
        Sum over the pool's other positions at their present marks; 0 for an isolated position.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.
    closing_fee_rate : float
        Fee to close that must still be paid, a share of notional in [0, 1); 0 for the price of equity itself.

    Returns
    -------
    float or None
        None where equity is 0 at no positive price: a long without leverage, an inverse short without leverage.
    """
    entry_value = CONTRACTS[contract].unit_value(entry_price)
    exposed = exposure(quantity, contract, contract_size)
    value = bankruptcy_value(exposed, entry_value, collateral + other_unrealized_pnl, closing_fee_rate)
    return price_beside(value, entry_value, contract)


def liquidation_price_of_held_requirement(
    quantity: float,
    mark_price: float,
    equity: float,
    maintenance_margin: float,
    *,
    contract: str = "linear",
    contract_size: float = 1.0,
) -> float | None:
    """Price of one leg at which equity reaches a requirement that does not move with the price.

    The rule of Bybit's USDT contracts before unified accounts, of BitMEX's example of cross margin, and of Hyperliquid
    in 2023 (VENUES sections 5, 7 and 11).

    Parameters
    ----------
    quantity : float
        Signed size of the leg, not 0.
    mark_price : float
        Its mark, positive.
    equity : float
        Of the whole pool, at today's marks.
    maintenance_margin : float
        Of the whole pool, held still. For a venue that acts at a ratio other than 1, the requirement over that ratio.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.

    Returns
    -------
    float or None
        None where there is no such price.
    """
    mark_value = CONTRACTS[contract].unit_value(mark_price)
    value = mark_value - (equity - maintenance_margin) / exposure(quantity, contract, contract_size)
    return price_beside(value, mark_value, contract)
