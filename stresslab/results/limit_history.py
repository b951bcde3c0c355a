"""Use of limits over the reviews of an account: a small dataset by review and limit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from stresslab.results.limits import NO_VALUE

LAST_REVIEWS = 8
"""Reviews that a report looks back on, its own among them."""
HISTORY = "history.nc"
_NUMBERS = ("limit_utilization", "limit_value", "limit_warn", "limit_breach")


def limit_history(reviews: Mapping[str, xr.Dataset], account: str, quarter: str) -> xr.Dataset | None:
    """Gather the limits of former reviews.

    Parameters
    ----------
    reviews : mapping of str to xarray.Dataset
        Results by quarter, the oldest first; those without limits are passed over.
    account, quarter : str
        Whose they are, and the quarter of the review that they come before.

    Returns
    -------
    xarray.Dataset or None
        `limit_utilization`, `limit_value`, `limit_warn` and `limit_breach`, missing where a review did not have the
        limit, and `limit_state`, along ``review`` (the quarters) and ``limit`` (the labels of all); None without any.
    """
    held = {name: results for name, results in reviews.items() if "limit_state" in results}
    if not held:
        return None
    labels = list(dict.fromkeys(str(label) for results in held.values() for label in results["limit"].values))
    arrays = {name: np.full((len(held), len(labels)), np.nan) for name in _NUMBERS}
    states = np.full((len(held), len(labels)), NO_VALUE, dtype=object)
    for row, results in enumerate(held.values()):
        places = [labels.index(str(label)) for label in results["limit"].values]
        for name, array in arrays.items():
            array[row, places] = results[name].values
        states[row, places] = results["limit_state"].values
    dims = ("review", "limit")
    return xr.Dataset(
        {**{name: (dims, array) for name, array in arrays.items()}, "limit_state": (dims, states)},
        coords={"review": list(held), "limit": labels},
        attrs={"account": account, "quarter": quarter},
    )


def with_present(history: xr.Dataset, results: xr.Dataset) -> xr.Dataset:
    """The history with the present review as its last row, and the limits of that one alone.

    Parameters
    ----------
    history : xarray.Dataset
        From `limit_history`.
    results : xarray.Dataset
        The present results, which have limits.

    Returns
    -------
    xarray.Dataset
        At most the last 8 reviews; what an earlier one did not limit is missing there.
    """
    labels = [str(label) for label in results["limit"].values]
    known = [str(label) for label in history["limit"].values]
    before = history.isel(review=slice(-(LAST_REVIEWS - 1), None))
    rows = before.sizes["review"]
    arrays = {}
    for name in (*_NUMBERS, "limit_state"):
        text = name == "limit_state"
        array = np.full((rows + 1, len(labels)), NO_VALUE if text else np.nan, dtype=object if text else np.float64)
        for column, label in enumerate(labels):
            if label in known:
                array[:rows, column] = before[name].values[:, known.index(label)]
        array[rows] = results[name].values
        arrays[name] = (("review", "limit"), array)
    quarters = [*(str(quarter) for quarter in before["review"].values), str(history.attrs["quarter"])]
    return xr.Dataset(arrays, coords={"review": quarters, "limit": labels}, attrs=history.attrs)


def history_hash(history: xr.Dataset | None) -> str | None:
    """SHA-256 of what a history says, on which the bytes of a report depend; None of none."""
    if history is None:
        return None
    content = json.dumps(history.to_dict(), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()
