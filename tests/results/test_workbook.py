"""The workbook and the Parquet files hold every number, and nothing that a spreadsheet would run."""

from __future__ import annotations

import importlib.util
import math
import re
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
import xarray as xr

from stresslab.results import table_formats, workbook
from stresslab.results.table_formats import TableFormatError, read_formats
from stresslab.results.tables import tables_of, write_tables
from stresslab.results.workbook import sheet_names, write_workbook
from tests.results.conftest import LONG, POOLED, TITLE


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    place = tmp_path_factory.mktemp("run") / "tables"
    write_tables(results, place, ("parquet", "excel"))
    return place


@pytest.fixture(scope="module")
def book(folder):
    return openpyxl.load_workbook(folder / "tables.xlsx")


def rows(sheet):
    header, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in body]


def test_one_sheet_for_each_csv(folder, book):
    wanted = {path.stem for path in folder.glob("*.csv")}
    listed = {row[1] for row in book["contents"].iter_rows(values_only=True)}
    assert book.sheetnames[0] == "contents"
    assert book.sheetnames[-1] == "variables"
    assert wanted <= listed
    assert len(book.sheetnames) == len(wanted) + 2
    assert all(len(name) <= 31 for name in book.sheetnames)


def test_first_sheet_names_what_was_run(book, results):
    told = {row[0]: row[1] for row in book["contents"].iter_rows(values_only=True)}
    assert told["scenario"] == TITLE
    assert told["scenario hash"] == results.attrs["scenario_hash"]
    assert told["seed"] == results.attrs["seed"]
    assert {"version of stresslab", "version of jax"} <= set(told)


def test_numbers_are_those_of_the_dataset(book, results):
    # Oracle: the dataset, label by label, to the 15 digits that Excel keeps of a number.
    found = rows(book["by_configuration_pool"])
    names = [name for name, values in results.data_vars.items() if values.dims == ("configuration", "pool")]
    assert len(found) == 6
    for row in found:
        here = results[names].sel(configuration=row["configuration"], pool=row["pool"])
        for name in names:
            value = float(here[name])
            assert row[name] is None if math.isnan(value) else row[name] == pytest.approx(value, rel=1e-15), name


def test_text_from_a_book_never_becomes_a_formula(folder, book):
    names = [cell for row in book["by_configuration_pool"].iter_rows() for cell in row if isinstance(cell.value, str)]
    assert {LONG, POOLED, "@majors"} <= {cell.value for cell in names}
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", (sheet.title, cell.coordinate)
                if isinstance(cell.value, str) and cell.value[0] in "=+-@":
                    # Excel's own mark, without which it would read the cell again when somebody edits it.
                    assert cell.quotePrefix
    with zipfile.ZipFile(folder / "tables.xlsx") as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
    assert not any(b"<f>" in sheet for sheet in sheets)
    # Control: the library on its own does take this name for a formula.
    plain = openpyxl.Workbook()
    plain.active["A1"] = LONG
    assert plain.active["A1"].data_type == "f"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "#N/A", "1e5", "bell\a", "y" * 40_000])
def test_every_awkward_text_stays_a_text(tmp_path, text):
    results = xr.Dataset({"value": ("name", [1.0]), "word": ("name", np.array([text], dtype=object))}, {"name": [text]})
    write_workbook(results, tables_of(results), tmp_path / "a.xlsx")
    (row,) = rows(openpyxl.load_workbook(tmp_path / "a.xlsx")["by_name"])
    assert row["word"] == text.replace("\a", "\ufffd")[:32_767]
    assert row["value"] == 1.0


def test_headers_are_bold_and_stay_in_sight(book):
    for sheet in book.worksheets[1:]:
        assert sheet.freeze_panes == "A2"
        assert all(cell.font.b for cell in sheet[1])
        assert not sheet["A2"].font.b


def test_numbers_are_written_as_what_they_are(book):
    formats = {cell.value: below.number_format for cell, below in zip(*book["by_configuration"]["1:2"], strict=True)}
    assert formats["account_liquidation_probability"].endswith("%")
    assert formats["expected_loss"] == "#,##0.00"
    prices = {cell.value: below.number_format for cell, below in zip(*book["by_position"]["1:2"], strict=True)}
    assert (prices["mark_price"], prices["notional"]) == ("#,##0.00######", "#,##0.00")
    widths = book["by_configuration"].column_dimensions
    assert widths["A"].width >= len("configuration")
    assert max(each.width for each in widths.values()) <= 44


def test_what_has_no_value_or_no_end(tmp_path):
    results = xr.Dataset({"value": ("name", [np.nan, np.inf, -np.inf])}, {"name": ["a", "b", "c"]})
    write_workbook(results, {"by_name": results.to_dataframe().reset_index()}, tmp_path / "a.xlsx")
    found = rows(openpyxl.load_workbook(tmp_path / "a.xlsx")["by_name"])
    assert [row["value"] for row in found] == [None, "without end", "without beginning"]


def test_bytes_repeat_and_tell_nothing_of_the_clock(folder, results, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_tables(results, tmp_path, ("excel", "parquet"))
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    with zipfile.ZipFile(folder / "tables.xlsx") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        core = archive.read("docProps/core.xml").decode()
    assert set(re.findall(r"(\d{4})-\d\d-\d\dT", core)) == {"2000"}


def test_parquet_holds_the_texts_as_they_are(folder, results):
    table = pd.read_parquet(folder / "by_configuration_pool.parquet")
    assert {LONG, "@majors"} <= set(table["pool"])
    at = table[(table.configuration == "as_booked") & (table.pool == LONG)]
    wanted = float(results.liquidation_probability.sel(configuration="as_booked", pool=LONG))
    assert at.liquidation_probability.item() == wanted
    assert {path.stem for path in folder.glob("*.parquet")} == {path.stem for path in folder.glob("*.csv")}


def test_long_and_large_tables(monkeypatch):
    short, long = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2, 3]})
    names = ["by_configuration_pool_time_quantile", "by_configuration_pool_time_quantil", "contents"]
    named = sheet_names({**dict.fromkeys(names, short), "long": long})
    assert named["by_configuration_pool_time_quantile"] == "pool_time_quantile"
    assert len({name.lower() for name in named.values()} | {"contents", "variables"}) == len(named) + 2
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    assert "long" not in sheet_names({"short": short, "long": long})


def test_a_table_without_a_sheet_is_named_all_the_same(results, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MOST_ROWS", 5)
    write_workbook(results, tables_of(results), tmp_path / "a.xlsx")
    told = {row[1]: row[0] for row in openpyxl.load_workbook(tmp_path / "a.xlsx")["contents"].values}
    assert told["by_configuration_pool"] == "none: too many rows for a worksheet"
    assert told["by_configuration"] == "by_configuration"


def test_formats_are_read():
    assert read_formats("csv") == ("csv",)
    assert read_formats("excel, parquet") == ("csv", "parquet", "excel")
    with pytest.raises(TableFormatError, match="no format 'xls' of tables; the formats are csv, parquet, excel"):
        read_formats("xls")


@pytest.mark.parametrize(("name", "library"), [("parquet", "pyarrow"), ("excel", "xlsxwriter")])
def test_a_missing_library_is_told_before_anything_is_written(monkeypatch, tmp_path, results, name, library):
    found = importlib.util.find_spec
    monkeypatch.setattr(table_formats, "find_spec", lambda wanted: None if wanted == library else found(wanted))
    with pytest.raises(TableFormatError, match=rf"need {library}; install the extra stresslab\[tables\]"):
        write_tables(results, tmp_path / "tables", (name,))
    assert not (tmp_path / "tables").exists()
    # Control: plain CSV needs neither.
    write_tables(results, tmp_path / "tables")
    assert (tmp_path / "tables" / "single_values.csv").is_file()
