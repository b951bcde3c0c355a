"""Payoffs of perpetual contracts.

Both kinds are one thing seen in two coordinates. A linear contract earns in proportion to the price; an inverse one,
which is sized in dollars and settled in coin, earns in proportion to minus the reciprocal of the price. In the
coordinate called *unit value* here (price, or one over price) pnl and notional of either are straight lines, so that
everything that is solved for one is solved for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Contract:
    """How a contract pays.

    Parameters
    ----------
    unit_value : function
        From a price to the value of one unit of size: the price itself, or its reciprocal.
    price_at : function
        From a unit value back to a price, None where no finite positive price has it.
    direction : float
        +1 where unit value rises with the price, -1 where it falls.
    """

    unit_value: Callable[[float], float]
    price_at: Callable[[float], float | None]
    direction: float


def _price_of(value: float) -> float | None:
    return value if 0.0 < value < math.inf else None


def _reciprocal(price: float) -> float:
    return 1.0 / price


def _price_of_reciprocal(value: float) -> float | None:
    return _price_of(1.0 / value) if 0.0 < value < math.inf else None


def _same(price: float) -> float:
    return price


CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        "linear": Contract(_same, _price_of, 1.0),
        "inverse": Contract(_reciprocal, _price_of_reciprocal, -1.0),
        "spot": Contract(_same, _price_of, 1.0),
    }
)


_ROUNDING = 1e-12  # of a value today: what is left of 0 after a few sums and quotients


def price_beside(value: float, today: float, contract: str = "linear") -> float | None:
    """Price of a unit value that was solved for, None where there is none.

    Parameters
    ----------
    value : float
        The root, of any sign, or infinity.
    today : float
        Unit value at the mark or the entry, positive. A root that is nothing beside it is 0 but for rounding: a
        position paid in full would otherwise show a price of no meaning.
    contract : {"linear", "inverse", "spot"}
        Kind of contract.

    Returns
    -------
    float or None
        Positive and finite.
    """
    return CONTRACTS[contract].price_at(value) if value > _ROUNDING * today else None


def exposure(quantity: float, contract: str = "linear", contract_size: float = 1.0) -> float:
    """Signed slope of a position's pnl in unit value.

    Parameters
    ----------
    quantity : float
        Signed size: base units if linear or spot, contracts if inverse.
    contract : {"linear", "inverse", "spot"}
        Kind of contract.
    contract_size : float
        What one unit of quantity stands for: base units if linear, quote currency if inverse. Positive.

    Returns
    -------
    float
        Negative for a linear short and for an inverse long.
    """
    return CONTRACTS[contract].direction * quantity * contract_size


def unrealized_pnl(
    quantity: float, entry_price: float, mark_price: float, contract: str = "linear", contract_size: float = 1.0
) -> float:
    """Profit and loss of an open position at the mark (METHODS M1 and M2).

    Parameters
    ----------
    quantity : float
        Signed size: base units if linear or spot, contracts if inverse.
    entry_price, mark_price : float
        Positive prices per base unit.
    contract : {"linear", "inverse", "spot"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.

    Returns
    -------
    float
        Quote currency if linear, coin if inverse; positive for a profit.
    """
    value = CONTRACTS[contract].unit_value
    return exposure(quantity, contract, contract_size) * (value(mark_price) - value(entry_price)) + 0.0


def notional(quantity: float, price: float, contract: str = "linear", contract_size: float = 1.0) -> float:
    """Absolute value of a position at a price.

    Parameters
    ----------
    quantity : float
        Signed size: base units if linear or spot, contracts if inverse.
    price : float
        Positive price per base unit.
    contract : {"linear", "inverse", "spot"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.

    Returns
    -------
    float
        Quote currency if linear, coin if inverse; not negative.
    """
    return abs(exposure(quantity, contract, contract_size)) * CONTRACTS[contract].unit_value(price)


def average_entry_price(quantities: Sequence[float], prices: Sequence[float], contract: str = "linear") -> float:
    """Average entry of several fills on one side: arithmetic if linear, harmonic if inverse (METHODS M1 and M2).

    Parameters
    ----------
    quantities : sequence of float
        Sizes of the fills, all of one sign.
    prices : sequence of float
        Their positive prices.
    contract : {"linear", "inverse", "spot"}
        Kind of contract.

    Returns
    -------
    float
        The price at which one fill of the whole size has the same pnl at every mark.

    Raises
    ------
    ValueError
        If there is no fill, the lists differ in length, or the sizes differ in sign.
    """
    if not quantities or not (all(size > 0.0 for size in quantities) or all(size < 0.0 for size in quantities)):
        raise ValueError("fills must be at least one, all long or all short")
    value, price_at = CONTRACTS[contract].unit_value, CONTRACTS[contract].price_at
    whole = math.fsum(size * value(price) for size, price in zip(quantities, prices, strict=True))
    price = price_at(whole / math.fsum(quantities))
    if price is None:
        raise ValueError("prices must be positive")
    return price
