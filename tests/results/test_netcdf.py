"""Datasets on disk: what any reader of netCDF finds in the file, and what ours finds in files of others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from stresslab.results import netcdf


@pytest.fixture
def dataset():
    rows = np.arange(12.0).reshape(3, 4)
    return xr.Dataset(
        {
            "loss": (("account", "time"), rows, {"units": "USDT", "sign": "positive is a loss"}),
            "named": (("account",), np.array(["α", "b", "東京"], dtype=object)),
            "alone": ((), 7, {"long_name": "no dimension"}),
            "other": (("time", "account"), rows.T.astype(np.float32)),
            "nothing": (("account",), np.array([np.nan, 1.0, np.nan])),
        },
        coords={"account": ["A", "B", "C"], "time": [0.0, 1.0, 2.5, 4.0]},
        attrs={"schema": 1, "title": "Größe"},
    )


def test_any_reader_finds_what_was_written(dataset, tmp_path):
    netcdf.write(dataset, tmp_path / "ours.nc")
    found = xr.load_dataset(tmp_path / "ours.nc", engine="h5netcdf")
    assert found.identical(dataset)
    assert list(found.data_vars) == list(dataset.data_vars)


def test_files_of_others_are_read(dataset, tmp_path):
    dataset.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    assert netcdf.read(tmp_path / "theirs.nc").identical(dataset)
    # The control: a single number that differs.
    assert not netcdf.read(tmp_path / "theirs.nc").identical(dataset.assign(alone=8))


def test_the_same_dataset_is_the_same_bytes(dataset, tmp_path):
    for name in ("one.nc", "two.nc"):
        netcdf.write(dataset, tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()
