"""Funding: the rate from its premium, its cap, and the payment at a settlement (METHODS M10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stresslab.venues.contracts import notional

FUNDING_PRICES = ("mark", "oracle", "index")


@dataclass(frozen=True)
class FundingRules:
    """How a venue sets and settles funding. None where it is not known.

    Parameters
    ----------
    interest : float or None
        Interest part of the rate of 8 hours, signed.
    clamp : float or None
        Largest absolute difference between interest and premium that enters the rate, of 8 hours, not negative.
    cap : {"none", "rate", "maintenance_rate", "margin_spread"}
        What bounds the rate.
    cap_factor : float or None
        The bound, or what multiplies the rates that give it, positive; None without a cap.
    price : {"mark", "oracle", "index"}
        The price on which it is paid.
    """

    interest: float | None = None
    clamp: float | None = None
    cap: str = "none"
    cap_factor: float | None = None
    price: str = "mark"


UNKNOWN_FUNDING = FundingRules()


def _bounded_by_rate(factor: float, initial_rate: float, maintenance_rate: float) -> float:
    return factor


def _bounded_by_maintenance(factor: float, initial_rate: float, maintenance_rate: float) -> float:
    return factor * maintenance_rate


def _bounded_by_spread(factor: float, initial_rate: float, maintenance_rate: float) -> float:
    return factor * (initial_rate - maintenance_rate)


FUNDING_CAPS: Mapping[str, Callable[[float, float, float], float]] = MappingProxyType(
    {"rate": _bounded_by_rate, "maintenance_rate": _bounded_by_maintenance, "margin_spread": _bounded_by_spread}
)


def funding_cap(cap: str, factor: float, initial_rate: float, maintenance_rate: float) -> float:
    """Largest absolute funding rate.

    Parameters
    ----------
    cap : {"rate", "maintenance_rate", "margin_spread"}
        ``factor`` itself, factor times the maintenance rate (Binance), or factor times initial rate less maintenance
        rate (dYdX).
    factor : float
        Positive.
    initial_rate, maintenance_rate : float
        Of the lowest tier, fractions.

    Returns
    -------
    float
        Rate, not negative.
    """
    return FUNDING_CAPS[cap](factor, initial_rate, maintenance_rate)


def funding_rate(premium: float, interest: float, clamp: float, cap: float | None = None) -> float:
    """Funding rate: premium plus the clamped difference of interest and premium, then the venue's cap (METHODS M10).

    Parameters
    ----------
    premium : float
        Average premium of the perpetual over its index, a fraction.
    interest : float
        Interest part, a fraction, mostly 0.0001 for 8 hours.
    clamp : float
        Bound of the difference, not negative, mostly 0.0005.
    cap : float, optional
        Largest absolute rate.

    Returns
    -------
    float
        Positive where longs pay. It holds for the interval of the arguments: a venue that settles hourly what is
        quoted for 8 hours pays an eighth.
    """
    rate = premium + min(max(interest - premium, -clamp), clamp)
    return rate if cap is None else min(max(rate, -cap), cap)


def premium_beyond_band(premium: float, band: float) -> float:
    """Funding rate where a premium within a band costs nothing and beyond it its excess (VENUES section 9).

    Parameters
    ----------
    premium : float
        Mark over index less 1.
    band : float
        Half width of the band, not negative.

    Returns
    -------
    float
        Rate of 8 hours, positive where longs pay.
    """
    return max(band, premium) + min(-band, premium)


def funding_payment(
    quantity: float, price: float, rate: float, contract: str = "linear", contract_size: float = 1.0
) -> float:
    """What a position receives at a settlement (METHODS M10).

    Parameters
    ----------
    quantity : float
        Signed size: base units if linear, contracts if inverse.
    price : float
        The price on which the venue pays, positive.
    rate : float
        Funding rate of the interval, positive where longs pay.
    contract : {"linear", "inverse"}
        Kind of contract.
    contract_size : float
        Base units (linear) or quote currency (inverse) in one unit of quantity, positive.

    Returns
    -------
    float
        Quote currency if linear, coin if inverse; positive where the position receives.
    """
    value = notional(quantity, price, contract, contract_size)
    return (-value if quantity > 0.0 else value) * rate + 0.0
