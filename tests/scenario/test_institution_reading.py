"""Scenarios with several books: what each account becomes, and every fault at its place."""

from __future__ import annotations

import pytest

import stresslab as sl
from stresslab.documents.faults import InputError
from stresslab.scenario.institution import ExchangeRate
from stresslab.scenario.institution_reading import names_several_books, read_institution
from stresslab.scenario.resolution import identity
from stresslab.scenario.schemas import json_schema
from stresslab.scenario.stored import scenario_from_texts
from tests.institutions import DESK_B, IN_DOLLARS, INSTITUTION, RATES, in_euros, write
from tests.scenario import files
from tests.scenario.files import BOOK, PACK, edited

SOL = """
[[position]]
id = "sol-long"
symbol = "SOLUSDT"
quantity = 10.0
entry_price = 140
margin = "cross"
"""
SOL_PACK = PACK + '\n[symbols.SOLUSDT]\nunderlying = "SOL"\ncontract = "linear"\ntiers = [[0, 0.005, 0, 100]]\n'
THREE_ASSETS = edited(
    INSTITUTION,
    ("[market.correlation]", "[market.assets.SOL]\nprice = 150\nvolatility = 1.0\n[market.correlation]"),
    ('["BTC", "ETH"]', '["BTC", "ETH", "SOL"]'),
    ("[[1.0, 0.82], [0.82, 1.0]]", "[[1.0, 0.82, 0.5], [0.82, 1.0, 0.5], [0.5, 0.5, 1.0]]"),
)


def faults_of(path):
    with pytest.raises(InputError) as error:
        read_institution(path)
    assert sl.validate_files([path])[0] == error.value.faults
    return error.value.faults


def test_every_account_simulates_the_assets_of_all_in_one_order(tmp_path):
    path = write(tmp_path, THREE_ASSETS, desk_b=DESK_B + SOL, pack=SOL_PACK)
    read = read_institution(path)
    assert [each.book.name for each in read.accounts] == ["Desk A", "Desk B"]
    assert [each.market.assets for each in read.accounts] == [("BTC", "ETH", "SOL")] * 2
    # Oracle: prices of the scenario's text, for the account that does not hold the asset too.
    assert read.accounts[0].market.start_prices.tolist() == [61_000.0, 3_300.0, 150.0]
    assert {position.symbol.underlying for position in read.accounts[0].book.positions} == {"BTC", "ETH"}
    assert sl.validate_files([path])[0] == ()


def test_an_account_on_the_same_assets_is_the_question_that_its_book_asks_alone(tmp_path):
    read = read_institution(write(tmp_path))
    single = edited(INSTITUTION, ('books = ["desk_a.toml", "desk_b.toml"]', 'book = "desk_b.toml"'))
    (tmp_path / "single.toml").write_text(single)
    assert identity(read.accounts[1]) == identity(sl.read_scenario(tmp_path / "single.toml"))
    assert identity(read.accounts[0]) != identity(read.accounts[1])


def test_an_account_comes_back_from_its_texts(tmp_path):
    path = write(tmp_path, in_euros(THREE_ASSETS), desk_b=IN_DOLLARS + SOL, pack=SOL_PACK)
    for account in read_institution(path).accounts:
        again = scenario_from_texts(account.documents, model="gbm")
        assert identity(again) == identity(account)
        assert again.documents == account.documents


def test_warnings_of_one_account_are_not_those_of_another(tmp_path):
    path = write(tmp_path, desk_b=edited(DESK_B, ("mark_price = 61_000", "mark_price = 61_500")))
    read = read_institution(path)
    assert read.accounts[0].notices == ()
    (notice,) = read.accounts[1].notices
    assert "differs from the book's mark price 61_500" in notice.problem
    assert read.notices == (notice,)


def test_rates_stand_still_or_follow_an_asset(tmp_path):
    euro = THREE_ASSETS.replace("SOL", "EURUSDT").replace("price = 150", "price = 1.25")
    rates = '\n[exchange_rates]\nUSDT = { asset = "EURUSDT", inverse = true }\nUSDC = 0.9\n'
    read = read_institution(write(tmp_path, in_euros(euro, rates), desk_b=IN_DOLLARS))
    # Oracle: one over 1.25 dollars a euro.
    assert read.rates["USDT"] == ExchangeRate(0.8, "EURUSDT", True)
    assert read.rates["USDC"] == ExchangeRate(0.9)
    assert [each.market.assets for each in read.accounts] == [("BTC", "ETH", "EURUSDT")] * 2
    own = read_institution(write(tmp_path))
    assert (own.reporting_currency, own.rates) == ("USDT", {"USDT": ExchangeRate(1.0)})


def test_marks_that_differ_are_told(tmp_path):
    other = edited(DESK_B, ("mark_price = 3_300", "mark_price = 3_310"))
    read = read_institution(write(tmp_path, desk_b=other))
    assert [each.problem for each in read.notices] == [
        'the books mark "ETH" differently, here at 3_310, before at 3_300'
    ]
    # The bitcoin price is the scenario's, so nothing is told of it, and each keeps its own mark of ether.
    assert [each.book.positions[1].mark_price for each in read.accounts] == [3_300.0, 3_310.0]


def test_a_mark_of_one_book_serves_another_that_states_none(tmp_path):
    unmarked = edited(BOOK, ("mark_price = 3_300\n", ""))
    read = read_institution(
        write(tmp_path, desk_a=unmarked, desk_b=edited(DESK_B, ("mark_price = 3_300", "mark_price = 3_305")))
    )
    # Oracle: the second book's mark, not the entry price of 3,310 that would serve alone.
    assert [each.book.positions[1].mark_price for each in read.accounts] == [3_305.0, 3_305.0]
    (notice,) = read.accounts[0].notices
    assert (notice.path.endswith("desk_a.toml"), "3_305 is used, as in the other books" in notice.problem) == (
        True,
        True,
    )
    # The control: where no book states one, the entry price of the first has to do.
    neither = read_institution(write(tmp_path, desk_a=unmarked, desk_b=edited(DESK_B, ("mark_price = 3_300\n", ""))))
    assert [each.book.positions[1].mark_price for each in neither.accounts] == [3_310.0, 3_310.0]
    assert all(each.notices for each in neither.accounts)
    again = scenario_from_texts(read.accounts[0].documents, model="gbm")
    assert identity(again) == identity(read.accounts[0])


def test_faults_of_all_books_at_once(tmp_path):
    path = write(
        tmp_path,
        edited(INSTITUTION, ("volatility = 0.78", "volatility = 78.0")),
        edited(BOOK, ("quantity = 20.0", "quantity = 0.0")),
        edited(DESK_B, ('"ETHUSDT"', '"ETHUSD"')),
    )
    found = faults_of(path)
    assert [fault.path.rpartition("/")[2] for fault in found] == ["desk_a.toml", "desk_b.toml", "scenario.toml"]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("edits", "line", "message"),
    [
        (('["desk_a.toml", "desk_b.toml"]', "[]"), 3, "`books`"),
        (('["desk_a.toml", "desk_b.toml"]', '"desk_a.toml"'), 3, "`books` must be a list"),
        (('"desk_b.toml"]', '"desk_a.toml"]'), 3, 'the book "desk_a.toml" is named twice'),
        (('"desk_b.toml"]', '"desk_c.toml"]'), 3, "there is no file"),
        (('name = "Quarterly', 'book = "desk_a.toml"\nname = "Quarterly'), 2, "both `book` and `books`"),
        (('model = "gbm"', 'model = ["gbm", "student_t"]'), 10, "several models are named"),
        (("seed = 7", 'seed = 7\nreporting_currency = "EUR"'), 8, 'there is no exchange rate of "USDT"'),
        (("seed = 7", "seed = 7\n[exchange_rates]\nUSDT = 1.0"), 9, '"USDT" is the reporting currency itself'),
        (("seed = 7", "seed = 7\n[exchange_rates]\nUSDC = 1.0"), 9, 'no account is in "USDC"'),
        (("seed = 7", 'seed = 7\n[exchange_rates]\nUSDT = "1"'), 9, "`rate` must be a number"),
        (("seed = 7", "seed = 7\nhorizont = 3"), 8, 'unknown key "horizont"'),
    ],
)
def test_faults_of_the_scenario(tmp_path, edits, line, message):
    found = faults_of(write(tmp_path, edited(INSTITUTION, edits)))
    assert any(fault.line == line and message in fault.problem for fault in found), found


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ("", 'there is no exchange rate of "USDT"'),
        (RATES + "GBP = 1.2\n", 'no account is in "GBP"'),
        ('[exchange_rates]\nUSDT = 0.92\nUSDC = { asset = "EURUSDT" }\n', 'the market states no price of "EURUSDT"'),
        ('[exchange_rates]\nUSDT = 0.92\nUSDC = { asset = "BTC", invers = true }\n', 'unknown key "invers"'),
        ("[exchange_rates]\nUSDT = 0.92\nUSDC = 0.0\n", "`rate` is 0, not above 0"),
    ],
)
def test_faults_of_rates(tmp_path, rates, message):
    found = faults_of(write(tmp_path, in_euros(INSTITUTION, rates), desk_b=IN_DOLLARS))
    assert any(message in fault.problem for fault in found), found


def test_currencies_that_do_not_add_up_need_one_to_report_in(tmp_path):
    (fault,) = faults_of(write(tmp_path, desk_b=IN_DOLLARS))
    assert fault.problem == "the accounts are in USDT, USDC, which do not add up"
    assert 'reporting_currency = "USDT"' in fault.remedy
    assert read_institution(write(tmp_path, in_euros(), desk_b=IN_DOLLARS)).reporting_currency == "EUR"


def test_accounts_need_names_of_their_own(tmp_path):
    (fault,) = faults_of(write(tmp_path, desk_b=edited(DESK_B, ('"Desk B"', '"Desk A"'))))
    assert fault.problem == 'two books bear the name "Desk A"'


def test_where_one_book_is_needed_several_are_refused(tmp_path):
    path = write(tmp_path)
    for read in (sl.read_scenario, sl.read_scenarios, sl.run):
        with pytest.raises(InputError, match="several books are named where one is needed") as error:
            read(path)
        assert error.value.faults[0].line == 3
    assert names_several_books(path)
    assert not names_several_books(files.write(tmp_path))
    assert not names_several_books(tmp_path / "none.toml")
    with pytest.raises(InputError, match="names no list of books"):
        read_institution(tmp_path / "scenario.toml")


def test_volumes_of_another_book_are_no_fault(tmp_path):
    volumes = "\n[liquidation_impact]\nstress = 2.0\ndaily_volumes = { BTC = 2e10, ETH = 1e10, SOL = 1e9 }\n"
    read = read_institution(write(tmp_path, THREE_ASSETS + volumes, desk_b=DESK_B + SOL, pack=SOL_PACK))
    assert all(each.impact is not None for each in read.accounts)
    # The control: nobody holds it.
    found = faults_of(write(tmp_path, INSTITUTION + volumes))
    assert 'the book holds nothing on "SOL"' in found[0].problem


def test_the_schema_knows_the_keys():
    schema = json_schema("scenario")
    assert {"books", "reporting_currency", "exchange_rates"} <= schema["properties"].keys()
    assert schema["oneOf"] == [{"required": ["book"]}, {"required": ["books"]}]
    assert "book" not in schema["required"]
