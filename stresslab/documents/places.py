"""Where in a TOML text each key and each value stands."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t\r]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")


class Place(NamedTuple):
    """Line and column, both counted from 1; the column counts characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Places:
    """Offsets of keys and values in a text, by path.

    Parameters
    ----------
    keys : mapping of tuple to int
        Where a key is written; for a table with a header, the last part of the header's name.
    values : mapping of tuple to int
        Where a value begins; for a table with a header, the header's bracket.
    line_starts : tuple of int
        Offset of each line's first character.
    """

    keys: Mapping[KeyPath, int]
    values: Mapping[KeyPath, int]
    line_starts: tuple[int, ...]

    def key(self, path: KeyPath) -> Place:
        """Place of a key; of the nearest table above it where the path does not exist."""
        return self._nearest(self.keys, path)

    def value(self, path: KeyPath) -> Place:
        """Place of a value; of the nearest table above it where the path does not exist."""
        return self._nearest(self.values, path)

    def _nearest(self, offsets: Mapping[KeyPath, int], path: KeyPath) -> Place:
        while path:
            if path in offsets:
                return self.at(offsets[path])
            # An array's element has no key of its own, and a path that does not exist is placed at its parent.
            if path in self.values:
                return self.at(self.values[path])
            path = path[:-1]
        return Place(1, 1)

    def at(self, offset: int) -> Place:
        """Line and column of an offset into the text."""
        line = bisect_right(self.line_starts, offset)
        return Place(line, offset - self.line_starts[line - 1] + 1)


def line_starts(text: str) -> tuple[int, ...]:
    """Offset of each line's first character; lines end at line feeds alone, as in TOML."""
    return (0, *(match.end() for match in re.finditer("\n", text)))


def find_places(text: str) -> Places:
    """Map every path of a TOML text to where it is written.

    Parameters
    ----------
    text : str
        A text that `tomllib` has accepted; nothing is checked again.

    Returns
    -------
    Places
        An entry for every table, array, array element and value, the root included.
    """
    scanner = _Scanner(text)
    scanner.document()
    return Places(scanner.keys, scanner.values, line_starts(text))


class _Scanner:
    """One pass over the text. It only has to find its way, since the text is known to be right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {(): 0}
        self.elements: dict[KeyPath, int] = {}  # how many elements an array of tables has so far

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.offset)
        if match:
            self.offset = match.end()

    def next_is(self, token: str) -> bool:
        return self.text.startswith(token, self.offset)

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_BLANK_LINES)
        while self.offset < len(self.text):
            if self.next_is("["):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK_LINES)

    def header(self) -> KeyPath:
        start = self.offset
        brackets = 2 if self.next_is("[[") else 1
        self.offset += brackets
        parts = self.key_parts()
        self.offset += brackets
        path: KeyPath = ()
        for name, offset in parts[:-1]:
            path = self.implied(path, name, offset, start)
            if path in self.elements:
                path = (*path, self.elements[path] - 1)
        name, offset = parts[-1]
        path = (*path, name)
        if brackets == 2:
            index = self.elements.get(path, 0)
            self.elements[path] = index + 1
            self.keys.setdefault(path, offset)
            self.values.setdefault(path, start)
            path = (*path, index)
        # A header of its own is a better place than an earlier header that only passed through this table.
        self.keys[path] = offset
        self.values[path] = start
        return path

    def implied(self, path: KeyPath, name: str, key: int, value: int) -> KeyPath:
        path = (*path, name)
        self.keys.setdefault(path, key)
        self.values.setdefault(path, value)
        return path

    def pair(self, table: KeyPath) -> None:
        parts = self.key_parts()
        self.offset += 1  # the equals sign
        self.skip(_BLANK)
        path = table
        for name, offset in parts[:-1]:
            path = self.implied(path, name, offset, offset)
        name, offset = parts[-1]
        path = (*path, name)
        self.keys[path] = offset
        self.value(path)

    def key_parts(self) -> list[tuple[str, int]]:
        parts = []
        while True:
            self.skip(_BLANK)
            start = self.offset
            if self.next_is('"') or self.next_is("'"):
                self.string()
                name = tomllib.loads("name = " + self.text[start : self.offset])["name"]
            else:
                self.skip(_BARE_KEY)
                name = self.text[start : self.offset]
            parts.append((name, start))
            self.skip(_BLANK)
            if not self.next_is("."):
                return parts
            self.offset += 1

    def value(self, path: KeyPath) -> None:
        self.values[path] = self.offset
        if self.next_is('"') or self.next_is("'"):
            self.string()
        elif self.next_is("["):
            self.offset += 1
            index = 0
            while not self.closed("]"):
                self.value((*path, index))
                index += 1
        elif self.next_is("{"):
            self.offset += 1
            while not self.closed("}"):
                self.pair(path)
        else:
            self.skip(_SCALAR)

    def closed(self, bracket: str) -> bool:
        self.skip(_BLANK_LINES)
        if self.next_is(","):
            self.offset += 1
            self.skip(_BLANK_LINES)
        if self.next_is(bracket):
            self.offset += 1
            return True
        return False

    def string(self) -> None:
        quote = self.text[self.offset]
        long = self.next_is(quote * 3)
        delimiter = quote * 3 if long else quote
        self.offset += len(delimiter)
        while not self.next_is(delimiter):
            self.offset += 2 if quote == '"' and self.next_is("\\") else 1
        self.offset += len(delimiter)
        # A long string may end in up to two quotes of its own.
        for _ in range(2 if long else 0):
            if self.next_is(quote):
                self.offset += 1
