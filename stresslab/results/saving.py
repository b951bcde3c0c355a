"""Results on disk: one netCDF file, written aside and renamed, read back with its schema checked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import xarray as xr

from stresslab.results import netcdf
from stresslab.results.shown import as_results
from stresslab.results.variable import SCHEMA
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes

INSTITUTION = "institution.nc"
"""File of the whole of several accounts, beside the folders of each."""


class ResultsError(ValueError):
    """A file is not a result of ours, is damaged, or has another schema. The message says which, and what to do."""


def save(results: xr.Dataset, path: str | Path) -> None:
    """Write a dataset whole or not at all.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.run` or `stresslab.load`.
    path : path
        The file to write, such as ``results.nc``; an existing file is replaced at the end.
    """
    target = Path(path)
    scratch = target.with_name(f".{target.name}.unfinished")
    try:
        netcdf.write(results, scratch)
        with scratch.open("rb") as written:
            os.fsync(written.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def load(path: str | Path) -> xr.Dataset:
    """Read a result into memory.

    Parameters
    ----------
    path : path
        A ``results.nc``, or the folder of a run that holds one.

    Returns
    -------
    xarray.Dataset
        As `save` was given it.

    Raises
    ------
    ResultsError
        If the file is missing, damaged, not a result, or of another schema.
    """
    source = Path(path)
    if (source / INSTITUTION).is_file():
        raise ResultsError(f"{path} holds several accounts; load_institution reads the whole, load one of its accounts")
    results = _loaded(source / "results.nc" if source.is_dir() else source, path)
    schema = results.attrs.get("schema")
    if not isinstance(schema, int | np.integer) or "scenario_hash" not in results.attrs:
        raise ResultsError(f"{path} is netCDF but no result of stresslab; name a results.nc")
    if schema != SCHEMA:
        raise ResultsError(f"{path} has schema {schema}, this version reads {SCHEMA}; run the scenario again")
    return as_results(results)


_HOLDS = {
    "models": ("model", "results under several models"),
    "replays": ("crash", "replays"),
    "sensitivities": ("factor", "sensitivities"),
    "allocation": ("target", "allocation"),
    "rare": ("event", "rare events"),
    "comparison": ("group", "comparison with a former review"),
}


def load_part(path: str | Path, part: str) -> xr.Dataset:
    """Read a file that stands beside a run's results, such as ``replay.nc``.

    Parameters
    ----------
    path : path
        The file.
    part : {"models", "replays", "sensitivities", "allocation", "rare", "comparison", "history"}
        What it must hold.

    Returns
    -------
    xarray.Dataset
        As it was saved.

    Raises
    ------
    ResultsError
        If the file is missing, damaged, or holds something else.
    """
    if part == "history":
        return load_history(path)
    found = load(path) if part == "models" else _loaded(Path(path), path)
    dim, told = _HOLDS[part]
    if dim not in found.dims or "scenario_hash" not in found.attrs:
        raise ResultsError(f"{path} is netCDF but holds no {told} of stresslab; name another file")
    return found


def load_history(path: str | Path) -> xr.Dataset:
    """Read the ``history.nc`` of a run that was put in an archive.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    xarray.Dataset
        As `stresslab.results.limit_history.limit_history` gave it.

    Raises
    ------
    ResultsError
        If the file is missing, damaged, or holds no limits of former reviews.
    """
    history = _loaded(Path(path), path)
    if not {"review", "limit"} <= set(history.dims) or "quarter" not in history.attrs:
        raise ResultsError(f"{path} is netCDF but holds no limits of former reviews; name a history.nc")
    return history


def load_institution(path: str | Path) -> xr.Dataset:
    """Read the ``institution.nc`` of several accounts.

    Parameters
    ----------
    path : path
        The file, or the folder that holds it.

    Returns
    -------
    xarray.Dataset
        As `stresslab.run_institution` gave it.

    Raises
    ------
    ResultsError
        If the file is missing, damaged, or holds something else.
    """
    source = Path(path)
    found = _loaded(source / INSTITUTION if source.is_dir() else source, path)
    if "account" not in found.dims or "institution_hash" not in found.attrs:
        raise ResultsError(f"{path} is netCDF but holds no institution of stresslab; name an {INSTITUTION}")
    return found


def _loaded(source: Path, named: str | Path) -> xr.Dataset:
    try:
        return netcdf.read(source)
    except FileNotFoundError as error:
        raise ResultsError(f"{named} does not exist; name a results.nc or the folder of a run") from error
    except Exception as error:  # damaged bytes make the libraries below raise nearly anything
        raise ResultsError(f"{named} cannot be read as netCDF; it is damaged or something else: {error}") from error


def outcomes_dataset(scenario: Scenario, outcomes: Outcomes) -> xr.Dataset:
    """The outcome of every path, for those who validate a run.

    Parameters
    ----------
    scenario, outcomes : Scenario, Outcomes
        The question and its simulation.

    Returns
    -------
    xarray.Dataset
        Per configuration, pool and path: liquidation time in days (missing if never), profit and required collateral in
        the account's currency; per path the failure flag; per asset and path the price at the horizon.
    """
    names = [configuration.name for configuration in scenario.configurations]
    pools = list(dict.fromkeys(pool.name for configuration in scenario.configurations for pool in configuration.pools))
    paths = outcomes.failed.size
    shape = (len(names), len(pools), paths)
    arrays = {
        name: np.full(shape, np.nan, np.float32)
        for name in ("liquidation_time", "profit", "insurance_draw", "required_collateral")
    }
    for row, (configuration, stakes) in enumerate(
        zip(scenario.configurations, outcomes.configuration_stakes, strict=True)
    ):
        for pool, stake in zip(configuration.pools, stakes, strict=True):
            at = row, pools.index(pool.name)
            step = outcomes.liquidation_step[stake]
            arrays["liquidation_time"][at] = np.where(step <= outcomes.steps, step * outcomes.step, np.nan)
            arrays["profit"][at] = outcomes.profit[stake]
            arrays["insurance_draw"][at] = outcomes.insurance_draw[stake]
            arrays["required_collateral"][at] = outcomes.required_collateral[outcomes.stake_pools[stake]]
            outcomes.scratch.release()
    currency = scenario.book.currency
    dims = ("configuration", "pool", "path")
    price = scenario.market.start_prices[:, None] * np.exp(outcomes.log_price.astype(np.float64))
    return xr.Dataset(
        {
            **{
                name: (dims, values, {"units": "day" if name == "liquidation_time" else currency})
                for name, values in arrays.items()
            },
            "price": (("asset", "path"), price, {"units": f"{currency} per unit"}),
            "failed": (("path",), outcomes.failed),
        },
        coords={"configuration": names, "pool": pools, "asset": list(scenario.market.assets), "path": np.arange(paths)},
        attrs={"schema": SCHEMA, "currency": currency, "seed": scenario.seed, "block_width": outcomes.block_width},
    )
