"""The dataset as tables, one for each set of dimensions: CSV, Parquet, or the sheets of a workbook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from stresslab.results.table_formats import checked_formats

WORKBOOK = "tables.xlsx"
# Spreadsheets take a cell that begins so for a formula.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def write_tables(results: xr.Dataset, folder: Path, formats: Sequence[str] = ("csv",)) -> None:
    """Write every variable of a result.

    Parameters
    ----------
    results : xarray.Dataset
        A result.
    folder : pathlib.Path
        Where ``by_configuration_pool.csv`` and the like are written: one row for each combination of labels, one column
        for each variable along exactly these dimensions. A value that does not exist is an empty cell.
    formats : sequence of str
        Out of `FORMATS`: CSV; a Parquet file beside each CSV, its texts as they are; ``tables.xlsx`` with a sheet for
        each table.

    Raises
    ------
    TableFormatError
        If there is no such format, or its library is missing; nothing is written then.
    """
    chosen = checked_formats(formats)
    folder.mkdir(parents=True, exist_ok=True)
    tables = tables_of(results)
    for name, table in tables.items():
        write_table(results, table, folder, name, [each for each in chosen if each != "excel"])
    if "excel" in chosen:
        # The library is an extra.
        from stresslab.results.workbook import write_workbook

        write_workbook(results, tables, folder / WORKBOOK)


def write_table(
    results: xr.Dataset, table: pd.DataFrame, folder: Path, name: str, formats: Sequence[str] = ("csv",)
) -> None:
    """Write one table of a result.

    Parameters
    ----------
    results : xarray.Dataset
        The result: its attributes head the workbook.
    table : pandas.DataFrame
        The table.
    folder : pathlib.Path
        Where ``NAME.csv`` is written, and ``NAME.parquet`` and ``NAME.xlsx`` beside it; it exists.
    name : str
        NAME.
    formats : sequence of str
        As `checked_formats` gives them.
    """
    _harmless_table(table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    if "parquet" in formats:
        table.to_parquet(folder / f"{name}.parquet", engine="pyarrow", index=False)
    if "excel" in formats:
        # The library is an extra.
        from stresslab.results.workbook import write_workbook

        write_workbook(results, {name: table}, folder / f"{name}.xlsx")


def tables_of(results: xr.Dataset) -> dict[str, pd.DataFrame]:
    """Every variable of a result, in tables.

    Parameters
    ----------
    results : xarray.Dataset
        A result.

    Returns
    -------
    dict of str to pandas.DataFrame
        By name, such as ``by_configuration_pool``: columns of labels, then one for each variable along exactly these
        dimensions. Texts stand as they are: see `harmless` before a spreadsheet reads them.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in results.data_vars.items():
        groups.setdefault(tuple(str(dim) for dim in values.dims), []).append(str(name))
    return {_table_name(dims): _table(results[names], dims) for dims, names in groups.items()}


def _table_name(dims: tuple[str, ...]) -> str:
    return "by_" + "_".join(dims) if dims else "single_values"


def _table(part: xr.Dataset, dims: tuple[str, ...]) -> pd.DataFrame:
    if not dims:
        return pd.DataFrame([{str(name): values.item() for name, values in part.data_vars.items()}])
    table = part.to_dataframe(dim_order=list(dims)).reset_index()
    table = table[[*dims, *(str(name) for name in part.data_vars)]]
    measured = [str(name) for name, values in part.data_vars.items() if values.dtype.kind == "f"]
    # A pool that a configuration lacks has no row.
    return table.dropna(how="all", subset=measured) if len(measured) == len(part.data_vars) else table


def _harmless_table(table: pd.DataFrame) -> pd.DataFrame:
    texts = [column for column in table.columns if table[column].dtype.kind not in "fi"]
    return table.assign(**{column: table[column].map(harmless) for column in texts})


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula; anything but such a text stays as it is."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) else cell
