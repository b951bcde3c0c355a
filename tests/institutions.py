"""Scenarios with several books for tests: two accounts on two venues, in two currencies."""

from __future__ import annotations

from pathlib import Path

from tests.scenario.files import BOOK, PACK, SCENARIO, edited

INSTITUTION = edited(
    SCENARIO,
    ('book = "book.toml"', 'books = ["desk_a.toml", "desk_b.toml"]'),
    ('"90d"', '"4d"'),
    ('"1h"', '"4h"'),
    ("100_000", "2048"),
    (SCENARIO[SCENARIO.index("[[configuration]]") :], ""),
)

DESK_B = """\
schema = 1
name = "Desk B"
venue = "pack.toml"
currency = "USDT"
wallet_balance = 200_000

[[position]]
id = "btc-short"
symbol = "BTCUSDT"
quantity = -6.0
entry_price = 61_000
mark_price = 61_000
margin = "isolated"
collateral = 15_000

[[position]]
id = "eth-long"
symbol = "ETHUSDT"
quantity = 200.0
entry_price = 3_300
mark_price = 3_300
margin = "cross"
"""
IN_DOLLARS = edited(DESK_B, ('"USDT"', '"USDC"'))
RATES = """
[exchange_rates]
USDT = 0.92
USDC = 0.9
"""


def in_euros(text: str = INSTITUTION, rates: str = RATES) -> str:
    """The scenario with a reporting currency that is nobody's own."""
    return edited(text, ("seed = 7", 'seed = 7\nreporting_currency = "EUR"')) + rates


def write(
    folder: Path, scenario: str = INSTITUTION, desk_a: str = BOOK, desk_b: str = DESK_B, pack: str = PACK
) -> Path:
    """Write the files into a folder; the path of the scenario."""
    texts = {"scenario": scenario, "desk_a": desk_a, "desk_b": desk_b, "pack": pack}
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8", newline="")
    return folder / "scenario.toml"
