"""Tests of forecasts against outcomes: exceedances, proper scores, probabilities of events, and sampling error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov, xlogy

from stresslab.measures.intervals import CONFIDENCE, wilson


def kupiec(exceedances: int, forecasts: int, rate: float) -> tuple[float, float]:
    """Likelihood ratio of the nominal rate against the one seen (METHODS M65).

    Parameters
    ----------
    exceedances, forecasts : int
        How many of how many; 0 to ``forecasts``, which is at least 1.
    rate : float
        Nominal, in (0, 1).

    Returns
    -------
    tuple of float
        The statistic, not negative, and its p-value under chi-squared with one degree of freedom.
    """
    seen = exceedances / forecasts
    kept = forecasts - exceedances
    at_rate = xlogy(kept, 1.0 - rate) + xlogy(exceedances, rate)
    at_seen = xlogy(kept, 1.0 - seen) + xlogy(exceedances, seen)
    ratio = max(float(-2.0 * (at_rate - at_seen)), 0.0)
    return ratio, float(chdtrc(1, ratio))


def christoffersen(exceeded: NDArray[np.bool_]) -> tuple[float, float]:
    """Likelihood ratio of independent exceedances against ones that follow each other (METHODS M66).

    Parameters
    ----------
    exceeded : numpy.ndarray
        In order of time, [forecast], at least 2; the forecasts' windows do not overlap.

    Returns
    -------
    tuple of float
        The statistic, not negative, and its p-value under chi-squared with one degree of freedom.
    """
    before, after = exceeded[:-1], exceeded[1:]
    n00, n01 = int((~before & ~after).sum()), int((~before & after).sum())
    n10, n11 = int((before & ~after).sum()), int((before & after).sum())
    alone = n01 / max(n00 + n01, 1)
    again = n11 / max(n10 + n11, 1)
    common = (n01 + n11) / len(after)
    one = xlogy(n00 + n10, 1.0 - common) + xlogy(n01 + n11, common)
    two = xlogy(n00, 1.0 - alone) + xlogy(n01, alone) + xlogy(n10, 1.0 - again) + xlogy(n11, again)
    ratio = max(float(-2.0 * (one - two)), 0.0)
    return ratio, float(chdtrc(1, ratio))


def pinball(outcomes: NDArray[np.float64], forecasts: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """Pinball loss of forecasts of the quantile ``1 - rate``; lower is better, its mean least for the true quantile.

    Parameters
    ----------
    outcomes, forecasts : numpy.ndarray
        Of one shape.
    rate : float
        Nominal rate of exceedance, in (0, 1).

    Returns
    -------
    numpy.ndarray
        ``(1 - rate) (y - q)`` where the outcome y exceeds the forecast q, else ``rate (q - y)``; of the same shape.
    """
    excess = outcomes - forecasts
    return np.where(excess > 0.0, (1.0 - rate) * excess, -rate * excess)


def uniformity(transforms: NDArray[np.float64]) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of probability integral transforms from uniform (METHODS M71), and its p-value.

    The p-value is the limit of many independent forecasts.
    """
    ordered = np.sort(transforms)
    count = len(ordered)
    ranks = np.arange(1, count + 1) / count
    distance = float(np.maximum(ranks - ordered, ordered - (ranks - 1.0 / count)).max())
    return distance, float(kolmogorov(np.sqrt(count) * distance))


def independence(transforms: NDArray[np.float64], lags: int = 10) -> tuple[float, float]:
    """Ljung-Box statistic of probability integral transforms in order of time (METHODS M71), and its p-value.

    ``n (n + 2) sum_k r_k^2 / (n - k)``, chi-squared with as many degrees of freedom as lags.
    """
    centered = transforms - transforms.mean()
    count = len(centered)
    shifts = np.arange(1, lags + 1)
    correlations = np.array([centered[lag:] @ centered[:-lag] for lag in shifts.tolist()]) / (centered @ centered)
    statistic = float(count * (count + 2) * (correlations**2 / (count - shifts)).sum())
    return statistic, float(chdtrc(lags, statistic))


@dataclass(frozen=True)
class Reliability:
    """Forecasts of an event in groups of like probability (METHODS M69).

    Parameters
    ----------
    forecast, observed : numpy.ndarray
        Mean forecast and share of events of each group, [bin]; NaN where it is empty.
    lower, upper : numpy.ndarray
        Wilson interval of the share, [bin], as if the forecasts were independent.
    count : numpy.ndarray
        Forecasts in each group, [bin].
    brier : float
        Mean of (forecast - event)^2.
    reliability, resolution, uncertainty : float
        ``brier = reliability - resolution + uncertainty`` where all forecasts of a group are equal.
    spiegelhalter : float
        Standard normal under forecasts that are right and independent; NaN where every forecast is 0, 1/2 or 1.
    """

    forecast: NDArray[np.float64]
    observed: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    count: NDArray[np.int64]
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    spiegelhalter: float


def reliability(forecasts: NDArray[np.float64], events: NDArray[np.bool_], edges: NDArray[np.float64]) -> Reliability:
    """Score forecasts of an event.

    Parameters
    ----------
    forecasts : numpy.ndarray
        Probabilities, [forecast], in [0, 1].
    events : numpy.ndarray
        Whether it came, [forecast].
    edges : numpy.ndarray
        Between the groups, [bin - 1], rising, within (0, 1); a forecast on an edge belongs above it.
    """
    group = np.searchsorted(edges, forecasts, side="right")
    bins = len(edges) + 1
    count = np.bincount(group, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        forecast = np.bincount(group, forecasts, bins) / count
        observed = np.bincount(group, events.astype(np.float64), bins) / count
    lower, upper = np.full(bins, np.nan), np.full(bins, np.nan)
    for one in np.flatnonzero(count):
        bounds = wilson(int(events[group == one].sum()), int(count[one]))
        lower[one], upper[one] = float(bounds[0]), float(bounds[1])
    share, base = count / len(events), float(events.mean())
    spread = float(np.sum((1.0 - 2.0 * forecasts) ** 2 * forecasts * (1.0 - forecasts)))
    excess = float(np.sum((events - forecasts) * (1.0 - 2.0 * forecasts)))
    return Reliability(
        forecast,
        observed,
        lower,
        upper,
        count,
        brier=float(np.mean((forecasts - events) ** 2)),
        reliability=float(np.nansum(share * (forecast - observed) ** 2)),
        resolution=float(np.nansum(share * (observed - base) ** 2)),
        uncertainty=base * (1.0 - base),
        spiegelhalter=excess / np.sqrt(spread) if spread > 0.0 else float("nan"),
    )


def block_draws(count: int, block: int, draws: int, seed: int) -> NDArray[np.int64]:
    """Rows of a circular block bootstrap (Politis and Romano 1992): [draw, row], consecutive rows in whole blocks.

    Parameters
    ----------
    count : int
        Rows of the sample, at least 1.
    block : int
        Rows of a block, at least 1; a block longer than the sample is the sample.
    draws, seed : int
        Number of samples to draw, and what they are drawn from.
    """
    block = min(block, count)
    starts = np.random.default_rng(seed).integers(0, count, (draws, -(-count // block)))
    rows = (starts[:, :, None] + np.arange(block)) % count
    return np.asarray(rows.reshape(draws, -1)[:, :count])


def bootstrap_interval(values: NDArray[np.float64], rows: NDArray[np.int64]) -> tuple[float, float]:
    """95 % percentile interval of a mean over rows drawn by `block_draws`.

    Parameters
    ----------
    values : numpy.ndarray
        One value a row of the sample, [row].
    rows : numpy.ndarray
        [draw, row].
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    lower, upper = np.quantile(values[rows].mean(axis=1), [tail, 1.0 - tail])
    return float(lower), float(upper)
