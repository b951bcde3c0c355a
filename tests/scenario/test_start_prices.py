"""Start prices and marks: the scenario's price, else the book's mark, else the entry price; a basis keeps its ratio."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from tests.scenario.files import BOOK, SCENARIO, edited, write

SECOND = """
[[position]]
id = "btc-short"
symbol = "{symbol}"
quantity = -1.0
entry_price = 62_000
{mark}
margin = "cross"
"""
PRICE = "price = 61_000\n"
MARK = "mark_price = 61_000\n"


def read(folder: Path, *, price: str = PRICE, mark: str = MARK, more: str = "") -> Scenario:
    return read_scenario(
        write(folder, scenario=edited(SCENARIO, (PRICE, price)), book=edited(BOOK, (MARK, mark)) + more)
    )


def marks(scenario: Scenario) -> dict[str, float | None]:
    return {position.id: position.mark_price for position in scenario.book.positions}


def test_the_price_of_the_scenario_comes_first(tmp_path: Path) -> None:
    scenario = read(tmp_path, price="price = 70_000\n")
    assert scenario.market.start_prices[0] == 70_000.0
    assert marks(scenario)["btc-long"] == 70_000.0
    (notice,) = scenario.notices
    assert "70_000" in notice.problem
    assert "61_000" in notice.problem
    assert (Path(notice.path).name, notice.line, notice.column) == ("scenario.toml", 13, 9)


def test_the_mark_of_the_book_comes_second(tmp_path: Path) -> None:
    scenario = read(tmp_path, price="", mark="mark_price = 61_234.5\n")
    assert scenario.market.start_prices[0] == 61_234.5
    assert scenario.notices == ()


def test_the_entry_price_comes_last_with_a_warning(tmp_path: Path) -> None:
    scenario = read(tmp_path, price="", mark="")
    assert scenario.market.start_prices[0] == 60_500.0
    assert marks(scenario)["btc-long"] == 60_500.0
    (notice,) = scenario.notices
    assert 'no price of "BTC" is stated; its entry price 60_500 is used' in notice.problem
    assert (Path(notice.path).name, notice.line) == ("book.toml", 7)


def test_a_price_without_a_mark_marks_the_position(tmp_path: Path) -> None:
    scenario = read(tmp_path, mark="")
    assert marks(scenario)["btc-long"] == 61_000.0
    assert scenario.notices == ()


def test_marks_on_one_underlying_keep_their_ratio(tmp_path: Path) -> None:
    # A basis of +0.5 %: 61,305 / 61,000.
    second = SECOND.format(symbol="BTCUSDC", mark="mark_price = 61_305")
    scenario = read(tmp_path, more=second)
    assert scenario.market.start_prices[0] == 61_000.0
    assert marks(scenario) == {"btc-long": 61_000.0, "eth-short": 3_300.0, "btc-short": 61_305.0}
    assert scenario.notices == ()
    moved = read(tmp_path, price="price = 122_000\n", more=second)
    assert marks(moved)["btc-long"] == 122_000.0
    assert marks(moved)["btc-short"] == pytest.approx(122_610.0, rel=1e-15)
    assert len(moved.notices) == 1


def test_the_price_may_be_that_of_any_of_the_marks(tmp_path: Path) -> None:
    second = SECOND.format(symbol="BTCUSDC", mark="mark_price = 61_305")
    scenario = read(tmp_path, price="price = 61_305\n", more=second)
    assert scenario.market.start_prices[0] == 61_305.0
    assert marks(scenario)["btc-long"] == 61_000.0
    assert marks(scenario)["btc-short"] == 61_305.0
    assert scenario.notices == ()


def test_a_position_without_a_mark_takes_that_of_its_symbol(tmp_path: Path) -> None:
    third = SECOND.format(symbol="BTCUSDC", mark="mark_price = 61_305") + SECOND.format(
        symbol="BTCUSDC", mark=""
    ).replace("btc-short", "btc-third")
    assert marks(read(tmp_path, more=third))["btc-third"] == 61_305.0


def test_a_position_without_a_mark_on_a_symbol_without_one_starts_at_the_price(tmp_path: Path) -> None:
    assert marks(read(tmp_path, more=SECOND.format(symbol="BTCUSDC", mark="")))["btc-short"] == 61_000.0


def test_two_marks_of_one_symbol_are_a_warning(tmp_path: Path) -> None:
    scenario = read(tmp_path, more=SECOND.format(symbol="BTCUSDT", mark="mark_price = 61_001"))
    (notice,) = scenario.notices
    assert '"BTCUSDT" has two mark prices, 61_000 and 61_001' in notice.problem
    assert (Path(notice.path).name, notice.line, notice.column) == ("book.toml", 29, 14)
