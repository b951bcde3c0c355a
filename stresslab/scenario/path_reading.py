"""The file of a user's own paths: netCDF or Parquet, read, checked against the scenario, and put on its grid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stresslab.documents.durations import duration_text
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.market.price_paths import PricePaths, relative_paths

if TYPE_CHECKING:
    from stresslab.scenario.time_grid import TimeGrid

DIMS = ("path", "time", "asset")
VARIABLES = ("price", "low", "high")
_UNITS = {"days": 1440.0, "hours": 60.0, "minutes": 1.0, "seconds": 1.0 / 60.0}
_UNITS |= {"milliseconds": 1.0 / 60e3, "microseconds": 1.0 / 60e6, "nanoseconds": 1.0 / 60e9}

Labelled = tuple[dict[str, NDArray[np.float64]], NDArray[np.float64], list[str]]
"""Variables, [path, point, asset]; minutes of the points; names of the assets."""


class _RefusedError(Exception):
    """What is wrong with a file, and what would be right."""


def read_paths(
    document: Document,
    at: KeyPath,
    name: str,
    assets: Sequence[str],
    grid: TimeGrid,
    count: int | None,
    findings: Findings,
) -> PricePaths | None:
    """Read the paths that a scenario names; None where something is wrong with them.

    Parameters
    ----------
    document, at : Document and path
        The scenario, and where it names the file; faults are placed there.
    name : str
        The file, relative to the scenario.
    assets : sequence of str
        Underlyings of the book; the file may hold more.
    grid : TimeGrid
        Horizon and step; the file must hold the start and the end of every step, and nothing else.
    count : int or None
        Paths of the run, None where they are not known; the file must hold as many, and the first ones are taken.
    findings : Findings
        Takes the faults.
    """
    path = document.folder / name
    try:
        digest, (variables, minutes, names) = _content(path, name)
        _check_grid(minutes, grid)
        missing = [asset for asset in assets if asset not in names]
        if missing:
            listed = ", ".join(shown(asset) for asset in missing)
            raise _RefusedError(f"{shown(name, 200)} lacks {listed}, which the book needs", "add it to the file")
        held = len(variables["price"])
        if count is not None and held < count:
            problem = f"{shown(name, 200)} holds {held:_} paths, fewer than the {count:_} of the scenario"
            raise _RefusedError(problem, f"write paths = {held:_}, or add paths: none is used twice")
        chosen = [names.index(asset) for asset in assets]
        taken = {key: values[:count, :, chosen] for key, values in variables.items()}
        for key, values in taken.items():
            _check_prices(key, values, assets, first=0 if key == "price" else 1)
        _check_extremes(taken, assets)
    except _RefusedError as refusal:
        findings.fault(document, at, *refusal.args)
        return None
    return relative_paths(taken["price"], taken.get("low"), taken.get("high"), grid.step / 1440.0, {"paths": digest})


def _content(path: Path, name: str) -> tuple[str, Labelled]:
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or error.__class__.__name__
        raise _RefusedError(f"cannot read {shown(name, 200)} ({reason})", "check the path") from None
    # The content decides, not the suffix.
    if head[:4] == b"PAR1":
        return digest, _from_parquet(path, name)
    if head == b"\x89HDF\r\n\x1a\n":
        return digest, _from_netcdf(path, name)
    problem = f"{shown(name, 200)} is neither netCDF (version 4) nor Parquet"
    raise _RefusedError(problem, "save it with xarray's to_netcdf or pandas' to_parquet")


def _from_netcdf(path: Path, name: str) -> Labelled:
    import h5netcdf

    try:
        with h5netcdf.File(path, "r") as file:
            found = {key: file.variables[key] for key in (*VARIABLES, "time", "asset") if key in file.variables}
            for key in ("price", "time", "asset"):
                if key not in found:
                    listed = ", ".join(DIMS)
                    remedy = f"give price along {listed}, and the coordinates time and asset"
                    raise _RefusedError(f"{shown(name, 200)} has no variable {key}", remedy)
            variables = {key: _in_order(key, found[key]) for key in VARIABLES if key in found}
            minutes = _minutes(found["time"][...], dict(found["time"].attrs))
            names = [_text(each) for each in np.atleast_1d(found["asset"][...])]
    except OSError:
        raise _RefusedError(f"{shown(name, 200)} is damaged", "write it anew") from None
    return variables, minutes, names


def _in_order(key: str, variable: Any) -> NDArray[np.float64]:
    if sorted(variable.dimensions) != sorted(DIMS):
        given = ", ".join(str(dim) for dim in variable.dimensions) or "none"
        raise _RefusedError(f"the dims of {key} are {given}", f"give {', '.join(DIMS)}")
    if variable.dtype.kind not in "fiu" or {"scale_factor", "add_offset"} & set(variable.attrs):
        raise _RefusedError(f"{key} is packed or holds no numbers", "save it as float32 or float64, without packing")
    values = np.asarray(variable[...], np.float64).transpose([variable.dimensions.index(dim) for dim in DIMS])
    fill = variable.attrs.get("_FillValue")
    return values if fill is None else np.where(values == np.float64(np.ravel(fill)[0]), np.nan, values)


def _minutes(values: Any, attributes: Mapping[str, Any]) -> NDArray[np.float64]:
    unit = _text(attributes.get("units", "days")).split(" since ")[0].strip()
    if unit not in _UNITS or np.asarray(values).dtype.kind not in "fiu":
        raise _RefusedError(f"time is in {shown(unit)}", "give times, or numbers in days, hours, minutes or seconds")
    return np.asarray(values, np.float64) * _UNITS[unit]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _from_parquet(path: Path, name: str) -> Labelled:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError:
        remedy = "install the extra stresslab[parquet], or give netCDF"
        raise _RefusedError("Parquet files need pyarrow", remedy) from None
    except (ValueError, OSError):
        raise _RefusedError(f"{shown(name, 200)} is damaged", "write it anew") from None
    if frame.index.names != [None]:
        frame = frame.reset_index()
    missing = [key for key in (*DIMS, "price") if key not in frame.columns]
    if missing:
        remedy = f"name the columns {', '.join(DIMS)} and price; low and high may stand beside"
        raise _RefusedError(f"{shown(name, 200)} has no column {', '.join(missing)}", remedy)
    present = [key for key in VARIABLES if key in frame.columns]
    axes = [pd.factorize(frame[dim], sort=dim != "asset") for dim in DIMS]
    codes, labels = [code for code, _ in axes], [label for _, label in axes]
    if any((code < 0).any() for code in codes):
        raise _RefusedError(f"{shown(name, 200)} has rows without path, time or asset", "fill or remove them")
    shape = tuple(len(label) for label in labels)
    place = np.ravel_multi_index(codes, shape)
    if len(np.unique(place)) < len(place):
        raise _RefusedError(f"{shown(name, 200)} has two rows for one path, time and asset", "keep one of them")
    variables = {}
    for key in present:
        if frame[key].dtype.kind not in "fiu":
            raise _RefusedError(f"{key} holds no numbers", "save it as float32 or float64")
        values = np.full(shape, np.nan)
        # A row that is missing stays a gap, which is a fault later on.
        np.put(values, place, frame[key].to_numpy(np.float64))
        variables[key] = values
    if isinstance(labels[1], pd.DatetimeIndex) and labels[1].tz is not None:
        labels[1] = labels[1].tz_convert(None)
    times = np.asarray(labels[1])
    if times.dtype.kind in "mM":
        times = (times - times[0]) / np.timedelta64(1, "D")
    return variables, _minutes(times, {}), [str(asset) for asset in labels[2]]


def _check_grid(minutes: NDArray[np.float64], grid: TimeGrid) -> None:
    steps = grid.horizon // grid.step
    wanted = f"the start and {steps:_} steps of {duration_text(grid.step)}"
    if len(minutes) != steps + 1:
        problem = f"the file has {len(minutes):_} times, and the scenario needs {steps + 1:_}: {wanted}"
        raise _RefusedError(problem, "give exactly these, or change horizon and step")
    off = np.abs(minutes - minutes[0] - grid.step * np.arange(steps + 1.0)) > 1e-3 * grid.step
    if not np.isfinite(minutes).all() or off.any():
        first = int(np.argmax(off | ~np.isfinite(minutes)))
        problem = f"the times of the file are off the grid from number {first + 1} on"
        raise _RefusedError(problem, f"give {wanted}, in order, in days or as times")


def _check_prices(key: str, values: NDArray[np.float64], assets: Sequence[str], *, first: int) -> None:
    """Nothing missing and nothing below or at zero; `first` is the first point that is read."""
    read = values[:, first:]
    for wrong, what, remedy in (
        (np.isnan(read), "is missing", "give a price for every path, time and asset"),
        (~(read > 0.0) | np.isinf(read), "is not positive and finite", "give prices above zero"),
    ):
        if wrong.any():
            problem = f"{key} {what} {_place(wrong, assets, first)}"
            raise _RefusedError(problem, remedy)


def _check_extremes(taken: Mapping[str, NDArray[np.float64]], assets: Sequence[str]) -> None:
    if ("low" in taken) != ("high" in taken):
        given, other = ("low", "high") if "low" in taken else ("high", "low")
        raise _RefusedError(f"the file holds {given} without {other}", "give both, or neither")
    if "low" not in taken:
        return
    end = taken["price"][:, 1:]
    for wrong, what in (
        (taken["low"][:, 1:] > end, "low is above price"),
        (taken["high"][:, 1:] < end, "high is below price"),
    ):
        if wrong.any():
            remedy = "give the extremes of the step that ends at each time"
            raise _RefusedError(f"{what} {_place(wrong, assets, 1)}", remedy)


def _place(wrong: NDArray[np.bool_], assets: Sequence[str], first: int) -> str:
    path, point, asset = (int(index[0]) for index in np.nonzero(wrong))
    more = f" ({int(wrong.sum()):_} such cells)" if wrong.sum() > 1 else ""
    return f"on path {path + 1}, time {point + first + 1}, {shown(assets[asset])}{more}"
