"""JSON Schemas: they hold the reader's keys, and TOML can write all that they ask for."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from stresslab.scenario.schemas import json_schema
from tests.scenario.files import BOOK, PACK, SCENARIO

KINDS: dict[Literal["scenario", "book", "venue"], str] = {"scenario": SCENARIO, "book": BOOK, "venue": PACK}


def tables(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema that lists properties."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from tables(value)


def covers(schema: dict[str, Any], node: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """Paths of a document that a schema does not know, or whose type it does not allow."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    if "anyOf" in node:
        return min((covers(schema, option, value, path) for option in node["anyOf"]), key=len)
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    kind = kinds.get(type(value), "string")
    if node.get("type") not in (kind, "number" if kind == "integer" else kind):
        return [f"{path}: {kind}"]
    if isinstance(value, dict):
        known, others = node.get("properties", {}), node.get("additionalProperties")
        missing = [f"{path}: lacks {key}" for key in node.get("required", []) if key not in value]
        inner = [covers(schema, known.get(key, others) or {}, item, f"{path}.{key}") for key, item in value.items()]
        return [*missing, *(finding for findings in inner for finding in findings)]
    if isinstance(value, list):
        return [finding for item in value for finding in covers(schema, node["items"], item, f"{path}[]")]
    return []


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_file_is_right_by_the_schema(kind: Literal["scenario", "book", "venue"]) -> None:
    schema = json_schema(kind)
    data = tomllib.loads(KINDS[kind])
    assert covers(schema, schema, data) == []
    # The negative control: a wrong type, an unknown key and a missing one are seen.
    assert covers(schema, schema, {**data, "name": 1}) == [".name: integer"]
    assert covers(schema, schema, {**data, "zebra": 1}) == [".zebra: integer"]
    assert covers(schema, schema, {key: value for key, value in data.items() if key != "name"}) == [": lacks name"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described_and_no_other_is_allowed(kind: Literal["scenario", "book", "venue"]) -> None:
    schema = json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for table in tables(schema):
        assert table["additionalProperties"] is False
        for key, entry in table["properties"].items():
            assert "description" in entry or "$ref" in entry, key
    assert "null" not in json.dumps(schema)


def test_the_parameters_of_every_model_stand_in_the_market() -> None:
    market = json_schema("scenario")["properties"]["market"]
    one, several = market["properties"]["model"]["anyOf"]
    assert one["enum"][:2] == several["items"]["enum"][:2] == ["gbm", "student_t"]
    assert market["properties"]["degrees_of_freedom"]["minimum"] == 2.5
    assert market["required"] == ["model"]
