"""Exports of positions: every column and figure counted by hand in the tables below.

Oracles: the venue's own published or recorded responses where named, and sums on paper.
"""

from __future__ import annotations

import csv
import io
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.book.exports.figures import figure_text
from stresslab.book.exports.reading import Export, read_export
from stresslab.book.exports.table import LAYOUTS
from stresslab.book.exports.writing import Account, book_text, write_book
from stresslab.book.reading import read_book
from stresslab.documents.faults import InputError
from stresslab.venues.reading import read_pack
from tests.book.export_cases import BINANCE_2, BYBIT, CASES, OKX, PLAIN, Expected

BINANCE_PACK = read_pack("binance-usdm")
TEACHING = read_pack("teaching")


def export_of(folder: Path, text: str, currency: str | None = None, name: str = "export.csv") -> Export:
    (folder / name).write_text(text, encoding="utf-8")
    return read_export(folder / name, BINANCE_PACK, currency)


def seen(export: Export) -> list[Expected]:
    def told(value: Decimal | None) -> str | None:
        return None if value is None else figure_text(value)

    return [
        (
            *(held.id, held.symbol.name, figure_text(held.quantity), figure_text(held.entry_price)),
            *(told(held.mark_price), held.margin, told(held.collateral)),
        )
        for held in export.positions
    ]


def problems(export: Export) -> list[tuple[int, int, str]]:
    return [(fault.line, fault.column, fault.problem) for fault in export.unreadable]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_a_venues_export_is_read(case, delimiter, tmp_path):
    text, layout, expected = CASES[case]
    if delimiter != ",":
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter).writerows(csv.reader(io.StringIO(text)))
        text = out.getvalue()
        if delimiter == ";":
            text = (
                text.replace("1,250.5", "1 250.5").replace("60,500.25", "60 500.25").replace("9,000,000", "9'000'000")
            )
    export = export_of(tmp_path, text)
    assert export.unreadable == ()
    assert export.layout == layout
    assert seen(export) == expected


def test_cases_cover_every_layout():
    assert {layout for _, layout, _ in CASES.values()} == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("case", CASES)
def test_the_book_has_no_fault_and_holds_the_same(case, tmp_path):
    text, _, expected = CASES[case]
    export = export_of(tmp_path, text)
    account = Account("binance-usdm", "Desk A", Decimal("20_000_000"), Decimal("1500.5"))
    written, _ = book_text(export, account, tmp_path)
    write_book(written, tmp_path / "book.toml")
    book = read_book(tmp_path / "book.toml")
    assert book.wallet_balance == 19_998_499.5
    assert book.currency == ("USDC" if export.layout == "Hyperliquid" else "USDT")
    assert [
        (held.id, held.symbol.name, held.quantity, held.entry_price, held.mark_price, held.margin, held.collateral)
        for held in book.positions
    ] == [
        (name, symbol, float(size), float(entry), mark and float(mark), margin, money and float(money))
        for name, symbol, size, entry, mark, margin, money in expected
    ]


def test_what_was_derived_or_has_no_position_is_told(tmp_path):
    def notices(text: str) -> list[tuple[int, str]]:
        return [(notice.line, notice.problem) for notice in export_of(tmp_path, text).notices]

    assert notices(BINANCE_2) == [(4, '"ETHUSDT" has a size of zero')]
    assert notices(BYBIT)[0] == (1, "the columns are those of Bybit")
    assert notices(BYBIT)[1:] == [(5, '"XRPUSDT" has a size of zero')]
    assert notices(OKX)[0] == (2, "a contract is taken to be 0.01 base units")
    assert notices(PLAIN) == [
        (1, '"Positions of Desk A" stands above the header'),
        (5, "the margin is not stated; collateral is the entry notional over the leverage, 7500"),
    ]


HEAD = "symbol,side,quantity,entry price,margin,collateral,leverage\n"
RIGHT = "BTCUSDT,long,1,60000,cross,,\n"


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("NOSUCH,long,1,60000,cross,,", 1, 'the venue "binance-usdm" lists no symbol "NOSUCH"'),
        ("BTCUSDT_260925,long,1,60000,cross,,", 1, 'the venue "binance-usdm" lists no symbol "BTCUSDT_260925"'),
        ("BTC/USD:BTC,long,1,60000,cross,,", 1, 'the venue "binance-usdm" lists no symbol "BTC/USD:BTC"'),
        (",long,1,60000,cross,,", 1, "the symbol is blank"),
        ("ETHUSDT,,1,3000,cross,,", 2, "the side is blank"),
        ("ETHUSDT,up,1,3000,cross,,", 2, 'the side is "up"'),
        ("ETHUSDT,long,-1,3000,cross,,", 3, 'the side is "long", and the size is below zero'),
        ("ETHUSDT,long,,3000,cross,,", 3, "the size is blank"),
        ("ETHUSDT,long,3000 USDT,3000,cross,,", 3, '"3000 USDT" is in "USDT"'),
        ("ETHUSDT,long,2.5K,3000,cross,,", 3, '"2.5K" is in "K"'),
        ('ETHUSDT,long,"1,5",3000,cross,,', 3, '"1,5" is not a number'),
        ("ETHUSDT,long,1,,cross,,", 4, "the entry price is blank"),
        ("ETHUSDT,long,1,-3000,cross,,", 4, "the entry price is -3000"),
        ("ETHUSDT,long,1,3000 EUR,cross,,", 4, '"3000 EUR" is in "EUR"'),
        ("ETHUSDT,long,1,nan,cross,,", 4, '"nan" is not a number'),
        ("ETHUSDT,long,1,1e400,cross,,", 4, '"1e400" is beyond the size that markets have'),
        ("ETHUSDT,long,1,3000,portfolio,,", 5, 'the margin mode is "portfolio"'),
        ("ETHUSDT,long,1,3000,,,", 5, "the margin mode is blank"),
        ("ETHUSDT,long,1,3000,isolated,,", 6, "the position is isolated, and its margin is not stated"),
        ("ETHUSDT,long,1,3000,isolated,0,10x", 6, "the margin behind the position is 0"),
        ("ETHUSDT,long,1,3000,isolated,300,", 0, ""),
        # 3,000 / 150 = 20 is the least that the tier allows.
        ("ETHUSDT,long,1,3000,isolated,20,", 0, ""),
        (
            "ETHUSDT,long,1,3000,isolated,19,",
            6,
            "a leverage of 157.9 (entry notional 3,000.00 over collateral 19.00) is above the tier's limit of 150",
        ),
        ("BTCUSDC,long,1,3000,cross,,", 1, 'the position is settled in "USDC", and the book is in "USDT"'),
        ("BTCUSDT,long,2,61000,cross,,", 1, "BTCUSDT, long, cross stands twice, first in line 2"),
        ("ETHUSDT,long,1,3000", 1, "the row has 4 fields, and the header 7"),
        ("ETHUSDT,long,1,3,000,cross,,,", 1, "the row has 9 fields, and the header 7"),
    ],
)
def test_each_fault_of_a_row_is_placed(row, column, problem, tmp_path):
    export = export_of(tmp_path, HEAD + RIGHT + "\n" + row + "\n", "USDT")
    if not problem:
        assert problems(export) == []
        assert len(export.positions) == 2
        return
    assert (4, column, problem) in problems(export)
    assert [held.line for held in export.positions] == [2]


def test_every_fault_of_a_row_is_told_at_once(tmp_path):
    export = export_of(tmp_path, HEAD + "NOSUCH,up,x,y,z,,\n")
    assert [(line, column) for line, column, _ in problems(export)] == [(2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the file is empty"),
        ("a,b\n1,2\n", 1, "no header of positions is found in the first rows"),
        ("symbol,positionAmt\nBTCUSDT,1\n", 1, "columns are missing (read as Binance): the average entry price; "),
        ("instId,pos,avgPx,mgnMode\n", 1, "columns are missing (read as OKX): long or short"),
        (HEAD.replace("side", "Quantity"), 1, 'the heading "quantity" stands twice'),
        (HEAD + 'BTCUSDT,"long,1,60000\n', 2, "this is not CSV: "),
        ("symbol,quantity,entry,margin\nBTCUSDT,1,1,cross\nBTCUSDC,1,1,cross\n", 1, "the positions are settled in "),
    ],
)
def test_a_table_that_is_none_is_refused(text, line, problem, tmp_path):
    with pytest.raises(InputError) as raised:
        export_of(tmp_path, text)
    (fault,) = raised.value.faults
    assert fault.line == line
    assert fault.problem.startswith(problem)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "export.csv").write_bytes(b"symbol\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"export\.csv:2:1: the byte 0xFF is not UTF-8"):
        read_export(tmp_path / "export.csv", TEACHING)
    with pytest.raises(InputError, match="there is no file"):
        read_export(tmp_path / "none.csv", TEACHING)


def test_a_contract_whose_size_is_not_known_is_refused(tmp_path):
    # 91500.4 x 3 is no power of ten times 150 x 61000.
    doubtful = export_of(tmp_path, OKX.replace("91500.4", "274501.2"))
    assert problems(doubtful) == [(2, 1, "how many base units a contract holds is not known")]
    stated = OKX.replace("notionalUsd", "ctVal").replace("91500.4", "0.03").replace("9931", "0.1")
    assert [figure_text(held.quantity) for held in export_of(tmp_path, stated).positions] == ["-4.5", "-3", "400"]


def test_other_instruments_of_okx_are_refused(tmp_path):
    # BTC-USDT is the margin pair; without its ending it would pass for the perpetual.
    export = export_of(tmp_path, OKX.replace("BTC-USDT-SWAP", "BTC-USDT"))
    assert problems(export) == [(2, 2, '"BTC-USDT" is no perpetual: its name does not end in -SWAP')]


def test_a_comma_beside_semicolons_is_not_guessed_at(tmp_path):
    text = "symbol;quantity;entry;margin\nBTCUSDT;{};60000;cross\n"
    assert problems(export_of(tmp_path, text.format("1,500"))) == [
        (2, 2, 'the comma in "1,500" may set off thousands or decimals')
    ]
    assert seen(export_of(tmp_path, text.format("1.500")))[0][2] == "1.5"


def test_isolated_and_cross_of_one_symbol_are_two(tmp_path):
    export = export_of(tmp_path, HEAD + RIGHT + "BTCUSDT,long,1,60000,isolated,9000,\n")
    assert [held.id for held in export.positions] == ["btcusdt-long-cross", "btcusdt-long-isolated"]


def test_the_wallet_balance_is_never_made_up(tmp_path):
    isolated = export_of(tmp_path, HEAD + "BTCUSDT,long,1,60000,isolated,9000,\nETHUSDT,short,1,3000,isolated,500,\n")
    assert "wallet_balance = 9500\n" in book_text(isolated, Account("teaching"), tmp_path)[0]
    crossed = export_of(tmp_path, HEAD + RIGHT)
    with pytest.raises(InputError, match="does not state the wallet balance that cross positions share"):
        book_text(crossed, Account("teaching"), tmp_path)
    with pytest.raises(InputError, match="wallet balance that open orders take from"):
        book_text(isolated, Account("teaching", open_orders_margin=Decimal(1)), tmp_path)
    with pytest.raises(InputError, match="less what open orders hold is -1"):
        book_text(crossed, Account("teaching", wallet_balance=Decimal(9), open_orders_margin=Decimal(10)), tmp_path)


def test_what_does_not_add_up_is_told_at_the_exports_line(tmp_path):
    isolated = export_of(tmp_path, HEAD + RIGHT + "BTCUSDT,short,1,60000,isolated,9000,\n")
    with pytest.raises(InputError) as raised:
        book_text(isolated, Account("teaching", wallet_balance=Decimal(8000)), tmp_path)
    assert [(Path(fault.path).name, fault.line) for fault in raised.value.faults] == [("export.csv", 3)]
    assert "above the wallet balance of 8,000.00" in raised.value.faults[0].problem


def test_names_may_hold_anything_that_prints(tmp_path):
    export = export_of(tmp_path, HEAD + RIGHT, name='desk "A" #1 \\ ü.csv')
    text, _ = book_text(export, Account("teaching", wallet_balance=Decimal(9000)), tmp_path)
    (tmp_path / "book.toml").write_text(text, encoding="utf-8")
    assert read_book(tmp_path / "book.toml").name == 'desk "A" #1 \\ ü'
    assert str(tmp_path) not in text
    hidden = export_of(tmp_path, HEAD + RIGHT, name="a\u202eb.csv")
    with pytest.raises(InputError, match="give one with --name"):
        book_text(hidden, Account("teaching", wallet_balance=Decimal(9000)), tmp_path)


# Half the smallest notional, 0.002 squared, is 2e-6, above the smallest amount of money, 1e-6.
DECIMALS = st.decimals(min_value="0.002", max_value="99999.999", places=3)
POSITIONS = st.lists(
    st.tuples(
        st.sampled_from(["BTCUSDT", "ETHUSDT", "SOLUSDT"]),
        st.booleans(),
        DECIMALS,
        DECIMALS,
        st.none() | DECIMALS,
        st.sampled_from(["isolated", "cross"]),
    ),
    min_size=1,
    max_size=12,
)


@given(POSITIONS, st.sampled_from([",", ";", "\t"]), st.booleans())
def test_export_and_import_give_the_positions_back(positions, delimiter, with_sides):
    # Collateral of half the notional is within the flat tier's leverage, and the wallet holds ten times all of it.
    rows = [
        [
            f"p{number}",
            symbol,
            f"{size if with_sides or is_long else -size}",
            *(["Buy" if is_long else "Sell"] if with_sides else []),
            f"{entry:f}",
            "" if mark is None else f"{mark} USDT",
            margin.upper(),
            f"{size * entry / 2:f}" if margin == "isolated" else "-",
        ]
        for number, (symbol, is_long, size, entry, mark, margin) in enumerate(positions)
    ]
    header = ["ID", "Symbol", "Quantity", *(["Side"] if with_sides else []), "Entry_Price", "mark price", "Margin"]
    total = sum((size * entry for _, _, size, entry, _, _ in positions), Decimal(0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows([[*header, "Collateral"], *rows])
        export = read_export(path, TEACHING)
        text, _ = book_text(export, Account("teaching", wallet_balance=10 * total), Path(folder))
        assert text == book_text(export, Account("teaching", wallet_balance=10 * total), Path(folder))[0]
        write_book(text, Path(folder) / "book.toml")
        book = read_book(Path(folder) / "book.toml")
    # A position without a mark takes the first one that is stated for its contract.
    first_marks: dict[str, float] = {}
    for symbol, _, _, _, mark, _ in positions:
        if mark is not None:
            first_marks.setdefault(symbol, float(mark))
    assert [
        (held.id, held.symbol.name, held.quantity, held.entry_price, held.mark_price, held.margin, held.collateral)
        for held in book.positions
    ] == [
        (
            f"p{number}",
            symbol,
            float(size if is_long else -size),
            float(entry),
            first_marks.get(symbol) if mark is None else float(mark),
            margin,
            float(size * entry / 2) if margin == "isolated" else None,
        )
        for number, (symbol, is_long, size, entry, mark, margin) in enumerate(positions)
    ]
    assert book.wallet_balance == float(10 * total)
