"""The file that a calibration goes to: refused before the work is done where it could not be written."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from stresslab.documents.faults import Fault, InputError
from stresslab.documents.names import name_problem


def write_checked(target: Path, text: str) -> None:
    """Write a text whole or not at all; an `InputError` where the place does not let it."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(target)
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        raise InputError([Fault(str(target), 1, 1, problem, "choose another place")]) from None
    finally:
        with suppress(OSError):
            aside.unlink()


def check_target(path: str | Path) -> None:
    """Refuse a place where no calibration can be written, before the work is done.

    Raises
    ------
    InputError
        Where the name does not end in ``.toml`` or could not serve as the calibration's name, the folder does not exist
        or cannot be reached, or a folder stands in the place.
    """
    target = Path(path)
    try:
        refusal = _target_problem(target)
    except OSError as error:
        refusal = f"the place cannot be reached: {error.strerror}", "choose another place"
    if refusal is not None:
        raise InputError([Fault(str(path), 1, 1, *refusal)])


def _target_problem(target: Path) -> tuple[str, str] | None:
    name = name_problem(target.stem)
    if target.suffix != ".toml":
        return "a calibration's file must end in .toml", "a scenario takes any other name for a shipped one"
    if name is not None:
        return f"the calibration's name, which is the file's without .toml, {name}", "choose another name"
    # Asked of the system itself: `Path.is_dir` answers some of its errors with no.
    if not stat.S_ISDIR(_mode(target.parent)):
        return f"there is no folder {target.parent}", "make it first"
    if stat.S_ISDIR(_mode(target)):
        return "a folder stands there", "name a file"
    return None


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
