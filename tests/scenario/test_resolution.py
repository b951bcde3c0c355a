"""The resolved question and its identity: what moves it and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stresslab.scenario.reading import read_scenario
from stresslab.scenario.resolution import identity, resolved
from tests.scenario.files import BOOK, PACK, SCENARIO, edited, write


def test_the_resolved_question_is_plain_data(tmp_path: Path) -> None:
    question = resolved(read_scenario(write(tmp_path)))
    assert json.loads(json.dumps(question, allow_nan=False)) == question
    assert question["market"]["volatilities"] == [0.62, 0.78]
    assert question["book"]["positions"][0]["mark_price"] == 61_000.0
    assert list(question["venue"]["symbols"]) == ["BTCUSDT", "ETHUSDT"]
    assert question["configurations"][0]["pools"][1] == {
        "name": "cross",
        "positions": ["eth-short"],
        "collateral": 950_000.0,
    }


SAME = {
    "comment": {"scenario": "# a comment\n" + SCENARIO},
    "digits": {
        "scenario": edited(SCENARIO, ("100_000", "100000"), ("0.62", "6.2e-1"), ("drift = 0.1", "drift = 0.10"))
    },
    "duration": {"scenario": edited(SCENARIO, ('"90d"', '"2160h"'), ('"1h"', '"60m"'))},
    "order": {"scenario": edited(SCENARIO, ("price = 61_000\nvolatility = 0.62", "volatility = 0.62\nprice = 61_000"))},
    "default": {"scenario": edited(SCENARIO, ("volatility = 0.78", "volatility = 0.78\ndrift = 0.0\nprice = 3300"))},
    "source": {"pack": edited(PACK, ("by hand", "by somebody"))},
    "symbol not held": {"pack": PACK[: PACK.index("[symbols.BTCUSDC]")]},
}
OTHER = {
    "seed": {"scenario": edited(SCENARIO, ("seed = 7", "seed = 8"))},
    "paths": {"scenario": edited(SCENARIO, ("100_000", "100_001"))},
    "drift": {"scenario": edited(SCENARIO, ("drift = 0.1", "drift = 0.1000001"))},
    "pool": {"scenario": edited(SCENARIO, ("120_000", "120_001"))},
    "quantity": {"book": edited(BOOK, ("20.0", "20.5"))},
    "fee": {"pack": edited(PACK, ("fee_rate = 0.0", "fee_rate = 0.001"))},
    "rate": {"pack": edited(PACK, ("[[0, 0.005", "[[0, 0.006"))},
}


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME)
def test_the_way_a_file_is_written_does_not_move_the_identity(texts: dict[str, str], tmp_path: Path) -> None:
    before = identity(read_scenario(write(tmp_path)))
    assert identity(read_scenario(write(tmp_path, **texts))) == before
    assert len(before) == 64


@pytest.mark.parametrize("texts", OTHER.values(), ids=OTHER)
def test_what_is_asked_moves_the_identity(texts: dict[str, str], tmp_path: Path) -> None:
    before = identity(read_scenario(write(tmp_path)))
    assert identity(read_scenario(write(tmp_path, **texts))) != before


def test_an_override_counts_as_if_written(tmp_path: Path) -> None:
    written = identity(read_scenario(write(tmp_path, scenario=edited(SCENARIO, ("100_000", "50")))))
    assert identity(read_scenario(write(tmp_path), paths=50)) == written
