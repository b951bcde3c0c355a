"""Books read from files; faults of books are in tests/scenario/test_faults.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.book.reading import read_book, read_book_and_notices
from stresslab.documents.faults import InputError
from tests.scenario.files import BOOK, edited, write


def book_path(folder: Path, text: str = BOOK, **texts: str) -> Path:
    write(folder, book=text, **texts)
    return folder / "book.toml"


def test_a_book_is_read_whole(tmp_path: Path) -> None:
    book = read_book(book_path(tmp_path))
    assert (book.name, book.currency, book.wallet_balance, book.venue.name) == ("Desk A", "USDT", 1e6, "test venue")
    long, short = book.positions
    assert (long.id, long.quantity, long.entry_price, long.mark_price) == ("btc-long", 20.0, 60_500.0, 61_000.0)
    assert (long.margin, long.collateral, long.symbol.underlying) == ("isolated", 50_000.0, "BTC")
    assert (short.margin, short.collateral, short.quantity) == ("cross", None, -150.0)
    assert book.text == BOOK


def test_a_position_without_a_mark_has_none(tmp_path: Path) -> None:
    book = read_book(book_path(tmp_path, edited(BOOK, ("mark_price = 61_000\n", ""))))
    assert [position.mark_price for position in book.positions] == [None, 3_300.0]


SECOND = """
[[position]]
id = "eth-second"
symbol = "ETHUSDT"
quantity = -1.0
entry_price = 3_000
margin = "cross"
"""


def test_a_position_without_a_mark_takes_that_of_its_contract(tmp_path: Path) -> None:
    book, notices = read_book_and_notices(book_path(tmp_path, BOOK + SECOND))
    assert [position.mark_price for position in book.positions] == [61_000.0, 3_300.0, 3_300.0]
    assert notices == ()
    # 1e12 x 3,300 = 3.3e15, though at its entry of 1e-3 it is small.
    huge = edited(SECOND, ("-1.0", "-1e12"), ("3_000", "1e-3"))
    with pytest.raises(InputError, match=r"book\.toml:24:1: .* has a notional of 3.3e\+15, above 1e\+15"):
        read_book(book_path(tmp_path, BOOK + huge))


def test_two_marks_of_one_contract_are_a_warning(tmp_path: Path) -> None:
    text = BOOK + edited(SECOND, ("3_000\n", "3_000\nmark_price = 3_301\n"))
    (notice,) = read_book_and_notices(book_path(tmp_path, text))[1]
    assert '"ETHUSDT" has two mark prices, 3_300 and 3_301' in notice.problem
    # Line counted in the text: the second position begins in line 24.
    assert (notice.line, notice.column) == (29, 14)


def test_nothing_left_in_all_isolated_is_a_warning(tmp_path: Path) -> None:
    # The cross pool holds 1,000,000 - 50,000.
    text = edited(BOOK, ('"cross"', '"cross"\ncollateral = 950_000')) + SECOND
    notices = read_book_and_notices(book_path(tmp_path, text))[1]
    (notice,) = [notice for notice in notices if "all_isolated" in notice.problem]
    assert 'nothing is left for "eth-second"' in notice.problem
    assert notice.remedy == "state collateral for it as well, or lower that of the others"
    assert (notice.line, notice.column) == (25, 1)
    # The negative control: with a dollar less there is a dollar.
    assert read_book_and_notices(book_path(tmp_path, edited(text, ("950_000", "949_999"))))[1] == ()


def test_a_shipped_pack_may_be_named(tmp_path: Path) -> None:
    assert read_book(book_path(tmp_path, edited(BOOK, ('"pack.toml"', '"teaching"')))).venue.name == "teaching"


def test_a_path_is_relative_to_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    book_path(tmp_path / "a")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_book(Path("..") / "a" / "book.toml").venue.name == "test venue"


def test_a_book_holds_a_position(tmp_path: Path) -> None:
    empty = BOOK[: BOOK.index("[[position]]")]
    with pytest.raises(InputError, match=r"book\.toml:1:1: the key `position` is missing"):
        read_book(book_path(tmp_path, empty))
    with pytest.raises(InputError, match=r"book\.toml:6:12: the book holds no position"):
        read_book(book_path(tmp_path, empty.rstrip("\n") + "\nposition = []\n"))
    with pytest.raises(InputError, match=r"book\.toml:6:1: `position` must be a list of tables, but is a table"):
        read_book(book_path(tmp_path, empty.rstrip("\n") + "\n[position]\n"))


def test_misspelled_positions_are_checked_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_book(book_path(tmp_path, BOOK.replace("[[position]]", "[[positions]]").replace("-150.0", "0")))
    assert [(fault.line, fault.problem) for fault in raised.value.faults] == [
        (7, 'unknown key "positions"'),
        (19, "the quantity is zero"),
    ]


def test_a_faulty_pack_and_a_faulty_book_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        read_book(book_path(tmp_path, edited(BOOK, ("20.0", "0")), pack="schema = 1\neffective = 2026-13-01\n"))
    assert [(Path(fault.path).name, fault.line) for fault in raised.value.faults] == [
        ("book.toml", 10),
        ("pack.toml", 2),
    ]


def test_the_cross_pool_above_the_leverage_is_a_warning(tmp_path: Path) -> None:
    # 150 x 3,310 / 100 = 4,965 is the initial margin of the cross pool, and 54,900 - 50,000 = 4,900 is less.
    _, notices = read_book_and_notices(book_path(tmp_path, edited(BOOK, ("1_000_000", "54_900"))))
    (notice,) = notices
    assert "4,900.00 is below its initial margin of 4,965.00" in notice.problem
    assert (notice.line, notice.column) == (5, 18)
    assert read_book_and_notices(book_path(tmp_path, edited(BOOK, ("1_000_000", "54_965"))))[1] == ()


def test_leverage_just_at_the_limit_is_right(tmp_path: Path) -> None:
    # 20 x 60,500 / 50 = 24,200.
    assert read_book(book_path(tmp_path, edited(BOOK, ("collateral = 50_000", "collateral = 24_200"))))
    with pytest.raises(InputError, match="leverage"):
        read_book(book_path(tmp_path, edited(BOOK, ("collateral = 50_000", "collateral = 24_199.99"))))


def test_decimal_figures_that_add_up_on_paper_add_up(tmp_path: Path) -> None:
    # In binary, 0.1 + 0.2 is above 0.3.
    figures = 'symbol = "ETHUSDT"\nquantity = 0.001\nentry_price = 10\nmargin = "isolated"\n'
    position = '[[position]]\nid = "{}"\n' + figures + "collateral = {}\n"
    head = edited(BOOK[: BOOK.index("[[position]]")], ("1_000_000", "0.3"))
    assert read_book(book_path(tmp_path, head + position.format("a", 0.1) + position.format("b", 0.2)))
    with pytest.raises(InputError, match="above the wallet balance"):
        read_book(book_path(tmp_path, head + position.format("a", 0.1) + position.format("b", 0.21)))
