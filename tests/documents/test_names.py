"""Names: what prints and what does not, and which word was meant."""

from __future__ import annotations

import pytest

from stresslab.documents.names import closest, name_problem, path_problem, shown, suggestion


@pytest.mark.parametrize("name", ["Desk A", "Bücher & Söhne", "2026 Q3", "日本", "a" * 200, "emoji 🚀", "−1 %"])
def test_names_that_print(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is empty"),
        (" a", "begins or ends with a space"),
        ("a" * 201, "above the limit of 200"),
        ("a\0", "U+0000, as its character 2"),
        ("\x1b[31mred", "a control character, U+001B, as its character 1"),
        ("line\nbreak", "U+000A"),
        ("\x7f", "U+007F"),
        ("\x9b1m", "U+009B"),
        ("zero\u200bwidth", "an invisible formatting character, U+200B"),
        ("right\u202eleft", "U+202E"),
        ("soft\xadhyphen", "U+00AD"),
        ("\ue000", "a private-use character, U+E000"),
        ("\U0010fffd", "a private-use character, U+10FFFD"),
        ("\ud800", "half of a surrogate pair, U+D800"),
        ("\u0378", "an unassigned character, U+0378"),
        ("a\u2028b", "a line separator, U+2028"),
        ("a\xa0b", "a space other than the plain one, U+00A0"),
        ("\u3164", "U+3164"),
    ],
)
def test_names_that_do_not_print(name: str, words: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert words in problem
    assert shown(name).isprintable()


def test_a_path_may_be_as_long_as_systems_allow() -> None:
    assert path_problem("a" * 4096) is None
    assert path_problem("a folder /book.toml") is None
    assert path_problem("a" * 4097) == "is 4097 characters long, above the limit of 4096"
    assert path_problem("") == "is empty"
    assert "U+0007" in str(path_problem("a\x07"))
    # The negative control: as a name the first is too long.
    assert name_problem("a" * 4096) is not None


def test_values_are_shown_on_one_short_line() -> None:
    assert shown(1 << 99_999) == "a whole number of 100000 bits"
    assert shown("a\nb") == '"a\\nb"'
    assert shown(True) == "true"
    assert shown(1.5) == "1.5"
    assert shown("\x1b[2J") == '"\\u001b[2J"'
    assert len(shown("x" * 1000)) == 62


def test_the_word_that_was_meant() -> None:
    keys = ["horizon", "step", "paths", "seed"]
    assert closest("horizn", keys) == "horizon"
    assert closest("SEED", keys) == "seed"
    assert closest("volatility", keys) is None
    assert suggestion("pahts", keys, "keys") == 'did you mean "paths"?'
    assert suggestion("zzz", keys, "keys") == 'the keys here are "horizon", "step", "paths", "seed"'
    assert suggestion("zzz", [], "symbols") == "there are no symbols here"
    assert suggestion("zzz", [f"word {count}" for count in range(14)], "words").endswith('"word 11" and 2 more')
