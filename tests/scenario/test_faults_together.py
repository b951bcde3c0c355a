"""Faults of calibrations, and of several places at once: none hides another, and none invents one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.scenario.validation import validate_files
from tests.scenario.files import CALIBRATED, POOL, TEXTS, edited, write
from tests.scenario.rows import Row, placed


def test_a_file_of_another_kind_is_one_fault(tmp_path: Path) -> None:
    path = write(tmp_path, book=edited(TEXTS["book.toml"], ("pack.toml", "calibration.toml")))
    (fault,) = validate_files([path])[0]
    assert (Path(fault.path).name, fault.line, fault.column) == ("calibration.toml", 1, 1)
    assert fault.problem == "this file is a calibration, not a venue's rule pack"


def test_a_mistyped_entry_hides_no_other(tmp_path: Path) -> None:
    path = write(tmp_path, scenario=edited(TEXTS["scenario.toml"], ('["btc-long", "eth-short"]', '["aa", 3]')))
    # Columns counted in `  { name = "majors", positions = ["aa", 3], ...`.
    assert [(fault.line, fault.column, fault.problem) for fault in validate_files([path])[0]] == [
        (27, 35, 'the book holds no position "aa"'),
        (27, 41, "`positions`, entry 2, must be text, but is a whole number, 3"),
    ]


def test_a_faulty_pool_says_nothing_about_what_is_left(tmp_path: Path) -> None:
    # "majors" takes the whole wallet, and what is outside of it cannot be told from the faulty pool.
    pools = POOL.replace("120_000", "1_000_000").replace(', "eth-short"', "") + ', { name = "b", positions = [3] }'
    path = write(tmp_path, scenario=edited(TEXTS["scenario.toml"], (POOL, pools)))
    assert [fault.problem[:11] for fault in validate_files([path])[0]] == ["the key `co", "`positions`"]


def test_files_at_fault_elsewhere_are_not_built_upon(tmp_path: Path) -> None:
    # The book is checked first by itself, so that its fault is told before the scenario meets it.
    path = write(tmp_path, book=edited(TEXTS["book.toml"], ("-150.0", "nan")))
    (fault,) = validate_files([tmp_path / "book.toml", path])[0]
    assert fault.problem == "`quantity` is nan, which is not a finite number"


def test_an_unknown_key_may_hold_an_endless_number(tmp_path: Path) -> None:
    path = write(tmp_path, scenario=edited(TEXTS["scenario.toml"], ("seed = 7", "seed = 7\nzebra = 0x" + "F" * 5000)))
    assert [(fault.line, fault.column, fault.problem[:19]) for fault in validate_files([path])[0]] == [
        (8, 1, 'unknown key "zebra"'),
        (8, 9, "`zebra` is about 10"),
    ]


CALIBRATION_ROWS = {
    "model": Row("calibration", '"student_t"', '►"student"', ('no model "student"', 'did you mean "student_t"?')),
    "percent": Row("calibration", "volatility = 0.6", "volatility = ►60", ("a volatility of 60", "write 0.6")),
    "unknown key": Row("calibration", "drift = 0.2", "►drifft = 0.2", ("unknown key", '"drift"')),
    "parameter": Row("calibration", "degrees_of_freedom = 4.0", "degrees_of_freedom = ►1.5", ("below 2.5",)),
    "no date": Row("calibration", "as_of = 2024-06-30\n", "", ("`as_of` is missing",), at="schema"),
    "covered": Row(
        "calibration", "[history]", "[assets.SOL]\nvolatility = 1.2\n[history]", ('lacks "SOL"',), at='["BTC", "ETH"]'
    ),
    "matrix": Row("calibration", "[0.7, 1.0]]", "[►0.6, 1.0]]", ("make the two equal",)),
    "no parameters": Row(
        "calibration",
        "[parameters]\ndegrees_of_freedom = 4.0\n",
        "",
        ("`degrees_of_freedom` is missing", "add [parameters] with degrees_of_freedom = 4.0"),
        at="schema",
    ),
    "asset of a name that does not print": Row(
        "calibration", "[assets.ETH]", '[assets.►"E\\u0007TH"]', ("a control character, U+0007",)
    ),
    "endless number in history": Row("calibration", '"made up"', "►0x" + "F" * 5000, ("`note` is about 10 to the",)),
    "nan in history": Row("calibration", '"made up"', "►nan", ("`note` is nan",)),
}


@pytest.mark.parametrize("row", CALIBRATION_ROWS.values(), ids=CALIBRATION_ROWS)
def test_each_fault_of_a_calibration(row: Row, tmp_path: Path) -> None:
    text, line, column = placed(edited(TEXTS["calibration.toml"], (row.old, row.new)), row.at)
    path = write(tmp_path, scenario=CALIBRATED, calibration=text)
    (fault,) = validate_files([path])[0]
    assert (Path(fault.path).name, fault.line, fault.column) == ("calibration.toml", line, column)
    for words in row.words:
        assert words in str(fault)


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        scenario=edited(
            TEXTS["scenario.toml"],
            ("schema = 1", "schema = 3"),
            ('"1h"', '"7h"'),
            ("seed = 7", "sed = 7"),
            ("0.62", "62"),
            ("price = 61_000", "price = -1"),
            ("[0.82, 1.0]]", "[0.82, nan]]"),
            ('"btc-long", "eth', '"btc", "eth'),
        ),
        book=edited(TEXTS["book.toml"], ("20.0", "0"), ('"cross"', '"crossed"'), ('"BTCUSDT"', '"BTCUSD"')),
        pack=edited(TEXTS["pack.toml"], ("1_300", "1_400"), ('"8h"', '"8"')),
    )
    # Lines counted by hand in the texts of tests/scenario/files.py.
    expected = {
        ("scenario.toml", 1),
        ("scenario.toml", 5),
        ("scenario.toml", 7),
        ("scenario.toml", 13),
        ("scenario.toml", 14),
        ("scenario.toml", 22),
        ("scenario.toml", 27),
        ("book.toml", 10),
        ("book.toml", 22),
        ("pack.toml", 7),
        ("pack.toml", 20),
    }
    faults = validate_files([path])[0]
    assert {(Path(fault.path).name, fault.line) for fault in faults} == expected
    assert len(faults) == len(expected)
