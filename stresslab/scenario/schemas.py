"""JSON Schemas of the files, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel

from stresslab.book.reading import BookFile
from stresslab.documents.reading import keys_of
from stresslab.market.models import MODELS
from stresslab.scenario.institution_reading import InstitutionTable
from stresslab.scenario.limits import LimitsFile
from stresslab.scenario.policy_reading import KINDS
from stresslab.scenario.tables import ScenarioFile
from stresslab.venues.reading import PackFile

Kind = Literal["scenario", "book", "venue", "limits"]

_ROOTS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"book": BookFile, "scenario": ScenarioFile, "venue": PackFile, "limits": LimitsFile}
)


def json_schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a kind of file.

    Parameters
    ----------
    kind : {"scenario", "book", "venue", "limits"}
        Which file.

    Returns
    -------
    dict
        With descriptions and examples for every key; unknown keys are not allowed, as in the reader.
    """
    schema = _cleaned(_ROOTS[kind].model_json_schema(by_alias=True))
    if kind == "scenario":
        market = schema["properties"]["market"]
        for model in MODELS.values():
            fields = _cleaned(model.parameters.model_json_schema()).get("properties", {})
            market["properties"].update({key: fields[key] for key in keys_of(model.parameters)})
        # A name or several: the reader takes a list apart before it checks the table, one model at a time.
        stated = market["properties"]["model"]
        one = {"type": stated.pop("type"), "enum": stated.pop("enum")}
        stated["anyOf"] = [one, {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}]
        several = _cleaned(InstitutionTable.model_json_schema())
        schema["$defs"].update(several.pop("$defs", {}))
        schema["properties"].update(several["properties"])
        schema["required"].remove("book")
        schema["oneOf"] = [{"required": ["book"]}, {"required": ["books"]}]
        tables = [_cleaned(kind.table.model_json_schema()) for kind in KINDS.values()]
        for table in tables:
            schema["$defs"].update(table.pop("$defs", {}))
        schema["properties"]["policy"]["items"] = {"oneOf": tables}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"stresslab {kind}"}


def _cleaned(value: Any) -> Any:
    """Without pydantic's own titles, and without null, which TOML cannot write."""
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned = {key: _cleaned(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))}
    options = cleaned.get("anyOf")
    if isinstance(options, list):
        kept = [option for option in options if option != {"type": "null"}]
        if len(kept) == 1:
            del cleaned["anyOf"]
            cleaned = {**kept[0], **cleaned}
    if cleaned.get("default", ...) is None:
        del cleaned["default"]
    return cleaned
