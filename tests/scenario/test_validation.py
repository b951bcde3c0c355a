"""Validation tells files apart by their keys, and each fault once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.scenario.validation import validate_files
from tests.scenario.files import BOOK, CALIBRATED, CALIBRATION, PACK, SCENARIO, edited, write


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scenario", edited(SCENARIO, ("seed = 7", "seed = -7"))),
        ("book", edited(BOOK, ("20.0", "0"))),
        ("pack", edited(PACK, ('"8h"', '"8"'))),
        ("calibration", edited(CALIBRATION, ("0.6", "-0.6"))),
    ],
)
def test_each_kind_of_file_is_checked_as_what_it_is(name: str, text: str, tmp_path: Path) -> None:
    write(tmp_path, **{name: text})
    (fault,) = validate_files([tmp_path / f"{name}.toml"])[0]
    assert Path(fault.path).name == f"{name}.toml"


def test_a_file_of_no_kind_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "something else"\n')
    (fault,) = validate_files([path])[0]
    assert fault.problem == "no key of this file tells what it is"


def test_a_file_reached_twice_is_reported_once(tmp_path: Path) -> None:
    path = write(tmp_path, pack=edited(PACK, ('"8h"', '"8"')), book=edited(BOOK, ("20.0", "0")))
    names = [path, tmp_path / "book.toml", tmp_path / "pack.toml", path, tmp_path / "." / "book.toml"]
    faults = validate_files(names)[0]
    assert [(Path(fault.path).name, fault.line) for fault in faults] == [("book.toml", 10), ("pack.toml", 7)]


def test_faults_of_a_missing_file_stand_beside_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, scenario=edited(CALIBRATED, ("seed = 7", "seed = -7")))
    (tmp_path / "book.toml").unlink()
    (tmp_path / "calibration.toml").unlink()
    faults = validate_files([path, tmp_path / "none.toml"])[0]
    assert [(Path(fault.path).name, fault.line) for fault in faults] == [
        ("none.toml", 1),
        ("scenario.toml", 3),
        ("scenario.toml", 7),
        ("scenario.toml", 11),
    ]


def test_warnings_are_told_apart_from_faults(tmp_path: Path) -> None:
    path = write(tmp_path, scenario=edited(SCENARIO, ("price = 61_000", "price = 62_000")))
    faults, notices = validate_files([path, path])
    assert faults == ()
    assert [notice.line for notice in notices] == [13]
