"""How much of a probability hangs on figures that a short past leaves unsure (METHODS M50)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from stresslab.results import saving
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_table
from stresslab.running import run
from stresslab.scenario.parameter_draws import drawn_markets
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.executors import ThreadExecutor

if TYPE_CHECKING:
    import xarray as xr

DRAWS = 40
ENVELOPE = (0.1, 0.9)
"""Quantiles over the draws between which the envelope lies."""
_FIGURES = ("account_liquidation_probability", "liquidation_probability", "expected_loss", "expected_shortfall")
_LEVEL = 0.975


def parameter_uncertainty(
    scenario: Scenario,
    draws: int = DRAWS,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """The main numbers as stated, and under figures drawn from the calibration's standard errors.

    Every draw is simulated with the same random numbers and the same compiled program, so what differs between them is
    the figures.

    Parameters
    ----------
    scenario : Scenario
        With a calibration that states standard errors.
    draws : int
        At least 2.
    threads : int, optional
        Blocks of paths in flight; by default one a core.
    progress : callable, optional
        Called with the number of paths done, over all draws and the stated figures.

    Returns
    -------
    xarray.Dataset
        By ``parameter_draw``: probabilities of liquidation of the account and of every pool, expected loss and
        expected shortfall at 97.5 %, and the volatilities. Beside each its value as stated (``_stated``), with its
        sampling interval (``_stated_lower``, ``_stated_upper``, 95 %), and the quantiles of `ENVELOPE` over the draws
        (``_low``, ``_high``).

    Raises
    ------
    InputError
        As `stresslab.scenario.parameter_draws.drawn_markets`.
    """
    import xarray as xr

    drawn, names = drawn_markets(scenario, draws)
    executor = ThreadExecutor(threads, programs={})
    done = 0

    def one(question: Scenario) -> xr.Dataset:
        nonlocal done
        before = done
        found = run(question, executor=executor, progress=None if progress is None else lambda n: progress(before + n))
        done += question.paths
        return found

    stated = one(scenario)
    stated = stated.sel(level=_LEVEL)
    wanted = [*_FIGURES]
    parts = [one(each).sel(level=_LEVEL)[wanted] for each in drawn]
    index = pd.RangeIndex(draws, name="parameter_draw")
    found = xr.concat(parts, index, coords="minimal", compat="override", join="exact", combine_attrs="drop")
    for name in wanted:
        found[name].attrs = dict(stated[name].attrs)
        for suffix in ("", "_lower", "_upper"):
            found[f"{name}_stated{suffix}"] = stated[f"{name}{suffix}"].drop_vars("level", errors="ignore")
        for suffix, quantile in zip(("low", "high"), ENVELOPE, strict=True):
            values = found[name].transpose("parameter_draw", ...)
            envelope = values.isel(parameter_draw=0, drop=True).copy(data=np.quantile(values.values, quantile, axis=0))
            told = {"long_name": f"{quantile:.0%} quantile over draws of the market's figures"}
            found[f"{name}_{suffix}"] = envelope.assign_attrs(stated[name].attrs | told)
    volatilities = np.array([each.market.volatilities for each in drawn])
    found["volatility"] = (("parameter_draw", "underlying"), volatilities, {"units": "1", "long_name": "a year"})
    found = found.assign_coords(underlying=list(scenario.market.assets))
    kept = ("scenario_hash", "currency", "title", "seed", "paths", "versions", "documents")
    attributes = {key: stated.attrs[key] for key in kept if key in stated.attrs}
    return found.assign_attrs(attributes, drawn_figures=", ".join(names), envelope=envelope_in_words(ENVELOPE))


def envelope_in_words(quantiles: tuple[float, float]) -> str:
    """The envelope in words."""
    return " to ".join(f"{quantile:.0%}" for quantile in quantiles)


def uncertainty_to_folder(
    scenario: Scenario,
    out: str | Path,
    draws: int = DRAWS,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    tables: Sequence[str] = ("csv",),
) -> xr.Dataset:
    """Draw, simulate, and leave ``uncertainty.nc``, ``uncertainty.csv``, ``uncertainty.svg`` and ``manifest.json``.

    Parameters
    ----------
    scenario, draws, threads, progress
        As in `parameter_uncertainty`.
    out : path
        The folder; it is made new, or replaced where it holds a former run.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the table; CSV is always among them.

    Returns
    -------
    xarray.Dataset
        What `parameter_uncertainty` gives.

    Raises
    ------
    InputError, OutputFolderError
        As `parameter_uncertainty`; if the folder holds something else or cannot be written.
    """
    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        results = parameter_uncertainty(scenario, draws, threads=threads, progress=progress)
        saving.save(results, folder / "uncertainty.nc")
        write_table(results, uncertainty_table(results), folder, "uncertainty", formats)

        from stresslab.report.charts.uncertainty import figure_uncertainty
        from stresslab.report.style import svg

        (folder / "uncertainty.svg").write_text(svg(figure_uncertainty(results)), encoding="utf-8")
        manifest = {
            "kind": "uncertainty",
            "title": scenario.name,
            "scenario_hash": results.attrs["scenario_hash"],
            "draws": draws,
            "paths": scenario.paths,
            "drawn": results.attrs["drawn_figures"],
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        write_manifest(folder, manifest)
    return results


def uncertainty_table(results: xr.Dataset) -> pd.DataFrame:
    """One row for each number of an account or pool and configuration: stated, its sampling interval, the envelope.

    Parameters
    ----------
    results : xarray.Dataset
        From `parameter_uncertainty`.

    Returns
    -------
    pandas.DataFrame
        ``pool`` is empty where a number is of the account; a pool that a configuration lacks has no row.
    """
    rows: list[dict[str, str | float]] = []
    for name in _FIGURES:
        pools = [str(pool) for pool in results.pool.values] if "pool" in results[name].dims else [""]
        for configuration in results.configuration.values:
            for pool in pools:
                where = {"configuration": configuration} | ({"pool": pool} if pool else {})
                draws = results[name].sel(where)
                if bool(draws.isnull().all()):
                    continue
                suffixes = ("stated", "stated_lower", "stated_upper", "low", "high")
                figures = {suffix: float(results[f"{name}_{suffix}"].sel(where)) for suffix in suffixes}
                row: dict[str, str | float] = {"variable": name, "configuration": str(configuration), "pool": pool}
                rows.append(row | figures | {"least": float(draws.min()), "greatest": float(draws.max())})
    return pd.DataFrame(rows)


def draws_under(scenario: Scenario, paths: int | None) -> Scenario:
    """The scenario with as many paths a draw: those asked for, or its own and 20,000 at most."""
    return replace(scenario, paths=min(scenario.paths, 20_000) if paths is None else paths)
