"""Models whose unit is the bar: GARCH, filtered historical simulation, and the bootstrap of bars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bars import plural
from stresslab.calibration.correlation import Repair, nearest_correlation, pearson_correlation, rank_correlation
from stresslab.calibration.degrees_of_freedom import fit_degrees_of_freedom
from stresslab.calibration.dynamic_correlation_fit import DynamicFit, fit_dynamic_correlation
from stresslab.calibration.estimate import Estimate, cluster_error
from stresslab.calibration.garch_fit import MOST_PERSISTENCE, GarchFit, fit_garch, garch_variances
from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError
from stresslab.market.component_filter import LEVEL_DAYS
from stresslab.market.dynamic_correlation import MOST_ASSETS

HISTORY_MODELS = ("component_history", "filtered_history", "bootstrap")
BAR_MODELS = ("garch", *HISTORY_MODELS)
# Length of the blocks in which bars are drawn. It is not estimated: docs/backtest.md shows how little hangs on it.
MEAN_BLOCK = "1d"
# A GARCH that is asked for clusters needs some: two months of hourly bars.
FEWEST_BARS = 1_000
_YEAR = 365 * 86_400
_GROUPS = 40
_FLOOR_PER_ASSET = 1e-4


def check_bars(histories: Sequence[History], model: str, since: dt.date | None, until: dt.date | None) -> None:
    """Refuse histories of different bars, and a window for a model that draws from whole files.

    Raises
    ------
    InputError
        With every fault.
    """
    faults = []
    if model in HISTORY_MODELS and (since or until):
        problem = f"{model} draws its bars from the whole files, so its figures cannot come from a part of them"
        faults.append(Fault("--since or --until", 1, 1, problem, "leave it out, and give files that hold the window"))
    first = histories[0]
    faults += [
        Fault(
            history.path,
            1,
            1,
            f"{history.asset} has bars of {history.interval // 60} minutes, {first.asset} of {first.interval // 60}",
            "give bars of one length",
        )
        for history in histories[1:]
        if history.interval != first.interval
    ]
    if faults:
        raise InputError(faults)


def aligned_returns(windows: Sequence[History]) -> NDArray[np.float64]:
    """Log returns of bars that follow each other, all assets on one grid, [bar, asset]; NaN where there is none."""
    interval = windows[0].interval * 1000
    starts = [int(window.times[0].astype(np.int64)) for window in windows]
    ends = [int(window.times[-1].astype(np.int64)) for window in windows]
    origin = min(starts)
    logarithms = np.full(((max(ends) - origin) // interval + 1, len(windows)), np.nan)
    for column, window in enumerate(windows):
        logarithms[(window.times.astype(np.int64) - origin) // interval, column] = np.log(window.close)
    return np.asarray(np.diff(logarithms, axis=0))


def estimate_bars(
    windows: Sequence[History], model: str, *, dynamic_correlation: bool = False
) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit one of `BAR_MODELS`.

    The volatility is the standard deviation of the bars' log returns, times the root of the bars in a year; that of
    ``component_history`` is of the last 365 days alone, and nothing else of it is fitted. ``garch``
    and ``filtered_history`` have weights by asset (`fit_garch`). Correlations of ``garch`` are `rank_correlation` of
    the returns over their conditional deviations, its degrees of freedom those of all assets together; the others draw
    whole rows, and the product-moment correlation of the bars is stated for the reader alone.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.
    model : str
        One of `BAR_MODELS`.
    dynamic_correlation : bool
        Of ``garch``: whether to fit the weights of a correlation that moves (`fit_dynamic_correlation`).

    Returns
    -------
    tuple
        The figures; one standard error of each; remarks.

    Raises
    ------
    InputError
        Where an asset has fewer than `FEWEST_BARS` returns, or two have fewer in common; where the correlation of a
        single asset or of more than `MOST_ASSETS` is to move.
    """
    if dynamic_correlation and not 2 <= len(windows) <= MOST_ASSETS:
        problem = f"the correlation of {plural(len(windows), 'asset')} is to move"
        raise InputError([Fault("--dynamic-correlation", 1, 1, problem, f"give 2 to {MOST_ASSETS} assets")])
    returns = aligned_returns(windows)
    check_length(windows, returns)
    scale = float(np.sqrt(_YEAR / windows[0].interval))
    if model in ("bootstrap", "component_history"):
        correlation, repair, spread = _correlation(returns, model)
        # The level of a component volatility is that of its last days (`stresslab.market.component_filter`).
        bars = round(LEVEL_DAYS * 86_400 / windows[0].interval) if model == "component_history" else len(returns)
        volatilities = np.nanstd(returns[-bars:], axis=0)
        errors = cluster_error([np.nanstd(sample, axis=0) for sample in _leaving_out(returns[-bars:])])
        return (
            Estimate(volatilities * scale, correlation, {}, repair),
            Estimate(errors * scale, spread, {}, repair),
            (),
        )
    fits = [fit_garch(column[~np.isnan(column)]) for column in returns.T]
    residuals, last = _residuals(returns, fits)
    correlation, repair, spread = _correlation(residuals if model == "garch" else returns, model)
    volatilities = np.array([fit.deviation for fit in fits]) * scale
    by_asset = {key: np.array([getattr(fit, key) for fit in fits]) for key in ("alpha", "gamma", "beta")}
    by_asset_errors = {key: np.array([fit.errors[row] for fit in fits]) for row, key in enumerate(by_asset)}
    parameters, parameter_errors = {}, {}
    if model == "garch":
        # Filtered historical simulation begins where its own filter ends.
        by_asset["start_volatility"] = np.sqrt(last) * volatilities
        parameters["degrees_of_freedom"] = fit_degrees_of_freedom(residuals, correlation)
        replicates = [np.asarray(fit_degrees_of_freedom(sample, correlation)) for sample in _leaving_out(residuals)]
        parameter_errors["degrees_of_freedom"] = float(cluster_error(replicates))
    remarks = _garch_remarks(windows, fits)
    if dynamic_correlation:
        _check_complete(windows, residuals)
        moving = fit_dynamic_correlation(residuals, correlation)
        parameters |= {"correlation_alpha": moving.alpha, "correlation_beta": moving.beta}
        parameter_errors |= {"correlation_alpha": moving.alpha_error, "correlation_beta": moving.beta_error}
        remarks = (*remarks, _dynamic_remark(moving))
    volatility_errors = volatilities * np.array([0.5 * fit.errors[4] for fit in fits])
    estimate = Estimate(volatilities, correlation, parameters, repair, by_asset)
    errors_of = Estimate(volatility_errors, spread, parameter_errors, repair, by_asset_errors)
    return estimate, errors_of, remarks


def check_length(windows: Sequence[History], returns: NDArray[np.float64]) -> None:
    """Refuse fewer than `FEWEST_BARS` returns of an asset or of a pair; an `InputError` with every fault."""
    present = (~np.isnan(returns)).astype(np.int64)
    counts = present.T @ present
    faults = []
    for i, window in enumerate(windows):
        for j in range(i + 1):
            if counts[i, j] < FEWEST_BARS:
                whose = window.asset if i == j else f"{window.asset} and {windows[j].asset} together"
                problem = f"{whose}: {plural(int(counts[i, j]), 'return')} of bars in the window"
                faults.append(Fault(window.path, 1, 1, problem, f"at least {FEWEST_BARS} are needed"))
    if faults:
        raise InputError(faults)


def _residuals(
    returns: NDArray[np.float64], fits: Sequence[GarchFit]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns over their conditional deviation, [bar, asset]; the variance after the last over its mean, [asset]."""
    residuals, last = np.full_like(returns, np.nan), np.ones(len(fits))
    for column, fit in enumerate(fits):
        there = ~np.isnan(returns[:, column])
        scaled = (returns[there, column] - returns[there, column].mean()) / fit.deviation
        variances = garch_variances(scaled, np.array([fit.alpha, fit.gamma, fit.beta]))
        residuals[there, column] = scaled / np.sqrt(variances[:-1])
        last[column] = variances[-1]
    return residuals, last


def _correlation(returns: NDArray[np.float64], model: str) -> tuple[NDArray[np.float64], Repair, NDArray[np.float64]]:
    """The matrix, its repair, and the standard errors of its entries by sections of consecutive bars."""
    one = rank_correlation if model == "garch" else pearson_correlation
    matrix, repair = nearest_correlation(one(returns), floor=_FLOOR_PER_ASSET * returns.shape[1])
    if returns.shape[1] == 1:
        return matrix, repair, np.zeros((1, 1))
    sections = [part for part in np.array_split(returns, _GROUPS) if _all_move_together(part)]
    if len(sections) < 2:
        return matrix, repair, np.zeros_like(matrix)
    spread = np.std([one(part) for part in sections], axis=0, ddof=1) / np.sqrt(len(sections))
    return matrix, repair, spread


def _all_move_together(part: NDArray[np.float64]) -> bool:
    complete = part[~np.isnan(part).any(axis=1)]
    return len(complete) > 2 and bool((complete.std(axis=0) > 0).all())


def _leaving_out(rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [np.delete(rows, group, axis=0) for group in np.array_split(np.arange(len(rows)), _GROUPS)]


def _check_complete(windows: Sequence[History], residuals: NDArray[np.float64]) -> None:
    complete = int((~np.isnan(residuals).any(axis=1)).sum())
    if complete < FEWEST_BARS:
        problem = f"all assets together have {plural(complete, 'return')} of bars in the window"
        remedy = f"a correlation that moves needs {FEWEST_BARS}"
        raise InputError([Fault(windows[0].path, 1, 1, problem, remedy)])


def _dynamic_remark(moving: DynamicFit) -> str:
    if moving.alpha == 0.0:
        return "No correlation that moves is seen: correlation_alpha is 0, and correlation_beta says nothing."
    return (
        f"A correlation that moves raises the log of the normal likelihood by {moving.gain:.1f}; standard errors of "
        "its weights do not count those of the variances."
    )


def _garch_remarks(windows: Sequence[History], fits: Sequence[GarchFit]) -> tuple[str, ...]:
    remarks = []
    highest = [
        window.asset for window, fit in zip(windows, fits, strict=True) if fit.persistence > MOST_PERSISTENCE - 1e-6
    ]
    if highest:
        remarks.append(
            f"Variances of {', '.join(highest)} hardly revert: alpha + gamma / 2 + beta is at its limit of "
            f"{MOST_PERSISTENCE}."
        )
    symmetric = [window.asset for window, fit in zip(windows, fits, strict=True) if fit.gamma < 1e-6]
    if symmetric:
        remarks.append(f"Falls of {', '.join(symmetric)} raise the variance no more than rises: gamma is at 0.")
    return tuple(remarks)
