"""From histories to the parameters of a market model, with their standard errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import BAR_MODELS, check_bars, estimate_bars
from stresslab.calibration.correlation import nearest_correlation, pearson_correlation, rank_correlation
from stresslab.calibration.degrees_of_freedom import DEGREES_OF_FREEDOM, fit_degrees_of_freedom
from stresslab.calibration.estimate import Estimate, cluster_error
from stresslab.calibration.history import History, cut
from stresslab.calibration.jump_fit import estimate_merton
from stresslab.calibration.regime_fit import estimate_regimes
from stresslab.calibration.returns import bar_returns, daily_returns
from stresslab.calibration.time_shifts import shift_faults
from stresslab.documents.faults import Fault, InputError

# The market models that this package knows how to fit.
FITTED_MODELS = ("gbm", "student_t", "copula_t", "merton", "regimes", *BAR_MODELS)
_RANKED = ("student_t", "copula_t")
DAYS_A_YEAR = 365
_YEAR = DAYS_A_YEAR * 86_400
_GROUPS = 40
_FEW_DAYS = 250
# Rounding to four decimals moves no eigenvalue by more than 0.5e-4 an asset (Weyl); a floor of twice that keeps the
# written matrix definite.
CORRELATION_DECIMALS = 4
_FLOOR_PER_ASSET = 1e-4
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

    @property
    def assets(self) -> tuple[str, ...]:
        """The assets, in the order of every array with an asset axis."""
        return tuple(history.asset for history in self.histories)


def calibrate(
    histories: Sequence[History], model: str, *, since: dt.date | None = None, until: dt.date | None = None
) -> Calibration:
    """Fit a market model to histories.

    ``garch``, ``filtered_history`` and ``bootstrap`` are fitted to the bars themselves, see
    `stresslab.calibration.bar_fitting`, and ``merton`` too, see `stresslab.calibration.jump_fit`; for ``regimes`` see
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

    Parameters
    ----------
    histories : sequence of History
        One an asset.
    model : str
        One of `FITTED_MODELS`.
    since, until : datetime.date, optional
        First and last day of the window; default: all days that every history covers.

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
    _check(histories, model)
    if model in BAR_MODELS or model == "merton":
        check_bars(histories, model, since, until)
    returns = daily_returns(histories, since, until)
    first, last = returns.days[0].item(), returns.days[-1].item()
    complete = int((~np.isnan(returns.values)).all(axis=1).sum())
    if model in ("student_t", "regimes") and complete < _fewest_days(model, len(histories)):
        problem = f"only {complete} days on which every asset has a return"
        raise InputError([Fault(histories[0].path, 1, 1, problem, "give histories of one period")])
    still = _still_pairs(returns.values, model)
    if still:
        raise InputError([_still_fault(histories, pair, first, last) for pair in still])
    windows = tuple(cut(history, returns.days[0], returns.days[-1] + np.timedelta64(1, "D")) for history in histories)
    shifted = shift_faults(windows)
    if shifted:
        raise InputError(shifted)
    if model in BAR_MODELS:
        estimate, standard_errors, own_remarks = estimate_bars(windows, model)
    elif model == "merton":
        estimate, standard_errors, own_remarks = estimate_merton(windows)
    elif model == "regimes":
        estimate, standard_errors, own_remarks = estimate_regimes(returns.values)
    else:
        estimate = _estimate(returns.values, model)
        standard_errors, left_out = _jackknife(histories, returns.values, model, estimate)
        own_remarks = _left_out_remarks(histories, left_out)
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
        remarks=(*_remarks(estimate, complete, since, first, until, last), *own_remarks),
    )


def _fewest_days(model: str, assets: int) -> int:
    """Days with a return of every asset, below which the joint likelihood says nothing."""
    return 10 * (assets + 2) if model == "regimes" else assets + 2


def _estimate(returns: NDArray[np.float64], model: str) -> Estimate:
    volatilities = np.nanstd(returns, axis=0, ddof=1) * np.sqrt(DAYS_A_YEAR)
    raw = rank_correlation(returns) if model in _RANKED else pearson_correlation(returns)
    correlation, repair = nearest_correlation(raw, floor=_FLOOR_PER_ASSET * returns.shape[1])
    parameters = {"degrees_of_freedom": fit_degrees_of_freedom(returns, correlation)} if model == "student_t" else {}
    by_asset = {}
    if model == "copula_t":
        alone = [fit_degrees_of_freedom(column[:, None], np.eye(1)) for column in returns.T]
        by_asset["tail_degrees_of_freedom"] = np.array(alone)
    return Estimate(volatilities, correlation, parameters, repair, by_asset)


def _still_pairs(returns: NDArray[np.float64], model: str) -> list[tuple[int, int | None]]:
    """Assets that do not move where an estimate needs them to.

    Returns
    -------
    list of (int, int or None)
        The asset, and the other one on whose days it stands still; itself where it never moves; None for the days on
        which every asset has a return.
    """
    present = ~np.isnan(returns)
    complete = present.all(axis=1)
    still: list[tuple[int, int | None]] = []
    for asset in range(returns.shape[1]):
        alone = [(asset, asset)] if _is_still(returns[present[:, asset], asset]) else []
        others = [
            (asset, other)
            for other in range(returns.shape[1])
            if other != asset and _is_still(returns[present[:, asset] & present[:, other], asset])
        ]
        still += alone or others
        if model in ("student_t", "regimes") and not alone and not others and _is_still(returns[complete, asset]):
            still.append((asset, None))
    return still


def _is_still(returns: NDArray[np.float64]) -> bool:
    return len(returns) > 0 and bool(returns.max() <= returns.min())


def _still_fault(histories: Sequence[History], pair: tuple[int, int | None], first: dt.date, last: dt.date) -> Fault:
    asset, other = pair
    history, window = histories[asset], f"{first} to {last}"
    if other == asset:
        problem = f"the price of {history.asset} never moves in the window, {window}"
        return Fault(history.path, 1, 1, problem, "give a history of a traded asset")
    days = "on which every asset has a return" if other is None else f"that it shares with {histories[other].asset}"
    problem = f"{history.asset} does not move on the days {days} in the window, {window}, so it has no correlation"
    return Fault(history.path, 1, 1, problem, "choose another window, or calibrate without this asset")


def _jackknife(
    histories: Sequence[History], returns: NDArray[np.float64], model: str, estimate: Estimate
) -> tuple[Estimate, list[list[tuple[int, int | None]]]]:
    """Standard errors, and what stands still in each replicate that had to be left out."""
    groups = np.array_split(np.arange(len(returns)), min(_GROUPS, len(returns)))
    samples = [np.delete(returns, group, axis=0) for group in groups]
    still = [_still_pairs(sample, model) for sample in samples]
    replicates = [_estimate(sample, model) for sample, pairs in zip(samples, still, strict=True) if not pairs]
    if len(replicates) < 2:
        problem = "the prices move on too few days to tell how sure the figures are"
        raise InputError(
            [Fault(histories[0].path, 1, 1, problem, "give longer histories, or histories of traded assets")]
        )

    errors = Estimate(
        volatilities=cluster_error([replicate.volatilities for replicate in replicates]),
        correlation=cluster_error([replicate.correlation for replicate in replicates]),
        parameters={
            name: float(cluster_error([np.asarray(replicate.parameters[name]) for replicate in replicates]))
            for name in estimate.parameters
        },
        repair=estimate.repair,
        by_asset={
            name: cluster_error([replicate.by_asset[name] for replicate in replicates]) for name in estimate.by_asset
        },
    )
    return errors, [pairs for pairs in still if pairs]


def _left_out_remarks(
    histories: Sequence[History], left_out: Sequence[Sequence[tuple[int, int | None]]]
) -> tuple[str, ...]:
    if not left_out:
        return ()
    names = dict.fromkeys(histories[asset].asset for pairs in left_out for asset, _ in pairs)
    return (
        f"All that {', '.join(names)} moved fell into a few days: without them there is no estimate, and the standard "
        f"errors, which leave out {len(left_out)} of the jackknife's blocks for it, are too small.",
    )


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
