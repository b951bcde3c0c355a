"""The rule packs that are shipped: well formed, obedient to the recursion, and equal to their sources."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from stresslab.venues.tiers import TierTable

PROJECT = Path(__file__).parents[2]
BINANCE = {"binance-usdm": "2026-09-30", "binance-usdm-2024-06": "2024-06-27", "binance-usdm-2022-04": "2022-04-16"}
NAMES = (*BINANCE, "teaching")


def text(name: str) -> str:
    return (files("stresslab.venues") / "packs" / f"{name}.toml").read_text(encoding="utf-8")


def pack(name: str) -> dict[str, Any]:
    return tomllib.loads(text(name))


def table(rows: list[list[float]]) -> TierTable:
    floors, rates, _, leverages = (tuple(map(float, column)) for column in zip(*rows, strict=True))
    return TierTable(floors, rates, leverages)


def faults(rows: list[list[float]]) -> list[str]:
    """The faults of a tier table that DESIGN section 7.3 lists, worked out from the rows alone."""
    found = []
    amount = 0.0
    for index, (floor, rate, printed, leverage) in enumerate(rows):
        if index == 0:
            if floor != 0:
                found.append("first floor")
        else:
            last_floor, last_rate, _, last_leverage = rows[index - 1]
            amount += floor * (rate - last_rate)
            if floor <= last_floor:
                found.append("floor")
            if rate < last_rate:
                found.append("rate")
            if leverage > last_leverage:
                found.append("leverage")
        if leverage * rate > 1.0:
            found.append("leverage above 1 / rate")
        if abs(printed - amount) > 1e-6 * amount:
            found.append("amount")
    return found


SYMBOLS = [
    (name, symbol) for name in NAMES for symbol, entry in pack(name)["symbols"].items() if entry["contract"] != "spot"
]


@pytest.mark.parametrize("name", NAMES)
def test_header(name):
    header = pack(name)
    assert header["schema"] == 1
    assert header["name"] == name
    assert isinstance(header["effective"], dt.date)
    assert len(header["source"]) > 20
    assert header["funding"]["interval"] == "8h"
    assert header["liquidation"] == {"procedure": "full", "fee_rate": 0.0, "remainder": "returned"}


@pytest.mark.parametrize(("name", "symbol"), SYMBOLS)
def test_symbol(name, symbol):
    entry = pack(name)["symbols"][symbol]
    assert entry["contract"] == "linear"
    assert symbol == entry["underlying"] + "USDT"
    assert faults(entry["tiers"]) == []
    # Oracle: the amounts that the venue prints.
    printed = [row[2] for row in entry["tiers"]]
    assert table(entry["tiers"]).maintenance_amounts == pytest.approx(printed, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("row", "column", "value", "fault"),
    [
        (0, 0, 1, "first floor"),
        (2, 0, 200_000, "floor"),
        (2, 1, 0.0045, "rate"),
        (2, 3, 101, "leverage"),
        (0, 3, 251, "leverage above 1 / rate"),
        (2, 2, 1_500.01, "amount"),
    ],
)
def test_a_spoiled_table_is_at_fault(row, column, value, fault):
    rows = [list(each) for each in pack("binance-usdm")["symbols"]["BTCUSDT"]["tiers"]]
    rows[row][column] = value
    assert fault in faults(rows)


@pytest.mark.parametrize(
    ("name", "rate", "leverage"),
    [("binance-usdm-2022-04", 0.01, 50), ("binance-usdm-2024-06", 0.005, 100), ("binance-usdm", 0.005, 100)],
)
def test_the_first_tier_of_sol_over_the_years(name, rate, leverage):
    """Oracle: VENUES section 3: 1 % and 50x in 2022, 0.5 % and 100x from 2024."""
    assert pack(name)["symbols"]["SOLUSDT"]["tiers"][0] == [0, rate, 0, leverage]


def test_binance_holds_the_liquid_symbols():
    symbols = pack("binance-usdm")["symbols"]
    assert len(symbols) >= 40
    assert {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "LTCUSDT", "LINKUSDT", "DOGEUSDT", "AVAXUSDT"} <= set(symbols)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT"])
def test_binance_tiers_against_an_earlier_snapshot(symbol):
    """Oracle: the venue's table of 2026-05-07, recorded apart from the pack's source; these did not change since."""
    vectors = json.loads((PROJECT / "tests/data/binance_linear_vectors.json").read_text(encoding="utf-8"))
    (vector,) = (v for v in vectors if v["id"] == f"binance-um-cum-recursion-{symbol.lower()}-latest")
    rows = [
        [floor, rate, amount, leverage]
        for (floor, _, rate, leverage), amount in zip(
            vector["inputs"]["brackets"], vector["expected"]["cum"], strict=True
        )
    ]
    assert pack("binance-usdm")["symbols"][symbol]["tiers"] == rows


@pytest.mark.parametrize(("name", "date"), BINANCE.items())
def test_binance_pack_is_what_its_script_writes(name, date):
    brackets = PROJECT.parent / "shared/data/margin_tiers/binance_um_tiers.parquet"
    if not brackets.exists():
        pytest.skip("the bracket table is not here")
    pytest.importorskip("pyarrow")
    command = [sys.executable, str(PROJECT / "scripts/make_rule_pack"), str(brackets), date, name]
    made = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    assert made.stdout == text(name)


def test_teaching_is_the_flat_tier_of_the_worked_examples():
    """Oracle: METHODS section 1, m = 0.5 % and c = 0."""
    for name, entry in pack("teaching")["symbols"].items():
        if name.endswith("-SPOT"):
            assert entry == {"underlying": name.removesuffix("-SPOT"), "contract": "spot"}
        else:
            assert entry["tiers"] == [[0, 0.005, 0, 125]]
