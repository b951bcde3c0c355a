"""The page on the calibration: what history the parameters rest on, and how surely it gives them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stresslab.report.blocks import Block, Cell, Column, LeftOut, Page, Table, table, text
from stresslab.report.formatting import NOTHING, count, number, percent
from stresslab.report.limitations import calibration
from stresslab.report.review import ROWS, Review

TITLE = "Calibration"
_PLACES = ("histories",)
"""Parameters that say where files lie and nothing about the market."""
_SHOWN_DIGITS = 16


def calibration_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Window, data and figures of the calibration; left out where the run read none."""
    found = calibration(review)
    if not found:
        model = str(review.results.attrs["model"])
        why = (
            "prices are read from a file of paths, and nothing is fitted"
            if model == "paths"
            else "the scenario states its parameters itself; no calibration stands behind them"
        )
        return LeftOut(TITLE, why)
    assets = fitted_assets(review, found)
    blocks: list[Block] = [
        text(finding(review, found), "finding"),
        *(text(sentence) for sentence in sentences(review, found)),
    ]
    if assets:
        blocks.append(_cut(volatility_table(review, found, assets), appendix))
    parameters = parameter_table(found, assets)
    if parameters.rows:
        blocks.append(_cut(parameters, appendix))
    correlation = correlation_table(found, assets[:ROWS])
    if correlation is not None:
        blocks.append(table(correlation, appendix))
    data = data_table(found, assets)
    if data.rows:
        blocks.append(_cut(data, appendix))
    history = _table(found, "history")
    told = [("Data", history.get("note")), ("Method", history.get("method"))]
    told += [("Remark", each) for each in _list(history.get("remarks"))]
    blocks += [text(f"{head}: {content}", "note") for head, content in told if isinstance(content, str) and content]
    return Page(TITLE, blocks)


def _cut(content: Table, appendix: list[Table]) -> Block:
    """As `stresslab.report.blocks.table`, of rows in the order of the file, which is no order of risk."""
    if len(content.rows) <= ROWS:
        return table(content, appendix)
    appendix.append(content)
    more = f"The first {ROWS} of {len(content.rows)} rows; all stand in the appendix. {content.note}"
    return table(replace(content, rows=content.rows[:ROWS], note=more), appendix)


def fitted_assets(review: Review, found: Mapping[str, Any]) -> list[str]:
    """Assets of the run that the calibration has figures for, in the order of the run."""
    return [asset for asset in review.labels("asset") if asset in _table(found, "assets")]


def finding(review: Review, found: Mapping[str, Any]) -> str:
    """The window, and the volatility that is known least; without the final period.

    Parameters
    ----------
    review : Review
        Of the run.
    found : mapping
        The calibration's text, parsed.
    """
    history = _table(found, "history")
    window = _table(history, "window")
    days = _number(history.get("days"))
    length = "" if math.isnan(days) else f" {count(days)} days,"
    span = f"{length} {window['since']} to {window['until']}" if {"since", "until"} <= window.keys() else ""
    first = f"The parameters rest on{span}" if span else f"The calibration {found.get('name', '')} names no window"
    shares = {
        asset: error / fitted
        for asset in fitted_assets(review, found)
        for fitted, error in [_volatility(found, asset)]
        if fitted > 0.0 and error > 0.0
    }
    if not shares:
        return f"{first}; no standard errors of volatilities are stated"
    least = max(shares, key=lambda asset: shares[asset])
    fitted, error = _volatility(found, least)
    return (
        f"{first}; the volatility known least is that of {least}, {percent(fitted)} a year with a standard error of "
        f"{percent(error, 2)}, {percent(shares[least], 2)} of itself"
    )


def sentences(review: Review, found: Mapping[str, Any]) -> list[str]:
    """For which model it was fitted, what the run replaces, missing bars, correlation and season; whole sentences."""
    model, fitted = str(review.results.attrs["model"]), str(found.get("model", ""))
    name = f"The calibration {found.get('name', 'without a name')}, as of {found.get('as_of', 'no date')},"
    told = (
        f"{name} was fitted for {fitted}, the model of this run."
        if model == fitted
        else f"{name} was fitted for {fitted}; this run takes its volatilities and correlations for {model}, whose own "
        "parameters it does not hold."
    )
    assets = fitted_assets(review, found)
    others = [asset for asset in review.labels("asset") if asset not in assets]
    taken = {asset: review.value("volatility", asset=asset) for asset in assets}
    own = [asset for asset in assets if not math.isclose(taken[asset], _volatility(found, asset)[0], rel_tol=1e-9)]
    if own:
        told += f" The scenario states its own volatility for {_some(own)}."
    if others:
        told += f" {_some(others)}: not in the calibration, figures are the scenario’s own."
    return [told, *_gaps(found, assets), *_repair(found, assets), *_season(found)]


def volatility_table(review: Review, found: Mapping[str, Any], assets: Sequence[str]) -> Table:
    """One row an asset: fitted with its standard error, from bars, and what the run takes."""
    rows: list[list[Cell]] = []
    history = _table(_table(found, "history"), "assets")
    for asset in assets:
        fitted, error = _volatility(found, asset)
        bars = _number(_table(history, asset).get("volatility_from_bars"))
        returns = _number(_table(history, asset).get("daily_returns"))
        rows.append(
            [
                asset,
                _share(fitted),
                _share(error, 2),
                _share(error / fitted, 2) if fitted > 0.0 else NOTHING,
                _share(bars),
                NOTHING if math.isnan(returns) else count(returns),
                _share(review.value("volatility", asset=asset)),
            ]
        )
    return Table(
        "Volatilities, of log returns a year",
        (
            Column("Asset", "left", 1.0),
            Column("Fitted"),
            Column("Standard\nerror"),
            Column("Of\nitself"),
            Column("From\nbars"),
            Column("Daily\nreturns", "right"),
            Column("In this\nrun"),
        ),
        rows,
        note="“From bars”: the same history at the length of its bars. In this run: before any stress overlay.",
    )


def parameter_table(found: Mapping[str, Any], assets: Sequence[str]) -> Table:
    """The model's own parameters as the file holds them, with standard errors where it states them."""
    errors = _table(_table(found, "history"), "standard_errors")
    rows: list[list[Cell]] = []
    for name, value in _table(found, "parameters").items():
        if name in _PLACES:
            continue
        title = name.replace("_", " ")
        if isinstance(value, Mapping):
            held = {asset: value[asset] for asset in assets if asset in value}
            rows += [[(title, asset), _figure(one), _error(errors, name, asset)] for asset, one in held.items()]
        else:
            rows.append([title, _figure(value), _error(errors, name)])
    return Table(
        f"Parameters of the model {found.get('model', '')}",
        (Column("Parameter", "left", 1.0), Column("Fitted or\nchosen", "right"), Column("Standard\nerror", "right")),
        rows,
        note="Beneath a parameter the asset where each has its own. A dash: chosen and not estimated, or not stated.",
    )


def correlation_table(found: Mapping[str, Any], assets: Sequence[str]) -> Table | None:
    """The correlations of these assets below the diagonal, with standard errors beneath; None for less than two."""
    stated = _table(found, "correlation")
    names, matrix = _list(stated.get("assets")), _list(stated.get("matrix"))
    errors = _list(_table(_table(found, "history"), "standard_errors").get("correlation"))
    places = [names.index(asset) for asset in assets if asset in names]
    if len(places) < 2:
        return None
    rows: list[list[Cell]] = []
    for row, one in enumerate(places[1:], 1):
        cells: list[Cell] = [str(names[one])]
        for other in places[:row]:
            spread = _number(_at(_at(errors, one), other))
            beneath = f"± {spread:.3f}" if spread >= 0.0005 else ""
            cells.append((_signed(_number(matrix[one][other])), beneath))
        rows.append([*cells, *[""] * (len(places) - 1 - row)])
    return Table(
        "Correlations of log returns",
        (Column("", "left", 1.0), *(Column(str(names[place]), "right") for place in places[:-1])),
        rows,
        note="Beneath each its standard error, where the file states one. At most the first "
        f"{ROWS} assets of the run; the file holds all.",
    )


def data_table(found: Mapping[str, Any], assets: Sequence[str]) -> Table:
    """One row an asset: file with its checksum, first and last bar, and what is missing."""
    rows: list[list[Cell]] = []
    history = _table(_table(found, "history"), "assets")
    for asset in assets:
        one = _table(history, asset)
        if not one:
            continue
        missing, gaps = _number(one.get("missing_bars")), len(_list(one.get("gaps")))
        bars, minutes = _number(one.get("bars")), _number(one.get("bar_minutes"))
        lacking = "none" if missing == 0.0 else _counted(missing)
        rows.append(
            [
                asset,
                (str(one.get("file", NOTHING)), str(one.get("sha256", ""))[:_SHOWN_DIGITS]),
                (_moment(one.get("first_bar")), f"to {_moment(one.get('last_bar'))}"),
                (_counted(bars), f"of {minutes:g} min" if minutes > 0.0 else ""),
                (lacking, f"in {count(gaps)} gap{'' if gaps == 1 else 's'}" if gaps else ""),
            ]
        )
    return Table(
        "The histories",
        (
            Column("Asset", "left", 1.0),
            Column("File", "left"),
            Column("First and last bar, UTC", "left"),
            Column("Bars", "right"),
            Column("Missing", "right"),
        ),
        rows,
        note=f"Beneath each file the first {_SHOWN_DIGITS} digits of its SHA-256. No return is taken across a gap.",
    )


def _gaps(found: Mapping[str, Any], assets: Sequence[str]) -> list[str]:
    history = _table(_table(found, "history"), "assets")
    held = [_table(history, asset) for asset in assets if asset in history]
    if not held:
        return ["Where its data come from the calibration does not say."]
    missing, bars = (sum(_number(one.get(key, 0)) for one in held) for key in ("missing_bars", "bars"))
    if missing == 0.0:
        return ["No bar is missing in the window."]
    lengths = [
        (int(lack[1]), asset, str(gap)[:10])
        for asset in assets
        for gap in _list(_table(history, asset).get("gaps"))
        if (lack := re.search(r": (\d+) bars?$", str(gap)))
    ]
    longest = ""
    if lengths:
        most, asset, day = max(lengths, key=lambda one: one[0])
        longest = f"; the longest gap lacks {count(most)} bar{'' if most == 1 else 's'} ({asset}, {day})"
    share = percent(missing / (missing + bars), 2) if bars > 0.0 else NOTHING
    return [f"{count(missing)} bars are missing in the window, {share} of all{longest}."]


def _repair(found: Mapping[str, Any], assets: Sequence[str]) -> list[str]:
    history = _table(found, "history")
    smallest, distance = (_number(history.get(key)) for key in ("smallest_eigenvalue", "repair_distance"))
    if len(assets) < 2 or math.isnan(smallest) or math.isnan(distance):
        return []
    if distance == 0.0:
        return [f"The correlation matrix needed no repair; its smallest eigenvalue is {number(smallest)}."]
    return [
        f"The correlation matrix was moved by {number(distance)} to be positive definite; "
        f"the smallest eigenvalue before was {number(smallest)}."
    ]


def _season(found: Mapping[str, Any]) -> list[str]:
    stated, fit = _table(found, "seasonality"), _table(_table(found, "history"), "seasonality")
    told = []
    for key, title in (("hours", "hours of the day"), ("weekdays", "days of the week")):
        factors = [_number(each) for each in _list(stated.get(key))]
        if not factors or any(math.isnan(each) for each in factors):
            continue
        chance = _number(fit.get(f"{key}_chance"))
        by_chance = "" if math.isnan(chance) else f" (p {max(chance, 1e-12):.2g})"
        told.append(f"{title} from {min(factors):.2f} to {max(factors):.2f}{by_chance}")
    return [f"Volatility follows the week, as factors on its mean: {', '.join(told)}."] if told else []


def _volatility(found: Mapping[str, Any], asset: str) -> tuple[float, float]:
    """Fitted volatility and its standard error; NaN where the file states none."""
    fitted = _number(_table(_table(found, "assets"), asset).get("volatility"))
    history = _table(_table(_table(found, "history"), "assets"), asset)
    return fitted, _number(history.get("volatility_standard_error"))


def _error(errors: Mapping[str, Any], name: str, asset: str | None = None) -> str:
    held = errors.get(name)
    value = _number(held if asset is None else _table(errors, name).get(asset))
    return number(value) if value > 0.0 else NOTHING


def _figure(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(map(_figure, value)) if isinstance(value, list) else str(value)
    return number(float(value), 4) if value else "none"


def _signed(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.2f}".replace("-", "\u2212")


def _share(value: float, digits: int = 3) -> str:
    return percent(value, digits) if value > 0.0 else NOTHING


def _counted(value: float) -> str:
    return NOTHING if math.isnan(value) else count(value)


def _moment(value: object) -> str:
    return NOTHING if value is None else str(value).replace("T", " ")[:16]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - ROWS} more" if len(names) > ROWS else ""
    return ", ".join(names[:ROWS]) + more


def _table(held: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table of the file; empty where there is none, since the history's form is free."""
    value = held.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(values: object, place: int) -> object:
    held = _list(values)
    return held[place] if place < len(held) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
