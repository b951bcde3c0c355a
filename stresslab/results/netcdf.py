"""Datasets in netCDF4 files, by h5netcdf, without looking the same thing up in the file a hundred times."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import h5netcdf
import h5py
import xarray as xr
from xarray.backends import H5NetCDFStore


class _RememberingFile(h5py.File):  # type: ignore[misc]
    """An HDF5 file that keeps what was opened in it open.

    The library above asks for a variable by name each time that it touches one, some forty times a variable; with two
    hundred variables that is two thirds of the time that writing takes, and half of reading.
    """

    def __init__(self, path: Path, mode: Literal["r", "w"], **options: Any) -> None:
        super().__init__(path, mode, **options)
        self._opened: dict[str, Any] = {}

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return super().__getitem__(name)
        if name not in self._opened:
            found = super().__getitem__(name)
            self._opened[name] = _ForgettingGroup(found.id, self._opened) if isinstance(found, h5py.Group) else found
        return self._opened[name]


class _ForgettingGroup(h5py.Group):  # type: ignore[misc]
    """A group of such a file: what is deleted here is no longer remembered there."""

    def __init__(self, bound: Any, opened: dict[str, Any]) -> None:
        super().__init__(bound)
        self._opened = opened

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._opened.clear()


@contextmanager
def _store(path: Path, mode: Literal["r", "w"], **options: Any) -> Iterator[H5NetCDFStore]:
    creation = {"track_order": True} if mode == "w" else {}
    with _RememberingFile(path, mode, **creation) as file, h5netcdf.File(file, mode, **options) as root:
        # A lock of our own: in search of one xarray starts Dask where that is installed, which takes a second.
        yield H5NetCDFStore(root, lock=threading.Lock())


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset; numbers are compressed without loss and bear checksums, so that damage is noticed.

    Parameters
    ----------
    dataset : xarray.Dataset
        Any.
    path : path
        The file; what it held before is gone.
    """
    # Coordinates first: one that comes after its users costs each of them a detour.
    ordered = xr.Dataset(coords=dataset.coords, attrs=dataset.attrs)
    ordered = ordered.assign({name: values.variable for name, values in dataset.data_vars.items()})
    ordered.encoding = dataset.encoding
    with _store(path, "w") as store:
        ordered.dump_to_store(store, encoding=_encoding(ordered))


def read(path: Path) -> xr.Dataset:
    """Read a dataset into memory; raises whatever the libraries below do where the file is missing or damaged."""
    with _store(path, "r", phony_dims="sort", decode_vlen_strings=True) as store:
        return xr.load_dataset(store)


def _encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    return {
        str(name): {"zlib": True, "complevel": 1, "shuffle": True, "fletcher32": True}
        for name, values in dataset.variables.items()
        if values.dtype.kind in "fi" and values.ndim > 0
    }
