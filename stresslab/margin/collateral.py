"""Collateral in several currencies: haircuts, and the account that pools them (VENUES section 3, METHODS M8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


def collateral_value(balance: float, price: float, collateral_ratio: float) -> float:
    """What a balance counts as collateral; a debt is not discounted (METHODS M8).

    Parameters
    ----------
    balance : float
        Amount of the currency, negative for a debt.
    price : float
        Its price in the account's currency, positive.
    collateral_ratio : float
        One less the haircut, in [0, 1].

    Returns
    -------
    float
        Money in the account's currency.
    """
    return min(collateral_ratio * balance * price, balance * price)


def value_between_rates(equity: float, bid_rate: float, ask_rate: float) -> float:
    """What an asset's equity counts where it is valued at the worse of two rates (Binance, multi-assets mode).

    Parameters
    ----------
    equity : float
        Balance and unrealized pnl in the asset, signed.
    bid_rate, ask_rate : float
        Index price less and plus the venue's buffers, positive.

    Returns
    -------
    float
        Money in the account's currency.
    """
    return min(equity * bid_rate, equity * ask_rate)


@dataclass(frozen=True)
class AssetMargin:
    """One asset of a multi-assets account.

    Parameters
    ----------
    equity : float
        Balance and unrealized pnl in the asset, signed.
    bid_rate, ask_rate : float
        Rates at which equity is valued and requirements are converted, positive.
    initial_margin, maintenance_margin : float
        Sums over the positions that settle in the asset, in the asset, not negative.
    """

    equity: float
    bid_rate: float
    ask_rate: float
    initial_margin: float = 0.0
    maintenance_margin: float = 0.0


@dataclass(frozen=True)
class MultiAssetAccount:
    """Figures of a multi-assets account, in its own currency.

    Parameters
    ----------
    equity : float
        Sum of the assets' values at the worse of their rates.
    initial_margin, maintenance_margin : float
        Sums at the ask rates.
    venue_margin_ratio : float
        Maintenance margin over equity, as the venue shows it; liquidation at 1 or above. Infinite where equity is not
        positive and something is required.
    available : float
        Equity less initial margin, signed.
    available_in_asset : mapping of str to float
        The same in each asset, at its ask rate.
    """

    equity: float
    initial_margin: float
    maintenance_margin: float
    venue_margin_ratio: float
    available: float
    available_in_asset: Mapping[str, float]


def multi_asset_account(assets: Mapping[str, AssetMargin]) -> MultiAssetAccount:
    """Equity, requirement and margin ratio of an account that pools several assets (Binance, multi-assets mode).

    Parameters
    ----------
    assets : mapping of str to AssetMargin
        By name, at least one.

    Returns
    -------
    MultiAssetAccount
        In the account's currency.
    """
    equity = math.fsum(value_between_rates(asset.equity, asset.bid_rate, asset.ask_rate) for asset in assets.values())
    initial = math.fsum(asset.initial_margin * asset.ask_rate for asset in assets.values())
    maintenance = math.fsum(asset.maintenance_margin * asset.ask_rate for asset in assets.values())
    ratio = maintenance / equity if equity > 0.0 else (math.inf if maintenance > 0.0 else 0.0)
    available = equity - initial
    in_asset = {name: available / asset.ask_rate for name, asset in assets.items()}
    return MultiAssetAccount(equity, initial, maintenance, ratio, available, in_asset)
