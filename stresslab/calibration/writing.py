"""A calibration as text: the TOML file that scenarios name, and the summary that people read first."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from stresslab.calibration.bar_fitting import BAR_MODELS, HISTORY_MODELS, MEAN_BLOCK
from stresslab.calibration.daily_fit import CORRELATION_DECIMALS
from stresslab.calibration.fitting import Calibration
from stresslab.calibration.history import Gap, History
from stresslab.calibration.seasonality_fit import SeasonalityFit
from stresslab.calibration.target import check_target, write_checked
from stresslab.documents.durations import duration_text
from stresslab.documents.faults import Fault, InputError
from stresslab.documents.fields import LARGEST_VOLATILITY
from stresslab.documents.findings import Findings
from stresslab.documents.reading import parse_document
from stresslab.market.calibration_file import calibration_from

_WEIGHTS = (
    "weights of GJR-GARCH by asset: maximum likelihood with Student-t shocks, the mean variance held at the sample's; "
    "standard errors: sandwich over 40 blocks of consecutive bars"
)
_ROWS = (
    "correlations: product-moment of bars, for the reader alone, since whole rows are drawn, standard errors by 40 "
    "sections; mean_block: chosen, not estimated"
)
_METHODS = {
    "gbm": "correlations: product-moment of daily log returns, pair by pair",
    "student_t": (
        "correlations of the Gaussian core: sin(pi tau / 2) of Kendall's tau of daily log returns, pair by pair; "
        "degrees of freedom: joint maximum likelihood of the multivariate Student-t of daily log returns, all assets "
        "sharing one mixing variance, volatilities and correlations held"
    ),
    "copula_t": (
        "correlations: sin(pi tau / 2) of Kendall's tau of daily log returns, pair by pair; degrees of freedom of each "
        "asset: maximum likelihood of the Student-t of its daily log returns, volatility held"
    ),
    "garch": (
        f"{_WEIGHTS}; start_volatility: of the bar after the last; correlations: sin(pi tau / 2) of Kendall's tau of "
        "returns over their conditional deviations, pair by pair, standard errors by 40 sections; degrees of freedom: "
        "joint maximum likelihood of the same, all assets sharing one mixing variance, standard error by jackknife "
        "over 40 blocks"
    ),
    "component_history": (
        "of the last 365 days alone; half-lives and weights of the parts: chosen by walk-forward backtest, not "
        f"estimated; standard errors of volatilities: jackknife over 40 blocks of consecutive bars; {_ROWS}"
    ),
    "filtered_history": f"{_WEIGHTS}; {_ROWS}",
    "bootstrap": f"standard errors of volatilities: jackknife over 40 blocks of consecutive bars; {_ROWS}",
}

_JUMPS = (
    "log returns of bars; diffusion: bipower variation of the week around each bar, without bars beyond four of "
    "its deviations, times a factor by asset; jumps: common or of one asset, at most one a bar, every figure from "
    "its moment equation weighted by the probability of the kind in each bar, iterated until it rests"
)
_BY_BARS = "standard errors: jackknife over 20 blocks of consecutive bars"
_VARIANCES = (
    "realized variance of days with all their bars: volatility from its mean, mean_reversion and "
    "volatility_of_variance by least squares from its autocovariances at 1 to 30 days, leverage_correlation from "
    "the covariance of a day's return with the next day's variance less that of the day before"
)
_SIGNS = "correlations: sin(pi / 2 (2 P - 1)) with P the share of bars in which two assets move the same way"
_BY_DAYS = "standard errors: jackknife over 20 blocks of consecutive days"

# Models whose volatilities are not those of the sample.
_WHOLE_METHODS = {
    "merton": f"{_JUMPS}; volatilities and correlations are those of the diffusion; {_BY_BARS}",
    "kou": (
        "log returns of bars; diffusion: bipower variation of the week around each bar, without bars beyond four of "
        "its deviations, times a factor by asset; mean_rise and mean_fall: maximum likelihood of the bars beyond five "
        "local deviations; rates: number of these over the chance of a jump to be seen; common_jump_rate: from the "
        f"bars in which two assets or more are; volatilities and correlations are those of the diffusion; {_BY_BARS}"
    ),
    "heston": f"{_VARIANCES}; {_SIGNS}; start_volatility: not fitted, the long-run volatility; {_BY_DAYS}",
    "bates": (
        f"{_JUMPS.replace('the week', 'the three days')}; volatilities are those of the diffusion; {_BY_BARS}; of what "
        f"is left without bars beyond four local deviations, {_VARIANCES.replace('volatility from its mean, ', '')}; "
        f"{_SIGNS}; start_volatility: not fitted, the long-run volatility; {_BY_DAYS}"
    ),
    "regimes": (
        "two hidden states of daily log returns of all assets, normal with free covariances, by expectation and "
        "maximization, means held at the sample's; volatilities and correlations are those of calm, stress_correlation "
        "least squares over the pairs; standard errors: jackknife over 40 blocks of consecutive days"
    ),
}


def calibration_toml(calibration: Calibration, name: str, note: str = "", folder: Path = Path()) -> str:
    """A calibration in the format that a scenario's ``calibration`` key reads.

    Figures have four decimals, far less than their standard errors. The text depends on the histories' bytes and the
    window alone; it names files and not their places, but for a model that draws from them: there the places, relative
    to the calibration's folder, are among the parameters.

    Parameters
    ----------
    calibration : Calibration
        The fit.
    name : str
        Name of the calibration.
    note : str
        What the reader should know about the choice of data and window; empty for none.
    folder : pathlib.Path
        Where the calibration will stand.

    Returns
    -------
    str
        TOML, schema 1.
    """
    estimate, errors, assets = calibration.estimate, calibration.standard_errors, calibration.assets
    lines = [
        "schema = 1",
        f"name = {toml_text(name)}",
        f"model = {toml_text(calibration.model)}",
        f"as_of = {calibration.until}",
    ]
    lines += ["", "[parameters]"]
    lines += _stated(calibration, folder)
    lines += [f"{key} = {_figure(key, value)}" for key, value in estimate.parameters.items()]
    lines += [f"{key} = {_by_asset(assets, values)}" for key, values in estimate.by_asset.items()]
    for asset, volatility in zip(assets, estimate.volatilities, strict=True):
        lines += ["", f"[assets.{asset}]", f"volatility = {volatility:.4f}", "drift = 0.0"]
    lines += ["", "[correlation]", f"assets = {toml_texts(assets)}", "matrix = ["]
    lines += [f"  {_figures(row)}," for row in estimate.correlation]
    lines += ["]", *_season(calibration.seasonality), "", "[history]"]
    if note:
        lines.append(f"note = {toml_text(note)}")
    lines += [
        f"window = {{ since = {calibration.since}, until = {calibration.until} }}",
        f"days = {calibration.days}",
        f"method = {toml_text(_method(calibration))}",
        f"remarks = {toml_texts(calibration.remarks)}",
        f"smallest_eigenvalue = {estimate.repair.smallest_eigenvalue:.5f}",
        f"repair_distance = {estimate.repair.distance:.5f}",
        "",
        "[history.standard_errors]",
    ]
    lines += [f"{key} = {_figure(key, value)}" for key, value in errors.parameters.items()]
    lines += [f"{key} = {_by_asset(assets, values)}" for key, values in errors.by_asset.items()]
    lines.append("correlation = [")
    lines += [f"  {_figures(row)}," for row in errors.correlation]
    lines.append("]")
    if calibration.seasonality is not None:
        lines += ["", "[history.seasonality]", *_season_errors(calibration.seasonality)]
    for index, (asset, history, window) in enumerate(
        zip(assets, calibration.histories, calibration.windows, strict=True)
    ):
        lines += [
            "",
            f"[history.assets.{asset}]",
            f"file = {toml_text(Path(history.path).name)}",
            f"sha256 = {toml_text(history.sha256)}",
            f"bar_minutes = {history.interval / 60:g}",
            f"first_bar = {_time(window.times[0])}",
            f"last_bar = {_time(window.times[-1])}",
            f"bars = {len(window.times)}",
            f"daily_returns = {calibration.returns[index]}",
            f"volatility_standard_error = {errors.volatilities[index]:.4f}",
            f"volatility_from_bars = {calibration.bar_volatilities[index]:.4f}",
            *_floor(calibration, index),
            f"missing_bars = {sum(gap.bars for gap in window.gaps)}",
            f"gaps = {toml_texts(_gap(gap) for gap in window.gaps)}",
            f"findings_of_whole_file = {toml_texts(_finding(history))}",
        ]
    return "\n".join(lines) + "\n"


def write_calibration(calibration: Calibration, path: str | Path, note: str = "") -> None:
    """Write a calibration; its name is the file's. A reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    calibration : Calibration
        The fit.
    path : str or pathlib.Path
        The file, ending in ``.toml``; replaced where it exists.
    note : str
        As for `calibration_toml`.

    Raises
    ------
    InputError
        Where the file cannot be written there, or a scenario could not read it.
    """
    target = Path(path)
    check_target(target)
    text = calibration_toml(calibration, target.stem, note, target.parent)
    _check_readable(calibration, str(path), text)
    write_checked(target, text)


def _check_readable(calibration: Calibration, path: str, text: str) -> None:
    """Refuse what the reader of calibrations would refuse, before it is written."""
    faults = [
        Fault(
            history.path,
            1,
            1,
            f"{history.asset} has a volatility of {volatility:.4g} a year, above the limit of {LARGEST_VOLATILITY:g}",
            "look for wrong prices in its history, or choose another window",
        )
        for history, volatility in zip(calibration.histories, calibration.estimate.volatilities.round(4), strict=True)
        if volatility > LARGEST_VOLATILITY
    ]
    if faults:
        raise InputError(faults)
    findings = Findings()
    document = parse_document(text.encode(), path, Path(path).parent, findings)
    if document is not None:
        calibration_from(document, findings)
    findings.stop_at_faults()


def calibration_summary(calibration: Calibration) -> str:
    """The fit in a few lines of plain text: figures with standard errors, remarks, and what each history lacked."""
    estimate, errors = calibration.estimate, calibration.standard_errors
    lines = [f"{calibration.model}, {calibration.since} to {calibration.until}, {calibration.days} days"]
    width = max(len("asset"), *(len(asset) for asset in calibration.assets))
    lines.append(f"{'asset':{width}}  volatility  standard error  from bars  returns  gaps  missing bars")
    for index, (asset, window) in enumerate(zip(calibration.assets, calibration.windows, strict=True)):
        missing = sum(gap.bars for gap in window.gaps)
        lines.append(
            f"{asset:{width}}  {estimate.volatilities[index]:10.4f}  {errors.volatilities[index]:14.4f}  "
            f"{calibration.bar_volatilities[index]:9.4f}  {calibration.returns[index]:7d}  {len(window.gaps):4d}  "
            f"{missing:12d}"
        )
    for name, value in estimate.parameters.items():
        error = _figure(name, errors.parameters[name])
        lines.append(f"{name.replace('_', ' ')}: {_figure(name, value)} (standard error {error})")
    for name, values in estimate.by_asset.items():
        spread = errors.by_asset.get(name)
        figures = [
            f"{asset} {value:.4f}" + ("" if spread is None else f" (standard error {spread[index]:.4f})")
            for index, (asset, value) in enumerate(zip(calibration.assets, values, strict=True))
        ]
        lines.append(f"{name.replace('_', ' ')}: {', '.join(figures)}")
    lines.append("drifts: 0 (a mean return is not estimated: its standard error is as large as itself)")
    if len(calibration.assets) > 1:
        above = np.triu_indices(len(calibration.assets), 1)
        pairs, spread = estimate.correlation[above], errors.correlation[above]
        lines.append(
            f"correlations: {pairs.min():.2f} to {pairs.max():.2f}, "
            f"standard errors {spread.min():.3f} to {spread.max():.3f}; "
            f"smallest eigenvalue {estimate.repair.smallest_eigenvalue:.5f}, repair {estimate.repair.distance:.5f}"
        )
    findings = [str(finding) for history in calibration.histories for finding in history.findings]
    return "\n".join([*lines, *calibration.remarks, *findings])


def _figure(key: str, value: float) -> str:
    """Three decimals; of the weights of a correlation four, since their sum must stay below one."""
    return f"{value:.4f}" if key in ("correlation_alpha", "correlation_beta") else f"{value:.3f}"


def _stated(calibration: Calibration, folder: Path) -> list[str]:
    """Parameters that are not estimated: the length of a bar, and the files that the model draws from."""
    if calibration.model not in BAR_MODELS:
        return []
    lines = [f"bar = {toml_text(duration_text(calibration.histories[0].interval // 60))}"]
    if calibration.model in HISTORY_MODELS:
        places = [
            f"{toml_text(history.asset)} = {toml_text(Path(os.path.relpath(history.path, folder)).as_posix())}"
            for history in calibration.histories
        ]
        lines += [f"mean_block = {toml_text(MEAN_BLOCK)}", f"histories = {{ {', '.join(places)} }}"]
    return lines


def _season(fit: SeasonalityFit | None) -> list[str]:
    """The table that a scenario reads: what differs beyond chance."""
    if fit is None or fit.profile is None:
        return []
    lines = [f"{key} = {_factors(values)}" for key, values in _profiles(fit).items()]
    return ["", "[seasonality]", *lines]


def _season_errors(fit: SeasonalityFit) -> list[str]:
    errors = {"hours": fit.hour_errors, "weekdays": fit.weekday_errors}
    lines = [f"weeks = {fit.weeks}"]
    lines += [f"{key}_standard_errors = {_factors(errors[key])}" for key in _profiles(fit)]
    chances = {"hours": fit.hour_chance, "weekdays": fit.weekday_chance}
    return lines + [f"{key}_chance = {value:.3g}" for key, value in chances.items() if not np.isnan(value)]


def _profiles(fit: SeasonalityFit) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    profiles = {"hours": fit.hours, "weekdays": fit.weekdays}
    return {key: values for key, values in profiles.items() if values is not None}


def _factors(values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return "[" + ", ".join(f"{value:.3f}" for value in values) + "]"


def _floor(calibration: Calibration, index: int) -> list[str]:
    floors = calibration.volatility_floors
    return [] if floors is None else [f"volatility_floor = {floors[index]:.4f}"]


def _by_asset(assets: Iterable[str], values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    figures = [f"{toml_text(asset)} = {value:.4f}" for asset, value in zip(assets, values + 0.0, strict=True)]
    return f"{{ {', '.join(figures)} }}"


def _method(calibration: Calibration) -> str:
    moving = (
        "; correlation_alpha and correlation_beta: normal quasi-likelihood of the same (Engle 2002), standard errors: "
        "sandwich over 40 blocks of consecutive bars"
        if "correlation_alpha" in calibration.estimate.parameters
        else ""
    )
    if calibration.model in BAR_MODELS:
        return (
            "volatilities: standard deviation of log returns of bars, which are the unit of the model, times the root "
            f"of the bars in a year; {_METHODS[calibration.model]}{moving}; repair: nearest correlation matrix "
            "in the Frobenius norm (Higham 2002); drifts: set to 0, not estimated; no return is taken across a missing "
            "bar, and no bar is filled in"
        )
    if calibration.model in _WHOLE_METHODS:
        return (
            f"{_WHOLE_METHODS[calibration.model]}; repair: nearest correlation matrix in the Frobenius norm "
            "(Higham 2002); drifts: set to 0, not estimated; no return is taken across a missing bar, and no bar is "
            "filled in"
        )
    drawn = "; correlations drawn towards their mean (Ledoit and Wolf 2004)" if calibration.choices.shrinkage else ""
    measured = (
        "sample standard deviation of log returns of UTC days"
        if calibration.choices.volatility == "close"
        else f"{calibration.choices.volatility} from highs and lows of UTC days with all their bars"
    )
    return (
        f"volatilities: {measured}, times sqrt(365), since the day is the "
        "unit of the model and moves that come and go within a day add up to no risk over a quarter "
        f"(volatility_from_bars stands beside for comparison); {_METHODS[calibration.model]}{drawn}; "
        "repair: nearest correlation matrix in the Frobenius norm (Higham 2002); drifts: set to 0, not estimated; "
        "standard errors: jackknife over 40 blocks of consecutive days; "
        "no return is taken across a missing bar, and no bar is filled in"
    )


def _finding(history: History) -> list[str]:
    return [f"{finding.problem}; {finding.remedy}" for finding in history.findings]


def _gap(gap: Gap) -> str:
    return f"{_time(gap.start)}: {gap.bars} {'bar' if gap.bars == 1 else 'bars'}"


def _time(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")) + "Z"


def _figures(row: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    return "[" + ", ".join(f"{value:.{CORRELATION_DECIMALS}f}" for value in row + 0.0) + "]"


def toml_text(value: str) -> str:
    """A string as TOML writes it."""
    # TOML's basic strings are JSON's, but for DEL; a name that is no valid Unicode keeps its readable part.
    readable = value.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(readable, ensure_ascii=False).replace("\x7f", "\\u007F")


def toml_texts(values: Iterable[str]) -> str:
    """An array of strings as TOML writes it."""
    return "[" + ", ".join(toml_text(value) for value in values) + "]"
