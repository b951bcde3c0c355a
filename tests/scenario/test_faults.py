"""One edit, one fault: where it is placed and what its message says.

The place is marked by hand in each row: by an arrow in the edited text, or by the passage at which something is missed.
Every row asks for exactly one fault, so that no mistake drags others along.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.documents.faults import InputError
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.validation import validate_files
from tests.scenario.files import CALIBRATED, POOL, TEXTS, edited, write
from tests.scenario.rows import Row, placed

LAST = 'margin = "cross"\n'


def third(identifier: str) -> str:
    """One more position of the book, under an id."""
    figures = 'symbol = "ETHUSDT"\nquantity = 1\nentry_price = 3_300\nmark_price = 3_300\nmargin = "cross"\n'
    return f"\n[[position]]\nid = {identifier}\n{figures}"


def funding(text: str) -> str:
    """A table of funding behind the assets, which ends with a line of its own."""
    return f'[market.funding]\npremium_deviation = 0.0003\npremium_half_life = "12h"\n{text}\n\n[market.correlation]'


def topped_up(policy: str, configuration: str = 'like = "as_booked"\npolicies = ["desk"]') -> str:
    """A policy and a configuration before the configuration of the scenario."""
    head = '[[policy]]\nname = "desk"\n'
    return f'{head}{policy}\n[[configuration]]\nname = "helped"\n{configuration}\n\n[[configuration]]\nname = "hedge'


TOP_UP = 'kind = "top_up"\ntrigger = 1.5\ntarget = 2.5\ncap = 50_000\nreserve = 90_000'
NEXT = '[[configuration]]\nname = "hedge'


ROWS = {
    # scenario: policies
    "top-up without reserve": Row(
        "scenario",
        NEXT,
        topped_up(TOP_UP.removesuffix("\nreserve = 90_000")),
        ("the key `reserve` is missing", "add reserve = 200000"),
        at="[[policy]]",
    ),
    "top-up to less than its trigger": Row(
        "scenario", NEXT, topped_up(TOP_UP.replace("2.5", "►1.2")), ("target 1.2 is not above the trigger 1.5",)
    ),
    "top-up at liquidation": Row("scenario", NEXT, topped_up(TOP_UP.replace("1.5", "►1.0")), ("not above 1",)),
    "kind unknown": Row(
        "scenario", NEXT, topped_up(TOP_UP.replace('"top_up"', '►"topup"')), ("no policy of kind", 'mean "top_up"')
    ),
    "policy unknown": Row(
        "scenario",
        NEXT,
        topped_up(TOP_UP, 'like = "as_booked"\npolicies = [►"desc"]'),
        ('no policy "desc"', 'did you mean "desk"?'),
    ),
    "two policies of a kind": Row(
        "scenario",
        NEXT,
        topped_up(f'{TOP_UP}\n[[policy]]\nname = "more"\n{TOP_UP}', 'like = "as_booked"\npolicies = ["desk", ►"more"]'),
        ("of one kind", "switch on one"),
    ),
    "policy twice": Row(
        "scenario", NEXT, topped_up(f'{TOP_UP}\n[[policy]]\nname = ►"desk"\n{TOP_UP}'), ('"desk" stands twice',)
    ),
    "like nobody": Row(
        "scenario", NEXT, topped_up(TOP_UP, 'like = ►"as_boked"'), ("no configuration", 'did you mean "as_booked"?')
    ),
    "like itself": Row(
        "scenario", NEXT, topped_up(TOP_UP, 'like = ►"helped"'), ('no configuration "helped" stands before this one',)
    ),
    "like and pools": Row(
        "scenario",
        "pools = [\n",
        'like = ►"as_booked"\npools = [\n',
        ("pools of its own", "keep one"),
    ),
    "neither like nor pools": Row(
        "scenario",
        NEXT,
        topped_up(TOP_UP, 'policies = ["desk"]'),
        ("the key `pools` is missing", 'like = "as_booked"'),
        at='[[configuration]]\nname = "helped"',
    ),
    # scenario: funding
    "funding off the grid": Row(
        "scenario",
        "[market.correlation]",
        funding('interval = ►"90m"'),
        ("settles every 90m", "no whole number of steps of 1h", "divides the interval"),
    ),
    "funding of no time": Row("scenario", "[market.correlation]", funding('interval = ►"0h"'), ("lasts no time",)),
    "funding of a stranger": Row(
        "scenario",
        "[market.correlation]",
        funding("[market.funding.assets]\nETC = ►{ premium_mean = 0.0001 }"),
        ('holds nothing on "ETC"', 'did you mean "ETH"'),
    ),
    "funding correlated beyond 1": Row(
        "scenario", "[market.correlation]", funding("price_correlation = ►1.5"), ("above 1", "at most 1")
    ),
    "funding without size": Row(
        "scenario",
        "[market.correlation]",
        '[market.funding]\npremium_half_life = "12h"\n\n[market.correlation]',
        ("`premium_deviation` is missing", "0.0003"),
        at="[market.funding]",
    ),
    # scenario: keys and types
    "schema": Row("scenario", "schema = 1", "schema = ►2", ("schema number 2 is not known", "schema = 1")),
    "schema as text": Row("scenario", "schema = 1", 'schema = ►"1"', ("whole number", "write 1, without quotes")),
    "unknown key": Row("scenario", "horizon =", "►horizn =", ('unknown key "horizn"', 'did you mean "horizon"?')),
    "strange key": Row("scenario", "seed = 7", "seed = 7\n►zebra = 1", ('unknown key "zebra"', "the keys here are")),
    "missing key": Row("scenario", 'horizon = "90d"\n', "", ("`horizon` is missing", 'horizon = "90d"'), at="schema"),
    "missing table key": Row("scenario", 'model = "gbm"\n', "", ("`model` is missing", 'model = "gbm"'), at="[market]"),
    "paths in powers": Row("scenario", "100_000", "►1e21", ("must be a whole number", "1e+21", "in digits")),
    "paths with a point": Row("scenario", "100_000", "►100_000.0", ("must be a whole number", "write 100_000")),
    "too many paths": Row("scenario", "100_000", "►1_000_000_001", ("1_000_000_001, above 1_000_000_000", "at most")),
    "paths beyond 64 bits": Row(
        "scenario", "100_000", "►1_000_000_000_000_000_000_000", ("about 10 to the 21, too large", "64 bits")
    ),
    # Python refuses to write or to read more than 4,300 decimal digits; 16^5000 is 10^6020.6.
    "paths in endless hexadecimal": Row(
        "scenario", "100_000", "►0x" + "F" * 5000, ("`paths` is about 10 to the 6020, too large",)
    ),
    "name in endless octal": Row("scenario", '"Quarterly review"', "►0o" + "7" * 9000, ("`name` is about 10 to the",)),
    "price in endless binary": Row("scenario", "price = 61_000", "price = ►0b" + "1" * 20000, ("`price` is about",)),
    "no paths": Row("scenario", "100_000", "►0", ("`paths` is 0, below 1", "at least 1")),
    "negative seed": Row("scenario", "seed = 7", "seed = ►-7", ("`seed` is -7, below 0",)),
    "seed is true": Row("scenario", "seed = 7", "seed = ►true", ("must be a whole number, but is true or false",)),
    "seed too large": Row("scenario", "seed = 7", "seed = ►9_223_372_036_854_775_808", ("`seed`", "at most")),
    "control character": Row("scenario", '"Quarterly review"', r'►"Quarterly\u0007"', ("a control character, U+0007",)),
    "nul": Row("scenario", '"Quarterly review"', r'►"\u0000"', ("a control character, U+0000",)),
    "private use": Row("scenario", '"Quarterly review"', '►"Q\ue000"', ("a private-use character, U+E000",)),
    "invisible": Row("scenario", '"Quarterly review"', '►"Q\u202ereview"', ("invisible formatting", "U+202E")),
    "empty name": Row("scenario", '"Quarterly review"', '►""', ("is empty",)),
    "unprintable key": Row("scenario", "seed = 7", 'seed = 7\n►"s\\u0007d" = 7', ("a control character, U+0007",)),
    # scenario: time
    "bare number": Row("scenario", '"90d"', "►90", ("`horizon` must be text, but is a whole number", "in quotes")),
    "unit in words": Row("scenario", '"90d"', '►"90 days"', ('"90 days" is not a duration', 'did you mean "90d"?')),
    "weeks": Row("scenario", '"90d"', '►"2w"', ("is not a duration", '"14d"')),
    "no time": Row("scenario", '"1h"', '►"0h"', ("lasts no time at all",)),
    "fraction": Row("scenario", '"1h"', '►"1.5h"', ("is not a duration", "whole number")),
    "step beyond horizon": Row("scenario", '"1h"', '►"91d"', ("step 91d is longer than the horizon 90d", "shorten")),
    "step does not divide": Row(
        "scenario", '"1h"', '►"7h"', ("step 7h does not divide the horizon 90d", '"6h" or "8h"')
    ),
    "steps without end": Row(
        "scenario", 'horizon = "90d"\nstep = "1h"', 'horizon = "36500d"\nstep = ►"1m"', ("52_560_000 steps",)
    ),
    # A prime number of minutes; looking for a step near 2 minutes that divides it would go on to the horizon itself.
    "horizon without end": Row(
        "scenario",
        'horizon = "90d"\nstep = "1h"',
        'horizon = ►"999999937m"\nstep = "2m"',
        ("horizon 999999937m is above the limit of 36500d", "shorten"),
    ),
    "horizon of a prime number of minutes": Row(
        "scenario",
        'horizon = "90d"\nstep = "1h"',
        'horizon = "52559981m"\nstep = ►"2m"',
        ("does not divide the horizon 52559981m", 'write "1m" or "52559981m"'),
    ),
    # scenario: market
    "model": Row("scenario", '"gbm"', '►"gmb"', ('no model "gmb"', 'did you mean "gbm"?')),
    "negative price": Row("scenario", "price = 61_000", "price = ►-61_000", ("`price` is -61_000, not above 0",)),
    "price as text": Row(
        "scenario", "price = 61_000", 'price = ►"61000"', ("must be a number", "write 61000, without quotes")
    ),
    "price of true": Row("scenario", "price = 61_000", "price = ►true", ("must be a number, but is true or false",)),
    "nan": Row("scenario", "drift = 0.1", "drift = ►nan", ("`drift` is nan", "finite number")),
    "infinity": Row("scenario", "volatility = 0.62", "volatility = ►inf", ("`volatility` is inf", "finite number")),
    "percent": Row(
        "scenario", "volatility = 0.62", "volatility = ►80", ("a volatility of 80", "above the limit of 10", "0.8")
    ),
    "negative volatility": Row(
        "scenario", "volatility = 0.62", "volatility = ►-0.62", ("`volatility` is -0.62, below 0",)
    ),
    "missing volatility": Row(
        "scenario",
        "volatility = 0.78\n",
        "",
        ('the volatility of "ETH" is missing', "add volatility"),
        at="[market.assets.ETH]",
    ),
    "missing asset": Row(
        "scenario",
        "[market.assets.ETH]\nvolatility = 0.78\n",
        "",
        ('does not hold the asset "ETH"', "[market.assets.ETH]"),
        at="[market]",
    ),
    "unknown asset key": Row("scenario", "drift = 0.1", "►drfit = 0.1", ('unknown key "drfit"', '"drift"')),
    "asset is no table": Row(
        "scenario",
        "[market.assets.ETH]\nvolatility = 0.78\n",
        "[market.assets]\nETH = ►0.78\n",
        ("`ETH` must be a table, but is a decimal number", "[market.assets.ETH]"),
    ),
    "no correlation": Row(
        "scenario",
        '[market.correlation]\nassets = ["BTC", "ETH"]\nmatrix = [[1.0, 0.82], [0.82, 1.0]]\n',
        "",
        ("several assets and no correlation", '[market.correlation] with assets = ["BTC", "ETH"]'),
        at="[market]",
    ),
    "lacking pair": Row(
        "scenario",
        'assets = ["BTC", "ETH"]\nmatrix = [[1.0, 0.82], [0.82, 1.0]]',
        'assets = ►["BTC", "SOL"]\nmatrix = [[1.0, 0.82], [0.82, 1.0]]',
        ('the correlation lacks "ETH"',),
    ),
    "asset twice": Row("scenario", '["BTC", "ETH"]\nmatrix', '["BTC", ►"BTC"]\nmatrix', ('"BTC" stands twice',)),
    "matrix not square": Row("scenario", "[0.82, 1.0]]", "►[0.82]]", ("row 2 has 1 entries for 2 assets",)),
    "matrix too long": Row(
        "scenario", "[[1.0, 0.82], [0.82, 1.0]]", "►[[1.0, 0.82]]", ("the matrix has 1 rows for 2 assets",)
    ),
    "diagonal": Row("scenario", "[0.82, 1.0]]", "[0.82, ►0.9]]", ("entry (2, 2) of the diagonal is 0.9",)),
    "asymmetric": Row("scenario", "[0.82, 1.0]]", "[►0.81, 1.0]]", ("entry (2, 1) is 0.81", "entry (1, 2) is 0.82")),
    "matrix entry as text": Row(
        "scenario", "[0.82, 1.0]]", '[►"0.82", 1.0]]', ("`matrix`, entry 2, 1,", "must be a number")
    ),
    # Off-diagonal (0.9, 0.2, 0.9): smallest eigenvalue -0.17671 (METHODS, table of M47); 1 / 1.17671 = 0.84983.
    "not semidefinite": Row(
        "scenario",
        'assets = ["BTC", "ETH"]\nmatrix = [[1.0, 0.82], [0.82, 1.0]]',
        'assets = ["BTC", "ETH", "SOL"]\nmatrix = ►[[1.0, 0.9, 0.2], [0.9, 1.0, 0.9], [0.2, 0.9, 1.0]]',
        ("not positive semidefinite", "-0.17671", "repair", "0.8498 or less"),
    ),
    "parameter of another model": Row(
        "scenario", 'model = "gbm"', 'model = "gbm"\n►degrees_of_freedom = 4.0', ('unknown key "degrees_of_freedom"',)
    ),
    "missing parameter": Row(
        "scenario",
        'model = "gbm"',
        'model = "student_t"',
        ("`degrees_of_freedom` is missing", "add degrees_of_freedom = 4.0 to [market]"),
        at="[market]",
    ),
    "parameter out of range": Row(
        "scenario",
        'model = "gbm"',
        'model = "student_t"\ndegrees_of_freedom = ►2.0',
        ("below 2.5", "give a value at least 2.5"),
    ),
    "step of the model": Row(
        "scenario",
        'step = "1h"\npaths = 100_000\nseed = 7\n\n[market]\nmodel = "gbm"',
        'step = ►"10d"\npaths = 100_000\nseed = 7\n\n[market]\nmodel = "student_t"\ndegrees_of_freedom = 4.0',
        ("cannot take steps of 10d", "divide a day"),
    ),
    "unknown calibration": Row(
        "scenario",
        'model = "gbm"',
        'model = "gbm"\ncalibration = ►"binance-spot-eigth-2024-06"',
        ('no calibration "binance-spot-eigth-2024-06"', 'did you mean "binance-spot-eight-2024-06"?'),
    ),
    "missing calibration file": Row(
        "scenario", 'model = "gbm"', 'model = "gbm"\ncalibration = ►"calibraton.toml"', ("no file", "calibration.toml")
    ),
    "unknown analysis": Row(
        "scenario", "[[conf", "[analysis]\n►tornados = 20_000\n\n[[conf", ('unknown key "tornados"', '"tornado"?')
    ),
    "paths of an analysis": Row(
        "scenario", "[[conf", "[analysis]\nrare = ►-1\n\n[[conf", ("`rare` is -1", "at least 0")
    ),
    "assets in a list": Row(
        "scenario",
        "[market.assets.BTC]\nprice = 61_000\nvolatility = 0.62\ndrift = 0.1\n\n[market.assets.ETH]\n",
        "►[[market.assets]]\n",
        ("`assets` must be a table, but is a list",),
    ),
    "asset of a name that does not print": Row(
        "scenario", "[market.assets.ETH]", '[market.assets.►"E\\u0007TH"]', ("a control character, U+0007",)
    ),
    "price too small": Row(
        "scenario", "price = 61_000", "price = ►1e-13", ("1e-13 is smaller than any price", "1e-12")
    ),
    # 20 x 1e14 = 2e15, above 1e15.
    "notional at the start price": Row(
        "scenario",
        "price = 61_000",
        "price = ►1e14",
        ("quantity of 20 at a price of 1e+14 has a notional of 2e+15, above 1e+15", "units"),
    ),
    # scenario: configurations
    "no pools": Row(
        "scenario",
        f"pools = [\n  {POOL},\n]\n",
        "",
        (
            "the key `pools` is missing",
            'add pools = [{ name = "majors", positions = ["btc-long", "eth-short"], '
            "collateral = 120000 }] to [[configuration]]",
        ),
        at="[[configuration]]",
    ),
    "control character in a path": Row("scenario", '"book.toml"', r'►"bo\u0007ok.toml"', ("the path", "U+0007")),
    "path beyond 4096": Row(
        "scenario", '"book.toml"', '►"' + "a/" * 2500 + 'b.toml"', ("5006 characters long", "4096")
    ),
    "path of 300": Row(
        "scenario", '"book.toml"', '►"' + "a/" * 150 + 'b.toml"', ("there is no file", "there is no folder")
    ),
    "missing book": Row("scenario", '"book.toml"', '►"bok.toml"', ("there is no file", "did you mean", "book.toml")),
    "book is a folder": Row("scenario", '"book.toml"', '►"."', ("is a folder, not a file",)),
    "taken configuration": Row("scenario", '"hedge pooled"', '►"as_booked"', ('"as_booked" is taken',)),
    "configuration twice": Row(
        "scenario",
        "[[configuration]]",
        '[[configuration]]\nname = "hedge pooled"\n'
        'pools = [{ name = "a", positions = ["eth-short"], collateral = 50_000 }]\n[[configuration]]',
        ('"hedge pooled" stands twice, first in line 25',),
        at='"hedge pooled"\npools = [\n',
    ),
    "no pool": Row("scenario", f"[\n  {POOL},\n]", "►[]", ("names no pool",)),
    "unknown position": Row(
        "scenario", '"btc-long", "eth', '►"btc-lng", "eth', ('no position "btc-lng"', '"btc-long"')
    ),
    "position twice": Row(
        "scenario", '"btc-long", "eth-short"', '"btc-long", ►"btc-long"', ('"btc-long" stands already',)
    ),
    "empty pool": Row("scenario", '["btc-long", "eth-short"]', "►[]", ("`positions` has 0 entries", "at least 1")),
    "pool called cross": Row("scenario", '"majors"', '►"cross"', ('the name "cross" is taken',)),
    "pool called as a position": Row("scenario", '"majors"', '►"btc-long"', ("does not hold just that position",)),
    "pool above the wallet": Row(
        "scenario", "120_000", "►1_200_000", ("1,200,000.00, above the wallet",), at="[\n  { name"
    ),
    "pool without collateral": Row("scenario", "120_000", "►0", ("`collateral` is 0, not above 0",)),
    "nothing left": Row(
        "scenario",
        '["btc-long", "eth-short"], collateral = 120_000',
        '["btc-long"], collateral = 1_000_000',
        ("whole wallet",),
        at="[\n  { name",
    ),
    "pool above the leverage": Row(
        "scenario",
        '["btc-long", "eth-short"], collateral = 120_000',
        '["btc-long"], collateral = ►20_000',
        ("leverage of 60.5", "the tier's limit of 50", "at least 24200.00"),  # 20 x 60,500 / 20,000, and / 50
    ),
    # book
    "unknown venue": Row("book", '"pack.toml"', '►"binance-udsm"', ("no rule pack", 'did you mean "binance-usdm"?')),
    "missing pack": Row("book", '"pack.toml"', '►"packs.toml"', ("there is no file", "pack.toml")),
    "negative wallet": Row("book", "1_000_000", "►-1_000_000", ("`wallet_balance` is -1_000_000, not above 0",)),
    "wallet too large": Row(
        "book", "1_000_000", "►1e300", ("`wallet_balance` is 1e+300, above 1_000_000_000_000_000",)
    ),
    "wallet beyond a float": Row("book", "1_000_000", "►1" + "0" * 400, ("`wallet_balance`", "too large")),
    "negative entry": Row("book", "60_500", "►-60_500", ("`entry_price` is -60_500, not above 0",)),
    "zero quantity": Row("book", "quantity = 20.0", "quantity = ►0.0", ("the quantity is zero",)),
    "wallet in endless hexadecimal": Row("book", "1_000_000", "►0x" + "F" * 5000, ("`wallet_balance` is about",)),
    "dust in the wallet": Row("book", "1_000_000", "►1e-200", ("1e-200 is too small for an amount of money", "1e-06")),
    "dust as a quantity": Row("book", "quantity = 20.0", "quantity = ►-1e-200", ("-1e-200 is smaller than any",)),
    # 1e-8 x 60,500 = 6.05e-4 is enough, 1e-11 x 60,500 = 6.05e-7 is not; 1e11 x 60,500 = 6.05e15.
    "notional too small": Row(
        "book", "quantity = 20.0\nentry_price = 60_500", "quantity = 1e-11\nentry_price = ►60_500", ("below 1e-06",)
    ),
    "notional too large": Row(
        "book", "quantity = 20.0\nentry_price = 60_500", "quantity = 1e11\nentry_price = ►60_500", ("above 1e+15",)
    ),
    "notional at the mark": Row("book", "mark_price = 61_000", "mark_price = ►1e14", ("2e+15, above 1e+15",)),
    "margin word": Row("book", '"isolated"', '►"isolate"', ('`margin` is "isolate"', 'did you mean "isolated"?')),
    "margin number": Row("book", '"isolated"', "►1", ("`margin` must be text", '"isolated", "cross"')),
    "misspelled collateral": Row("book", "collateral = 50_000", "►colateral = 50_000", ("unknown key", '"collateral"')),
    "lacking collateral": Row(
        "book", "collateral = 50_000\n", "", ("`collateral` is missing", "isolated"), at="[[position]]"
    ),
    "unknown symbol": Row("book", '"BTCUSDT"', '►"BTCUSD"', ('lists no symbol "BTCUSD"', 'did you mean "BTCUSDT"?')),
    "id twice": Row("book", LAST, LAST + third('►"btc-long"'), ('"btc-long" stands twice, first in line 8',)),
    "id twice, written otherwise": Row(
        "book", LAST, LAST + third('"é"') + third(r'►"e\u0301"'), ("stands twice, first in line 25",)
    ),
    "id cross": Row("book", LAST, LAST + third('►"cross"'), ('"cross" is taken',)),
    "above the wallet": Row(
        "book",
        "collateral = 50_000",
        "collateral = ►1_100_000",
        ("1,100,000.00, above the wallet balance of 1,000,000.00",),
    ),
    "nothing for cross": Row(
        "book",
        "collateral = 50_000",
        "collateral = 1_000_000",
        ("none is left for the cross pool",),
        at='[[position]]\nid = "eth',
    ),
    "cross collateral": Row(
        "book",
        '"cross"',
        '"cross"\ncollateral = ►950_001',
        ("950,001.00, above the cross pool's collateral of 950,000.00",),
    ),
    # 20 x 60,500 = 1,210,000 lies in the third tier, of maximal leverage 50: 24,200 is the least.
    "leverage": Row("book", "collateral = 50_000", "collateral = ►24_000", ("leverage of 50.42", "at least 24200.00")),
    "unknown position key": Row("book", "mark_price = 61_000", "►markprice = 61_000", ("unknown key", '"mark_price"')),
    # syntax
    "no equals sign": Row("book", "wallet_balance = 1", "wallet_balance ►1", ("not TOML", "write key = value")),
    "open quote": Row("book", '"USDT"', '"USDT►', ("not TOML", "quote")),
    "word without quotes": Row("book", '"USDT"', "►USDT", ("not TOML", "quotes")),
    "impossible date": Row("pack", "2026-09-30", "►2026-02-30", ("not TOML", "2026-09-30")),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_each_fault_is_placed_and_told(row: Row, tmp_path: Path) -> None:
    text, line, column = placed(edited(TEXTS[f"{row.file}.toml"], (row.old, row.new)), row.at)
    path = write(tmp_path, **{row.file: text})
    with pytest.raises(InputError) as raised:
        read_scenario(path)
    assert len(raised.value.faults) == 1, str(raised.value)
    fault = raised.value.faults[0]
    assert (Path(fault.path).name, fault.line, fault.column) == (f"{row.file}.toml", line, column)
    for words in row.words:
        assert words in str(fault)


def test_the_unedited_files_have_no_fault(tmp_path: Path) -> None:
    # The negative control of the table: what is reported comes from the edits alone.
    assert validate_files([write(tmp_path), *(tmp_path / name for name in TEXTS)]) == ((), ())
    assert validate_files([write(tmp_path, scenario=CALIBRATED)])[0] == ()
