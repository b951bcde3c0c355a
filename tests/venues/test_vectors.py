"""Published worked numbers of venues and of other projects, against the closed forms.

The oracle of every row is the venue's or project's own figure, with its source, in tests/data. Rows marked as not
reproduced hold figures that contradict their own inputs: they must not come out, and so show that the comparison can
fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stresslab.margin.closed_form import (
    liquidation_price,
    liquidation_price_in_tier,
    margin_ratio,
    pool_surplus,
    unrealized_pnl,
)
from stresslab.venues.tiers import TierTable

DATA = Path(__file__).parents[1] / "data"
VECTORS = [
    vector
    for name in ("binance_linear_vectors.json", "other_linear_vectors.json")
    for vector in json.loads((DATA / name).read_text(encoding="utf-8"))
]

# Published linear vectors of Binance that are not here, and expected figures of those here that are not compared.
NOT_EXPRESSED = {
    "funding": "payments of funding (funding-ft-*, 10 vectors): no cash flow is among the closed forms",
    "binance_multi_asset": "multi-assets mode (2 vectors): collateral in several coins, each with its own haircut",
    "binance_lp_buffer": "a trading bot's own safety distance of 5 % (2 vectors): not a rule of the venue",
    "ft_buffer": "the same safety distance (1 vector)",
    "initial_margin": "at a leverage that the user chose below the tier's maximum: a book does not state one",
    "available": "balance less that initial margin",
}
WHY_NOT_REPRODUCED = {
    "ft-docstring-stale-1": "a docstring older than the table of its own test, which holds 11.8977 for these inputs",
    "ft-docstring-stale-2": "the same docstring; its test's table holds 8.0707",
    "ft-docstring-stale-3": "the same docstring; its test's table holds 13.1935",
    "binance-um-faq-upnl-eth-oldcopy": "an old copy of the page misprints the pnl: its prices need -448,192.89",
}


def tier_table(brackets: list[list[float]]) -> TierTable:
    """Rows are floor, cap, rate and, where given, leverage and amount; the amounts are left to the recursion."""
    floors, rates = tuple(row[0] for row in brackets), tuple(row[2] for row in brackets)
    return TierTable(floors, rates, tuple(1.0 for _ in brackets))


def table_ending_in(rate: float, amount: float) -> TierTable:
    """Two tiers of which the upper has the rate and amount, or one where the amount is 0."""
    if amount == 0.0:
        return TierTable((0.0,), (rate,), (1.0,))
    return TierTable((0.0, 2.0 * amount / rate), (rate / 2.0, rate), (1.0, 1.0))


def signed(leg: dict[str, Any]) -> float:
    return float(leg["side"] * leg["qty"])


def binance_lp(inputs: dict[str, Any]) -> dict[str, Any]:
    target, others = inputs["target"], inputs["others"]
    arguments = (
        inputs["wallet"],
        sum(unrealized_pnl(signed(leg), leg["entry"], leg["mark"]) for leg in others),
        sum(leg["qty"] * leg["mark"] * leg["mmr"] - leg["cum"] for leg in others),
    )
    in_tier = liquidation_price_in_tier(signed(target), target["entry"], target["mmr"], target["cum"], *arguments)
    chosen = liquidation_price(
        signed(target), target["entry"], table_ending_in(target["mmr"], target["cum"]), *arguments
    )
    assert chosen == pytest.approx(in_tier, rel=1e-12, abs=0.0)
    return {"liq_price": in_tier}


def binance_lp_brackets(inputs: dict[str, Any]) -> dict[str, Any]:
    margin = inputs["qty"] * inputs["entry"] / inputs["leverage"]
    price = liquidation_price(signed(inputs), inputs["entry"], tier_table(inputs["brackets"]), margin)
    # The venue prints 0 where there is no such price.
    return {"liq_price": 0.0 if price is None else price}


def bracket_lookup(inputs: dict[str, Any]) -> dict[str, Any]:
    table = tier_table(inputs["brackets"])
    tier = table.tier_of(inputs["notional"])
    return {"mmr": table.maintenance_rates[tier], "cum": table.maintenance_amounts[tier]}


def cum_recursion(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"cum": list(tier_table(inputs["brackets"]).maintenance_amounts)}


def mm_marginal_sum(inputs: dict[str, Any]) -> dict[str, Any]:
    margin = float(tier_table(inputs["brackets"]).maintenance_margin(inputs["notional"]))
    return bracket_lookup(inputs) | {"maintenance_margin": margin}


def mm_cum(inputs: dict[str, Any]) -> dict[str, Any]:
    margin = float(table_ending_in(inputs["mmr"], inputs["cum"]).maintenance_margin(inputs["notional"]))
    return {"notional": inputs["notional"], "maintenance_margin": margin}


def mm_two(inputs: dict[str, Any]) -> dict[str, Any]:
    tables = [tier_table(leg["brackets"]) for leg in inputs["legs"]]
    notionals = [leg["notional"] for leg in inputs["legs"]]
    pairs = list(zip(tables, notionals, strict=True))
    return {
        "total": sum(float(table.maintenance_margin(notional)) for table, notional in pairs),
        "cums": [table.maintenance_amounts[table.tier_of(notional)] for table, notional in pairs],
    }


def product(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"value": float(table_ending_in(inputs["b"], 0.0).maintenance_margin(inputs["a"]))}


def upnl_linear(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"upnl": unrealized_pnl(signed(inputs), inputs["entry"], inputs["mark"])}


def iso_state(inputs: dict[str, Any]) -> dict[str, Any]:
    pnl = unrealized_pnl(signed(inputs), inputs["entry"], inputs["mark"])
    price = liquidation_price(
        signed(inputs), inputs["entry"], table_ending_in(inputs["mmr"], inputs["cum"]), inputs["isolated_wallet"]
    )
    return {"upnl": pnl, "isolated_margin": inputs["isolated_wallet"] + pnl, "liq_price": price}


def single_est_vs_cross(inputs: dict[str, Any]) -> dict[str, Any]:
    # The equity is stated at the mark, so the mark stands for the entry.
    price = liquidation_price(
        inputs["qty"],
        inputs["mark"],
        table_ending_in(inputs["mmr"], 0.0),
        inputs["equity"],
        other_maintenance_margin=inputs["other_mm"],
    )
    return {"liq_price": price}


def account_state(inputs: dict[str, Any]) -> dict[str, Any]:
    table, legs = tier_table(inputs["brackets"]), inputs["positions"]
    isolated = "margin" in legs[0]
    assert not isolated or len(legs) == 1
    collateral = legs[0]["margin"] if isolated else inputs["wallet"]
    quantities = [signed(leg) for leg in legs]
    entries, marks = [leg["entry"] for leg in legs], [leg["mark"] for leg in legs]
    surplus = pool_surplus(quantities, entries, marks, [table] * len(legs), collateral)
    requirement = float(table.maintenance_margin(np.abs(quantities) * np.asarray(marks)).sum())
    assert (margin_ratio(surplus + requirement, requirement) <= 1.0) == (surplus <= 0.0)
    return {
        "balance": surplus + requirement,
        "maintenance_margin": requirement,
        "liquidated": [leg["symbol"] for leg in legs] if surplus <= 0.0 else [],
    }


def hl_iso(inputs: dict[str, Any]) -> dict[str, Any]:
    # Half of the initial rate at the largest leverage (Hyperliquid, VENUES section 7).
    table = table_ending_in(0.5 / inputs["max_leverage"], 0.0)
    return {"liq_price": liquidation_price(signed(inputs), inputs["entry"], table, inputs["collateral"])}


def gate_okx_lp(inputs: dict[str, Any]) -> dict[str, Any]:
    # These venues count the closing fee in the trigger: it is added to the rate (METHODS M4).
    rate = inputs["mmr"] + inputs["taker"]
    return {"liq_price": liquidation_price_in_tier(signed(inputs), inputs["entry"], rate, 0.0, inputs["margin"])}


KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        account_state,
        binance_lp,
        binance_lp_brackets,
        bracket_lookup,
        cum_recursion,
        gate_okx_lp,
        hl_iso,
        iso_state,
        mm_cum,
        mm_marginal_sum,
        mm_two,
        product,
        single_est_vs_cross,
        upnl_linear,
    )
}


def agrees(figure: object, expected: object, tolerance: dict[str, float]) -> bool:
    if isinstance(expected, list) and all(isinstance(item, str) for item in expected):
        return figure == expected
    # Each vector states its own tolerance, that of the digits its source prints.
    return bool(figure == pytest.approx(expected, rel=tolerance.get("rel", 0.0), abs=tolerance.get("abs", 0.0)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector):
    figures = KINDS[vector["kind"]](vector["inputs"])
    compared = {key: value for key, value in vector["expected"].items() if key not in NOT_EXPRESSED}
    assert compared
    reproduced = {key: agrees(figures[key], value, vector["tolerance"]) for key, value in compared.items()}
    assert all(reproduced.values()) == vector["reproduced"], (figures, compared)


def test_not_reproduced_are_named():
    assert {vector["id"] for vector in VECTORS if not vector["reproduced"]} == set(WHY_NOT_REPRODUCED)


def test_no_kind_is_both_expressed_and_not():
    kinds = {vector["kind"] for vector in VECTORS}
    assert kinds == set(KINDS)
    assert not kinds & set(NOT_EXPRESSED)


def test_a_figure_off_by_twice_its_tolerance_is_seen():
    assert agrees(1153.2549, 1153.26, {"abs": 0.01})
    assert not agrees(1153.2399, 1153.26, {"abs": 0.01})
    assert not agrees(["BTC"], [], {"abs": 0.01})
