"""``stresslab import-positions``: what it writes, what it refuses, and that no row is lost in silence."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stresslab import cli
from stresslab.book.reading import read_book
from stresslab.scenario.validation import validate_files

ROOT = Path(__file__).parents[2]

EXPORT = """\
symbol,side,size,entry price,mark price,margin,collateral
BTCUSDT,long,2,60000,61000,isolated,"12,500"
ETHUSDT,short,30,3300,3310,cross,
SOLUSDT,long,0,150,151,cross,
"""
FAULTY = EXPORT + "NOSUCH,long,5,10,10,cross,\n"

# Written by hand from EXPORT; 100,000 less 1,500.5 of open orders is 98,499.5.
BOOK = """\
# Positions of the export "desk.csv" (plain columns),
# sha256 {sha256}.
# The wallet balance was stated as 100000; open orders hold 1500.5 of it, taken off below.
schema = 1
name = "Desk A"
venue = "teaching"
currency = "USDT"
wallet_balance = 98499.5

[[position]] # line 2
id = "btcusdt-long"
symbol = "BTCUSDT"
quantity = 2
entry_price = 60000
mark_price = 61000
margin = "isolated"
collateral = 12500

[[position]] # line 3
id = "ethusdt-short"
symbol = "ETHUSDT"
quantity = -30
entry_price = 3300
mark_price = 3310
margin = "cross"
"""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("desk.csv").write_text(EXPORT)
    return tmp_path


def import_positions(*arguments: str, venue: str = "teaching") -> int:
    return cli.main(["import-positions", "desk.csv", "--venue", venue, "--wallet-balance", "100,000", *arguments])


def test_the_book_to_the_last_character(desk, capsys):
    options = ("--out", "book.toml", "--name", "Desk A", "--open-orders-margin", "1,500.50")
    assert import_positions(*options) == 0
    output = capsys.readouterr()
    assert Path("book.toml").read_text() == BOOK.format(sha256=hashlib.sha256(EXPORT.encode()).hexdigest())
    assert output.out == "plain columns: 2 positions, 1 isolated and 1 cross\nwritten: book.toml\n"
    assert output.err == 'desk.csv:4:3: warning: "SOLUSDT" has a size of zero; no position is made of it\n'
    assert validate_files(["book.toml"]) == ((), ())
    assert sorted(os.listdir()) == ["book.toml", "desk.csv"]


def test_without_a_file_the_book_is_printed(desk, capsys):
    assert import_positions("--name", "Desk A", "--open-orders-margin", "1500.5") == 0
    assert capsys.readouterr().out == BOOK.format(sha256=hashlib.sha256(EXPORT.encode()).hexdigest())


def test_a_row_that_cannot_be_read_stops_it(desk, capsys):
    Path("desk.csv").write_text(FAULTY)
    assert import_positions("--out", "book.toml") == 2
    output = capsys.readouterr()
    assert 'desk.csv:5:1: the venue "teaching" lists no symbol "NOSUCH"; ' in output.err
    assert "--skip-unreadable" in output.err
    assert not Path("book.toml").exists()


def test_or_is_left_out_and_listed(desk, capsys):
    Path("desk.csv").write_text(FAULTY)
    assert import_positions("--out", "book.toml", "--skip-unreadable") == 0
    output = capsys.readouterr()
    assert 'desk.csv:5:1: warning: left out: the venue "teaching" lists no symbol "NOSUCH"; ' in output.err
    assert "the wallet balance still counts the money behind the rows that are left out" in output.err
    assert output.out.startswith("plain columns: 2 positions, 1 isolated and 1 cross; 1 rows left out\n")
    assert (
        '\n# NOT in this book: line 5: the venue "teaching" lists no symbol "NOSUCH"\n' in Path("book.toml").read_text()
    )
    assert len(read_book("book.toml").positions) == 2


def test_where_nothing_is_left_there_is_no_book(desk, capsys):
    Path("desk.csv").write_text(EXPORT.splitlines()[0] + "\nNOSUCH,long,5,10,10,cross,\n")
    assert import_positions("--out", "book.toml", "--skip-unreadable") == 2
    assert "no position could be read" in capsys.readouterr().err
    assert not Path("book.toml").exists()


def test_a_file_is_replaced_where_that_is_asked_for(desk, capsys):
    Path("book.toml").write_text("mine\n")
    assert import_positions("--out", "book.toml") == 2
    assert "book.toml:1:1: the file exists; choose another name, or allow it with --replace" in capsys.readouterr().err
    assert Path("book.toml").read_text() == "mine\n"
    assert import_positions("--out", "book.toml", "--replace") == 0
    assert len(read_book("book.toml").positions) == 2


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("desk.csv", "a book's file must end in .toml"),
        ("none/book.toml", 'there is no folder "none"'),
        ("folder.toml", "a folder stands there"),
    ],
)
def test_places_where_no_book_can_be(desk, capsys, out, problem):
    Path("folder.toml").mkdir()
    assert import_positions("--out", out, "--replace") == 2
    assert f"{out}:1:1: {problem}" in capsys.readouterr().err
    assert Path("desk.csv").read_text() == EXPORT


def test_a_pack_of_ones_own_is_named_from_where_the_book_stands(desk):
    pack = (ROOT / "stresslab" / "venues" / "packs" / "teaching.toml").read_text().replace('"teaching"', '"house"')
    Path("packs").mkdir()
    Path("packs/house.toml").write_text(pack)
    Path("books").mkdir()
    assert import_positions("--out", "books/book.toml", venue=str(desk / "packs" / "house.toml")) == 0
    assert 'venue = "../packs/house.toml"\n' in Path("books/book.toml").read_text()
    assert read_book("books/book.toml").venue.name == "house"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--venue", "techning", "--wallet-balance", "9"], 'did you mean "teaching"?'),
        (["--venue", "teaching", "--wallet-balance", "12k"], "is not an amount of the account's currency"),
        (["--venue", "teaching", "--wallet-balance", "-5"], "is not an amount of the account's currency"),
        (["--venue", "teaching", "--wallet-balance", "1,5"], '"1,5" is not a number'),
        (["--venue", "teaching"], "give it with --wallet-balance"),
        (
            ["--venue", "teaching", "--wallet-balance", "9", "--open-orders-margin", "9"],
            "give a larger --wallet-balance",
        ),
        (["--wallet-balance", "9"], "Missing option '--venue'"),
    ],
)
def test_faults_of_the_command_line(desk, capsys, arguments, told):
    assert cli.main(["import-positions", "desk.csv", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_it_imports_no_simulation(desk):
    program = (
        "import sys; from stresslab.cli import main; status = main(sys.argv[1:]);"
        "print(status, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    words = ["import-positions", "desk.csv", "--venue", "teaching", "--wallet-balance", "100000"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, *words], capture_output=True, text=True, check=True, env=environment
    )
    status, *modules = done.stderr.splitlines()[-1].split()
    assert status == "0"
    assert "pydantic" in modules
    assert not set(modules) & {"jax", "xarray", "matplotlib", "scipy", "pandas"}


def test_the_documents_example_is_read(desk):
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```csv\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    Path("desk.csv").write_text(example, encoding="utf-8")
    assert import_positions("--out", "book.toml", venue="binance-usdm") == 0
    assert [(held.id, held.quantity, held.collateral) for held in read_book("book.toml").positions] == [
        ("btcusdt-long", 1.5, 9250.0),
        ("ethusdt-short", -40.0, None),
    ]
