"""Edits of the right files, with the place and the words of the one fault that follows."""

from __future__ import annotations

from dataclasses import dataclass

ARROW = "►"


@dataclass(frozen=True)
class Row:
    """A passage of a file, what stands there instead, and words of the one fault that follows."""

    file: str
    old: str
    new: str
    words: tuple[str, ...]
    at: str | None = None


def placed(text: str, at: str | None) -> tuple[str, int, int]:
    """The text without its arrow, and line and column of the arrow or of a passage."""
    mark = ARROW if ARROW in text and at is None else at
    assert mark is not None
    offset = text.index(mark)
    line = text[:offset].count("\n") + 1
    column = offset - (text[:offset].rfind("\n") + 1) + 1
    return text.replace(ARROW, ""), line, column
