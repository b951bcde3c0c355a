"""A result that shows itself in a notebook: the headline numbers with their intervals, and nothing more."""

from __future__ import annotations

import json
import math
from html import escape
from typing import Any

import xarray as xr

_COLUMNS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("P(any liquidation)", "account_liquidation_probability", {}),
    ("P(every pool)", "account_wiped_probability", {}),
    ("expected loss", "expected_loss", {}),
    ("value at risk 97.5 %", "value_at_risk", {"level": 0.975}),
    ("expected shortfall 97.5 %", "expected_shortfall", {"level": 0.975}),
)
_RIGHT = ' style="text-align:right"'


class Results(xr.Dataset):  # type: ignore[no-untyped-call]
    """A run's results: an `xarray.Dataset` in all but what a notebook shows of it.

    What is taken out of it, by ``sel`` and the like, is shown the same way as long as it holds the headline numbers by
    configuration, and as any dataset otherwise.
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        return headline_html(self) or str(super()._repr_html_())


def as_results(dataset: xr.Dataset) -> Results:
    """The same dataset as results, which share its arrays.

    Parameters
    ----------
    dataset : xarray.Dataset
        As it was read.

    Returns
    -------
    Results
        With its variables in the same order, on which the bytes of a file depend.
    """
    shared = dataset.copy(deep=False)
    # The constructor would put the coordinates elsewhere.
    shared.__class__ = Results
    assert isinstance(shared, Results)
    return shared


def headline_html(results: xr.Dataset) -> str:
    """The headline numbers as a small table of HTML.

    Parameters
    ----------
    results : xarray.Dataset
        From a run.

    Returns
    -------
    str
        A row a configuration, beneath each estimate its 95 % interval; every text escaped. Empty where the dataset is
        not a run's whole result.
    """
    if not _is_whole(results):
        return ""
    attributes = results.attrs
    failed = int(results["failed_paths"])
    facts = [
        str(attributes["book"]),
        str(attributes["venue"]),
        f"{float(attributes['horizon_days']):g} days",
        f"{int(attributes['paths']) - failed:,} paths" + (f", {failed:,} failed" if failed else ""),
        f"model {attributes['model']}",
        f"seed {attributes['seed']}",
    ]
    heads = "".join(
        f"<th{_RIGHT}>{escape(title)}{_unit(results, name)}</th>" for title, name, _ in _COLUMNS if name in results
    )
    rows = "".join(_row(results, str(name)) for name in results["configuration"].values)
    notices = len(json.loads(attributes.get("notices", "[]")))
    states = results["limit_state"].values.tolist() if "limit_state" in results else []
    told = [f"{len(results.data_vars)} variables along {', '.join(map(str, results.sizes))}"]
    told += [f"{states.count('breach')} of {len(states)} limits breached"] if states else []
    told += [f"{notices} notices in attrs['notices']"] if notices else []
    return (
        f"<div><b>{escape(str(attributes['title']))}</b><br>{escape(' · '.join(facts))}"
        f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"<small>Intervals of 95 %; losses are positive. {escape('; '.join(told))}.</small></div>"
    )


def _is_whole(results: xr.Dataset) -> bool:
    needed = {"title", "book", "venue", "horizon_days", "paths", "model", "seed"}
    return (
        needed <= set(results.attrs)
        and {"configuration", "level"} <= set(results.dims)
        and "model" not in results.dims
        and 0.975 in results["level"].values
        and {"account_liquidation_probability", "failed_paths"} <= set(results.data_vars)
    )


def _unit(results: xr.Dataset, name: str) -> str:
    unit = str(results[name].attrs.get("units", ""))
    return "" if unit in ("", "1") else f", {escape(unit)}"


def _row(results: xr.Dataset, configuration: str) -> str:
    cells = []
    for _, name, where in _COLUMNS:
        if name not in results:
            continue
        at: dict[str, Any] = {"configuration": configuration, **where}
        value, lower, upper = (
            float(results[f"{name}{end}"].sel(at)) if f"{name}{end}" in results else math.nan
            for end in ("", "_lower", "_upper")
        )
        write = _share if "probability" in name else _money
        interval = "" if math.isnan(lower) else f"<br><small>{write(lower)} to {write(upper)}</small>"
        seen = "none seen" if value == 0.0 and "probability" in name else write(value)
        cells.append(f"<td{_RIGHT}>{seen}{interval}</td>")
    return f"<tr><th>{escape(configuration)}</th>{''.join(cells)}</tr>"


def _share(value: float) -> str:
    """Percent with three digits of what is small."""
    return "0 %" if value == 0.0 else f"{100.0 * value:.3g} %" if value < 0.1 else f"{100.0 * value:.1f} %"


def _money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:,.2f}"
