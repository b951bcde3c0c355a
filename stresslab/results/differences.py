"""Whether two results hold the same numbers, variable by variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Difference:
    """A variable that is not the same in two results.

    Parameters
    ----------
    name : str
        The variable or coordinate.
    reason : str
        In words: how they differ, as the end of a sentence.
    """

    name: str
    reason: str


def differences(before: xr.Dataset, after: xr.Dataset) -> tuple[int, list[Difference]]:
    """Compare every variable and coordinate of two results to the bit.

    Parameters
    ----------
    before, after : xarray.Dataset
        Results; attributes are not compared.

    Returns
    -------
    tuple of int and list of Difference
        How many names either of them holds, and those that are not the same, by name. A value that is missing in both
        is the same.
    """
    names = sorted({str(name) for name in (*before.variables, *after.variables)})
    found = []
    for name in names:
        reason = _reason(before, after, name)
        if reason is not None:
            found.append(Difference(name, reason))
    return len(names), found


def _reason(before: xr.Dataset, after: xr.Dataset, name: str) -> str | None:
    if name not in after.variables:
        return "is missing afterwards"
    if name not in before.variables:
        return "is new"
    first, second = before.variables[name], after.variables[name]
    if first.dims != second.dims or first.shape != second.shape:
        return f"has the shape {dict(first.sizes)}, and afterwards {dict(second.sizes)}"
    old, new = np.asarray(first.values), np.asarray(second.values)
    if old.dtype.kind not in "fiub" or new.dtype.kind not in "fiub":
        return _texts(old, new)
    same = (old == new) | (np.isnan(old.astype(np.float64)) & np.isnan(new.astype(np.float64)))
    if same.all():
        return None
    apart = np.abs(new.astype(np.float64) - old.astype(np.float64))[~same]
    known = apart[np.isfinite(apart)]
    largest = f"by at most {known.max():.6g}" if known.size else "in what is missing"
    return f"differs in {np.count_nonzero(~same):,} of {same.size:,} values, {largest}"


def _texts(old: Any, new: Any) -> str | None:
    apart = [one for one, other in zip(old.ravel().tolist(), new.ravel().tolist(), strict=True) if one != other]
    return f"differs in {len(apart):,} of {old.size:,} texts" if apart else None
