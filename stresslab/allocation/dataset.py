"""An allocation as a dataset, with names, units and descriptions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

import stresslab
from stresslab.allocation.checking import MEASURES, measure_of
from stresslab.allocation.frontier import WAYS
from stresslab.allocation.losses import liquidation_loss
from stresslab.allocation.required import liquidation_curve, required_collateral, shadow_price
from stresslab.allocation.study import Study
from stresslab.measures.cash_at_risk import cash_at_risk
from stresslab.measures.contagion import conditional_liquidation, liquidations_or_more
from stresslab.scenario.resolution import identity

SCHEMA = 1
CASH_LEVELS = (0.95, 0.99)
TARGETS = (0.1, 0.05, 0.025, 0.01, 0.005, 0.001)
_POINTS = 101
_SAMPLES = ("in sample", "fresh")
_DESCRIPTIONS = {
    "any_liquidation_probability": "probability that any position is liquidated",
    "k_liquidations_probability": "probability that at least `count` positions are liquidated",
    "expected_liquidation_loss": "mean of what liquidated pools lose",
    "expected_loss": "mean of the account's loss where it is one",
    "expected_shortfall": "mean loss of the account beyond the level",
}


def allocation_dataset(study: Study) -> xr.Dataset:
    """Label an allocation.

    Parameters
    ----------
    study : Study
        A budget, split.

    Returns
    -------
    xarray.Dataset
        Along ``position`` the collateral with its floor, P(liquidation) and the shadow prices; along ``target`` the
        required collateral with its interval, along ``point`` the curve of P(liquidation); along ``configuration`` and
        ``sample`` every measure with its interval, and on fresh paths the best split less each configuration. Where
        asked for: along ``rank`` the best partitions, along ``budget`` and ``way`` the frontier.
    """
    currency = study.sample.scenario.book.currency
    values: dict[str, tuple[tuple[str, ...], Any, dict[str, str]]] = {}

    def put(name: str, dims: tuple[str, ...], numbers: Any, unit: str, description: str) -> None:
        units = {"money": currency, "per money": f"1 / {currency}"}.get(unit, unit)
        values[name] = dims, numbers, {"units": units, "long_name": description}

    _positions(study, put)
    _measures(study, put)
    coordinates: dict[str, list[Any]] = {}
    _pooling(study, put, coordinates)
    _frontier(study, put, coordinates)
    objective, split = study.objective, study.split
    unit = "1" if measure_of(objective).endswith("probability") else "money"
    unit = "money" if objective.name == "target-probability" else unit
    put("objective_value", (), split.value, unit, "the objective on the paths of the search")
    put("objective_bound", (), split.bound, unit, "no split on the grid of units has less on these paths")
    put("idle_cash", (), study.bounds.budget - float(split.collateral.sum()), "money", "budget that no pool holds")
    return xr.Dataset(
        values,
        coords={
            "position": list(study.sample.ids),
            "configuration": list(study.names),
            "sample": list(_SAMPLES),
            "target": list(TARGETS),
            "other": list(study.sample.ids),
            "liquidations": list(range(1, len(study.sample.ids) + 1)),
            "cash_level": list(CASH_LEVELS),
            "day": list(study.required_by_day),
            **coordinates,
        },
        attrs={
            "schema": SCHEMA,
            "kind": "allocation",
            "title": study.sample.scenario.name,
            "scenario_hash": identity(study.sample.scenario),
            "objective": objective.name,
            "count": objective.count,
            "level": objective.level,
            "target": objective.target,
            "budget": study.bounds.budget,
            "unit": study.bounds.unit,
            "exact": int(split.exact),
            "seed": study.sample.scenario.seed,
            "fresh_seed": study.fresh_seed,
            "paths": study.sample.scenario.paths,
            "failed_paths": study.sample.failed_paths,
            "currency": currency,
            "version": stresslab.__version__,
        },
    )


def _positions(study: Study, put: Any) -> None:
    sample, split = study.sample, study.split
    count, along = len(sample.ids), ("position",)
    put("floor", along, np.array(study.bounds.floors), "money", "least collateral: initial margin, or what is fixed")
    table = np.array([study.collateral(each) for each in study.configurations])
    put("collateral", ("configuration", "position"), table, "money", "collateral of a position that stands alone")
    required, prices, curve, band = [], [], [], []
    largest = float(max(study.bounds.budget, sample.required[:count].max()))
    points = np.empty((count, _POINTS))
    for place in range(count):
        mine, amount = sample.required[place], float(split.collateral[place])
        required.append([required_collateral(mine, target) for target in TARGETS])
        top = max(float(np.quantile(mine, 0.9995)), 1.25 * amount)
        points[place] = np.linspace(0.0, top, _POINTS)
        shares, lower, upper = liquidation_curve(mine, points[place])
        curve.append(shares)
        band.append((lower, upper))
        # A step as wide as the table's knots; the loss is a straight line between them.
        near = amount + np.array([0.0, largest / 256.0])
        cost = liquidation_loss(sample.scenario, (place,), near, largest)
        prices.append(shadow_price(mine, amount, float(cost[0]), float(np.diff(cost)[0] / np.diff(near)[0])))
    for end in ("value", "lower", "upper"):
        name = "required_collateral" + ("" if end == "value" else f"_{end}")
        numbers = np.array([[getattr(each, end) for each in row] for row in required])
        put(name, ("position", "target"), numbers, "money", "collateral that leaves the target probability")
    put("curve_collateral", ("position", "point"), points, "money", "collateral of the curve's points")
    put("curve_probability", ("position", "point"), np.array(curve), "1", "probability of liquidation it leaves")
    put("curve_probability_lower", ("position", "point"), np.array([low for low, _ in band]), "1", "band of the curve")
    put(
        "curve_probability_upper", ("position", "point"), np.array([high for _, high in band]), "1", "band of the curve"
    )
    chances = [float((sample.required[p] >= np.float32(split.collateral[p])).mean()) for p in range(count)]
    hit = np.stack([sample.required[p] >= np.float32(split.collateral[p]) for p in range(count)])
    text = "probability that the other is liquidated if the position is, best split"
    put("conditional_liquidation_probability", ("position", "other"), conditional_liquidation(hit), "1", text)
    text = "probability that so many positions or more are liquidated, best split"
    put("liquidations_or_more_probability", ("liquidations",), liquidations_or_more(hit), "1", text)
    cash = np.array(
        [[cash_at_risk(sample.required[p], float(split.collateral[p]), x) for x in CASH_LEVELS] for p in range(count)]
    )
    for column, end in enumerate(("", "_lower", "_upper")):
        text = "top-up that suffices with the probability of the level, to the horizon, best split"
        put(f"cash_at_risk{end}", ("position", "cash_level"), cash[..., column], "money", text)
    by_day = np.array(
        [
            [[cash_at_risk(each[p], float(split.collateral[p]), x) for x in CASH_LEVELS] for p in range(count)]
            for each in study.required_by_day.values()
        ]
    )
    for column, end in enumerate(("", "_lower", "_upper")):
        text = "top-up that suffices until the day with the probability of the level, best split"
        put(f"cash_at_risk_by_day{end}", ("day", "position", "cash_level"), by_day[..., column], "money", text)
    put("liquidation_probability", along, np.array(chances), "1", "probability of liquidation under the best split")
    for what, unit in (("probability", "per money"), ("loss", "1")):
        text = "change of " + {"probability": "P(liquidation)", "loss": "the expected liquidation loss"}[what]
        numbers = np.array([getattr(each, what) for each in prices])
        put(f"shadow_price_{what}", along, numbers, unit, f"{text} per unit of collateral")
        errors = np.array([getattr(each, f"{what}_error") for each in prices])
        put(f"shadow_price_{what}_standard_error", along, errors, unit, "its standard error")


def _measures(study: Study, put: Any) -> None:
    count, objective = len(study.configurations), study.objective
    for measure in MEASURES:
        unit = "1" if measure.endswith("probability") else "money"
        table = np.array(
            [
                [each.figure(measure, place, objective) for each in (study.in_sample, study.fresh)]
                for place in range(count)
            ]
        )
        for column, end in enumerate(("", "_lower", "_upper")):
            text = _DESCRIPTIONS[measure] + (", end of its 95 % interval" if end else "")
            put(measure + end, ("configuration", "sample"), table[..., column], unit, text)
        gain = np.array([study.fresh.difference(measure, 0, place, objective) for place in range(count)])
        for column, end in enumerate(("", "_lower", "_upper")):
            text = "best split less the configuration, paired, on fresh paths"
            put(f"{measure}_difference{end}", ("configuration",), gain[:, column], unit, text)


def _pooling(study: Study, put: Any, coordinates: dict[str, list[Any]]) -> None:
    if study.pooling is None:
        return
    ids, ranked = study.sample.ids, study.pooling.ranked
    coordinates["rank"] = list(range(1, len(ranked) + 1))
    pools = np.array([[_pool_of(each.partition, place) for place in range(len(ids))] for each in ranked])
    put("partition", ("rank", "position"), pools, "1", "number of the pool that holds the position, from 1")
    money = np.array(
        [[float(each.split.collateral[number - 1]) for number in row] for each, row in zip(ranked, pools, strict=True)]
    )
    put("partition_collateral", ("rank", "position"), money, "money", "collateral of that pool")
    values = np.array([each.split.value for each in ranked])
    put("partition_value", ("rank",), values, "", "the objective on the paths of the search")
    put("partitions_examined", (), study.pooling.examined, "1", "partitions that were looked at on the screening paths")
    put("partitions_complete", (), int(study.pooling.complete), "1", "1 if these are all there are")
    coordinates["broken_hedge"] = [f"{ids[i]} / {ids[j]}" for i, j in study.pooling.broken_hedges]


def _pool_of(partition: tuple[tuple[int, ...], ...], position: int) -> int:
    return next(number for number, pool in enumerate(partition, start=1) if position in pool)


def _frontier(study: Study, put: Any, coordinates: dict[str, list[Any]]) -> None:
    if study.frontier is None:
        return
    coordinates["budget"], coordinates["way"] = list(study.frontier.budgets), list(WAYS)
    shape = len(study.frontier.budgets), len(WAYS), 3
    for measure in MEASURES:
        unit = "1" if measure.endswith("probability") else "money"
        places = range(len(study.frontier.configurations))
        table = np.array([study.frontier.fresh.figure(measure, place, study.objective) for place in places])
        for column, end in enumerate(("", "_lower", "_upper")):
            text = _DESCRIPTIONS[measure] + ", on fresh paths" + (", end of its 95 % interval" if end else "")
            put(f"frontier_{measure}{end}", ("budget", "way"), table.reshape(shape)[..., column], unit, text)
