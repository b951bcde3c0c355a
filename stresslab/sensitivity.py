"""How far the main numbers move with prices, volatility, size, collateral and whatever else a scenario has."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stresslab.margin.explanation import explain
from stresslab.measures.account import AccountPaths, account_paths
from stresslab.measures.evaluate import NoValidPathError
from stresslab.measures.sensitivities import Change, account_changes, probability_change
from stresslab.measures.tails import tail
from stresslab.results import saving
from stresslab.results.code import versions
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_table
from stresslab.scenario.resolution import identity
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.shocks import Shock, shocks
from stresslab.simulation.executors import ThreadExecutor
from stresslab.simulation.run import simulate

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.simulation.outcomes import Outcomes

DIRECTIONS = ("down", "up")
LEVEL = 0.975
MOST_PATHS = 20_000
"""Paths of each simulation where the caller does not say and the scenario has more."""
ACCOUNT_FIGURES = ("account_liquidation_probability", "expected_loss", "expected_shortfall")
_POOL_FIGURE = "liquidation_probability"
_PATHWISE = ("_pathwise_slope", "_pathwise_slope_standard_error")
_TOLD = {
    "account_liquidation_probability": "Probability that any pool is liquidated before the horizon",
    "expected_loss": "Mean of the loss where it is a loss",
    "expected_shortfall": "Mean of the losses at and beyond the value at risk at 97.5 %",
    _POOL_FIGURE: "Probability that the pool is liquidated before the horizon",
}


@dataclass(frozen=True)
class _Answer:
    """What became of a question, with what its accounts are worth today, [configuration]."""

    scenario: Scenario
    outcomes: Outcomes
    value: NDArray[np.float64]


def sensitivities(
    scenario: Scenario,
    paths: int | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """Move one input after another down and up, and say how far the main numbers follow.

    Every simulation has the same random numbers and the same compiled program, so that differences are paired path by
    path (METHODS M26).

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`.
    paths : int, optional
        Of each simulation, at least 1; by default the scenario's, `MOST_PATHS` at most.
    threads : int, optional
        Blocks of paths in flight; by default one a core. The numbers do not depend on it.
    progress : callable, optional
        Called with the number of paths done, over all simulations.

    Returns
    -------
    xarray.Dataset
        For P(any liquidation), expected loss and expected shortfall at 97.5 % by ``configuration``, and for
        P(liquidation) by ``configuration`` and ``pool``, under the name that it has in a run's results: the number with
        each ``factor`` moved in each ``direction``; as stated (``_stated``); the change (``_change``) with its 95 %
        interval (``_change_lower``, ``_change_upper``); and the central difference over the width of the move
        (``_slope``), with ``_slope_standard_error``, ``_slope_lower`` and ``_slope_upper``. Where P(liquidation) of a
        pool is smooth along every path given its grid, ``_pathwise_slope`` is its derivative with its standard error
        (``_pathwise_slope_standard_error``), and missing elsewhere. ``shock`` is how far a factor is moved,
        ``shock_unit`` in what, ``shock_in_words`` both as text; ``moved_position`` names the position whose size alone
        is moved: the slope of P(liquidation) to it is the position's Euler contribution. Losses are from today's marks
        as stated: what a move of the prices takes at once is part of them.

    Raises
    ------
    NoValidPathError
        If no path is finite under a move and as stated.
    """
    import xarray as xr

    question = replace(scenario, paths=min(scenario.paths, MOST_PATHS) if paths is None else paths)
    executor = ThreadExecutor(threads, programs={})
    done = 0

    def answer(asked: Scenario) -> _Answer:
        nonlocal done
        before = done
        counted = None if progress is None else lambda count: progress(before + count)
        outcomes = simulate(asked, executor=executor, progress=counted)
        done += asked.paths
        return _Answer(asked, outcomes, _account_values(asked))

    stated = answer(question)
    moved = shocks(question)
    names = [each.name for each in question.configurations]
    pools = list(dict.fromkeys(pool.name for each in question.configurations for pool in each.pools))
    arrays = _Arrays(len(moved), len(names), len(pools))
    for place, shock in enumerate(moved):
        lower, upper = (answer(each) for each in shock.scenarios)
        _take(arrays, place, shock, stated, lower, upper, pools)
    _take_pathwise(arrays, question, [shock.factor for shock in moved], pools, threads)
    coordinates = {
        "factor": [shock.factor for shock in moved],
        "direction": list(DIRECTIONS),
        "configuration": names,
        "pool": pools,
        "shock": (("factor",), [shock.size for shock in moved], {"long_name": "How far the factor is moved"}),
        "moved_position": (("factor",), np.array([shock.position for shock in moved], dtype=object)),
        "shock_unit": (("factor",), np.array([shock.unit for shock in moved], dtype=object)),
        "shock_in_words": (("factor", "direction"), np.array([shock.words for shock in moved], dtype=object)),
    }
    attributes = {
        "title": scenario.name,
        "book": scenario.book.name,
        "venue": scenario.book.venue.name,
        "model": scenario.market.model,
        "currency": scenario.book.currency,
        "horizon_days": scenario.horizon,
        "step_days": scenario.step,
        "paths": question.paths,
        "seed": scenario.seed,
        "level": LEVEL,
        "scenario_hash": identity(scenario),
        "versions": json.dumps(versions(), sort_keys=True),
    }
    return xr.Dataset(arrays.variables(scenario.book.currency), coords=coordinates, attrs=attributes)


def _account_values(scenario: Scenario) -> NDArray[np.float64]:
    """Idle cash and the equity of every pool today, [configuration], money."""
    explanation = explain(scenario.book, scenario.configurations)
    worth = {each.name: each.idle_cash for each in scenario.configurations}
    for pool in explanation.pools:
        worth[pool.configuration] += max(pool.equity, 0.0)
    return np.array([worth[each.name] for each in scenario.configurations])


class _Arrays:
    """What is filled factor by factor, missing (NaN) where a configuration lacks a pool."""

    def __init__(self, factors: int, configurations: int, pools: int) -> None:
        self.values: dict[str, NDArray[np.float64]] = {}
        for name in (*ACCOUNT_FIGURES, _POOL_FIGURE):
            own = (configurations, pools) if name == _POOL_FIGURE else (configurations,)
            self.values[f"{name}_stated"] = np.full(own, np.nan)
            for suffix in ("", "_change", "_change_lower", "_change_upper"):
                self.values[f"{name}{suffix}"] = np.full((factors, 2, *own), np.nan)
            for suffix in ("_slope", "_slope_standard_error", "_slope_lower", "_slope_upper"):
                self.values[f"{name}{suffix}"] = np.full((factors, *own), np.nan)
        for suffix in _PATHWISE:
            self.values[f"{_POOL_FIGURE}{suffix}"] = np.full((factors, configurations, pools), np.nan)

    def put_level(self, name: str, at: tuple[int, ...], value: float) -> None:
        self.values[name][at] = value

    def put_change(self, name: str, at: tuple[int, ...], change: Change) -> None:
        for suffix, value in (("", change.value), ("_lower", change.lower), ("_upper", change.upper)):
            self.values[f"{name}_change{suffix}"][at] = value

    def put_slope(self, name: str, at: tuple[int, ...], slope: Change) -> None:
        for suffix, value in (
            ("", slope.value),
            ("_standard_error", slope.standard_error),
            ("_lower", slope.lower),
            ("_upper", slope.upper),
        ):
            self.values[f"{name}_slope{suffix}"][at] = value

    def variables(self, currency: str) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64], dict[str, str]]]:
        found = {}
        for name, values in self.values.items():
            base = next(each for each in (*ACCOUNT_FIGURES, _POOL_FIGURE) if name.startswith(each))
            own = ("configuration", "pool") if base == _POOL_FIGURE else ("configuration",)
            suffix = name.removeprefix(base)
            is_slope = suffix.startswith("_slope") or suffix in _PATHWISE
            moved = ("factor",) if is_slope else ("factor", "direction")
            unit = currency if base.startswith("expected") else "1"
            told = {"long_name": _TOLD[base] + _SUFFIXES[suffix], "units": unit}
            if is_slope:
                told["units"] = f"{unit} per shock_unit"
            found[name] = (own if suffix == "_stated" else (*moved, *own), values, told)
        return found


_SUFFIXES = {
    "": ", with the factor moved",
    "_stated": ", as stated",
    "_change": ": change when the factor is moved",
    "_change_lower": ": lower bound of the change, 95 %, paired",
    "_change_upper": ": upper bound of the change, 95 %, paired",
    "_slope": ": central difference over the width of the move",
    "_slope_standard_error": ": standard error of that slope, paired",
    "_slope_lower": ": lower bound of that slope, 95 %, paired",
    "_slope_upper": ": upper bound of that slope, 95 %, paired",
    "_pathwise_slope": ": derivative path by path through the bridge, where it is smooth",
    "_pathwise_slope_standard_error": ": standard error of that derivative",
}


def _take(
    arrays: _Arrays, place: int, shock: Shock, stated: _Answer, lower: _Answer, upper: _Answer, pools: list[str]
) -> None:
    """Put what one factor does into its place."""
    valid = ~(stated.outcomes.failed | lower.outcomes.failed | upper.outcomes.failed)
    if not valid.any():
        raise NoValidPathError(f"every path failed with the factor {shock.factor} moved")
    answers = stated, lower, upper
    width = 2.0 * shock.size
    for row, configuration in enumerate(stated.scenario.configurations):
        accounts = [_account(each, row, valid, shock.factor, stated) for each in answers]
        for direction, each in enumerate(accounts[1:]):
            for name, value in _levels(each).items():
                arrays.put_level(name, (place, direction, row), value)
            for name, change in account_changes(each, accounts[0], LEVEL).items():
                arrays.put_change(name, (place, direction, row), change)
        for name, change in account_changes(accounts[2], accounts[1], LEVEL).items():
            arrays.put_slope(name, (place, row), change.over(width))
        for name, value in _levels(accounts[0]).items():
            arrays.put_level(f"{name}_stated", (row,), value)
        for order, pool in enumerate(configuration.pools):
            column = pools.index(pool.name)
            hits = [_hit(each.outcomes, row, order, valid) for each in answers]
            arrays.put_level(f"{_POOL_FIGURE}_stated", (row, column), float(hits[0].mean()))
            for direction, hit in enumerate(hits[1:]):
                at = place, direction, row, column
                arrays.put_level(_POOL_FIGURE, at, float(hit.mean()))
                arrays.put_change(_POOL_FIGURE, at, probability_change(hit, hits[0]))
            arrays.put_slope(_POOL_FIGURE, (place, row, column), probability_change(hits[2], hits[1]).over(width))


def _take_pathwise(
    arrays: _Arrays, question: Scenario, factors: list[str], pools: list[str], threads: int | None
) -> None:
    """Put the derivatives of smooth chances into their places."""
    from stresslab.simulation.pathwise import pathwise_slopes

    for row, configuration in enumerate(question.configurations):
        for pool in () if configuration.policies else configuration.pools:
            for factor, slope in pathwise_slopes(question, pool, threads=threads).items():
                at = factors.index(factor), row, pools.index(pool.name)
                for suffix, value in zip(_PATHWISE, (slope.value, slope.standard_error), strict=True):
                    arrays.put_level(f"{_POOL_FIGURE}{suffix}", at, value)


def _account(answer: _Answer, row: int, valid: NDArray[np.bool_], factor: str, stated: _Answer) -> AccountPaths:
    """Paths of a configuration; what a move of the prices takes at once is part of the loss."""
    configuration = answer.scenario.configurations[row]
    found = account_paths(answer.outcomes, configuration, answer.outcomes.configuration_stakes[row], valid)
    if factor != "price" or answer is stated:
        return found
    return replace(found, loss=found.loss + (stated.value[row] - answer.value[row]))


def _levels(account: AccountPaths) -> dict[str, float]:
    return {
        "account_liquidation_probability": float(account.any_liquidated.mean()),
        "expected_loss": float(np.maximum(account.loss, 0.0).mean()),
        "expected_shortfall": tail(np.sort(account.loss), LEVEL).expected_shortfall,
    }


def _hit(outcomes: Outcomes, row: int, order: int, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    stake = outcomes.configuration_stakes[row][order]
    return np.asarray((outcomes.liquidation_step[stake] <= outcomes.steps)[valid])


def sensitivities_to_folder(
    scenario: Scenario,
    out: str | Path,
    paths: int | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    tables: Sequence[str] = ("csv",),
) -> xr.Dataset:
    """Move every factor, and leave ``sensitivities.nc``, ``.csv`` and ``.svg`` and ``manifest.json`` in a folder.

    Parameters
    ----------
    scenario, paths, threads, progress
        As in `sensitivities`.
    out : path
        The folder; it is made new, or replaced where it holds a former run.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the table; CSV is always among them.

    Returns
    -------
    xarray.Dataset
        What `sensitivities` gives.

    Raises
    ------
    NoValidPathError, OutputFolderError
        As `sensitivities`; if the folder holds something else or cannot be written.
    """
    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        results = sensitivities(scenario, paths, threads=threads, progress=progress)
        saving.save(results, folder / "sensitivities.nc")
        write_table(results, sensitivities_table(results), folder, "sensitivities", formats)

        from stresslab.report.charts.sensitivities import figure_tornado
        from stresslab.report.style import svg

        (folder / "sensitivities.svg").write_text(svg(figure_tornado(results)), encoding="utf-8")
        manifest = {
            "kind": "sensitivities",
            "title": scenario.name,
            "scenario_hash": results.attrs["scenario_hash"],
            "seed": scenario.seed,
            "paths": results.attrs["paths"],
            "factors": [str(name) for name in results.factor.values],
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        write_manifest(folder, manifest)
    return results


def sensitivities_table(results: xr.Dataset) -> pd.DataFrame:
    """One row for each number and factor.

    Parameters
    ----------
    results : xarray.Dataset
        From `sensitivities`.

    Returns
    -------
    pandas.DataFrame
        Variable, configuration, pool (empty for the account), factor, size and unit of the move, the number as stated
        and after either move, both changes with their bounds, the slope with its standard error and bounds, and the
        derivative path by path with its standard error, empty where there is none.
    """
    rows = []
    for name in (*ACCOUNT_FIGURES, _POOL_FIGURE):
        for configuration in results.configuration.values:
            for pool in results.pool.values if name == _POOL_FIGURE else [""]:
                labels = {"configuration": configuration} | ({"pool": pool} if pool else {})
                here = results.sel(labels)
                if math.isnan(float(here[f"{name}_stated"])):
                    continue
                rows += [_row(here.sel(factor=factor), name, labels) for factor in results.factor.values]
    table = pd.DataFrame(rows)
    return table


def _row(here: xr.Dataset, name: str, labels: Mapping[str, str]) -> dict[str, object]:
    row: dict[str, object] = {"variable": name, "configuration": labels["configuration"]}
    row |= {"pool": labels.get("pool", ""), "factor": str(here.factor.item())}
    row |= {"shock": float(here.shock), "shock_unit": str(here.shock_unit.item())}
    row["stated"] = float(here[f"{name}_stated"])
    for direction in DIRECTIONS:
        there = here.sel(direction=direction)
        row[direction] = float(there[name])
        for suffix in ("change", "change_lower", "change_upper"):
            row[f"{direction}_{suffix}"] = float(there[f"{name}_{suffix}"])
    for suffix in ("slope", "slope_standard_error", "slope_lower", "slope_upper"):
        row[suffix] = float(here[f"{name}_{suffix}"])
    for suffix in _PATHWISE:
        row[suffix.removeprefix("_")] = float(here[f"{name}{suffix}"]) if name == _POOL_FIGURE else math.nan
    return row
