"""Margin on dYdX v4, where the chain's own arithmetic is part of the rule (VENUES section 8).

Quote amounts come in whole millionths of the quote currency, rounded up, so figures are worked out on the decimal
numbers as they are written and rounded once at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

_UNITS = 1_000_000  # of quote currency, and parts per million of a rate


def _exact(number: float) -> Fraction:
    # The decimal that was written, not the binary number next to it: rounding up would see the difference.
    return Fraction(repr(float(number)))


def _rounded_up(amount: Fraction) -> float:
    return math.ceil(amount * _UNITS) / _UNITS


def net_collateral(
    quote_balance: float, quantities: Sequence[float], oracle_prices: Sequence[float], funding_received: float = 0.0
) -> float:
    """Net collateral of an account: quote balance, positions at the oracle price, and funding not settled yet.

    Parameters
    ----------
    quote_balance : float
        Quote currency, negative where positions were bought on credit.
    quantities : sequence of float
        Signed sizes in base units.
    oracle_prices : sequence of float
        Positive.
    funding_received : float
        Signed sum of `unsettled_funding`.

    Returns
    -------
    float
        Quote currency, signed.
    """
    values = [size * price for size, price in zip(quantities, oracle_prices, strict=True)]
    return math.fsum([quote_balance, funding_received, *values])


def margin_requirement(quantity: float, oracle_price: float, margin_fraction: float, rounded: bool = False) -> float:
    """Initial or maintenance requirement of one position.

    Parameters
    ----------
    quantity : float
        Signed size in base units.
    oracle_price : float
        Positive.
    margin_fraction : float
        Initial or maintenance margin fraction, in [0, 1].
    rounded : bool
        Up to whole millionths of the quote currency, as the chain does.

    Returns
    -------
    float
        Quote currency, not negative.
    """
    amount = abs(_exact(quantity)) * _exact(oracle_price) * _exact(margin_fraction)
    return _rounded_up(amount) if rounded else float(amount)


def open_interest_margin_fraction(
    base_fraction: float, open_interest: float, lower_cap: float, upper_cap: float
) -> float:
    """Initial margin fraction that rises to 1 as open interest goes from the lower to the upper cap.

    Parameters
    ----------
    base_fraction : float
        In (0, 1].
    open_interest : float
        Notional in the quote currency, not negative.
    lower_cap, upper_cap : float
        Of the liquidity tier; both 0 where open interest does not count.

    Returns
    -------
    float
        In [base_fraction, 1].
    """
    if upper_cap <= lower_cap:
        return base_fraction
    share = min(max((open_interest - lower_cap) / (upper_cap - lower_cap), 0.0), 1.0)
    return base_fraction + share * (1.0 - base_fraction)


def is_account_liquidatable(collateral: float, maintenance_requirement: float) -> bool:
    """Whether an account can be liquidated: only where something is required and collateral is strictly below it."""
    return maintenance_requirement > 0.0 and maintenance_requirement > collateral


def bankruptcy_quote(
    collateral: float,
    maintenance_requirement: float,
    quantity: float,
    oracle_price: float,
    maintenance_fraction: float,
    closing_quantity: float,
) -> float:
    """Quote amount at which closing part of a position leaves the account its share of collateral, rounded up.

    Parameters
    ----------
    collateral, maintenance_requirement : float
        Of the whole account; the requirement is positive.
    quantity : float
        Signed size of the position in base units.
    oracle_price : float
        Positive.
    maintenance_fraction : float
        Of the position's market.
    closing_quantity : float
        Signed change, towards 0 and not beyond it.

    Returns
    -------
    float
        Quote currency: positive what a sale must bring, negative what a purchase may cost.

    Raises
    ------
    ValueError
        If the change does not reduce the position.
    """
    size, change, price = _exact(quantity), _exact(closing_quantity), _exact(oracle_price)
    if size * change >= 0 or abs(change) > abs(size):
        raise ValueError(f"a change of {closing_quantity} does not reduce a position of {quantity}")
    released = abs(change) * price * _exact(maintenance_fraction)
    return _rounded_up(-change * price - _exact(collateral) * released / _exact(maintenance_requirement))


def fillable_price(
    collateral: float,
    maintenance_requirement: float,
    quantity: float,
    oracle_price: float,
    maintenance_fraction: float,
    bankruptcy_adjustment: float = 1.0,
    spread_to_maintenance: float = 1.5,
) -> float:
    """Worst price at which the venue fills a liquidation.

    Parameters
    ----------
    collateral, maintenance_requirement : float
        Of the whole account; the requirement is positive.
    quantity : float
        Signed size of the position in base units, not 0.
    oracle_price : float
        Positive.
    maintenance_fraction : float
        Of the position's market.
    bankruptcy_adjustment : float
        At least 1: how fast the spread opens as collateral falls.
    spread_to_maintenance : float
        Largest spread over the maintenance fraction, positive.

    Returns
    -------
    float
        Price: below the oracle's for a long, above it for a short.
    """
    worn = 1.0 - collateral / maintenance_requirement
    adjusted = min(max(bankruptcy_adjustment * worn, 0.0), 1.0)
    required = abs(quantity) * oracle_price * maintenance_fraction
    return (quantity * oracle_price - adjusted * spread_to_maintenance * required) / quantity


def insurance_fund_delta(fill_quote: float, bankruptcy_quote: float, largest_fee: float) -> float:
    """What a fill gives to the insurance fund, or takes from it.

    Parameters
    ----------
    fill_quote : float
        Quote currency: positive what a sale brought, negative what a purchase cost.
    bankruptcy_quote : float
        The amount of `bankruptcy_quote` for the same change.
    largest_fee : float
        Largest liquidation fee as a share of the fill, not negative.

    Returns
    -------
    float
        Quote currency, negative where the fund pays.
    """
    return min(largest_fee * abs(fill_quote), fill_quote - bankruptcy_quote)


def unsettled_funding(quantity: float, settled_index: float, current_index: float) -> float:
    """Funding that a position has earned since it was last settled.

    Parameters
    ----------
    quantity : float
        Signed size, in base units or the chain's own quantums.
    settled_index, current_index : float
        Funding indices: what one unit of a long has paid in all.

    Returns
    -------
    float
        Received, in the unit of the indices times that of the size; negative where it pays.
    """
    return -(current_index - settled_index) * quantity + 0.0
