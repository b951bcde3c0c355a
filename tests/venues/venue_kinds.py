"""From the inputs of a published figure to the same figure by the public functions, one function a kind of figure."""

from __future__ import annotations

import math

from stresslab.margin.closed_form import margin_ratio
from stresslab.margin.collateral import AssetMargin, multi_asset_account
from stresslab.margin.rule_prices import (
    bankruptcy_price,
    liquidation_price,
    liquidation_price_at_rate,
    liquidation_price_of_held_requirement,
)
from stresslab.venues.contracts import average_entry_price, notional, unrealized_pnl
from stresslab.venues.rules import funding as rules_of_funding
from stresslab.venues.rules.margin_rules import MarginRules, initial_margin, is_liquidated, maintenance_margin
from tests.venues.given import Figures, flat, signed, table_of, tier_table

WHOLE = MarginRules(tier_rule="whole_position")
AT_ENTRY = MarginRules(requirement_at="entry")


def pnl_of(legs: list[Figures]) -> float:
    return math.fsum(unrealized_pnl(signed(leg), leg["entry"], leg["mark"]) for leg in legs)


def binance_lp(given: Figures) -> Figures:
    target, others = given["target"], given["others"]
    required = math.fsum(
        maintenance_margin(leg["qty"], leg["mark"], table_of(leg["mmr"], leg["cum"])) for leg in others
    )
    terms = (signed(target), target["entry"], target["mmr"], target["cum"], given["wallet"], pnl_of(others), required)
    return {"liq_price": liquidation_price_at_rate(*terms)}


def binance_lp_brackets(given: Figures) -> Figures:
    margin = given["qty"] * given["entry"] / given["leverage"]
    price = liquidation_price(signed(given), given["entry"], tier_table(given["brackets"]), margin)
    # The source prints 0 where there is no such price.
    return {"liq_price": 0.0 if price is None else price}


def binance_multi_asset(given: Figures) -> Figures:
    def margin(name: str, rate: str) -> float:
        return math.fsum(leg["qty"] * leg["mark"] * leg[rate] for leg in given["positions"] if leg["asset"] == name)

    account = multi_asset_account(
        {
            name: AssetMargin(asset["equity"], asset["bid"], asset["ask"], margin(name, "imr"), margin(name, "mmr"))
            for name, asset in given["assets"].items()
        }
    )
    return {
        "account_equity": account.equity,
        "maintenance_margin": account.maintenance_margin,
        "margin_ratio": account.venue_margin_ratio,
        "uni_available": account.available,
        "available": dict(account.available_in_asset),
    }


def bracket_lookup(given: Figures) -> Figures:
    table = tier_table(given["brackets"])
    tier = table.tier_of(given["notional"])
    return {"mmr": table.maintenance_rates[tier], "cum": table.maintenance_amounts[tier]}


def cum_recursion(given: Figures) -> Figures:
    return {"cum": list(tier_table(given["brackets"]).maintenance_amounts)}


def funding(given: Figures) -> Figures:
    return {
        "fee_received": math.fsum(
            rules_of_funding.funding_payment(signed(given), mark, rate) for rate, mark in given["rows"]
        )
    }


def iso_state(given: Figures) -> Figures:
    pnl, wallet = pnl_of([given]), given["isolated_wallet"]
    price = liquidation_price_at_rate(signed(given), given["entry"], given["mmr"], given["cum"], wallet)
    return {"upnl": pnl, "isolated_margin": wallet + pnl, "liq_price": price}


def mm_cum(given: Figures) -> Figures:
    value = notional(1.0, given["notional"])
    return {
        "notional": value,
        "maintenance_margin": maintenance_margin(1.0, value, table_of(given["mmr"], given["cum"])),
    }


def mm_marginal_sum(given: Figures) -> Figures:
    margin = maintenance_margin(1.0, given["notional"], tier_table(given["brackets"]))
    return {**bracket_lookup(given), "maintenance_margin": margin}


def mm_two(given: Figures) -> Figures:
    figures = [mm_marginal_sum(leg) for leg in given["legs"]]
    return {"total": math.fsum(each["maintenance_margin"] for each in figures), "cums": [e["cum"] for e in figures]}


def whole_position_rate(given: Figures) -> Figures:
    value = given["notional"]
    return {"mmr": maintenance_margin(1.0, value, tier_table(given["brackets"]), rules=WHOLE) / value}


def upnl_linear(given: Figures) -> Figures:
    return {"upnl": pnl_of([given])}


def upnl_inverse(given: Figures) -> Figures:
    size, mark = given["contracts_usd"], given["mark"]
    pnl = unrealized_pnl(given["side"] * size, given["entry"], mark, "inverse")
    return {"upnl_coin": pnl, "notional_coin": notional(size, mark, "inverse")}


def inverse_mm(given: Figures) -> Figures:
    held = (given["contracts"], given["mark"])
    margin = maintenance_margin(*held, table_of(given["mmr"], given["cum"]), "inverse", given["contract_size"])
    return {"notional_coin": notional(*held, "inverse", given["contract_size"]), "maintenance_margin_coin": margin}


def inverse_im(given: Figures) -> Figures:
    table = flat(leverage=given["leverage"])
    return {"initial_margin_coin": initial_margin(given["contracts"], given["entry"], table, "inverse")}


def inverse_avg_entry(given: Figures) -> Figures:
    sizes, prices = zip(*given["fills"], strict=True)
    return {"entry": average_entry_price(sizes, prices, "inverse")}


def binance_coinm_lp(given: Figures) -> Figures:
    target = given["target"]
    assert not given["others"]
    price = liquidation_price_at_rate(
        target["side"] * target["contracts"],
        target["entry"],
        target["mmr"],
        target["cum"],
        given["wallet"],
        contract="inverse",
        contract_size=target["contract_size"],
    )
    return {"liq_price": price}


def bybit_iso_lp(given: Figures) -> Figures:
    margin = given["entry"] / given["leverage"]
    side, entry, table = float(given["side"]), given["entry"], flat(given["mmr"])
    return {"liq_price": liquidation_price(side, entry, table, margin, rules=AT_ENTRY)}


def bybit_lin_cross(given: Figures) -> Figures:
    equity = given["available"] + given["im"]
    return {"liq_price": liquidation_price_of_held_requirement(signed(given), given["mark"], equity, given["mm"])}


def bybit_inv_iso(given: Figures) -> Figures:
    size, entry = given["contracts"], given["entry"]
    return {
        "position_value": notional(size, entry, "inverse"),
        "initial_margin": initial_margin(size, entry, flat(leverage=given["leverage"]), "inverse"),
        "maintenance_margin": maintenance_margin(size, entry, flat(given["mmr"]), "inverse"),
    }


def bybit_inv_cross(given: Figures) -> Figures:
    size, fee = given["side"] * given["contracts"], given["taker"]
    rules = MarginRules(requirement_at="entry", closing_fee="bankruptcy", closing_fee_rate=fee)
    held = (size, given["entry"])
    behind = given["available_balance"]
    return {
        "liq_price": liquidation_price(*held, flat(given["mmr"]), behind, contract="inverse", rules=rules),
        "bankruptcy_price": bankruptcy_price(*held, behind, contract="inverse", closing_fee_rate=fee),
    }


def iso_bankruptcy_linear(given: Figures) -> Figures:
    side, entry = float(given["side"]), given["entry"]
    return {"bankruptcy_price": bankruptcy_price(side, entry, entry / given["leverage"])}


def lin_cross_mm_entry(given: Figures) -> Figures:
    size, entry, wallet = signed(given), given["entry"], given["wallet"]
    return {
        "liq_price": liquidation_price_of_held_requirement(size, entry, wallet, given["mm"]),
        "bankruptcy_price": bankruptcy_price(size, entry, wallet),
    }


def deribit_margin(given: Figures) -> Figures:
    rules = MarginRules(tier_rule="size_slope", tier_measure="size", size_factor=given["slope_per_coin"])
    table = flat(given["base_mm"], 1.0 / given["base_im"])
    return {
        "initial_margin": initial_margin(given["qty"], given["price"], table, rules=rules),
        "maintenance_margin": maintenance_margin(given["qty"], given["price"], table, rules=rules),
    }


def drift_perp_req(given: Figures) -> Figures:
    rules = MarginRules(tier_rule="square_root", tier_measure="size", size_factor=given["imf"])
    table = flat(given["margin_ratio"])
    return {"requirement": maintenance_margin(given["size"], given["price"], table, rules=rules)}


def product(given: Figures) -> Figures:
    """A value times a rate; which figure it is, the vector's id says."""
    return {"value": initial_margin(1.0, given["a"], flat(leverage=1.0 / given["b"]))}


def funding_rate(given: Figures) -> Figures:
    return {"rate_8h": rules_of_funding.funding_rate(given["premium"], given["interest"], given["clamp"])}


def kraken_inv(given: Figures) -> Figures:
    held = (given["side"] * given["contracts"], given["entry"])
    return {
        "liq_price": liquidation_price(*held, flat(given["mmr"]), given["margin"], contract="inverse"),
        "bankruptcy_price": bankruptcy_price(*held, given["margin"], contract="inverse"),
    }


def gate_okx_lp(given: Figures) -> Figures:
    rules = MarginRules("whole_position", closing_fee="mark", closing_fee_rate=given["taker"])
    table = flat(given["mmr"])
    return {"liq_price": liquidation_price(signed(given), given["entry"], table, given["margin"], rules=rules)}


def phemex_lin(given: Figures) -> Figures:
    size, entry, fee = signed(given), given["entry"], given["taker"]
    margin = initial_margin(size, entry, flat(leverage=given["leverage"]))
    bankrupt = bankruptcy_price(size, entry, margin)
    assert bankrupt is not None
    assigned = margin + fee * notional(size, bankrupt)
    rules = MarginRules(closing_fee="mark", closing_fee_rate=fee)
    terms = (size, entry, given["mmr"], given["mm_amount"], assigned)
    return {"assigned": assigned, "liq_price": liquidation_price_at_rate(*terms, rules=rules)}


def account_state(given: Figures) -> Figures:
    table, legs = tier_table(given["brackets"]), given["positions"]
    rules = MarginRules("whole_position" if given.get("whole_rate") else "marginal")
    trigger = {"<=": "at_or_below", "<": "below"}[given["trigger"]]
    collateral = legs[0]["margin"] if "margin" in legs[0] else given["wallet"]
    pnl = pnl_of(legs)
    required = math.fsum(maintenance_margin(leg["qty"], leg["mark"], table, rules=rules) for leg in legs)
    initial = math.fsum(initial_margin(leg["qty"], leg["mark"], flat(leverage=leg["leverage"])) for leg in legs)
    closed = is_liquidated(collateral + pnl - required, trigger)
    return {
        "upnl": pnl,
        "balance": collateral + pnl,
        "initial_margin": initial,
        "maintenance_margin": required,
        "available": collateral + pnl - initial,
        "liquidated": [leg["symbol"] for leg in legs] if closed else [],
    }


def single_est_vs_cross(given: Figures) -> Figures:
    terms = (given["qty"], given["mark"], given["mmr"], 0.0, given["equity"], 0.0, given["other_mm"])
    return {"liq_price": liquidation_price_at_rate(*terms)}


def threshold_lp(given: Figures) -> Figures:
    legs = given["positions"]
    required = math.fsum(maintenance_margin(leg["qty"], leg["entry"], flat(given["mmr"])) for leg in legs)
    (target,) = (leg for leg in legs if leg["symbol"] == given["target"])
    terms = (signed(target), target["mark"], given["balance"] + pnl_of(legs), required / given["threshold"])
    return {"liq_price": liquidation_price_of_held_requirement(*terms)}


def orderly(given: Figures) -> Figures:
    equity = given["balance"] + given["upnl"]
    return {"total_collateral": equity, "free": equity - given["mm"]}


def margin_ratio_iso(given: Figures) -> Figures:
    size, entry = signed(given), given["entry"]
    pnl = pnl_of([given])
    required = maintenance_margin(size, entry, flat(given["mmr"]))
    margin = given.get("margin", initial_margin(size, entry, flat(leverage=given["leverage"])))
    ratio = 1.0 / margin_ratio(margin + pnl, required)
    return {"maintenance_margin": required, "margin": margin, "upnl": pnl, "ratio": ratio}


def margin_ratio_cross(given: Figures) -> Figures:
    equity = given["wallet"] + pnl_of([given])
    required = maintenance_margin(signed(given), given["mark"], flat(given["mmr"]))
    return {"ratio": 1.0 / margin_ratio(equity, required)}
