"""Parameters of market models that may be one number for all assets, or one for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from stresslab.documents.fields import refuse
from stresslab.documents.messages import number
from stresslab.documents.names import is_too_large, shown

if TYPE_CHECKING:
    from stresslab.market.specification import MarketSpecification

# A number for every asset, or a table of numbers by asset; each model says what range it must have.
ByAsset = float | dict[str, float]


@dataclass(frozen=True)
class Between:
    """Range of a number, or of every number of a table by asset; goes into a parameter's annotation.

    Parameters
    ----------
    lowest, highest : float
        Bounds, themselves allowed.
    """

    lowest: float
    highest: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check a value by our own words."""
        return core_schema.with_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A number, or a table of numbers."""
        entry = {"type": "number", "minimum": self.lowest, "maximum": self.highest}
        table = {"type": "object", "additionalProperties": entry, "minProperties": 1}
        return {"anyOf": [entry, table]}

    def _check(self, value: Any, info: ValidationInfo) -> ByAsset | None:
        if value is None:
            return None
        label = f"`{info.field_name}`"
        remedy = f"give a number from {number(self.lowest)} to {number(self.highest)}, or a table of them by asset"
        if not isinstance(value, dict):
            problem = self._problem(value)
            if problem is not None:
                refuse(f"{label} {problem}", remedy)
            return float(value)
        if not value:
            refuse(f"{label} is an empty table", remedy)
        problems = {asset: self._problem(entry) for asset, entry in value.items()}
        faulty = [f"of {shown(asset)} {problem}" for asset, problem in problems.items() if problem is not None]
        if faulty:
            refuse(f"{label} {', '.join(faulty)}", remedy)
        return {asset: float(entry) for asset, entry in value.items()}

    def _problem(self, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return "is no number"
        if isinstance(value, int) and is_too_large(value):
            return "is too large"
        if not math.isfinite(value):
            return "is not finite"
        if value < self.lowest:
            return f"is {number(value)}, below {number(self.lowest)}"
        return f"is {number(value)}, above {number(self.highest)}" if value > self.highest else None


def by_asset(specification: MarketSpecification, key: str) -> NDArray[np.float64]:
    """A parameter as a column, [asset, 1].

    Parameters
    ----------
    specification : MarketSpecification
        A checked market; a table by asset holds every asset.
    key : str
        Name of the parameter.
    """
    value = specification.extra[key]
    assets = specification.assets
    figures = [value[asset] for asset in assets] if isinstance(value, Mapping) else [value] * len(assets)
    return np.array(figures, dtype=np.float64)[:, None]


def leaf(values: Any) -> Any:
    """A parameter as the kernel takes it: float32."""
    return np.asarray(values, np.float32)


def figures_of(value: ByAsset | None) -> tuple[float, ...]:
    """Every number that a parameter states; none where it is left out."""
    return () if value is None else tuple(value.values()) if isinstance(value, Mapping) else (value,)
