"""From a file's bytes to parsed TOML, and from a table to a checked model, with every fault at its place."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stresslab.documents.findings import Document, Findings, read_bytes
from stresslab.documents.messages import kind_of_value, number, words_for
from stresslab.documents.names import closest, is_too_large, name_problem, path_problem, shown, suggestion
from stresslab.documents.places import KeyPath, Place, find_places, line_starts

Model = TypeVar("Model", bound=BaseModel)

_SYNTAX_PLACE = re.compile(
    r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SYNTAX_REMEDIES = (
    ("Expected '=' after a key", "write key = value, one a line"),
    ("Unclosed array", "close the list with ]"),
    ("Unclosed inline table", "close the inline table with }"),
    ("Unterminated string", "close the text with the quote it began with"),
    ("Cannot overwrite a value", "a key may stand once: remove or rename one of the two"),
    ("Duplicate inline table key", "a key may stand once: remove or rename one of the two"),
    ("Cannot declare", "a table may be opened once: join the two, or use [[...]] for one more element of a list"),
    (
        "Cannot mutate immutable namespace",
        "an inline table cannot be added to: write all of its keys inside the braces",
    ),
    ("Cannot redefine namespace", "a table may be opened once: join the two"),
    ("Expected newline or end of document", "put each key on its own line, and comments after #"),
    ("Invalid value", "write text in quotes, numbers as 61_000 or 0.5, and true or false in small letters"),
    ("Invalid date", "write dates as 2026-09-30"),
    ("Illegal character", "remove the control character; within quotes it may be written as an escape"),
    ("Found invalid character '\\n'", "a quoted text ends on its own line; close the quote, or use three quotes"),
    ("Unescaped '\\' in a string", "write \\\\ for a backslash, or put the text in single quotes"),
    ('Expected "]"', "close the header: [name] for a table, [[name]] for one more element of a list"),
    (
        "Invalid initial character for a key part",
        "names of keys are letters, digits, - and _; put any other name in quotes",
    ),
    ("Invalid statement", "a line is a key = value, a [table] or a # comment"),
)


def open_document(
    path: Path, name: str, findings: Findings, origin: tuple[Document, KeyPath] | None = None
) -> Document | None:
    """Read and parse a file once; whatever is wrong with it joins the findings.

    Parameters
    ----------
    path : pathlib.Path
        Where the file is.
    name : str
        The file as the user named it.
    findings : Findings
        Takes the faults, and keeps the file so that no second reader parses it again.
    origin : tuple of Document and path, optional
        Where another file names this one: a missing file is a fault of that place.

    Returns
    -------
    Document or None
        None where the file cannot be had or cannot be parsed.
    """
    real = path.absolute()
    try:
        real = path.resolve()
        if real in findings.opened:
            return findings.opened[real]
        content = read_bytes(path)
    except (OSError, RuntimeError) as error:  # a loop of symbolic links
        refusal = (f"cannot read {shown(name, 200)} ({error.__class__.__name__})", "check the path")
    except ValueError as error:
        refusal = error.args if len(error.args) == 2 else (f"{shown(name, 200)} is not a path", "name a file on disk")
    else:
        document = findings.opened[real] = parse_document(content, name, path.parent, findings)
        return document
    if origin is None:
        findings.fault_at(name, Place(1, 1), *refusal)
    else:
        findings.fault(*origin, *refusal)
    return None


def parse_document(content: bytes, name: str, folder: Path, findings: Findings) -> Document | None:
    """Parse a file's bytes; None where they are no TOML.

    Parameters
    ----------
    content : bytes
        UTF-8 text.
    name : str
        The file as the user named it; faults bear it.
    folder : pathlib.Path
        Where the paths inside the file start.
    findings : Findings
        Takes the faults.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = content[: error.start].decode("utf-8")
        place = Place(good.count("\n") + 1, len(good) - (good.rfind("\n") + 1) + 1)
        findings.fault_at(
            name, place, f"the byte 0x{content[error.start]:02X} is not UTF-8", "save the file as UTF-8 text"
        )
        return None
    try:
        data = tomllib.loads(text)
        places = find_places(text)
        document = Document(name, folder, text, data, places)
        before = len(findings.faults)
        _check_leaves(document, findings)
    except RecursionError:
        findings.fault_at(name, Place(1, 1), "tables or lists are nested too deeply", "nest at most a few levels")
        return None
    except ValueError as error:
        findings.fault_at(name, *_syntax_fault(str(error), text))
        return None
    return replace(document, sound=len(findings.faults) == before)


def _syntax_fault(message: str, text: str) -> tuple[Place, str, str]:
    match = _SYNTAX_PLACE.match(message)
    if match is None:
        return (
            Place(1, 1),
            "a number or a date in the file cannot be read",
            "write numbers as 61_000 or 0.5, dates as 2026-09-30",
        )
    what = match["what"]
    if match["line"]:
        place = Place(int(match["line"]), int(match["column"]))
    else:
        starts = line_starts(text.rstrip("\n"))
        place = Place(len(starts), len(text.rstrip("\n")) - starts[-1] + 1)
    remedy = next(
        (remedy for start, remedy in _SYNTAX_REMEDIES if what.startswith(start)),
        "correct the TOML syntax at this place",
    )
    what = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in what)
    return place, f"this is not TOML: {what[:1].lower()}{what[1:]}", remedy


def _check_leaves(document: Document, findings: Findings) -> None:
    """What holds in every file: keys print, and numbers are finite and of bounded size."""
    for path, value in _walk((), document.data):
        if path and isinstance(path[-1], str):
            problem = name_problem(path[-1])
            if problem is not None:
                remedy = "use letters, digits, - and _"
                findings.fault(document, path, f"the key {shown(path[-1])} {problem}", remedy, key=True)
        if isinstance(value, float) and not math.isfinite(value):
            findings.fault(
                document, path, f"{_label(path)} is {value}, which is not a finite number", "give a finite number"
            )
        if isinstance(value, int) and is_too_large(value):
            problem = f"{_label(path)} is {number(value)}, too large for any figure"
            findings.fault(document, path, problem, "give a whole number of at most 64 bits")


def _walk(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk((*path, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk((*path, index), item)


def _label(path: KeyPath) -> str:
    names = [part for part in path if isinstance(part, str)]
    return f"`{shown(names[-1])[1:-1]}`" if names else "the value"


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a table, as files write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def key_meant(table: Mapping[str, Any], key: str, known: list[str]) -> str:
    """The key of a table that stands for a known one: itself, or an unknown key near to it.

    A misspelled key is one fault. Reading on under the name that was meant keeps it from also counting as a missing
    key, and lets what it holds be checked in the same go.
    """
    if key in table:
        return key
    return next((other for other in table if other not in known and closest(other, known) == key), key)


def check_unknown_keys(document: Document, at: KeyPath, known: list[str], findings: Findings) -> None:
    """Each key of a table that is not known is a fault."""
    for key in document.at(at):
        if key not in known and name_problem(key) is None:
            remedy = suggestion(key, known, "keys")
            findings.fault(document, (*at, key), f"unknown key {shown(key)}", remedy, key=True)


def reference_at(document: Document, at: KeyPath) -> str | None:
    """The name or path that a file states at a path; None where it states none that could be one."""
    value = document.at(at)
    return value if isinstance(value, str) and path_problem(value) is None else None


def is_table(document: Document, at: KeyPath, findings: Findings) -> bool:
    """Whether a table stands at a path; anything else there is a fault."""
    value = document.at(at)
    if isinstance(value, dict):
        return True
    label = _label(at)
    findings.fault(
        document,
        at,
        f"{label} must be a table, but is {kind_of_value(value)}",
        f"write it under a header: [{_dotted(at)}]",
    )
    return False


def tables_in_list(document: Document, at: KeyPath, findings: Findings) -> list[KeyPath]:
    """Paths of the tables in a list of tables; anything else there is a fault."""
    value = document.at(at)
    if not isinstance(value, list):
        remedy = f"open each one with [[{_dotted(at)}]]"
        findings.fault(document, at, f"{_label(at)} must be a list of tables, but is {kind_of_value(value)}", remedy)
        return []
    return [(*at, index) for index in range(len(value)) if is_table(document, (*at, index), findings)]


def _dotted(path: KeyPath) -> str:
    names = [part for part in path if isinstance(part, str)]
    return ".".join(name if _BARE_KEY.fullmatch(name) else shown(name) for name in names)


def _header(path: KeyPath) -> str:
    """The header of a table, brackets included; empty for the file itself, and for a table inside braces."""
    if any(isinstance(part, int) for part in path[:-1]):
        return ""
    return f"[[{_dotted(path)}]]" if path and isinstance(path[-1], int) else f"[{_dotted(path)}]" if path else ""


def check_table(
    document: Document, at: KeyPath, model: type[Model], findings: Findings, *, elsewhere: Collection[str] = ()
) -> Model | None:
    """Check one table against its model.

    Parameters
    ----------
    document : Document
        The file.
    at : tuple
        Path of the table.
    model : type of pydantic.BaseModel
        Its keys, types and ranges. Fields under `pydantic.SkipValidation` are only asked to be there.
    findings : Findings
        Takes every fault of the table.
    elsewhere : collection of str
        Further keys that may stand in the table and are checked by another model.

    Returns
    -------
    pydantic.BaseModel or None
        None where a value is missing or wrong; unknown keys alone do not prevent a model.
    """
    if not is_table(document, at, findings):
        return None
    known = keys_of(model)
    check_unknown_keys(document, at, [*known, *elsewhere], findings)
    table = document.at(at)
    written = {key: key_meant(table, key, [*known, *elsewhere]) for key in known}
    values = {key: table[name] for key, name in written.items() if name in table}
    return check_values(document, at, values, model, findings, written)


def check_values(
    document: Document,
    at: KeyPath,
    values: Mapping[str, Any],
    model: type[Model],
    findings: Findings,
    written: Mapping[str, str] = MappingProxyType({}),
) -> Model | None:
    """Check values against a model, placing faults in the table that they came from.

    Parameters
    ----------
    document, at : Document and path
        The table.
    values : mapping
        By the model's keys; those that the table does not hold itself are taken to be right.
    model, findings : type of pydantic.BaseModel, Findings
        As in `check_table`.
    written : mapping of str to str
        Keys that stand in the table under another name.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            location = details["loc"]
            path = (*at, written.get(str(location[0]), str(location[0])), *location[1:])
            value = document.at(path)
            if details["type"] == "finite_number" or (isinstance(value, int) and is_too_large(value)):
                continue  # placed when the file was read
            words = words_for(details, model, _header(at), exists=document.at(at) is not None)
            findings.fault(document, path, *words)
        return None
