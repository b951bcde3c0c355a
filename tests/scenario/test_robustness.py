"""Whatever stands in a file is either read or refused with a fault that has a place; nothing else escapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.documents.faults import Fault, InputError
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.validation import validate_files
from tests.scenario.files import CALIBRATED, SCENARIO, TEXTS, write

STRANGE = (
    *("0", "-1", "3.5", "1e308", "nan", "true", '"x"', '"../.."', r'"\u0000"', "9" * 400),
    *("[]", "[[]]", "[{}]", '["x"]', "[[1, 1, 1, 1]]", "{ a = 1 }", "2026-09-30"),
)


def faults_of(path: Path) -> tuple[Fault, ...]:
    """The faults of a scenario; none if it is read."""
    try:
        read_scenario(path)
    except InputError as error:
        return error.faults
    return ()


@pytest.mark.parametrize("name", TEXTS)
def test_any_value_under_any_key(name: str, tmp_path: Path) -> None:
    scenario = SCENARIO if name != "calibration.toml" else CALIBRATED
    path = write(tmp_path, scenario=scenario)
    lines = TEXTS[name].splitlines() if name != "scenario.toml" else scenario.splitlines()
    read = refused = 0
    for index, line in enumerate(lines):
        key, equals, _ = line.partition(" = ")
        if not equals or key.startswith(" "):
            continue
        for value in STRANGE:
            text = "\n".join([*lines[:index], f"{key} = {value}", *lines[index + 1 :]])
            (tmp_path / name).write_text(text)
            faults = faults_of(path)
            read, refused = read + (not faults), refused + bool(faults)
            for fault in faults:
                length = len(Path(fault.path).read_text().split("\n")[fault.line - 1])
                assert 1 <= fault.column <= length + 1
                assert str(fault).isprintable()
    # Neither everything nor nothing is refused (a refusal without faults would count as read).
    assert 0 < read < refused


@pytest.mark.parametrize("name", TEXTS)
def test_any_line_missing_or_standing_twice(name: str, tmp_path: Path) -> None:
    scenario = SCENARIO if name != "calibration.toml" else CALIBRATED
    path = write(tmp_path, scenario=scenario)
    lines = TEXTS[name].splitlines() if name != "scenario.toml" else scenario.splitlines()
    for index in range(len(lines)):
        for changed in (lines[:index] + lines[index + 1 :], [*lines[: index + 1], *lines[index:]]):
            (tmp_path / name).write_text("\n".join(changed))
            # Validation finds what reading finds.
            assert validate_files([path])[0] == faults_of(path)
