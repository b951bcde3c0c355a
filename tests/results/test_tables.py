"""The CSV tables hold every number of the result to its last digit, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stresslab.results.tables import write_tables
from tests.results.conftest import LONG, POOLED


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    place = tmp_path_factory.mktemp("run") / "tables"
    write_tables(results, place)
    return place


def test_one_table_for_each_set_of_dimensions(folder, results):
    wanted = {"_".join(("by", *map(str, values.dims))) for values in results.data_vars.values() if values.dims}
    assert {path.name for path in folder.iterdir()} == {f"{name}.csv" for name in wanted} | {"single_values.csv"}
    assert {"by_configuration", "by_configuration_pool", "by_configuration_pool_time_quantile"} <= wanted


def test_every_variable_stands_in_the_table_of_its_dimensions(folder, results):
    for name, values in results.data_vars.items():
        table = f"by_{'_'.join(map(str, values.dims))}" if values.dims else "single_values"
        columns = list(read(folder / f"{table}.csv")[0])
        assert columns[: values.ndim] == list(values.dims)
        assert name in columns


def plain(cell: str) -> str:
    return cell.removeprefix("'")


@pytest.mark.parametrize("table", ["by_configuration", "by_configuration_pool_quantile", "by_configuration_pool_time"])
def test_numbers_are_exact(folder, results, table):
    dims = table.removeprefix("by_").split("_")
    rows = read(folder / f"{table}.csv")
    measured = [name for name, values in results.data_vars.items() if list(values.dims) == dims]
    seen = 0
    for row in rows:
        labels = {dim: float(row[dim]) if dim in ("time", "quantile") else plain(row[dim]) for dim in dims}
        here = results[measured].sel(labels)
        for name in measured:
            value = float(here[name])
            assert (row[name] == "") == math.isnan(value)
            if row[name]:
                assert float(row[name]) == value
                seen += 1
    assert seen > 50


def test_missing_pools_have_no_row(folder):
    rows = [(plain(row["configuration"]), plain(row["pool"])) for row in read(folder / "by_configuration_pool.csv")]
    assert rows == [
        ("as_booked", LONG),
        ("as_booked", "cross"),
        ("all_isolated", LONG),
        ("all_isolated", "eth-short"),
        ("all_cross", "cross"),
        (POOLED, "@majors"),
    ]
    assert len(read(folder / "by_configuration_pool_time.csv")) == 6 * 49


def test_value_that_does_not_exist_is_an_empty_cell(folder):
    # A pool that is never liquidated has no loss given liquidation; its row stands all the same.
    row = read(folder / "by_configuration_pool.csv")[1]
    assert (row["pool"], row["loss_given_liquidation"], row["liquidation_probability"]) == ("cross", "", "0.0")


def test_nothing_looks_like_a_formula(folder):
    for path in folder.iterdir():
        for row in read(path):
            for column, cell in row.items():
                try:
                    float(cell or "nan")
                except ValueError:
                    assert cell[0] not in "=+-@\t\r", (path.name, column, cell)
    # Control: the names of this run do begin so.
    text = (folder / "by_configuration_pool.csv").read_text(encoding="utf-8")
    assert f"'{LONG}" in text
    assert "'@majors" in text
    assert LONG[0] in "=+-@"
    assert POOLED[0] in "=+-@"


def test_text_variables_are_made_harmless_too(folder):
    rows = read(folder / "by_configuration_position.csv")
    assert {row["pool_of_position"] for row in rows} >= {f"'{LONG}", "'@majors", "cross"}
    # Signed numbers stay numbers.
    assert {row["quantity"] for row in read(folder / "by_position.csv")} == {"20.0", "-150.0"}


def test_single_values(folder, results):
    (row,) = read(folder / "single_values.csv")
    assert float(row["failed_paths"]) == 0.0
    assert float(row["expected_loss_isolated_less_cross"]) == float(results.expected_loss_isolated_less_cross)


def test_awkward_texts_survive_a_reader_of_csv(tmp_path):
    names = ["plain", "with, comma", 'with "quotes"', "two\nlines", "-1 as a name", "ünï 漢字", "a'b", " =spaced"]
    values = np.array([0.1 + 0.2, 1e-300, -1 / 3, np.nan, 123456789.123456789, 5e-324, 1.7976931348623157e308, 0.0])
    write_tables(xr.Dataset({"value": ("name", values)}, {"name": names}), tmp_path)
    rows = read(tmp_path / "by_name.csv")
    # The row without any number is left out, the others are exact.
    assert [row["name"] for row in rows] == [f"'{name}" if name[0] == "-" else name for name in names if name[0] != "t"]
    assert [float(row["value"]) for row in rows] == [value for value in values if not np.isnan(value)]


def test_the_same_result_gives_the_same_bytes(folder, results, tmp_path):
    write_tables(results, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        assert b"\r" not in path.read_bytes()
