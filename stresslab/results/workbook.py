"""The tables of a result as one Excel workbook, whose bytes repeat and whose texts never become formulas."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
import xlsxwriter

MOST_ROWS = 1_048_575
"""Rows of a worksheet beneath its header, https://support.microsoft.com: Excel specifications and limits."""
_LONGEST_NAME = 31
_WIDEST = 42
_MADE = dt.datetime(2000, 1, 1)  # the clock must not enter
_LONGEST_TEXT = 32_767
# Signs that no XML document can hold.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "in_memory": True,
}
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
        The file to write. The same result gives the same bytes under one version of xlsxwriter.

    Notes
    -----
    The sheet ``contents`` names scenario, hash, seed, versions and every table's sheet; ``variables`` says what each
    column is. Headers are bold and stay in sight. A text is stored as text whatever it begins with, and is marked so
    that it stays one when somebody edits it; a sign that no worksheet can hold is replaced. Numbers have 16 digits, of
    which Excel keeps 15; CSV and Parquet have all 17.
    """
    with xlsxwriter.Workbook(path, _OPTIONS) as file:
        title = _plain(str(results.attrs.get("title", "")))
        file.set_properties({"author": "stresslab", "title": title, "created": _MADE})
        book = _Book(file, file.add_format({"bold": True}), file.add_format({"quote_prefix": True}), {})
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


@dataclass(frozen=True)
class _Book:
    """A workbook and the formats of its cells."""

    file: Any
    bold: Any
    text: Any
    numbers: dict[str, Any]

    def number(self, written: str | None) -> Any:
        """The format of numbers that are written so."""
        if written is None:
            return None
        if written not in self.numbers:
            self.numbers[written] = self.file.add_format({"num_format": written})
        return self.numbers[written]


def _contents(book: _Book, results: xr.Dataset, tables: Mapping[str, pd.DataFrame], sheets: Mapping[str, str]) -> None:
    page = book.file.add_worksheet("contents")
    for column, width in enumerate((34, 44, 12, 12)):
        page.set_column(column, column, width)
    rows: list[list[object]] = [[told, results.attrs[key]] for told, key in _ATTRIBUTES.items() if key in results.attrs]
    versions = json.loads(results.attrs.get("versions", "{}"))
    rows += [[f"version of {library}", version] for library, version in versions.items()]
    for place, (told, value) in enumerate(rows):
        page.write_string(place, 0, told, book.bold)
        _write(book, page, place, 1, value)
    header = len(rows) + 1
    for column, title in enumerate(("sheet", "table", "rows", "columns")):
        page.write_string(header, column, title, book.bold)
    listed: list[list[object]] = [
        [sheets.get(name, "none: too many rows for a worksheet"), name, len(table), len(table.columns)]
        for name, table in tables.items()
    ]
    listed.append(["variables", "what each column is", len(results.data_vars), 5])
    for place, row in enumerate(listed, header + 1):
        for column, value in enumerate(row):
            _write(book, page, place, column, value)


def _sheet(
    book: _Book,
    title: str,
    header: list[str],
    rows: Iterable[Iterable[object]],
    widths: list[int],
    formats: list[str | None],
) -> None:
    page = book.file.add_worksheet(title)
    page.freeze_panes(1, 0)
    for column, width in enumerate(widths):
        page.set_column(column, column, width)
    for column, name in enumerate(header):
        page.write_string(0, column, name, book.bold)
    for place, row in enumerate(rows, 1):
        for column, (value, written) in enumerate(zip(row, formats, strict=True)):
            _write(book, page, place, column, value, written)


def _widths(table: pd.DataFrame) -> list[int]:
    """As wide as the header, and as the longest text."""
    widths = []
    for name in table.columns:
        text = table[name].dtype.kind not in "fi"
        longest = max((len(str(value)) for value in table[name]), default=0) if text else 14
        widths.append(min(max(len(name), longest) + 2, _WIDEST))
    return widths


def _write(book: _Book, page: Any, row: int, column: int, value: object, written: str | None = None) -> None:
    """Fill a cell; a value that does not exist and an empty text leave it empty, one without end is a text."""
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return
        value = "without end" if value > 0.0 else "without beginning"
    if isinstance(value, str):
        if value:
            page.write_string(row, column, _plain(value), book.text)
    else:
        number: Any = value
        page.write_number(row, column, number, book.number(written))


def _number_format(name: str, results: xr.Dataset) -> str | None:
    """How a column of numbers is written; None leaves it to the program."""
    if name not in results:
        return None  # several variables below each other
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


def _plain(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)[:_LONGEST_TEXT]
