"""What changed between two reviews: the change of each headline number, split by exchanging one group at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from stresslab.full_review import Watch, unwatched
from stresslab.measures.evaluate import NoValidPathError
from stresslab.results import netcdf
from stresslab.results.companions import Companions
from stresslab.results.models import HEADLINES
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.saving import INSTITUTION
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_table
from stresslab.reviewing.exchange import GROUPS, CompareError, changed_groups, exchanged
from stresslab.reviewing.verifying import Stored, stored_results
from stresslab.scenario.scenario import Scenario

logger = logging.getLogger(__name__)

NOISE = "sampling noise"
PATHS = 20_000
Values = NDArray[np.float64]


def shapley(players: Sequence[str], worth: Callable[[frozenset[str]], Values]) -> dict[str, Values]:
    """Share of each player in the worth of all: what it adds, averaged over all orders in which they may come.

    Parameters
    ----------
    players : sequence of str
        Distinct names.
    worth : callable
        Worth of a set of players; asked once for each set.

    Returns
    -------
    dict of str to numpy.ndarray
        They add up to the worth of all less that of none (L. S. Shapley, A value for n-person games, 1953).
    """
    sets = [frozenset(each) for size in range(len(players) + 1) for each in combinations(players, size)]
    worths = {each: worth(each) for each in sets}
    orders = factorial(len(players))
    shares = {}
    for player in players:
        parts = [
            factorial(len(each))
            * factorial(len(players) - len(each) - 1)
            / orders
            * (worths[each | {player}] - worths[each])
            for each in sets
            if player not in each
        ]
        shares[player] = np.sum(parts, axis=0)
    return shares


def compare(
    old: Stored,
    new: Stored,
    *,
    paths: int = PATHS,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """Split the change between two results.

    Parameters
    ----------
    old, new : Stored
        From `stresslab.reviewing.verifying.stored_results`.
    paths : int
        Of each run; 2**n runs for n groups in which the questions differ, all on the seed of the new one.
    threads : int, optional
        As `stresslab.run` takes it.
    progress : callable, optional
        Called with the number of paths done, over all runs.

    Returns
    -------
    xarray.Dataset
        ``old``, ``new`` and ``change``, [number, configuration], as reported; ``part``, [number, configuration, group],
        whose sum over the groups is the change. Sampling noise is what the reported change differs by from that of
        the runs. Attribute ``changed``: the groups in which the questions differ.

    Raises
    ------
    CompareError
        If the currencies differ, or the parts of the two do not fit together.
    """
    from stresslab.running import run

    held = [each.scenario.paths for each in (old, new) if each.scenario.market.paths is not None]
    count = min([paths, *held])
    first, second = (replace(each.scenario, paths=count, seed=new.scenario.seed) for each in (old, new))
    players = changed_groups(first, second)
    names = [name for name in _configurations(old.scenario) if name in _configurations(new.scenario)]
    questions = {
        taken: exchanged(first, second, taken)
        for size in range(len(players) + 1)
        for taken in map(frozenset, combinations(players, size))
    }
    done = 0

    def worth(taken: frozenset[str]) -> Values:
        nonlocal done
        logger.info("exchanged: %s", ", ".join(sorted(taken)) or "nothing")
        before = done
        results = run(
            questions[taken],
            threads=threads,
            progress=None if progress is None else lambda paths_done: progress(before + paths_done),
        )
        done += count
        return _numbers(results, names)

    shares = shapley(players, worth)
    reported = [_numbers(each.results, names) for each in (old, new)]
    change = reported[1] - reported[0]
    parts = {group: shares.get(group, np.zeros_like(change)) for group in GROUPS}
    parts[NOISE] = change - np.sum(list(parts.values()), axis=0)
    return _dataset(old, new, names, reported, parts, players, count)


def run_count(old: Stored, new: Stored) -> int:
    """Number of runs that a comparison takes."""
    return int(2 ** len(changed_groups(old.scenario, new.scenario)))


def compare_to_folder(
    old: str | Path,
    new: str | Path,
    out: str | Path,
    *,
    paths: int = PATHS,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    tables: Sequence[str] = ("csv",),
) -> xr.Dataset:
    """Compare two folders of results and leave ``comparison.nc``, ``comparison.csv`` and ``waterfall.svg``.

    Parameters
    ----------
    old, new : path
        From `stresslab run`, under one market model each, with bars or price paths, if any, where the results lie.
    out : path
        The folder. It is made new, or replaced where it holds a former comparison.
    paths, threads, progress
        As in `compare`.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the table; CSV is always among them.

    Returns
    -------
    xarray.Dataset
        As from `compare`.

    Raises
    ------
    CompareError
        If the questions do not fit together, or a folder holds several results.
    DamagedError
        If a folder is not as its manifest says.
    OutputFolderError
        If the folder holds something else, or cannot be written.
    """
    from stresslab.report.charts.comparison import figure_waterfall
    from stresslab.report.style import svg

    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        first, second = single(old), single(new)
        compared = compare(first, second, paths=paths, threads=threads, progress=progress)
        netcdf.write(compared, folder / "comparison.nc")
        write_table(compared, comparison_table(compared), folder, "comparison", formats)
        (folder / "waterfall.svg").write_text(svg(figure_waterfall(compared)), encoding="utf-8")
        write_manifest(folder, {"title": compared.attrs["title"], "compared": [compared.attrs[one] for one in _HASHES]})
    return compared


def with_comparison(
    companions: Companions,
    former: Stored,
    scenario: Scenario,
    results: xr.Dataset,
    *,
    threads: int | None = None,
    watch: Watch = unwatched,
) -> Companions:
    """Add what changed since a former review to what stands beside a run.

    Parameters
    ----------
    companions : Companions
        What there is already.
    former : Stored
        The former review, from `single`.
    scenario, results : Scenario, xarray.Dataset
        The new review; ``comparison`` of its ``analysis`` says on how many paths the change is split.
    threads : int, optional
        As `stresslab.run` takes it.
    watch : callable, optional
        Shows the progress, as in `stresslab.full_review.companions_of`.

    Returns
    -------
    Companions
        With the part ``comparison``, or the reason why there is none.
    """
    paths = scenario.analysis.paths("comparison", scenario.paths)
    if paths == 0:
        return replace(companions, reasons={**companions.reasons, "comparison": "the scenario asks for none"})
    latter = Stored("results.nc", results, scenario)
    try:
        with watch("what changed", paths * run_count(former, latter), "paths") as progress:
            compared = compare(former, latter, paths=paths, threads=threads, progress=progress)
    except (CompareError, NoValidPathError) as error:
        return replace(companions, reasons={**companions.reasons, "comparison": str(error).rstrip(".")})
    return replace(companions, comparison=compared)


def single(folder: str | Path, *, inputs: str | Path | None = None) -> Stored:
    """The one result of a folder, its bars sought in ``inputs``; raises `CompareError` where it holds several."""
    found = stored_results(folder, inputs=inputs)
    if (Path(folder) / INSTITUTION).is_file():
        raise CompareError(f"{folder} holds several accounts as one; two reviews of one book can be compared")
    if len(found) > 1:
        raise CompareError(f"{folder} holds results under {len(found)} models; name the folder of one of them")
    scenario = found[0].scenario
    held = tuple(dict.fromkeys(position.symbol.underlying for position in scenario.book.positions))
    if scenario.market.assets != held:
        raise CompareError(
            f"{folder} is one of several accounts, on a market of all their assets; run its book alone to compare it"
        )
    return found[0]


def comparison_table(compared: xr.Dataset) -> pd.DataFrame:
    """A comparison as a table: a row for each number and configuration.

    Parameters
    ----------
    compared : xarray.Dataset
        From `compare`.

    Returns
    -------
    pandas.DataFrame
        Old, new, change, and a column for each part.
    """
    rows: list[dict[str, object]] = []
    for configuration in compared.configuration.values:
        for number in compared.number.values:
            at = compared.sel(number=number, configuration=configuration)
            row: dict[str, object] = {"configuration": str(configuration), "number": str(number)}
            row |= {name: float(at[name]) for name in ("old", "new", "change")}
            rows.append(row | {str(group): float(at.part.sel(group=group)) for group in compared.group.values})
    return pd.DataFrame(rows)


_HASHES = ("old_scenario_hash", "new_scenario_hash")


def _configurations(scenario: Scenario) -> list[str]:
    return [each.name for each in scenario.configurations]


def _label(name: str, where: Mapping[str, float]) -> str:
    return name + "".join(f"_{value:g}" for value in where.values())


def _numbers(results: xr.Dataset, names: Sequence[str]) -> Values:
    """Headline numbers, [number, configuration]."""
    chosen = results.sel(configuration=list(names))
    return np.array([chosen[name].sel(where).values for name, where in HEADLINES], np.float64)


def _dataset(
    old: Stored,
    new: Stored,
    names: Sequence[str],
    reported: Sequence[Values],
    parts: Mapping[str, Values],
    players: Sequence[str],
    paths: int,
) -> xr.Dataset:
    dims = ("number", "configuration")
    units = [str(new.results[name].attrs["units"]) for name, _ in HEADLINES]
    variables: dict[str, Any] = {
        "old": (dims, reported[0], {"long_name": "As the old review reported it."}),
        "new": (dims, reported[1], {"long_name": "As the new review reported it."}),
        "change": (dims, reported[1] - reported[0], {"long_name": "New less old."}),
        "part": (
            (*dims, "group"),
            np.stack(list(parts.values()), axis=-1),
            {"long_name": "Part of the change; the parts add up to it."},
        ),
        "units": (("number",), np.array(units, dtype=object)),
    }
    return xr.Dataset(
        variables,
        coords={
            "number": [_label(name, where) for name, where in HEADLINES],
            "configuration": list(names),
            "group": list(parts),
        },
        attrs={
            "title": f"{old.scenario.name} to {new.scenario.name}",
            "old_title": old.scenario.name,
            "new_title": new.scenario.name,
            "old_scenario_hash": str(old.results.attrs["scenario_hash"]),
            "new_scenario_hash": str(new.results.attrs["scenario_hash"]),
            "scenario_hash": str(new.results.attrs["scenario_hash"]),
            "changed": ", ".join(players),
            "paths": paths,
            "seed": new.scenario.seed,
            "currency": new.scenario.book.currency,
        },
    )
