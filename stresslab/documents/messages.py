"""What pydantic finds, in plain words: what is wrong, and what would be right."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stresslab.documents.names import shown, suggestion

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a decimal number",
    str: "text",
    list: "a list",
    dict: "a table",
    dt.date: "a date",
    dt.datetime: "a date and time",
    dt.time: "a time of day",
}
_WANTED = {
    "string_type": (str, "put it in quotes"),
    "int_type": (int, "write it in digits, without a point or an exponent, such as 100_000"),
    "float_type": (float, "write it as a number, without quotes"),
    "list_type": (list, "write it in brackets: [...]"),
    "tuple_type": (list, "write it in brackets: [...]"),
    "dict_type": (dict, "write it as a table"),
    "date_type": (dt.date, "write it without quotes: 2026-09-30"),
    "date_from_datetime_inexact": (dt.date, "write it without a time of day: 2026-09-30"),
    "date_from_datetime_parsing": (dt.date, "write it without quotes: 2026-09-30"),
    "datetime_type": (dt.datetime, "write it without quotes: 2026-10-01T00:00:00Z"),
    "model_type": (dict, "write it as a table"),
}
_BOUNDS = {
    "greater_than": ("gt", "not above", "above"),
    "greater_than_equal": ("ge", "below", "at least"),
    "less_than": ("lt", "not below", "below"),
    "less_than_equal": ("le", "above", "at most"),
}


def kind_of_value(value: object) -> str:
    """What a value of a TOML file is, in plain words."""
    return _KINDS.get(type(value), type(value).__name__)


def number(value: object) -> str:
    """A number as files write it, large whole ones with underscores."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 1e15:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if abs(value) < 10**20 else f"about 10 to the {math.floor(math.log10(abs(value)))}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def words_for(
    details: ErrorDetails, model: type[BaseModel], table: str = "", *, exists: bool = True
) -> tuple[str, str]:
    """Problem and remedy for one finding of pydantic about a table of a model.

    Parameters
    ----------
    details : ErrorDetails
        The finding.
    model : type of pydantic.BaseModel
        The table's keys.
    table : str
        Header of the table, brackets included; empty for the file itself and where a table has no header.
    exists : bool
        Whether the table stands in the file.
    """
    location = details["loc"]
    key = str(location[0])
    label = (
        f"`{key}`"
        if len(location) == 1
        else f"`{key}`, entry {', '.join(str(int(part) + 1) for part in location[1:])},"
    )
    context = details.get("ctx", {})
    value = details["input"]
    kind = details["type"]
    if kind == "refused":
        return str(context["problem"]), str(context["remedy"])
    if kind == "missing":
        return f"the key `{key}` is missing", _addition(model, key, table, exists)
    if kind in _WANTED:
        return _wrong_type(label, value, *_WANTED[kind])
    if kind == "literal_error":
        return _wrong_word(label, value, model, key)
    if key == "schema":
        return f"schema number {number(value)} is not known", "this version of stresslab reads files of schema = 1"
    if kind in _BOUNDS:
        name, relation, wanted = _BOUNDS[kind]
        bound = number(context[name])
        problem = f"{label} is {number(value)}, {relation} {bound}"
        return problem, f"give a value {wanted} {bound}"
    if kind == "too_short":
        return f"{label} has {context['actual_length']} entries", f"give at least {context['min_length']}"
    if kind == "too_long":
        return f"{label} has {context['actual_length']} entries", f"give at most {context['max_length']}"
    return (
        f"{label} is {shown(value)}: {details['msg'][:1].lower()}{details['msg'][1:]}",
        f"write for example {_example(model, key)}",
    )


def _wrong_type(label: str, value: object, wanted: type, how: str) -> tuple[str, str]:
    is_plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    given = f"{kind_of_value(value)}, {shown(value)}" if is_plain else kind_of_value(value)
    what = "a number" if wanted is float else _KINDS[wanted]
    problem = f"{label} must be {what}, but is {given}"
    if wanted is float and type(value) is int:
        return f"{label} is {number(value)}, too large for a number", "give a number of the size that markets have"
    if wanted is int and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return problem, f"write {int(value):_}"
    if wanted in (int, float) and isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return problem, "write digits, without quotes"
        return problem, f"write {shown(value)[1:-1]}, without quotes"
    return problem, how


def _wrong_word(label: str, value: object, model: type[BaseModel], key: str) -> tuple[str, str]:
    field = next(field for name, field in model.model_fields.items() if key in (name, field.alias))
    words = [word for word in _literals(field.annotation) if isinstance(word, str)]
    if not isinstance(value, str):
        return _wrong_type(label, value, str, f"write one of {', '.join(shown(word) for word in words)}, in quotes")
    return f"{label} is {shown(value)}, which is none of its values", suggestion(value, words, "values")


def _literals(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__args__", ()))


def _addition(model: type[BaseModel], key: str, table: str, exists: bool) -> str:
    """What to add for a missing key: the key with an example, or a table with all that it needs."""
    field = next(field for name, field in model.model_fields.items() if key in (name, field.alias))
    inner = _table_of(field.annotation)
    if inner is not None and not field.examples:
        header = {list: f"[[{key}]]", dict: f"[{key}.NAME]"}.get(get_origin(field.annotation), f"[{key}]")  # type: ignore[arg-type]
        needed = [entry.alias or name for name, entry in inner.model_fields.items() if entry.is_required()]
        return f"add {header} with {', '.join(f'{name} = {_example(inner, name)}' for name in needed)}"
    stated = f"{key} = {_example(model, key)}"
    if not table:
        return f"add {stated}"
    return f"add {stated} to {table}" if exists else f"add {table} with {stated}"


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, or of the tables in a list or under names."""
    kind = (get_args(annotation) or (annotation,))[-1]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _example(model: type[BaseModel], key: str) -> str:
    for name, field in model.model_fields.items():
        if key in (name, field.alias) and field.examples:
            return _toml(field.examples[0])
    return "..."


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value) if isinstance(value, dt.date) else json.dumps(value)
