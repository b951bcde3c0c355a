"""Published worked figures of every venue that has a rule pack, and of some that have none, by the public functions.

The oracle of each row is the venue's or a project's own figure, with its source, in tests/data/venue_vectors.json. Rows
marked as not reproduced hold figures that contradict their own inputs: they must not come out, and so show that the
comparison can fail.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.venues import chain_kinds, venue_kinds

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "venue_vectors.json").read_text(encoding="utf-8"))
WITH_PACK = {
    *("binance-usdm", "binance-coinm", "bybit", "okx", "hyperliquid", "dydx-v4", "deribit", "kraken-futures"),
    "bitmex",
}

NOT_EXPRESSED = {
    "ft-backtest-buffer-long": "a trading bot's own safety distance of 5 %: no rule of a venue",
    "ft-backtest-buffer-short": "the same safety distance",
    "dydx-mm-fraction-a": "a product of two fractions: packs state the maintenance rate itself",
}
WHY_NOT_REPRODUCED = {
    "ft-docstring-stale-1": "a docstring older than the table of its own test, which holds 11.8977 for these inputs",
    "ft-docstring-stale-2": "the same docstring; its test's table holds 8.0707",
    "ft-docstring-stale-3": "the same docstring; its test's table holds 13.1935",
    "binance-um-faq-upnl-eth-oldcopy": "an old copy of the page misprints the pnl: its prices need -448,192.89",
    "bitmex-iso-4xbt": "the page states no maintenance rate; its 97 needs 1 % of the entry notional",
    "nautilus-xbtusd-mm-10x": "the project divides the maintenance margin by leverage, which no venue does",
    "orderly-ex2": "the page counts the profit of 40 in the balance, and again beside it as none",
    "toobit-cross-ratio": "the page states a rate of 0.5 % and reckons with the initial margin",
}
EXPRESSED = [vector for vector in VECTORS if vector["id"] not in NOT_EXPRESSED]


def agrees(figure: object, expected: object, tolerance: dict[str, float]) -> bool:
    if isinstance(expected, dict):
        assert isinstance(figure, dict)
        return all(agrees(figure[key], value, tolerance) for key, value in expected.items())
    if expected is None or isinstance(expected, bool) or (isinstance(expected, list) and not expected):
        return figure == expected
    if isinstance(expected, list) and isinstance(expected[0], str):
        return figure == expected
    # Each vector states its own tolerance, that of the digits its source prints.
    return bool(figure == pytest.approx(expected, rel=tolerance.get("rel", 0.0), abs=tolerance.get("abs", 0.0)))


def figures_of(vector: dict[str, Any]) -> dict[str, Any]:
    """By the function that bears the name of the vector's kind."""
    kind = "funding_clamp" if vector["id"] == "dydx-funding-clamp" else vector["kind"]
    module = chain_kinds if hasattr(chain_kinds, kind) else venue_kinds
    figures: dict[str, Any] = getattr(module, kind)(vector["inputs"])
    return figures


def reproduced(vector: dict[str, Any]) -> bool:
    figures = figures_of(vector)
    return all(agrees(figures.get(key), value, vector["tolerance"]) for key, value in vector["expected"].items())


@pytest.mark.parametrize("vector", EXPRESSED, ids=lambda vector: vector["id"])
def test_vector(vector):
    assert reproduced(vector) == vector["reproduced"], figures_of(vector)


def test_how_many_pass():
    with_pack = [vector for vector in VECTORS if vector["venue"] in WITH_PACK]
    assert len(with_pack) == 172
    passing = [vector for vector in with_pack if vector["id"] not in NOT_EXPRESSED and reproduced(vector)]
    # What is left: three that no rule expresses, and six that contradict themselves.
    assert len(passing) == 163
    assert set(NOT_EXPRESSED) <= {vector["id"] for vector in with_pack}


def test_not_reproduced_are_named():
    assert {vector["id"] for vector in VECTORS if not vector["reproduced"]} == set(WHY_NOT_REPRODUCED)


def test_a_figure_off_by_thrice_its_tolerance_is_seen():
    """Negative control: no passing row passes when one of its numbers is moved."""
    for vector in EXPRESSED:
        for key, value in vector["expected"].items():
            if not vector["reproduced"] or not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            width = vector["tolerance"].get("abs", 0.0) + vector["tolerance"].get("rel", 0.0) * abs(value)
            moved = value + (3.0 * width if width else 1.0)
            assert not reproduced({**vector, "expected": {**vector["expected"], key: moved}}), vector["id"]
