"""Names and words of input files: what may be printed, how it is quoted, and which word was meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

LONGEST_NAME = 200
LONGEST_PATH = 4096

# Letters and symbols by category, blank on paper.
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_CATEGORIES = {
    "Cc": "a control character",
    "Cf": "an invisible formatting character",
    "Cs": "half of a surrogate pair",
    "Co": "a private-use character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Zs": "a space other than the plain one",
}


def is_printing(character: str) -> bool:
    """Whether a character leaves its own mark on paper, or is the plain space."""
    return character.isprintable() and character not in _BLANK_LETTERS


def name_problem(text: str) -> str | None:
    """What keeps a text from serving as a name, or None if nothing does.

    A name is printed on paper and shown on terminals: it is not empty, has no space at its ends, at most 200
    characters, and every character prints.
    """
    problem = _text_problem(text, LONGEST_NAME)
    if problem is None and text != text.strip():
        return "begins or ends with a space"
    return problem


def path_problem(text: str) -> str | None:
    """What keeps a text from serving as a path, or None if nothing does.

    Messages show paths, so every character prints; it is not empty, and as long as systems allow, 4096 characters.
    """
    return _text_problem(text, LONGEST_PATH)


def _text_problem(text: str, longest: int) -> str | None:
    for index, character in enumerate(text):
        if not is_printing(character):
            kind = _CATEGORIES.get(unicodedata.category(character), "a character that does not print")
            return f"holds {kind}, U+{ord(character):04X}, as its character {index + 1}"
    if not text:
        return "is empty"
    if len(text) > longest:
        return f"is {len(text)} characters long, above the limit of {longest}"
    return None


def shown(value: object, longest: int = 60) -> str:
    """A value as a message shows it: text in quotes, nothing unprintable, not longer than about one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and is_too_large(value):
        return f"a whole number of {value.bit_length()} bits"  # Python refuses to write thousands of digits
    text = str(value)
    if len(text) > longest:
        text = text[: longest - 3] + "..."
    text = "".join(
        character if is_printing(character) else f"\\u{ord(character):04x}"
        for character in text.replace("\n", "\\n").replace("\t", "\\t")
    )
    return f'"{text}"' if isinstance(value, str) else text


def is_too_large(value: int) -> bool:
    """Whether a whole number needs more than 64 bits, so that no table of ours can hold it."""
    return value.bit_length() > 64


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of several words that was most likely meant, or None if none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in words}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def suggestion(word: str, words: Iterable[str], what: str) -> str:
    """A remedy for a word that is not among those known: the near one, or all of them.

    Parameters
    ----------
    word : str
        As it stands in the file.
    words : iterable of str
        Those that would be right.
    what : str
        What they are, in the plural, such as ``"keys"``.
    """
    known = list(words)
    near = closest(word, known)
    if near is not None:
        return f"did you mean {shown(near)}?"
    if not known:
        return f"there are no {what} here"
    listed = ", ".join(shown(name) for name in known[:12])
    return f"the {what} here are {listed}" + (f" and {len(known) - 12} more" if len(known) > 12 else "")
