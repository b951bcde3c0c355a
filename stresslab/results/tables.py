"""The dataset as CSV, one table for each set of dimensions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

# Spreadsheets take a cell that begins so for a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def write_tables(results: xr.Dataset, folder: Path) -> None:
    """Write every variable of a result as CSV.

    Parameters
    ----------
    results : xarray.Dataset
        A result.
    folder : pathlib.Path
        Where ``by_configuration_pool.csv`` and the like are written: one row for each combination of labels, one column
        for each variable along exactly these dimensions. A value that does not exist is an empty cell.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in results.data_vars.items():
        groups.setdefault(tuple(str(dim) for dim in values.dims), []).append(str(name))
    for dims, names in groups.items():
        _table(results[names], dims).to_csv(folder / f"{_file_name(dims)}.csv", index=False, lineterminator="\n")


def _file_name(dims: tuple[str, ...]) -> str:
    return "by_" + "_".join(dims) if dims else "single_values"


def _table(part: xr.Dataset, dims: tuple[str, ...]) -> pd.DataFrame:
    if not dims:
        return pd.DataFrame([{str(name): values.item() for name, values in part.data_vars.items()}])
    table = part.to_dataframe(dim_order=list(dims)).reset_index()
    table = table[[*dims, *(str(name) for name in part.data_vars)]]
    measured = [str(name) for name, values in part.data_vars.items() if values.dtype.kind == "f"]
    # A pool that a configuration lacks has no row.
    table = table.dropna(how="all", subset=measured) if len(measured) == len(part.data_vars) else table
    texts = [column for column in table.columns if table[column].dtype.kind not in "fi"]
    return table.assign(**{column: table[column].map(harmless) for column in texts})


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; anything but such a text stays as it is."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) else cell
