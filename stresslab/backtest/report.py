"""A backtest as a short PDF: rates of exceedance, losses against the others, tests, and the three figures."""

from __future__ import annotations

import numpy as np
import xarray as xr

from stresslab.backtest.figures import figure_exceedance, figure_reliability, figure_transforms
from stresslab.backtest.summary import TEST_LEVEL
from stresslab.report import compile_pages
from stresslab.report.blocks import Block, Cell, Column, Page, Table, figure, text, whole_table
from stresslab.report.formatting import MINUS, NOTHING, Estimate, percent

_PINBALL = 1e4


def compile_backtest(results: xr.Dataset) -> tuple[bytes, list[str]]:
    """The PDF of a backtest, and what the typesetter warned of.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.backtest.dataset.backtest_dataset`; nothing else is read.

    Returns
    -------
    tuple of bytes and list of str
        The file, the same bytes for the same dataset, and the warnings.
    """
    first, last = (str(results.origin.values[place])[:10] for place in (0, -1))
    origins, assets = results.sizes["origin"], ", ".join(map(str, results.asset.values))
    return compile_pages(
        [Page("Score", [*_score(results), *_origin(results)]), Page("Figures", _figures(results))],
        kind="Backtest",
        title=f"Required collateral {results.attrs['horizon']} ahead",
        subtitle=f"{assets} · every {results.attrs['every']} · {origins} origins from {first} to {last}",
        book=assets,
        identity=f"stresslab {results.attrs['version']}",
    )


def coverage(results: xr.Dataset) -> str:
    """Where the first model's rates of exceedance agree with their levels; without the final period.

    Parameters
    ----------
    results : xarray.Dataset
        As `compile_backtest` takes it.

    Returns
    -------
    str
        How many of the intervals hold the nominal rate, and which do not and on which side.
    """
    model = str(results.model.values[0])
    cells = _cells(results)
    above, below = [], []
    for level, side in cells:
        rate = _estimate(results, "exceedance_rate", model, level, side)
        if rate.lower > level:
            above.append(_name(level, side))
        elif rate.upper < level:
            below.append(_name(level, side))
    held = len(cells) - len(above) - len(below)
    told = f"{model}: the nominal rate lies inside the 95 % interval of {held} of {len(cells)} rates of exceedance"
    if above:
        told += f"; exceeded too often: {', '.join(above)}"
    if below:
        told += f"; too seldom: {', '.join(below)}"
    return told


def against_others(results: xr.Dataset) -> str:
    """How the first model's pinball loss compares with each other's, beyond the paired intervals; a sentence.

    Parameters
    ----------
    results : xarray.Dataset
        As `compile_backtest` takes it.

    Returns
    -------
    str
        Cases better, worse, and not told apart; a note where there is only one model.
    """
    first, *others = map(str, results.model.values)
    if not others:
        return "There is no other model to compare with."
    signs = [
        _estimate(results, "pinball_difference", model, level, side).certain_sign
        for model in others
        for level, side in _cells(results)
    ]
    better, worse = signs.count(1), signs.count(-1)
    return (
        f"Of {len(signs)} paired comparisons of pinball loss with other models, {first} is better beyond the 95 % "
        f"interval in {better}, worse in {worse}, and cannot be told apart in {len(signs) - better - worse}."
    )


def _cells(results: xr.Dataset) -> list[tuple[float, str]]:
    return [(float(level), str(side)) for level in results.level.values for side in results.side.values]


def _name(level: float, side: str) -> str:
    return f"{level:.0%} {side}".replace("%", " %")


def _estimate(results: xr.Dataset, name: str, model: str, level: float, side: str) -> Estimate:
    at = results.sel(model=model, level=level, side=side)
    return Estimate(*(float(at[f"{name}{end}"]) for end in ("", "_lower", "_upper")))


def _score(results: xr.Dataset) -> list[Block]:
    overlapping = bool(results.attrs["overlapping"])
    return [
        text(coverage(results), "finding"),
        text(against_others(results)),
        whole_table(_rates(results)),
        whole_table(_losses(results)),
        text("Windows overlap, so tests that need independent outcomes are left out.", "note")
        if overlapping
        else whole_table(_tests(results)),
    ]


def _over_cells(results: xr.Dataset, first: str) -> tuple[Column, ...]:
    return (Column(first, "left", 1.0), *(Column(_name(*cell), "right") for cell in _cells(results)))


def _rates(results: xr.Dataset) -> Table:
    rows: list[list[Cell]] = []
    for model in map(str, results.model.values):
        row: list[Cell] = [model]
        for level, side in _cells(results):
            rate = _estimate(results, "exceedance_rate", model, level, side)
            collateral = float(results.mean_collateral.sel(model=model, level=level, side=side))
            bounds = f"[{100 * rate.lower:.2f}, {100 * rate.upper:.2f}]"
            main = f"{100 * rate.value:.2f} %" if rate.value > 0.0 else f"0 of {_outcomes(results, side)}"
            row.append((main, f"{bounds}, {percent(collateral)}"))
        rows.append(row)
    return Table(
        "Outcomes above the forecast, all assets together",
        _over_cells(results, "Model"),
        rows,
        note=f"Beneath: 95 % interval by a bootstrap of blocks of {results.attrs['interval_block_days']:g} days, all "
        "assets together, and the mean forecast as a share of notional. A rate of its level is right; less "
        "collateral at the same rate is better.",
    )


def _outcomes(results: xr.Dataset, side: str) -> int:
    return int(results.required_collateral.sel(side=side).notnull().sum())


def _losses(results: xr.Dataset) -> Table:
    rows: list[list[Cell]] = []
    for place, model in enumerate(map(str, results.model.values)):
        row: list[Cell] = [model]
        for level, side in _cells(results):
            loss = float(results.pinball_loss.sel(model=model, level=level, side=side))
            apart = _estimate(results, "pinball_difference", model, level, side)
            told = ", ".join(f"{_PINBALL * bound:+.2f}".replace("-", MINUS) for bound in (apart.lower, apart.upper))
            beneath = f"{_PINBALL * apart.value:+.2f}".replace("-", MINUS) + f" [{told}]"
            row.append((f"{_PINBALL * loss:.2f}", beneath if place else "the first"))
        rows.append(row)
    return Table(
        "Mean pinball loss, 1e-4 of notional, and beneath it the paired difference to the first",
        _over_cells(results, "Model"),
        rows,
        note="Lower is better; a positive difference is worse than the first. Intervals of 95 %, same bootstrap.",
    )


def _tests(results: xr.Dataset) -> Table:
    model = str(results.model.values[0])
    names = ("kupiec_p_value", "christoffersen_p_value")
    rows: list[list[Cell]] = []
    for asset in map(str, results.asset.values):
        row: list[Cell] = [asset]
        for level, side in _cells(results):
            at = results.sel(model=model, level=level, side=side, asset=asset)
            row.append(" · ".join(_p_value(float(at[name])) for name in names))
        rows.append(row)
    values = np.concatenate([results[name].sel(model=model).values.ravel() for name in names])
    made = values[~np.isnan(values)]
    return Table(
        f"Kupiec · Christoffersen, p-values of {model} by asset and side",
        _over_cells(results, "Asset"),
        rows,
        note=f"{len(made)} tests, of which {(made < TEST_LEVEL).sum()} reject at {100 * TEST_LEVEL:g} %; about "
        f"{len(made) * TEST_LEVEL:.1f} would if every forecast were right. Kupiec tests the rate, Christoffersen that "
        "exceedances do not come in clusters; a dash: it cannot be tested.",
    )


def _p_value(value: float) -> str:
    if np.isnan(value):
        return NOTHING
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _figures(results: xr.Dataset) -> list[Block]:
    model = str(results.model.values[0])
    source = f"{results.sizes['origin']} origins · {results.sizes['asset']} assets"
    return [
        figure(
            figure_exceedance(results),
            f"Rates of exceedance with 95 % intervals; the line is the nominal rate. {coverage(results)}.",
            f"Dot plots of rates of exceedance by model, long and short. {coverage(results)}.",
            f"{source} · exceedance_rate",
        ),
        figure(
            figure_reliability(results),
            f"Share liquidated against the forecast of {model}, by leverage; on the line forecasts are right. Bars: "
            "Wilson, 95 %, as if forecasts were independent.",
            f"Reliability diagrams of liquidation forecasts of {model} at each leverage, long and short.",
            f"{source} · group_forecast, group_observed",
        ),
        figure(
            figure_transforms(results),
            "Where outcomes fell in the forecast distribution; flat where forecasts are right.",
            "Histograms of probability integral transforms, one panel a model, long and short.",
            f"{source} · probability_integral_transform",
        ),
    ]


def _origin(results: xr.Dataset) -> list[Block]:
    attributes = results.attrs
    models = [tuple(one.split(": ", 1)) for one in str(attributes["models"]).split("; ") if ": " in one]
    # The first digits tell files apart; the dataset has them all.
    histories = (one.replace("sha256 ", "") for one in str(attributes["histories"]).split("; "))
    hashes = ", ".join(f"{asset} {digits[:10]}" for asset, _, digits in (one.partition(": ") for one in histories))
    return [
        {"kind": "facts", "items": [*models, ("histories, SHA-256", hashes), ("seed", str(attributes["seed"]))]},
        *(text(line, "note") for line in str(attributes["findings"]).splitlines() if line),
    ]
