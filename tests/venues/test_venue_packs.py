"""The packs of single venues against figures that the venues state, and how `explain` tells them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import pytest

from stresslab.book.configurations import as_booked, standard_configurations
from stresslab.book.reading import read_book
from stresslab.documents.faults import InputError
from stresslab.margin.explanation import Explanation, as_json, as_text, explain
from stresslab.scenario.reading import read_scenario
from stresslab.simulation.run import simulate
from stresslab.venues.reading import read_pack, shipped_packs
from stresslab.venues.rules.margin_rules import PLAIN, initial_margin, maintenance_margin
from tests.scenario.files import SCENARIO, edited

POSITION = """
[[position]]
id = "p{index}"
symbol = "{symbol}"
quantity = {quantity}
entry_price = {entry}
mark_price = {mark}
margin = "{margin}"
"""


def book_file(
    folder: Path, venue: str, currency: str, wallet: float, *positions: tuple[str, float, float, float, float | None]
) -> Path:
    """A book of positions: symbol, quantity, entry, mark, and collateral where isolated."""
    text = f'schema = 1\nname = "Desk"\nvenue = "{venue}"\ncurrency = "{currency}"\nwallet_balance = {wallet!r}\n'
    for index, (symbol, quantity, entry, mark, collateral) in enumerate(positions):
        margin = "cross" if collateral is None else "isolated"
        text += POSITION.format(
            index=index, symbol=symbol, quantity=float(quantity), entry=entry, mark=mark, margin=margin
        )
        text += "" if collateral is None else f"collateral = {collateral!r}\n"
    path = folder / "book.toml"
    path.write_text(text, encoding="utf-8")
    return path


def explained(path: Path) -> Explanation:
    book = read_book(path)
    return explain(book, [as_booked(book)])


def test_every_pack_is_dated_sourced_and_hashed():
    packs = shipped_packs()
    assert {pack.name for pack in packs} == {
        *("binance-usdm", "binance-usdm-2022-04", "binance-usdm-2024-06", "binance-coinm", "bybit", "okx"),
        *("hyperliquid", "dydx-v4", "deribit", "kraken-futures", "bitmex", "teaching"),
    }
    for pack in packs:
        assert pack.confidence in ("primary", "secondary", "inferred") or pack.name == "teaching"
        assert len(pack.source) > 20
    assert len({pack.sha256 for pack in packs}) == len(packs)


def margin(name: str, symbol: str, quantity: float, price: float) -> tuple[float, float]:
    listed = read_pack(name).symbols[symbol]
    terms = (quantity, price, listed.tiers, listed.contract, listed.contract_size, listed.rules)
    return initial_margin(*terms), maintenance_margin(*terms)


@pytest.mark.parametrize(
    ("name", "symbol", "quantity", "price", "initial", "maintenance"),
    [
        # Deribit's page: 25 BTC at 100,000, and 25 SOL at 200.
        ("deribit", "BTC_USDC-PERPETUAL", 25.0, 100e3, 53_125.0, 28_125.0),
        ("deribit", "SOL_USDC-PERPETUAL", -25.0, 200.0, 200.625, 100.625),
        # Kraken's page: 2 % of 1,000 dollars at 8,000, and half of it.
        ("kraken-futures", "PI_XBTUSD", 1_000.0, 8_000.0, 0.0025, 0.00125),
        # Level two, whole: 4 % and 2 % of 600,000 dollars at 30,000.
        ("kraken-futures", "PI_XBTUSD", 600e3, 30e3, 0.8, 0.4),
        # Binance: 100 contracts of 100 dollars at 25,000 are 0.4 BTC, 0.4 % of them 0.0016.
        ("binance-coinm", "BTCUSD_PERP", 100.0, 25e3, 0.0032, 0.0016),
        # Bybit: 0.33 % of 200,000 is 660; 3 million lie beyond.
        ("bybit", "BTCUSDT", 2.0, 100e3, 200e3 / 150.0, 660.0),
        # Hyperliquid: 40 and 20 times at 150 million: 200m at 2.5 % less 1.875m.
        ("hyperliquid", "BTC", 2_000.0, 100e3, 10e6, 3.125e6),
        # dYdX: 2 % and six tenths of it.
        ("dydx-v4", "BTC-USD", -1.0, 50e3, 1_000.0, 600.0),
        ("okx", "BTC-USDT-SWAP", 1.0, 50e3, 500.0, 200.0),
        ("bitmex", "XBTUSD", 100e3, 50e3, 0.02, 0.01),
    ],
)
def test_margins_of_the_packs(name, symbol, quantity, price, initial, maintenance):
    assert margin(name, symbol, quantity, price) == pytest.approx((initial, maintenance), rel=1e-9)


def test_an_inverse_position_is_explained_in_coin(tmp_path):
    """Oracle: Kraken's worked example, 7,481 and 7,407."""
    path = book_file(tmp_path, "kraken-futures", "BTC", 0.01, ("PI_XBTUSD", 1_000, 8_000, 8_000, 0.01))
    explanation = explained(path)
    (leg,) = explanation.pools[0].positions
    assert leg.liquidation_price == pytest.approx(7_481.48, abs=5e-3)
    assert leg.bankruptcy_price == pytest.approx(7_407.41, abs=5e-3)
    text = " ".join(as_text(explanation).split())
    assert "notional 0.12500000 1,000 x 1 / 8,000" in text
    assert "maintenance margin 0.00125000 1 % x 0.12500000; tier from 0" in text
    assert "unrealized pnl 0.00000000 1,000 x 1 x (1 / 8,000 - 1 / 8,000)" in text
    assert "rule of this contract: tier rule whole position" in text


def test_an_inverse_short_without_leverage_has_no_price_in_words(tmp_path):
    """METHODS M5: it can neither be liquidated nor go bankrupt."""
    path = book_file(tmp_path, "binance-coinm", "BTC", 2.0, ("BTCUSD_PERP", -1_000, 50_000, 40_000, 2.0))
    explanation = explained(path)
    assert as_text(explanation).count("is positive at every price of BTCUSD_PERP") == 2
    (position,) = json.loads(as_json(explanation))["pools"][0]["positions"]
    assert (position["liquidation_price"], position["bankruptcy_price"]) == (None, None)
    # 100,000 dollars x (1 / 40,000 - 1 / 50,000).
    assert position["unrealized_pnl"] == pytest.approx(0.5, rel=1e-12)


def test_the_calculator_of_binance(tmp_path):
    """Oracle: the venue's calculator gives 33,599.40 for 100,000 contracts on 101 BTC."""
    path = book_file(tmp_path, "binance-coinm", "BTC", 101.0, ("BTCUSD_PERP", 100_000, 45_000, 45_000, None))
    (leg,) = explained(path).pools[0].positions
    assert leg.liquidation_price == pytest.approx(33_599.4, abs=0.05)


def test_bybit_requires_at_entry(tmp_path):
    """Oracle: E (1 - 1 / L + m) with the first rate, 50,000 x (1 - 0.02 + 0.0033)."""
    path = book_file(tmp_path, "bybit", "USDT", 1_000.0, ("BTCUSDT", 1, 50_000, 51_000, 1_000.0))
    (leg,) = explained(path).pools[0].positions
    assert leg.liquidation_price == pytest.approx(50_000 * (1 - 0.02 + 0.0033), rel=1e-12)
    assert leg.maintenance_margin == pytest.approx(165.0, rel=1e-12)
    assert "0.33 % x 50,000.00 (notional at entry) - 0.00" in as_text(explained(path))


def test_the_fee_to_close_stands_in_the_requirement(tmp_path):
    """Oracle: OKX's formula (E - W / q) / (1 - m - f) with m = 0.4 % and f = 0.06 %."""
    path = book_file(tmp_path, "okx", "USDT", 10_000.0, ("BTC-USDT-SWAP", 2, 50_000, 50_000, 10_000.0))
    explanation = explained(path)
    (leg,) = explanation.pools[0].positions
    assert leg.liquidation_price == pytest.approx(45_000 / (1 - 0.0046), rel=1e-12)
    assert leg.maintenance_margin == pytest.approx(460.0, rel=1e-12)
    assert "0.4 % x 100,000.00 + 60.00 to close (0.06 % of the value at the mark price)" in as_text(explanation)


def test_bitmex_counts_the_fee_at_bankruptcy(tmp_path):
    """Hand: 100,000 dollars at 50,000 are 2 coins on 0.2; bankrupt at 100,000 x 1.00075 / 2.2, fee 0.00075 there."""
    path = book_file(tmp_path, "bitmex", "BTC", 0.2, ("XBTUSD", 100_000, 50_000, 50_000, 0.2))
    (leg,) = explained(path).pools[0].positions
    fee = 0.00075 * 2.2 / 1.00075
    assert leg.closing_fee == pytest.approx(fee, rel=1e-12)
    # 0.2 + 2 - 100,000 / P = 0.5 % of 2 + fee.
    assert leg.liquidation_price == pytest.approx(100_000 / (2.2 - 0.01 - fee), rel=1e-12)


def test_dydx_stands_at_equality(tmp_path):
    """Long 1 at 50,000 marked there with 600 behind: the requirement is 600, and only less is liquidated."""
    path = book_file(tmp_path, "dydx-v4", "USDC", 600.0, ("BTC-USD", 1, 50_000, 50_000, None))
    book = read_book(path)
    (pool,) = explain(book, [as_booked(book)]).pools
    assert (pool.surplus, pool.liquidated) == (0.0, False)
    teaching = book_file(tmp_path, "teaching", "USDT", 250.0, ("BTCUSDT", 1, 50_000, 50_000, None))
    assert explained(teaching).pools[0].liquidated


def test_inverse_contracts_of_one_coin_share_a_pool(tmp_path):
    """Two legs of one contract: 2,000 long and 500 short at 50,000 and 40,000, on 0.02 BTC, by the surplus itself."""
    legs = [("BTCUSD_PERP", 2_000, 50_000.0, 45_000.0, None), ("BTCUSD_PERP", -500, 40_000.0, 45_000.0, None)]
    book = read_book(book_file(tmp_path, "binance-coinm", "BTC", 3.0, *legs))
    first, second = explain(book, [as_booked(book)]).pools[0].positions
    price = first.liquidation_price
    assert price is not None
    assert second.liquidation_price == pytest.approx(price, rel=1e-12)
    pnl = 200e3 * (1 / 50e3 - 1 / price) - 50e3 * (1 / 40e3 - 1 / price)
    table = read_pack("binance-coinm").symbols["BTCUSD_PERP"].tiers
    required = sum(float(table.maintenance_margin(value / price)) for value in (200e3, 50e3))
    assert 3.0 + pnl == pytest.approx(required, rel=1e-9)


@pytest.mark.parametrize("currency", ["USD", "USDT"])
def test_a_coin_margined_book_is_in_its_coin(currency, tmp_path):
    path = book_file(tmp_path, "binance-coinm", currency, 2.0, ("BTCUSD_PERP", -1_000, 50_000, 40_000, 2.0))
    with pytest.raises(InputError, match=r'settles in BTC.*write currency = "BTC"'):
        read_book(path)


def test_linear_and_inverse_do_not_share_a_book(tmp_path):
    legs = [("BTCUSD", 1_000, 50_000, 50_000, None), ("BTCUSDT", 0.1, 50_000, 50_000, None)]
    with pytest.raises(InputError, match='"BTCUSDT" settles in its quote currency'):
        read_book(book_file(tmp_path, "bybit", "BTC", 2.0, *legs))


def test_a_size_beyond_the_known_tiers_is_refused(tmp_path):
    """Bybit's rows end at 2.6 million: 26 at 100,000 stand, 26.1 do not."""
    read_book(book_file(tmp_path, "bybit", "USDT", 1e6, ("BTCUSDT", 26, 100_000, 100_000, None)))
    path = book_file(tmp_path, "bybit", "USDT", 1e6, ("BTCUSDT", 26.1, 100_000, 100_000, None))
    with pytest.raises(InputError, match="notional of 2,610,000 is beyond 2,600,000") as raised:
        read_book(path)
    (fault,) = raised.value.faults
    assert path.read_text().splitlines()[fault.line - 1].startswith("quantity")


BOOKS = {
    "binance-coinm": ("BTC", 2.0, ("BTCUSD_PERP", -1_000, 50_000, 50_000, 2.0)),
    "bybit": ("USDT", 1_000.0, ("BTCUSDT", 1, 50_000, 50_000, 1_000.0)),
    "okx": ("USDT", 10_000.0, ("BTC-USDT-SWAP", 2, 50_000, 50_000, 10_000.0)),
    "dydx-v4": ("USDC", 2_000.0, ("BTC-USD", 1, 50_000, 50_000, None)),
    "deribit": ("USDC", 2_000.0, ("BTC_USDC-PERPETUAL", 1, 50_000, 50_000, None)),
    "kraken-futures": ("BTC", 0.01, ("PI_XBTUSD", 1_000, 8_000, 8_000, 0.01)),
    "bitmex": ("BTC", 0.2, ("XBTUSD", 100_000, 50_000, 50_000, 0.2)),
}
ONE_ASSET = edited(
    SCENARIO,
    ("\n[market.assets.ETH]\nvolatility = 0.78\n", ""),
    ('[market.correlation]\nassets = ["BTC", "ETH"]\nmatrix = [[1.0, 0.82], [0.82, 1.0]]\n', ""),
    (SCENARIO[SCENARIO.index("[[configuration]]") :], ""),
    ("price = 61_000\n", ""),
)


PATHS = 16_384


def first_passage(barrier: float, volatility: float, drift: float, days: float) -> float:
    """METHODS M11: the chance that the log of the price comes to a barrier."""
    sigma, side = volatility * math.sqrt(days / 365.0), math.copysign(1.0, barrier)
    mean = drift * days / 365.0 - 0.5 * sigma * sigma
    normal = NormalDist().cdf
    near = normal(side * (mean - barrier) / sigma)
    return near + math.exp(2.0 * mean * barrier / sigma**2) * normal(side * (-mean - barrier) / sigma)


@pytest.mark.parametrize("venue", BOOKS)
def test_a_position_is_liquidated_as_often_as_the_price_comes_to_the_price_explained(venue, tmp_path):
    """Oracle: the closed form of first passage (M11) at the price that `explain` shows, which vectors pin."""
    currency, wallet, position = BOOKS[venue]
    book = read_book(book_file(tmp_path, venue, currency, wallet, position))
    shown = explain(book, standard_configurations(book))
    assert as_text(shown)
    price = shown.pools[0].positions[0].liquidation_price
    (tmp_path / "scenario.toml").write_text(ONE_ASSET, encoding="utf-8")
    read = read_scenario(tmp_path / "scenario.toml", paths=PATHS)
    question = replace(read, configurations=read.configurations[:1], horizon=2.0, step=1.0, steps=2)
    steps = simulate(question).liquidation_step[0]
    seen = float((steps <= 2).mean())
    if price is None:
        assert seen == 0.0  # an inverse short without leverage
        return
    market = float(question.market.volatilities[0]), float(question.market.drifts[0]), 2.0
    expected = first_passage(math.log(price / position[2]), *market)
    assert 0.02 < expected < 0.98
    assert seen == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / PATHS))
    # Negative control: a price a tenth nearer is another probability.
    nearer = first_passage(0.9 * math.log(price / position[2]), *market)
    assert abs(seen - nearer) > 4.0 * math.sqrt(nearer * (1.0 - nearer) / PATHS)


def test_control_the_same_scenario_on_a_plain_venue_is_read(tmp_path):
    (tmp_path / "scenario.toml").write_text(ONE_ASSET, encoding="utf-8")
    for venue, symbol, currency in (("hyperliquid", "BTC", "USDC"), ("binance-usdm-2022-04", "BTCUSDT", "USDT")):
        book_file(tmp_path, venue, currency, 5_000.0, (symbol, 1, 50_000, 50_000, 5_000.0))
        assert read_scenario(tmp_path / "scenario.toml").book.positions[0].symbol.rules == PLAIN
