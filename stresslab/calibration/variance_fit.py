"""Heston's variance from bars: moments of the realized variance of days (METHODS M44)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from stresslab.calibration.bar_fitting import aligned_returns, check_length
from stresslab.calibration.correlation import Repair, nearest_correlation
from stresslab.calibration.estimate import Estimate, jackknife_errors
from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError

_DAY = 86_400
_DAYS_A_YEAR = 365.0
# Days over which the decay of the autocovariance is followed.
LAGS = 30
# Between a memory of five years and one of a day.
REVERSION = (0.2, 365.0)
_MOST_VOLATILITY_OF_VARIANCE = 100.0
_MOST_LEVERAGE = 0.99
_FEWEST_BARS_A_DAY = 6
_FEWEST_DAYS = 200
_GROUPS = 20
_FLOOR_PER_ASSET = 1e-4


@dataclass(frozen=True)
class VarianceFit:
    """Law of one asset's variance, a year.

    Parameters
    ----------
    variance : float
        Its mean, positive.
    mean_reversion : float
        In `REVERSION`.
    volatility_of_variance : float
        In [0, 100].
    leverage_correlation : float
        In [-0.99, 0.99].
    """

    variance: float
    mean_reversion: float
    volatility_of_variance: float
    leverage_correlation: float


def fit_variance(realized: NDArray[np.float64], returns: NDArray[np.float64]) -> VarianceFit:
    """Heston's parameters from daily sums of squares and daily returns.

    Of a stationary variance with covariance ``s^2 exp(-kappa t)``, the integrals over two days k >= 1 days apart have
    the covariance ``s^2 J^2 exp(-kappa (k - 1) d)`` with ``J = (1 - exp(-kappa d)) / kappa`` and d a day: the noise of
    realized variances is new every day and takes no part. About a mean that is estimated too it is lower by the mean's
    variance, ``2 s^2 (kappa T - 1 + exp(-kappa T)) / kappa^2`` over the days' square. Kappa and ``s^2`` fit the
    autocovariances of `LAGS` days by least squares, and ``xi^2 = 2 kappa s^2 / theta``. A day's return has the
    covariance ``rho xi theta J^2`` with the next day's integral and none with that of the day before, so that their
    difference gives rho without the slow part of the variance; no noise attenuates it.

    Parameters
    ----------
    realized : numpy.ndarray
        Sum of squares of the bars' log returns, [day]; NaN where a bar is missing.
    returns : numpy.ndarray
        Log returns of the same days, [day]; NaN where missing.

    Returns
    -------
    VarianceFit
        At a reversion's bound where the autocovariances show no decay; without volatility where none is positive.
    """
    day = 1.0 / _DAYS_A_YEAR
    count = int((~np.isnan(realized)).sum())
    mean = float(np.nanmean(realized))
    centered = realized - mean
    covariances = np.array([np.nanmean(centered[lag:] * centered[:-lag]) for lag in range(1, LAGS + 1)])
    lags = np.arange(LAGS)

    def shape(log_reversion: float) -> NDArray[np.float64]:
        reversion = float(np.exp(log_reversion))
        memory = reversion * count * day
        of_mean = 2.0 * (memory - 1.0 + np.exp(-memory)) / (reversion * count) ** 2
        integral = (1.0 - np.exp(-reversion * day)) / reversion
        return np.asarray(integral**2 * np.exp(-reversion * day * lags) - of_mean)

    def loss(log_reversion: float) -> float:
        line = shape(log_reversion)
        slope = max(float(line @ covariances / (line @ line)), 0.0)
        return float(((covariances - slope * line) ** 2).sum())

    grid = np.linspace(np.log(REVERSION[0]), np.log(REVERSION[1]), 40)
    start = int(np.argmin([loss(point) for point in grid.tolist()]))
    bounds = (grid[max(start - 1, 0)], grid[min(start + 1, len(grid) - 1)])
    found = float(minimize_scalar(loss, bounds=bounds, method="bounded").x)
    line = shape(found)
    spread = max(float(line @ covariances / (line @ line)), 0.0)
    reversion, variance = float(np.exp(found)), mean / day
    volatility = min(float(np.sqrt(2.0 * reversion * spread / variance)), _MOST_VOLATILITY_OF_VARIANCE)
    integral = (1.0 - np.exp(-reversion * day)) / reversion
    around = realized[2:] - realized[:-2]
    joint = float(np.nanmean((returns[1:-1] - np.nanmean(returns)) * around))
    size = volatility * variance * integral**2
    leverage = float(np.clip(joint / size, -_MOST_LEVERAGE, _MOST_LEVERAGE)) if size > 0.0 else 0.0
    return VarianceFit(variance, reversion, volatility, leverage)


def sign_correlation(returns: NDArray[np.float64]) -> tuple[NDArray[np.float64], Repair]:
    """Correlation from how often two assets move the same way, ``sin(pi / 2 (2 P - 1))``.

    Sheppard's formula for two normals holds whatever their two deviations are, so volatilities that change from bar to
    bar, each asset's its own, do not move it; a product-moment correlation would be too low.

    Parameters
    ----------
    returns : numpy.ndarray
        [bar, asset], NaN where missing; bars without a move are left out.

    Returns
    -------
    tuple of numpy.ndarray and Repair
        [asset, asset], positive semidefinite, and what that took.
    """
    signs = np.sign(np.nan_to_num(returns))
    moved = np.abs(signs)
    matrix = np.sin(np.pi / 2.0 * (signs.T @ signs) / np.maximum(moved.T @ moved, 1.0))
    np.fill_diagonal(matrix, 1.0)
    return nearest_correlation(matrix, floor=_FLOOR_PER_ASSET * len(matrix))


def estimate_heston(windows: Sequence[History]) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit the model ``heston``: `fit_variance` of each asset, `sign_correlation` of the bars.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.

    Returns
    -------
    tuple
        The figures; one standard error of each, by the jackknife over 20 blocks of consecutive days; remarks.

    Raises
    ------
    InputError
        Where bars are longer than four hours, or an asset has too few bars or too few days with all of them.
    """
    rows = day_rows(windows)
    realized = (rows**2).sum(axis=1)
    check_days(windows, realized)
    figures, errors = estimate_variances(rows, realized)
    return figures, errors, variance_remarks([window.asset for window in windows], figures)


def estimate_variances(rows: NDArray[np.float64], realized: NDArray[np.float64]) -> tuple[Estimate, Estimate]:
    """Laws of the variances and the correlation of bars, with their standard errors.

    Parameters
    ----------
    rows : numpy.ndarray
        Log returns of bars by day, [day, bar, asset]; NaN where missing.
    realized : numpy.ndarray
        Realized variance of each day, [day, asset]; NaN where a bar is missing.

    Returns
    -------
    tuple of Estimate
        Figures, and their errors by the jackknife over 20 blocks of consecutive days.
    """
    figures = _figures(rows, realized)
    replicates = []
    for group in np.array_split(np.arange(len(rows)), _GROUPS):
        # Days keep their places, so that no two become neighbors that were none.
        kept, kept_realized = rows.copy(), realized.copy()
        kept[group], kept_realized[group] = np.nan, np.nan
        replicates.append(_figures(kept, kept_realized))
    errors = jackknife_errors(figures, replicates)
    return figures, errors


def day_rows(windows: Sequence[History]) -> NDArray[np.float64]:
    """Log returns of bars by UTC day, [day, bar, asset]; NaN where missing; days that the windows hold whole."""
    interval = windows[0].interval
    if _DAY // interval < _FEWEST_BARS_A_DAY:
        problem = f"bars of {interval // 60} minutes are too long to measure the variance of a day"
        raise InputError([Fault(windows[0].path, 1, 1, problem, "give bars of four hours or less")])
    returns = aligned_returns(windows)
    check_length(windows, returns)
    a_day = _DAY // interval
    origin = min(int(window.times[0].astype("datetime64[s]").astype(np.int64)) for window in windows) // interval
    # The first return ends in the bar after the origin.
    skipped = -(origin + 1) % a_day
    whole = (len(returns) - skipped) // a_day
    return returns[skipped : skipped + whole * a_day].reshape(whole, a_day, len(windows))


def check_days(windows: Sequence[History], realized: NDArray[np.float64]) -> None:
    """Refuse assets with fewer than 200 days with all their bars; an `InputError` with every fault."""
    counts = (~np.isnan(realized)).sum(axis=0)
    remedy = f"at least {_FEWEST_DAYS} are needed for the variance's memory"
    faults = [
        Fault(window.path, 1, 1, f"{window.asset}: {count} days with all their bars", remedy)
        for window, count in zip(windows, counts, strict=True)
        if count < _FEWEST_DAYS
    ]
    if faults:
        raise InputError(faults)


def _figures(rows: NDArray[np.float64], realized: NDArray[np.float64]) -> Estimate:
    daily = rows.sum(axis=1)
    fits = [fit_variance(realized[:, asset], daily[:, asset]) for asset in range(rows.shape[2])]
    correlation, repair = sign_correlation(rows.reshape(-1, rows.shape[2]))
    return Estimate(
        volatilities=np.sqrt([fit.variance for fit in fits]),
        correlation=correlation,
        parameters={},
        repair=repair,
        by_asset={
            key: np.array([getattr(fit, key) for fit in fits])
            for key in ("mean_reversion", "volatility_of_variance", "leverage_correlation")
        },
    )


def variance_remarks(assets: Sequence[str], figures: Estimate) -> tuple[str, ...]:
    """What a reader should mind about the law of the variances."""
    remarks = []
    reversion, volatility = figures.by_asset["mean_reversion"], figures.by_asset["volatility_of_variance"]
    low, high = REVERSION
    bound = [asset for asset, value in zip(assets, reversion, strict=True) if not 1.02 * low < value < 0.98 * high]
    if bound:
        remarks.append(f"The variance of {', '.join(bound)} shows no decay to fit: mean_reversion is at a bound.")
    touching = [
        asset
        for asset, kappa, xi, sigma in zip(assets, reversion, volatility, figures.volatilities, strict=True)
        if xi**2 > 2.0 * kappa * sigma**2
    ]
    if touching:
        remarks.append(
            f"The variance of {', '.join(touching)} reaches zero (Feller's condition fails): the model spends much "
            "time near no volatility, and a step of an hour or less is advised."
        )
    return tuple(remarks)
