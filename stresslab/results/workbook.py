"""The tables of a result as one Excel workbook, whose bytes repeat and whose texts never become formulas."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.packaging.core import DocumentProperties
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.xml.functions import tostring

MOST_ROWS = 1_048_575
"""Rows of a worksheet beneath its header, https://support.microsoft.com: Excel specifications and limits."""
_LONGEST_NAME = 31
_WIDEST = 42
_MADE = dt.datetime(2000, 1, 1)  # the clock must not enter
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_PERCENT, _MONEY, _PRICE, _RATIO, _COUNT, _DAYS = "0.00##%", "#,##0.00", "#,##0.00######", "#,##0.000", "#,##0", "0.00"
_ATTRIBUTES = {
    "scenario": "title",
    "book": "book",
    "venue": "venue",
    "venue rules as of": "venue_effective",
    "currency": "currency",
    "market model": "model",
    "horizon, days": "horizon_days",
    "step, days": "step_days",
    "paths": "paths",
    "seed": "seed",
    "block width": "block_width",
    "scenario hash": "scenario_hash",
}


def write_workbook(results: xr.Dataset, tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write tables of a result as a workbook.

    Parameters
    ----------
    results : xarray.Dataset
        The result: its attributes head the first sheet, those of its variables choose the formats of numbers.
    tables : mapping of str to pandas.DataFrame
        From `stresslab.results.tables.tables_of`. One of more than `MOST_ROWS` rows has no sheet, which is told on the
        first one.
    path : pathlib.Path
        The file to write. The same result gives the same bytes under one version of openpyxl.

    Notes
    -----
    The sheet ``contents`` names scenario, hash, seed, versions and every table's sheet; ``variables`` says what each
    column is. Headers are bold and stay in sight. A text is stored as text whatever it begins with, and is marked so
    that it stays one when somebody edits it; a sign that no worksheet can hold is replaced. Numbers have 16 digits, of
    which Excel keeps 15; CSV and Parquet have all 17.
    """
    book = Workbook(write_only=True)
    sheets = sheet_names(tables)
    _contents(book, results, tables, sheets)
    for name, table in tables.items():
        if name in sheets:
            rows = table.itertuples(index=False, name=None)
            formats = [_number_format(column, results) for column in table.columns]
            _sheet(book, sheets[name], list(table.columns), rows, _widths(table), formats)
    described = [
        [str(name), *(str(values.attrs.get(key, "")) for key in ("units", "sign", "interval", "long_name"))]
        for name, values in results.data_vars.items()
    ]
    header = ["variable", "unit", "sign", "interval", "meaning"]
    _sheet(book, "variables", header, described, [_WIDEST, 14, 34, 34, 90], [None] * len(header))
    buffer = io.BytesIO()
    book.save(buffer)
    path.write_bytes(_without_clock(buffer.getvalue(), str(results.attrs.get("title", ""))))


def sheet_names(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """The sheet of each table that a worksheet can hold.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By name.

    Returns
    -------
    dict of str to str
        By table; distinct, of at most 31 signs.
    """
    found: dict[str, str] = {}
    for name, table in tables.items():
        if len(table) > MOST_ROWS:
            continue
        short = name if len(name) <= _LONGEST_NAME else name.removeprefix("by_").removeprefix("configuration_")
        wanted, again = short[:_LONGEST_NAME], 1
        while wanted in {*found.values(), "contents", "variables"}:
            again += 1
            wanted = f"{short[: _LONGEST_NAME - 4]} {again}"
        found[name] = wanted
    return found


def _contents(
    book: Workbook, results: xr.Dataset, tables: Mapping[str, pd.DataFrame], sheets: Mapping[str, str]
) -> None:
    page = book.create_sheet("contents")
    for letter, width in (("A", 34), ("B", 44), ("C", 12), ("D", 12)):
        page.column_dimensions[letter].width = width
    for told, key in _ATTRIBUTES.items():
        if key in results.attrs:
            page.append([_cell(page, told, bold=True), _cell(page, results.attrs[key])])
    for library, version in json.loads(results.attrs.get("versions", "{}")).items():
        page.append([_cell(page, f"version of {library}", bold=True), _cell(page, version)])
    page.append([])
    page.append([_cell(page, title, bold=True) for title in ("sheet", "table", "rows", "columns")])
    for name, table in tables.items():
        place = sheets.get(name, "none: too many rows for a worksheet")
        page.append([_cell(page, place), _cell(page, name), len(table), len(table.columns)])
    page.append([_cell(page, "variables"), _cell(page, "what each column is"), len(results.data_vars), 5])


def _sheet(
    book: Workbook,
    title: str,
    header: list[str],
    rows: Iterable[Iterable[object]],
    widths: list[int],
    formats: list[str | None],
) -> None:
    page = book.create_sheet(title)
    page.freeze_panes = "A2"
    for place, width in enumerate(widths, 1):
        page.column_dimensions[get_column_letter(place)].width = width
    page.append([_cell(page, name, bold=True) for name in header])
    for row in rows:
        page.append([_cell(page, value, written) for value, written in zip(row, formats, strict=True)])


def _widths(table: pd.DataFrame) -> list[int]:
    """As wide as the header, and as the longest text."""
    widths = []
    for name in table.columns:
        text = table[name].dtype.kind not in "fi"
        longest = max((len(str(value)) for value in table[name]), default=0) if text else 14
        widths.append(min(max(len(name), longest) + 2, _WIDEST))
    return widths


def _cell(page: Any, value: object, number_format: str | None = None, *, bold: bool = False) -> Any:
    """A cell; a value that does not exist is empty, one without end is a text."""
    if isinstance(value, float) and not math.isfinite(value):
        value = None if math.isnan(value) else "without end" if value > 0.0 else "without beginning"
    if isinstance(value, str):
        cell = WriteOnlyCell(page)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)
        # openpyxl has taken what begins with = for a formula.
        cell.data_type = "s"
        cell.quotePrefix = not bold
    else:
        cell = WriteOnlyCell(page, value.item() if hasattr(value, "item") else value)
        if number_format is not None:
            cell.number_format = number_format
    if bold:
        cell.font = Font(bold=True)
    return cell


def _number_format(name: str, results: xr.Dataset) -> str | None:
    """How a column of numbers is written; None leaves it to the program."""
    values = results[name]
    unit, currency = str(values.attrs.get("units", "")), str(results.attrs.get("currency", ""))
    if name in results.coords:
        return _DAYS if unit == "day" else None
    if values.dtype.kind in "iu":
        return _COUNT
    if unit == "1":
        shares = ("probability", "survival", "volatility", "drift")
        is_share = str(values.attrs.get("sign", "")) == "0 to 1" or any(word in name for word in shares)
        return _PERCENT if is_share else _RATIO
    known = {currency: _MONEY, f"{currency} per unit": _PRICE, "day": _DAYS} if currency else {"day": _DAYS}
    return _PERCENT if name == "limit_utilization" else known.get(unit)


def _without_clock(content: bytes, title: str) -> bytes:
    """The same workbook with fixed dates in its archive and its properties."""
    properties = DocumentProperties(creator="stresslab", title=_plain(title), created=_MADE, modified=_MADE)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as former, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as repeated:
        for entry in former.infolist():
            own = entry.filename == "docProps/core.xml"
            part = tostring(properties.to_tree()) if own else former.read(entry)
            repeated.writestr(zipfile.ZipInfo(entry.filename, _ZIP_DATE), part, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _plain(text: str) -> str:
    return str(ILLEGAL_CHARACTERS_RE.sub("\ufffd", text))
