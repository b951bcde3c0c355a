"""Assets that serve as collateral: reading, placed faults, and where they stand in configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.book.configurations import standard_configurations
from stresslab.book.reading import read_book
from stresslab.documents.faults import InputError
from stresslab.scenario.reading import read_scenario
from tests.scenario.files import BOOK, SCENARIO, edited, write
from tests.scenario.rows import placed

ASSETS = """
[[collateral]]
asset = "ETH"
quantity = 12
tiers = [[0, 0.05], [20_000, 0.1]]

[[collateral]]
asset = "BTC"
id = "loan"
quantity = -0.5
"""


def test_assets_come_after_the_positions(tmp_path: Path) -> None:
    write(tmp_path, book=BOOK + ASSETS)
    book = read_book(tmp_path / "book.toml")
    held, loan = book.positions[2:]
    assert (held.id, held.symbol.underlying, held.quantity, held.is_collateral) == ("ETH", "ETH", 12.0, True)
    # By hand: 5 % of 20,000 and 10 % of what is beyond.
    assert float(held.symbol.tiers.maintenance_margin(36_000.0)) == pytest.approx(1_000.0 + 1_600.0)
    assert (loan.id, loan.quantity) == ("loan", -0.5)
    assert float(loan.symbol.tiers.maintenance_margin(30_000.0)) == 0.0
    # Without a mark of its own an asset has that of the first contract on it.
    assert (held.mark_price, loan.mark_price) == (3_300.0, 61_000.0)
    assert not any(position.is_collateral for position in book.positions[:2])


def test_assets_stand_in_the_cross_pool_and_alone_where_all_is_isolated(tmp_path: Path) -> None:
    write(tmp_path, book=BOOK + ASSETS)
    booked, isolated, crossed = standard_configurations(read_book(tmp_path / "book.toml"))
    assert [pool.positions for pool in booked.pools] == [(0,), (1, 2, 3)]
    assert [pool.positions for pool in crossed.pools] == [(0, 1, 2, 3)]
    assert [pool.positions for pool in isolated.pools] == [(0,), (1,), (2,), (3,)]
    # By hand: the cross pool's 950,000 go by initial margin, 3,300 x 150 / 100 and all of the debt's 30,500.
    eth, held, loan = (pool.collateral for pool in isolated.pools[1:])
    assert held == 0.0
    assert eth == pytest.approx(950_000 * 4_950 / 35_450)
    assert loan == pytest.approx(950_000 * 30_500 / 35_450)


def test_a_pool_may_name_an_asset(tmp_path: Path) -> None:
    scenario = edited(SCENARIO, ('"eth-short"]', '"eth-short", "ETH"]'))
    question = read_scenario(write(tmp_path, scenario=scenario, book=BOOK + ASSETS))
    assert [pool.positions for pool in question.configurations[-1].pools] == [(0, 1, 2), (3,)]


TIERS = "tiers = [[0, 0.05], [20_000, 0.1]]\n"
FAULTS = {
    "own currency": ('asset = "ETH"', 'asset = ►"USDT"', "is the book's own currency", None),
    "no haircut": (
        "tiers = [[0, 0.05], [20_000, 0.1]]\n",
        "",
        "the key `haircut` is missing",
        '[[collateral]]\nasset = "ETH"',
    ),
    "haircut and tiers": ("tiers = [", "haircut = 0.1\ntiers = ►[", "both a haircut and tiers", None),
    "debt with a haircut": ("quantity = -0.5", "quantity = -0.5\nhaircut = ►0.1", "a debt has no `haircut`", None),
    "percent": ("[20_000, 0.1]", "[20_000, ►10]", "tier 2: a haircut of 10 is above 1", None),
    "falling": ("[20_000, 0.1]", "[20_000, ►0.01]", "the haircut falls from 0.05 to 0.01", None),
    "unsorted": ("[20_000, 0.1]", "[►0, 0.1]", "the value 0 does not rise", None),
    "first tier": ("[[0, 0.05]", "[[►5, 0.05]", "the first tier begins at 5", None),
    "same name": ('id = "loan"', 'id = ►"ETH"', 'the id "ETH" stands twice', None),
    "taken name": ('id = "loan"', 'id = ►"cross"', "taken by the cross pool", None),
    "nothing": ("quantity = 12", "quantity = ►0", "the quantity is zero", None),
    "unknown key": ("quantity = 12", "quantity = 12\n►color = 0.1", 'unknown key "color"', None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_collateral_has_its_place(name: str, tmp_path: Path) -> None:
    old, new, words, at = FAULTS[name]
    text, line, column = placed(edited(BOOK + ASSETS, (old, new)), at)
    path = write(tmp_path, book=text)
    with pytest.raises(InputError) as raised:
        read_scenario(path)
    assert len(raised.value.faults) == 1, str(raised.value)
    fault = raised.value.faults[0]
    assert (Path(fault.path).name, fault.line, fault.column) == ("book.toml", line, column)
    assert words in str(fault)


def test_an_asset_without_any_price_is_a_fault(tmp_path: Path) -> None:
    # The market knows BTC and ETH alone, and no contract is on the stablecoin.
    asset = '\n[[collateral]]\nasset = "USDX"\nquantity = 100\nhaircut = 0.01\n'
    path = write(tmp_path, book=BOOK + asset)
    with pytest.raises(InputError, match='no price of the collateral asset "USDX" is stated'):
        read_scenario(path)


def test_a_book_in_coin_takes_no_other_asset(tmp_path: Path) -> None:
    text = (
        'schema = 1\nname = "coin"\nvenue = "binance-coinm"\ncurrency = "BTC"\nwallet_balance = 1\n\n[[position]]\n'
        'id = "a"\nsymbol = "BTCUSD_PERP"\nquantity = 10\nentry_price = 60_000\nmargin = "cross"\n\n'
        '[[collateral]]\nasset = "ETH"\nquantity = 1\nhaircut = 0.1\n'
    )
    (tmp_path / "book.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="in which no other asset has a price"):
        read_book(tmp_path / "book.toml")
