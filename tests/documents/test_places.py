"""Places of keys and values: against marks set by hand, and against a writer that notes where it writes."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stresslab.documents.places import KeyPath, Place, find_places

TEXT = '''\
# a comment = 1
title = "a # no comment"
dotted.key."quoted.part" = 1
'literal key' = [1, [2, 3], # inside
  { a = 1, b.c = [4] },
]
long = """
[not.a.table]
k = 1 ""\\""" """"
odd = \'\'\'it's'\'\'\'

[table.sub]
x = 1979-05-27 07:32:00
[table]
y = inf
[[list]]
name = "one"
[[list.inner]]
z = 1
[[list.inner]]
z = 2
[[list]]
  name	=	"two"
[list.only]
w = {}
'''

# Counted by hand: path, place of the key, place of the value.
BY_HAND: tuple[tuple[KeyPath, tuple[int, int], tuple[int, int]], ...] = (
    (("title",), (2, 1), (2, 9)),
    (("dotted",), (3, 1), (3, 1)),
    (("dotted", "key"), (3, 8), (3, 8)),
    (("dotted", "key", "quoted.part"), (3, 12), (3, 28)),
    (("literal key",), (4, 1), (4, 17)),
    (("literal key", 0), (4, 18), (4, 18)),
    (("literal key", 1), (4, 21), (4, 21)),
    (("literal key", 1, 1), (4, 25), (4, 25)),
    (("literal key", 2), (5, 3), (5, 3)),
    (("literal key", 2, "a"), (5, 5), (5, 9)),
    (("literal key", 2, "b"), (5, 12), (5, 12)),
    (("literal key", 2, "b", "c"), (5, 14), (5, 18)),
    (("literal key", 2, "b", "c", 0), (5, 19), (5, 19)),
    (("long",), (7, 1), (7, 8)),
    (("odd",), (10, 1), (10, 7)),
    (("table", "sub"), (12, 8), (12, 1)),
    (("table", "sub", "x"), (13, 1), (13, 5)),
    (("table",), (14, 2), (14, 1)),
    (("table", "y"), (15, 1), (15, 5)),
    (("list",), (16, 3), (16, 1)),
    (("list", 0), (16, 3), (16, 1)),
    (("list", 0, "name"), (17, 1), (17, 8)),
    (("list", 0, "inner"), (18, 8), (18, 1)),
    (("list", 0, "inner", 1), (20, 8), (20, 1)),
    (("list", 0, "inner", 1, "z"), (21, 1), (21, 5)),
    (("list", 1), (22, 3), (22, 1)),
    (("list", 1, "name"), (23, 3), (23, 10)),
    (("list", 1, "only"), (24, 7), (24, 1)),
    (("list", 1, "only", "w"), (25, 1), (25, 5)),
)


@pytest.mark.parametrize(("path", "key", "value"), BY_HAND)
def test_places_marked_by_hand(path: KeyPath, key: tuple[int, int], value: tuple[int, int]) -> None:
    places = find_places(TEXT)
    assert places.key(path) == key
    assert places.value(path) == value


def test_a_path_that_does_not_exist_is_placed_at_its_table() -> None:
    places = find_places(TEXT)
    assert places.value(("list", 1, "missing", 3)) == Place(22, 1)
    assert places.key(("missing",)) == Place(1, 1)


def test_windows_line_ends_do_not_move_places() -> None:
    unix, windows = find_places(TEXT), find_places(TEXT.replace("\n", "\r\n"))
    assert [windows.value(path) for path, _, _ in BY_HAND] == [unix.value(path) for path, _, _ in BY_HAND]


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path of parsed data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_of(item, (*path, key))


class Writer:
    """Writes data as TOML in styles that it is told, and notes where each value begins."""

    def __init__(self, choose: Any) -> None:
        self.choose = choose
        self.text = ""
        self.starts: dict[KeyPath, int] = {}

    def pick(self, *options: str) -> str:
        return str(self.choose(st.sampled_from(options)))

    def key(self, name: str) -> None:
        bare = name.isascii() and name.replace("_", "a").isalnum()
        quoted = '"' + "".join(f"\\u{ord(letter):04X}" for letter in name) + '"'
        self.text += self.pick(name, quoted) if bare else quoted

    def blank(self, *, lines: bool) -> None:
        self.text += self.pick("", " ", "\t", *(("\n", '  # ] } , = "\n', "\r\n") if lines else ()))

    def value(self, path: KeyPath, value: Any) -> None:
        self.starts[path] = len(self.text)
        if isinstance(value, list):
            self.text += "["
            for index, item in enumerate(value):
                self.blank(lines=True)
                self.value((*path, index), item)
                self.blank(lines=True)
                self.text += "," if index < len(value) - 1 else self.pick("", ",")
            self.blank(lines=True)
            self.text += "]"
        elif isinstance(value, dict):
            self.text += "{"
            for index, (name, item) in enumerate(value.items()):
                self.blank(lines=False)
                self.pair(path, name, item)
                self.blank(lines=False)
                self.text += "," if index < len(value) - 1 else ""
            self.blank(lines=False)
            self.text += "}"
        elif isinstance(value, str):
            escaped = "".join(f"\\U{ord(letter):08X}" if letter in '"\\\r' else letter for letter in value)
            one_line = escaped.replace("\n", "\\n")
            trimmed = "\n" if value.startswith("\n") else ""  # TOML drops a line break right after three quotes
            self.text += self.pick(
                f'"{one_line}"',
                f'"""{trimmed}{escaped}"""',
                f'"""\\\n   {one_line}"""' if value.strip() == value else f'"{one_line}"',
            )
        else:
            self.text += (
                {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
            )

    def pair(self, table: KeyPath, name: str, value: Any) -> None:
        # A table of one key may be written as a dotted key.
        self.key(name)
        path = (*table, name)
        while isinstance(value, dict) and len(value) == 1 and self.choose(st.booleans()):
            ((name, value),) = value.items()
            self.blank(lines=False)
            self.text += "."
            self.blank(lines=False)
            self.key(name)
            path = (*path, name)
        self.blank(lines=False)
        self.text += "="
        self.blank(lines=False)
        self.value(path, value)

    def table(self, path: KeyPath, header: tuple[str, ...], table: dict[str, Any]) -> None:
        later = []
        for name, value in table.items():
            is_list_of_tables = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            if (isinstance(value, dict) or is_list_of_tables) and self.choose(st.booleans()):
                later.append((name, value))
                continue
            self.blank(lines=True)
            self.pair(path, name, value)
            self.text += self.pick("\n", " # [x]\n", "\r\n")
        for name, value in later:
            elements = value if isinstance(value, list) else [value]
            for index, element in enumerate(elements):
                element_path = (*path, name, index) if isinstance(value, list) else (*path, name)
                self.blank(lines=True)
                self.starts[element_path] = len(self.text)
                self.text += "[[" if isinstance(value, list) else "["
                for count, part in enumerate((*header, name)):
                    self.text += "." if count else ""
                    self.blank(lines=False)
                    self.key(part)
                    self.blank(lines=False)
                self.text += ("]]" if isinstance(value, list) else "]") + "\n"
                self.table(element_path, (*header, name), element)


LETTERS = st.sampled_from("ab_1.\"'#[]{}=, \\\né")
KEYS = st.text(LETTERS, max_size=3)
SCALARS = st.one_of(st.integers(-9, 9), st.booleans(), st.text(LETTERS, max_size=6), st.just(1.5))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.data())
def test_every_value_is_found_where_it_was_written(data: dict[str, Any], chooser: st.DataObject) -> None:
    writer = Writer(chooser.draw)
    writer.table((), (), data)
    assert tomllib.loads(writer.text) == data
    places = find_places(writer.text)
    assert set(places.values) == set(paths_of(data))
    assert {path: places.values[path] for path in writer.starts} == writer.starts


# Small pieces of syntax in any order: most are no TOML, and those that are must agree with tomllib.
PIECES = st.sampled_from(
    ["a", '"b"', ".", " = ", "1", '"x"', "'y'", '"""z"""', "[", "]", "[[", "]]", "{", "}", ", ", "\n", "#c\n"]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@example('a = [[1], { b.c = "]" }, ]\n[[d]]\n[[d]]\n[d.e]\nf = """"x"""""')
def test_whatever_is_accepted_has_all_of_its_paths(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(find_places(text).values) == set(paths_of(data))
