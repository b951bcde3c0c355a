"""Limits held against a result: value, utilization and state of each, as variables of the result."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from stresslab.scenario.limits import Limit, Limits

WITHIN, WARNING, BREACH, NO_VALUE = "within", "warning", "breach", "no value"
_WORDS = {
    "liquidation_probability": "P(liquidation)",
    "expected_shortfall": "expected shortfall",
    "cash_at_risk": "cash at risk",
    "margin_ratio": "margin ratio",
    "concentration": "concentration",
}
_TEXTS = {
    "limit_measure": "What is limited.",
    "limit_configuration": "Configuration to which the limit applies.",
    "limit_subject": "The account, or the id of a position.",
    "limit_unit": "Unit of value, warning and breach: 1, a currency, or a share of the account's value today.",
    "limit_state": "within, warning or breach; no value where the run has none.",
}
_NUMBERS = {
    "limit_level": "Level of the tail; missing where the measure has none.",
    "limit_value": "The number that is held against the limit.",
    "limit_value_lower": "Lower end of its 95 % interval; missing for what is known exactly.",
    "limit_value_upper": "Upper end of its 95 % interval; missing for what is known exactly.",
    "limit_warn": "Where the warning begins.",
    "limit_breach": "Where the breach begins.",
    "limit_utilization": "Value over breach, or breach over value for a margin ratio; a breach from 1 on.",
}


@dataclass(frozen=True)
class _Row:
    limit: Limit
    subject: str
    value: float
    lower: float = math.nan
    upper: float = math.nan

    @property
    def utilization(self) -> float:
        if self.limit.measure != "margin_ratio":
            return self.value / self.limit.breach
        # At or below zero the equity is gone.
        return (
            self.limit.breach / self.value if self.value > 0.0 else (math.nan if math.isnan(self.value) else math.inf)
        )

    @property
    def state(self) -> str:
        if math.isnan(self.value):
            return NO_VALUE
        sign = -1.0 if self.limit.measure == "margin_ratio" else 1.0
        if sign * self.value >= sign * self.limit.breach:
            return BREACH
        return WARNING if sign * self.value >= sign * self.limit.warn else WITHIN

    @property
    def label(self) -> str:
        level = f" {100.0 * self.limit.level:g} %" if self.limit.level else ""
        share = " over account value" if self.limit.unit == "account_value" else ""
        return f"{_WORDS[self.limit.measure]}{level}{share}, {self.subject}, {self.limit.configuration}"


def with_limits(results: xr.Dataset, limits: Limits) -> xr.Dataset:
    """A result with the state of limits in it.

    Parameters
    ----------
    results : xarray.Dataset
        A run's result, which has the configurations and positions that the limits name.
    limits : Limits
        From `stresslab.scenario.limits.read_limits`.

    Returns
    -------
    xarray.Dataset
        With the dim ``limit``, in the order of the file, the variables ``limit_state``, ``limit_value``,
        ``limit_utilization`` and more along it, the attribute ``limits`` (their name), and the file's text
        among ``documents``.

    Notes
    -----
    A value at the level itself has reached it. The point estimate decides; its interval stands beside it. The margin
    ratio is today's, of the account the lowest of its pools; concentration is a share of the sum of absolute notionals
    at today's marks, of the account that of the largest underlying, of a position its own.
    """
    rows = [row for limit in limits.limits for row in _rows(results, limit, limits)]
    units = {"money": str(results.attrs["currency"]), "account_value": "share of account value", "1": "1"}
    columns: dict[str, list[Any]] = {
        "limit_measure": [row.limit.measure for row in rows],
        "limit_configuration": [row.limit.configuration for row in rows],
        "limit_subject": [row.subject for row in rows],
        "limit_unit": [units[row.limit.unit] for row in rows],
        "limit_state": [row.state for row in rows],
        "limit_level": [row.limit.level or math.nan for row in rows],
        "limit_value": [row.value for row in rows],
        "limit_value_lower": [row.lower for row in rows],
        "limit_value_upper": [row.upper for row in rows],
        "limit_warn": [row.limit.warn for row in rows],
        "limit_breach": [row.limit.breach for row in rows],
        "limit_utilization": [row.utilization for row in rows],
    }
    described = _TEXTS | _NUMBERS
    variables = {
        name: (
            "limit",
            np.array(values, dtype=object if name in _TEXTS else np.float64),
            {"long_name": described[name]},
        )
        for name, values in columns.items()
    }
    documents = json.loads(results.attrs["documents"]) | {"limits": limits.text}
    return (
        results.assign(variables)
        .assign_coords(limit=[row.label for row in rows])
        .assign_attrs(limits=limits.name, documents=json.dumps(documents, sort_keys=True, ensure_ascii=False))
    )


def is_breached(results: xr.Dataset) -> bool:
    """Whether any limit of a result is breached; not where it has none."""
    return "limit_state" in results and BREACH in results["limit_state"].values.ravel().tolist()


def _rows(results: xr.Dataset, limit: Limit, limits: Limits) -> Iterator[_Row]:
    held = results.sel(configuration=limit.configuration)
    if limit.by == "account":
        yield _Row(limit, "account", *_of_account(held, limit))
        return
    # A limit on one position takes the place of the limit on each.
    apart = {
        other.position
        for other in limits.limits
        if other.by == "position" and (other.measure, other.configuration) == (limit.measure, limit.configuration)
    }
    every = [str(name) for name in results["position"].values]
    for name in [limit.position] if limit.position is not None else [one for one in every if one not in apart]:
        yield _Row(limit, str(name), *_of_position(held, limit, str(name)))


def _of_account(held: xr.Dataset, limit: Limit) -> tuple[float, ...]:
    if limit.measure == "liquidation_probability":
        return _estimate(held, "account_liquidation_probability")
    if limit.measure == "margin_ratio":
        ratios = held["margin_ratio_today"].values
        return (float(np.nanmin(ratios)),)
    if limit.measure == "concentration":
        notionals = np.abs(held["notional"].values)
        names = held["underlying"].values
        return (max(float(notionals[names == name].sum()) for name in set(names.tolist())) / float(notionals.sum()),)
    value = float(held["account_value"]) if limit.unit == "account_value" else 1.0
    if limit.measure == "expected_shortfall":
        found = _estimate(held.sel(level=limit.level), "expected_shortfall")
    elif "transfers_quantile" in held:
        found = _estimate(held.sel(quantile=limit.level), "transfers_quantile")
    else:
        return (math.nan,)
    return tuple(each / value for each in found) if value > 0.0 else (math.nan,)


def _of_position(held: xr.Dataset, limit: Limit, name: str) -> tuple[float, ...]:
    own = held.sel(position=name)
    if limit.measure == "liquidation_probability":
        return _estimate(own, "position_liquidation_probability")
    if limit.measure == "margin_ratio":
        return (float(held["margin_ratio_today"].sel(pool=str(own["pool_of_position"].item()))),)
    return (abs(float(own["notional"])) / float(np.abs(held["notional"].values).sum()),)


def _estimate(held: xr.Dataset, name: str) -> tuple[float, ...]:
    return tuple(float(held[f"{name}{bound}"]) for bound in ("", "_lower", "_upper"))
