"""The same for figures of venues that live on a chain: dYdX and Hyperliquid."""

from __future__ import annotations

import math

from stresslab.margin import dydx
from stresslab.margin.rule_prices import (
    bankruptcy_price,
    liquidation_price,
    liquidation_price_of_held_requirement,
)
from stresslab.venues.contracts import notional, unrealized_pnl
from stresslab.venues.rules.funding import funding_cap
from stresslab.venues.rules.margin_rules import initial_margin, maintenance_margin
from tests.venues.given import Figures, flat, signed


def chain_account(given: Figures) -> tuple[float, float]:
    legs = given["positions"]
    collateral = dydx.net_collateral(given["usdc"], [leg["qty"] for leg in legs], [leg["oracle"] for leg in legs])
    return collateral, math.fsum(dydx.margin_requirement(leg["qty"], leg["oracle"], leg["mmr"]) for leg in legs)


def chain_leg(given: Figures) -> tuple[float, float, float]:
    (leg,) = (each for each in given["positions"] if each["symbol"] == given["close_symbol"])
    return leg["qty"], leg["oracle"], leg["mmr"]


def dydx_bankruptcy(given: Figures) -> Figures:
    return {"bankruptcy_quote": dydx.bankruptcy_quote(*chain_account(given), *chain_leg(given), given["delta_qty"])}


def dydx_fillable(given: Figures) -> Figures:
    parameters = (given["bankruptcy_adjustment"], given["spread_to_mmr"])
    return {"fillable_price": dydx.fillable_price(*chain_account(given), *chain_leg(given), *parameters)}


def dydx_insurance(given: Figures) -> Figures:
    quote = dydx_bankruptcy(given)["bankruptcy_quote"]
    return {"insurance_delta": dydx.insurance_fund_delta(given["fill_quote"], quote, given["max_liq_fee"])}


def dydx_liquidatable(given: Figures) -> Figures:
    return {"liquidatable": dydx.is_account_liquidatable(*chain_account(given))}


def dydx_margin(given: Figures) -> Figures:
    collateral, maintenance = chain_account(given)
    initial = math.fsum(dydx.margin_requirement(leg["qty"], leg["oracle"], leg["imr"]) for leg in given["positions"])
    return {"net_collateral": collateral, "imr": initial, "mmr": maintenance}


def dydx_margin_ceil(given: Figures) -> Figures:
    imf = given["imf"]
    fractions = {"imr": imf, "mmr": imf * given["mmf_of_imf"]}
    held = (given["qty"], given["oracle"])
    return {name: dydx.margin_requirement(*held, value, rounded=True) for name, value in fractions.items()}


def dydx_oimf(given: Figures) -> Figures:
    caps = (given["oi"], given["lower"], given["upper"])
    return {"imf": dydx.open_interest_margin_fraction(given["base_imf"], *caps)}


def dydx_im_oimf(given: Figures) -> Figures:
    return {"im": dydx.margin_requirement(1.0, given["notional"], dydx_oimf(given)["imf"], rounded=True)}


def dydx_cross_state(given: Figures) -> Figures:
    legs = given["positions"]
    equity = dydx.net_collateral(given["usdc"], [leg["qty"] for leg in legs], [leg["oracle"] for leg in legs])
    tables = flat(given["mmf"], 1.0 / given["imf"])
    initial = math.fsum(initial_margin(leg["qty"], leg["oracle"], tables) for leg in legs)
    prices = {}
    for leg in legs:
        others = math.fsum(maintenance_margin(o["qty"], o["oracle"], tables) for o in legs if o is not leg)
        # Equity stands at the oracle price, so that stands for the entry.
        price = liquidation_price(leg["qty"], leg["oracle"], tables, equity, other_maintenance_margin=others)
        prices[leg["symbol"]] = price
    return {"equity": equity, "free_collateral": equity - initial, "liq_price": prices}


def dydx_docs(given: Figures) -> Figures:
    size = signed(given)
    return {
        "equity": given["deposit"] + unrealized_pnl(size, given["entry"], given["price"]),
        "bankruptcy_price": bankruptcy_price(size, given["entry"], given["deposit"]),
    }


def dydx_funding(given: Figures) -> Figures:
    received = dydx.unsettled_funding(given["quantums"], given["index_from"], given["index_to"])
    return {"settlement_ppm": received}


def dydx_funding_nc(given: Figures) -> Figures:
    received = dydx.unsettled_funding(given["qty"], given["index_from"], given["index_to"])
    return {"net_collateral": dydx.net_collateral(given["usdc"], [given["qty"]], [given["oracle"]], received)}


def funding_clamp(given: Figures) -> Figures:
    return {"value": funding_cap("margin_spread", given["a"], given["b"], 0.0)}


def hl_held(given: Figures) -> tuple[list[float], list[float], float]:
    sizes = [leg["qty"] for leg in given["positions"]]
    prices = [leg["value"] / abs(leg["qty"]) for leg in given["positions"]]
    equity = given["raw_usd"] + math.fsum(unrealized_pnl(q, p, p) + q * p for q, p in zip(sizes, prices, strict=True))
    return sizes, prices, equity


def hl_account(given: Figures) -> Figures:
    sizes, prices, equity = hl_held(given)
    held = list(zip(sizes, prices, strict=True))
    used = math.fsum(initial_margin(q, p, flat(leverage=given["leverage"])) for q, p in held)
    return {
        "account_value": equity,
        "total_notional": math.fsum(notional(q, p) for q, p in held),
        "margin_used": used,
        "withdrawable": equity - used,
    }


def hl_cross_2023(given: Figures) -> Figures:
    sizes, prices, equity = hl_held(given)
    held = list(zip(sizes, prices, strict=True))
    required = math.fsum(maintenance_margin(q, p, flat(given["mmr"])) for q, p in held)
    (index,) = (i for i, leg in enumerate(given["positions"]) if leg["symbol"] == given["target"])
    return {"liq_price": liquidation_price_of_held_requirement(sizes[index], prices[index], equity, required)}


def hl_iso(given: Figures) -> Figures:
    # Half of the initial rate at the largest leverage (VENUES section 7).
    table = flat(0.5 / given["max_leverage"])
    return {"liq_price": liquidation_price(signed(given), given["entry"], table, given["collateral"])}


def hl_iso_raw(given: Figures) -> Figures:
    # The raw balance is what is left of the margin when the coins are paid for; at any price taken for the entry.
    entry = 3_000.0
    margin = given["raw_usd"] + given["qty"] * entry
    return {"liq_price": liquidation_price(given["qty"], entry, flat(0.5 / given["max_leverage"]), margin)}
