"""Results of one question under several market models, side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd
import xarray as xr

HEADLINES: tuple[tuple[str, dict[str, float]], ...] = (
    ("account_liquidation_probability", {}),
    ("account_wiped_probability", {}),
    ("expected_loss", {}),
    ("value_at_risk", {"level": 0.975}),
    ("expected_shortfall", {"level": 0.975}),
)
"""Variables of the comparison, and where along further dims they are taken."""


def across_models(results: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Join results along a new dim ``model``.

    Parameters
    ----------
    results : mapping of str to xarray.Dataset
        By model; of the same book, configurations and horizon.

    Returns
    -------
    xarray.Dataset
        Every variable that all of them have. Attributes in which they differ, such as the resolved scenario, are text
        in JSON by model.
    """
    common = set.intersection(*(set(map(str, each.data_vars)) for each in results.values()))
    parts = [each[[str(name) for name in each.data_vars if name in common]] for each in results.values()]
    index = pd.Index(list(results), name="model")
    joined = xr.concat(parts, index, join="exact", coords="minimal", compat="override", combine_attrs="override")
    first = next(iter(results.values()))
    attributes = {}
    for key, value in first.attrs.items():
        values = {name: each.attrs.get(key) for name, each in results.items()}
        same = all(str(each) == str(value) for each in values.values())
        attributes[key] = value if same else json.dumps(values, ensure_ascii=False, default=str)
    return joined.assign_attrs(attributes)


def headline_table(joined: xr.Dataset) -> pd.DataFrame:
    """The main numbers of every configuration under every model, and their envelope.

    Parameters
    ----------
    joined : xarray.Dataset
        From `across_models`.

    Returns
    -------
    pandas.DataFrame
        One row for each variable and configuration: a column for each model, least and greatest of them, and the model
        that gives the greatest. The envelope is of estimates, without their sampling errors.
    """
    rows = []
    for name, where in HEADLINES:
        values = joined[name].sel(where)
        label = name + "".join(f"_{value:g}" for value in where.values())
        for configuration in joined.configuration.values:
            figures = values.sel(configuration=configuration).to_series()
            row: dict[str, object] = {"variable": label, "configuration": str(configuration)}
            row |= {str(model): figures[model] for model in figures.index}
            row |= {"least": figures.min(), "greatest": figures.max(), "greatest_under": str(figures.idxmax())}
            rows.append(row)
    return pd.DataFrame(rows)
