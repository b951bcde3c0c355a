"""From histories to the parameters of a market model, with their standard errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import BAR_MODELS, HISTORY_MODELS, check_bars, estimate_bars
from stresslab.calibration.bates_fit import estimate_bates
from stresslab.calibration.daily_fit import (
    DAILY_MODELS,
    DAYS_A_YEAR,
    RANKED_MODELS,
    DailyChoices,
    estimate_daily,
    still_pairs,
)
from stresslab.calibration.degrees_of_freedom import DEGREES_OF_FREEDOM
from stresslab.calibration.estimate import Estimate
from stresslab.calibration.floors import FLOOR_QUANTILE, raised, volatility_floor
from stresslab.calibration.history import History, cut
from stresslab.calibration.jump_fit import estimate_merton
from stresslab.calibration.kou_fit import estimate_kou
from stresslab.calibration.range_volatility import VOLATILITY_METHODS
from stresslab.calibration.regime_fit import estimate_regimes
from stresslab.calibration.returns import bar_returns, check_overlap, daily_returns, own_days, returns_on
from stresslab.calibration.seasonality_fit import SeasonalityFit, fit_seasonality, without_seasonality
from stresslab.calibration.short_histories import short_assets, with_short_assets
from stresslab.calibration.time_shifts import shift_faults
from stresslab.calibration.variance_fit import estimate_heston
from stresslab.documents.faults import Fault, InputError
from stresslab.market.models import MODELS

# The market models that this package knows how to fit.
FITTED_MODELS = ("gbm", "student_t", "copula_t", "merton", "kou", "heston", "bates", "regimes", *BAR_MODELS)
# Models whose volatility is that of a part of what moves prices.
_PARTIAL = ("merton", "kou", "bates", "regimes")
_YEAR = DAYS_A_YEAR * 86_400
_FEW_DAYS = 250
# With fewer days a window's volatility is mostly chance.
MINIMUM_FLOOR_DAYS = 20
# What arithmetic makes of an eigenvalue of 0.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Calibration:
    """A market model fitted to histories, with everything that a reviewer asks about the fit.

    Parameters
    ----------
    model : str
        One of `FITTED_MODELS`.
    since, until : datetime.date
        First and last day whose returns count; the last is the as-of date.
    days : int
        Days in the window on which every asset has a return.
    estimate : Estimate
        The figures.
    standard_errors : Estimate
        One standard error of each figure, in the same units (its ``repair`` is that of the estimate).
    bar_volatilities : numpy.ndarray
        Volatility from the histories' own bars, [asset], a year: beside the daily one it shows serial correlation.
    returns : numpy.ndarray
        Number of daily returns, [asset].
    histories : tuple of History
        The input, whole.
    windows : tuple of History
        The bars inside the window.
    remarks : tuple of str
        What the reader should know about this fit.
    volatility_floors : numpy.ndarray or None
        The least volatility of each asset that was asked for, [asset], a year; None where none was.
    choices : DailyChoices
        How a model of days measured volatilities and correlations.
    seasonality : SeasonalityFit or None
        How volatile each hour of the week is; None where it was not asked for.
    """

    model: str
    since: dt.date
    until: dt.date
    days: int
    estimate: Estimate
    standard_errors: Estimate
    bar_volatilities: NDArray[np.float64]
    returns: NDArray[np.int64]
    histories: tuple[History, ...]
    windows: tuple[History, ...]
    remarks: tuple[str, ...]
    volatility_floors: NDArray[np.float64] | None = None
    choices: DailyChoices = field(default_factory=DailyChoices)
    seasonality: SeasonalityFit | None = None

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets, in the order of every array with an asset axis."""
        return tuple(history.asset for history in self.histories)


def calibrate(
    histories: Sequence[History],
    model: str,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
    floor_days: int | None = None,
    choices: DailyChoices | None = None,
    dynamic_correlation: bool = False,
    seasonality: bool = False,
) -> Calibration:
    """Fit a market model to histories.

    ``garch``, ``filtered_history`` and ``bootstrap`` are fitted to the bars themselves, see
    `stresslab.calibration.bar_fitting`; so are ``merton`` (`stresslab.calibration.jump_fit`), ``kou``
    (`stresslab.calibration.kou_fit`), ``heston`` (`stresslab.calibration.variance_fit`) and ``bates``
    (`stresslab.calibration.bates_fit`). For ``regimes`` see
    `stresslab.calibration.regime_fit`. What follows is said of the others.

    All figures come from daily log returns (UTC days). The day is the unit in which the Student-t model draws its
    variance, so a second return of the same day tells little more about the volatility; and a quarter's risk adds up
    daily returns, in which what comes and goes within a day is no risk. The volatility from the bars themselves is
    returned beside it.

    Volatilities are sample standard deviations times sqrt(365). Correlations are those of the Gaussian core: of
    ``gbm`` the product-moment ones, of the others `rank_correlation`, in both cases pair by pair, then
    `nearest_correlation`. Degrees of freedom maximize the joint likelihood of the multivariate t of unit variance, with
    volatilities and correlation held (`fit_degrees_of_freedom`); of ``copula_t`` that of each asset alone. Drifts are
    not estimated: the standard error of a mean is volatility / sqrt(years), over a few years as large as any drift one
    would believe.

    Standard errors are those of the jackknife over 40 blocks of consecutive days (fewer days: over as many), so that
    fat tails and clustered volatility widen them.

    Assets with a short history do not shorten the window of the others: `with_short_assets` gives them a prior. Models
    that draw whole rows from histories know no such way.

    Parameters
    ----------
    histories : sequence of History
        One an asset.
    model : str
        One of `FITTED_MODELS`.
    since, until : datetime.date, optional
        First and last day of the window; default: all days that every history covers, short ones left aside.
    floor_days : int, optional
        No volatility below the upper quartile of the asset's own rolling volatilities over this many days, at least
        `MINIMUM_FLOOR_DAYS` (`stresslab.calibration.floors`); the whole history up to the window's end counts.
    choices : DailyChoices, optional
        How models of days measure volatilities and correlations; default: closes, and correlations as they are.
    dynamic_correlation : bool
        Of ``garch``: whether to fit a correlation that follows the shocks.
    seasonality : bool
        Whether to find out how volatile each hour of the week is (`fit_seasonality`); models of bars are then fitted to
        bars freed of it.

    Returns
    -------
    Calibration
        The figures and their diagnostics.

    Raises
    ------
    InputError
        Where the model is unknown, an asset stands twice, the histories overlap too little, a price does
        not move, or a clock is wrong (`shift_faults`).
    """
    histories = tuple(histories)
    choices = choices or DailyChoices()
    _check(histories, model)
    _check_choices(model, choices)
    if dynamic_correlation and model != "garch":
        problem = f"the correlation of {model} does not follow shocks"
        raise InputError([Fault("--dynamic-correlation", 1, 1, problem, "leave it out, or choose garch")])
    if seasonality and not MODELS[model].takes_seasonality:
        problem = f"{model} knows no seasonality of volatility"
        raise InputError([Fault("--seasonality", 1, 1, problem, "leave it out, or choose another model")])
    if floor_days is not None and floor_days < MINIMUM_FLOOR_DAYS:
        problem = f"a floor from windows of {floor_days} days"
        raise InputError([Fault("--floor", 1, 1, problem, f"give at least {MINIMUM_FLOOR_DAYS}d")])
    short = [] if model in HISTORY_MODELS else short_assets(histories, since, until)
    long = tuple(history for index, history in enumerate(histories) if index not in short)
    fit = _fitted(long, model, since, until, choices, dynamic_correlation, seasonality)
    if short:
        fit = _with_short(fit, histories, short)
    return fit if floor_days is None else _with_floor(fit, floor_days, short)


def _fitted(
    histories: tuple[History, ...],
    model: str,
    since: dt.date | None,
    until: dt.date | None,
    choices: DailyChoices,
    dynamic_correlation: bool,
    seasonality: bool,
) -> Calibration:
    if model in (*BAR_MODELS, "merton", "kou", "heston", "bates"):
        check_bars(histories, model, since, until)
    returns = daily_returns(histories, since, until)
    first, last = returns.days[0].item(), returns.days[-1].item()
    complete = int((~np.isnan(returns.values)).all(axis=1).sum())
    if model in ("student_t", "regimes") and complete < _fewest_days(model, len(histories)):
        problem = f"only {complete} days on which every asset has a return"
        raise InputError([Fault(histories[0].path, 1, 1, problem, "give histories of one period")])
    still = still_pairs(returns.values, model)
    if still:
        raise InputError([_still_fault(histories, pair, first, last) for pair in still])
    windows = tuple(cut(history, returns.days[0], returns.days[-1] + np.timedelta64(1, "D")) for history in histories)
    shifted = shift_faults(windows)
    if shifted:
        raise InputError(shifted)
    season = fit_seasonality(windows) if seasonality else None
    profile = None if season is None else season.profile
    bars = windows if profile is None else tuple(without_seasonality(window, profile) for window in windows)
    if model in BAR_MODELS:
        estimate, standard_errors, own_remarks = estimate_bars(bars, model, dynamic_correlation=dynamic_correlation)
    elif model == "merton":
        estimate, standard_errors, own_remarks = estimate_merton(bars)
    elif model == "kou":
        estimate, standard_errors, own_remarks = estimate_kou(bars)
    elif model == "heston":
        estimate, standard_errors, own_remarks = estimate_heston(windows)
    elif model == "bates":
        estimate, standard_errors, own_remarks = estimate_bates(windows)
    elif model == "regimes":
        estimate, standard_errors, own_remarks = estimate_regimes(returns.values)
    else:
        estimate, standard_errors, own_remarks = estimate_daily(histories, returns.values, returns.days, model, choices)
    remarks = [*_remarks(estimate, complete, since, first, until, last), *([season.remark] if season else [])]
    return Calibration(
        model=model,
        since=first,
        until=last,
        days=complete,
        estimate=estimate,
        standard_errors=standard_errors,
        bar_volatilities=np.array([_bar_volatility(window) for window in windows]),
        returns=(~np.isnan(returns.values)).sum(axis=0),
        histories=histories,
        windows=windows,
        remarks=(*remarks, *own_remarks),
        choices=choices,
        seasonality=season,
    )


def _with_short(fit: Calibration, histories: tuple[History, ...], short: Sequence[int]) -> Calibration:
    days = _days(fit)
    returns = returns_on(histories, days)
    check_overlap(histories, returns)
    still = [pair for pair in still_pairs(returns, "gbm") if pair[0] in short or pair[1] in short]
    if still:
        raise InputError([_still_fault(histories, pair, fit.since, fit.until) for pair in still])
    windows = tuple(cut(history, days[0], days[-1] + np.timedelta64(1, "D")) for history in histories)
    shifted = shift_faults(windows)
    if shifted:
        raise InputError(shifted)
    names = [history.asset for history in histories]
    ranked = fit.model in RANKED_MODELS
    estimate, errors, remarks = with_short_assets(
        fit.estimate, fit.standard_errors, returns, short, names, ranked=ranked
    )
    return replace(
        fit,
        estimate=estimate,
        standard_errors=errors,
        bar_volatilities=np.array([_bar_volatility(window) for window in windows]),
        returns=(~np.isnan(returns)).sum(axis=0),
        histories=histories,
        windows=windows,
        remarks=(*fit.remarks, *remarks),
    )


def _with_floor(fit: Calibration, days: int, short: Sequence[int]) -> Calibration:
    few = list(short)
    long = [index for index in range(len(fit.histories)) if index not in short]
    measured = fit.estimate.volatilities.copy()
    if fit.model in _PARTIAL:
        measured = np.nanstd(returns_on(fit.histories, _days(fit)), axis=0, ddof=1) * np.sqrt(DAYS_A_YEAR)
        measured[few] = fit.estimate.volatilities[few] / (fit.estimate.volatilities[long] / measured[long]).mean()
    floors = np.array([_floor(history, fit.until, days) for history in fit.histories])
    # A short history has next to no windows: its floor stands to its volatility as the others' do to theirs.
    floors[few] = measured[few] * (floors[long] / measured[long]).mean()
    missing = [fit.histories[index] for index in long if np.isnan(floors[index])]
    if missing:
        problem, remedy = f"no {days} days together, of which a floor is made", "give longer histories or fewer days"
        raise InputError([Fault(history.path, 1, 1, f"{history.asset} has {problem}", remedy) for history in missing])
    estimate, errors = raised(fit.estimate, fit.standard_errors, measured, floors)
    lifted = [
        f"{asset} from {before:.4f} to {floor:.4f}"
        for asset, before, floor in zip(fit.assets, measured, floors, strict=True)
        if floor > before
    ]
    said = f"raised were {', '.join(lifted)} (standard errors in proportion)" if lifted else "none had to be raised"
    scaled = "; of a short history in the mean proportion of the others" if few else ""
    remark = (
        f"No volatility is below the asset's floor, the {100 * FLOOR_QUANTILE:.0f}th percentile of its volatilities "
        f"over {days} days in all of its history up to {fit.until}{scaled}: {said}."
    )
    return replace(
        fit, estimate=estimate, standard_errors=errors, volatility_floors=floors, remarks=(*fit.remarks, remark)
    )


def _days(fit: Calibration) -> NDArray[np.datetime64]:
    return np.arange(np.datetime64(fit.since, "D"), np.datetime64(fit.until, "D") + np.timedelta64(1, "D"))


def _floor(history: History, until: dt.date, days: int) -> float:
    return volatility_floor(returns_on([history], own_days(history, None, until))[:, 0], days)


def _fewest_days(model: str, assets: int) -> int:
    """Days with a return of every asset, below which the joint likelihood says nothing."""
    return 10 * (assets + 2) if model == "regimes" else assets + 2


def _still_fault(histories: Sequence[History], pair: tuple[int, int | None], first: dt.date, last: dt.date) -> Fault:
    asset, other = pair
    history, window = histories[asset], f"{first} to {last}"
    if other == asset:
        problem = f"the price of {history.asset} never moves in the window, {window}"
        return Fault(history.path, 1, 1, problem, "give a history of a traded asset")
    days = "on which every asset has a return" if other is None else f"that it shares with {histories[other].asset}"
    problem = f"{history.asset} does not move on the days {days} in the window, {window}, so it has no correlation"
    return Fault(history.path, 1, 1, problem, "choose another window, or calibrate without this asset")


def _bar_volatility(window: History) -> float:
    return float(bar_returns(window).std(ddof=1) * np.sqrt(_YEAR / window.interval))


def _check(histories: tuple[History, ...], model: str) -> None:
    if model not in FITTED_MODELS:
        problem = f"no market model {model!r} can be fitted"
        raise InputError([Fault("--model", 1, 1, problem, f"choose one of {', '.join(FITTED_MODELS)}")])
    if not histories:
        raise InputError([Fault("HISTORY", 1, 1, "no history is given", "give one file of bars an asset")])
    seen: dict[str, str] = {}
    faults = []
    for history in histories:
        if history.asset in seen:
            problem = f"{history.asset} is also the asset of {seen[history.asset]}"
            faults.append(Fault(history.path, 1, 1, problem, "give one file an asset, or name it with ASSET=FILE"))
        seen.setdefault(history.asset, history.path)
    if faults:
        raise InputError(faults)


def _check_choices(model: str, choices: DailyChoices) -> None:
    if choices.volatility not in VOLATILITY_METHODS:
        problem = f"no volatility is called {choices.volatility!r}"
        raise InputError([Fault("--volatility", 1, 1, problem, f"choose one of {', '.join(VOLATILITY_METHODS)}")])
    if model not in DAILY_MODELS and choices != DailyChoices():
        option = "--shrinkage" if choices.shrinkage else "--volatility"
        problem = f"{model} does not measure volatilities and correlations by the day"
        raise InputError([Fault(option, 1, 1, problem, f"leave it out, or choose one of {', '.join(DAILY_MODELS)}")])


def _remarks(
    estimate: Estimate, days: int, since: dt.date | None, first: dt.date, until: dt.date | None, last: dt.date
) -> tuple[str, ...]:
    remarks = []
    if since and since < first:
        remarks.append(f"The window was to begin {since}; the histories share days from {first} on.")
    if until and until > last:
        remarks.append(f"The window was to end {until}; the histories share days up to {last}.")
    if days < _FEW_DAYS:
        remarks.append(f"Only {days} days: mind the standard errors, which are themselves uncertain.")
    if estimate.repair.distance > 0 and estimate.repair.smallest_eigenvalue >= -_ROUNDING:
        remarks.append(
            f"The correlations are nearly singular (smallest eigenvalue {estimate.repair.smallest_eigenvalue:.5f}); "
            f"they were made safe for rounding, which moved them by {estimate.repair.distance:.5f} (Frobenius norm)."
        )
    elif estimate.repair.distance > 0:
        remarks.append(
            "The pairwise correlations did not fit together (smallest eigenvalue "
            f"{estimate.repair.smallest_eigenvalue:.5f}); the nearest matrix that does is "
            f"{estimate.repair.distance:.5f} away (Frobenius norm)."
        )
    joint = estimate.parameters.get("degrees_of_freedom")
    degrees = [*([] if joint is None else [joint]), *estimate.by_asset.get("tail_degrees_of_freedom", ())]
    if any(one > 0.99 * DEGREES_OF_FREEDOM[1] for one in degrees):
        remarks.append("Returns show no fat tails: the degrees of freedom are at the upper end of their range.")
    if any(one < 1.01 * DEGREES_OF_FREEDOM[0] for one in degrees):
        remarks.append(
            "The degrees of freedom are at the lower end of their range: look for bad prices in the histories."
        )
    return tuple(remarks)
