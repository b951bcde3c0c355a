"""The fit of the premium behind funding rates: what its law is, how long it remembers, and how it follows the price.

A rate at the interest says only that the premium lay within the clamp's reach of it: it is a censored premium. The
shape of the premium is fitted by the censored likelihood; its memory, its part of the price's moves and its part of
the other premiums by moments of normal scores, whose censored middle is one score. The moments of such scores are
known functions of the correlation behind them, so the censoring is undone and not ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize
from scipy.special import lambertw, ndtr, ndtri

from stresslab.calibration.funding_moments import (
    HERMITE_TERMS,
    factorials,
    hermite_of,
    latent_correlation,
    normal_scores,
    response,
    shared_variance,
    sign_coefficients,
)
from stresslab.market.premium import LAW_FIGURES, Premium, PremiumLaw

# Days at which autocorrelations are matched, and over which past returns are taken: farther ones say more about the
# sample than about the premium.
_LAG_DAYS = (1 / 3, 2 / 3, 1.0, 2.0, 3.0, 5.0, 7.0, 14.0, 21.0, 30.0, 45.0, 60.0)
_PAST_DAYS = (1.0, 2.0, 3.0, 7.0, 14.0, 30.0, 60.0)
# Blocks of the jackknife.
BLOCKS = 20
# Four times the longest lag, and the fewest days that a fit is made on.
FEWEST_DAYS = 240
# Of the squares of the two price correlations: something must be left for the own draws.
_LARGEST_PRICE_SHARE = 0.98


@dataclass(frozen=True)
class FundingSeries:
    """Rates of one asset on the grid of settlements, with its price at the same times.

    Parameters
    ----------
    asset : str
        The asset.
    times : numpy.ndarray
        Settlements, [time], UTC, datetime64[m], one interval apart.
    rates : numpy.ndarray
        Rate of the interval that ends there, [time]; NaN where the history lacks it.
    log_prices : numpy.ndarray
        Log of the price then, [time]; NaN where unknown.
    """

    asset: str
    times: NDArray[np.datetime64]
    rates: NDArray[np.float64]
    log_prices: NDArray[np.float64]


@dataclass(frozen=True)
class FundingFit:
    """A premium model fitted to funding histories.

    Parameters
    ----------
    figures : tuple of Premium
        By asset.
    own_correlation : float
        Of the own draws of any two assets' premiums, 0 to 1; 0 where there is one asset.
    standard_errors : numpy.ndarray
        Of each of `Premium.values`, [asset, figure]; jackknife over 20 blocks of consecutive days.
    own_correlation_error : float
        The same of the own correlation.
    """

    figures: tuple[Premium, ...]
    own_correlation: float
    standard_errors: NDArray[np.float64]
    own_correlation_error: float


def figures_of(premium: Premium) -> dict[str, float]:
    """All figures of a premium by name, those of its law first."""
    law = {name: getattr(premium.law, name) for name in LAW_FIGURES}
    return law | {each.name: getattr(premium, each.name) for each in fields(Premium) if each.name != "law"}


def fit_premiums(series: Sequence[FundingSeries], interval: float, interest: float, clamp: float) -> FundingFit:
    """Fit the premium model to rates.

    Source: METHODS M10 and M46 for rate and premium; Johnson (1949) for the law; the moments of censored normal scores
    by Hermite series (Mehler's formula); the moments of a premium's two parts in closed form.

    Parameters
    ----------
    series : sequence of FundingSeries
        One an asset, all on one grid of times.
    interval : float
        Days between settlements.
    interest, clamp : float
        Of one interval; the clamp is positive.

    Returns
    -------
    FundingFit
        Figures and standard errors. The latter know of a span's own length no more than its blocks tell.
    """
    rates = np.array([each.rates for each in series])
    log_prices = np.array([each.log_prices for each in series])
    figures, own = _fit(rates, log_prices, interval, interest, clamp)
    replicates = []
    for block in np.array_split(np.arange(rates.shape[1]), BLOCKS):
        kept = np.ones(rates.shape[1], dtype=bool)
        kept[block] = False
        replicates.append(_fit(np.where(kept, rates, np.nan), log_prices, interval, interest, clamp))
    values = np.array([[list(figures_of(each).values()) for each in found] for found, _ in replicates])
    owns = np.array([value for _, value in replicates])
    return FundingFit(
        figures=tuple(figures),
        own_correlation=own,
        standard_errors=np.sqrt((BLOCKS - 1) * values.var(axis=0)),
        own_correlation_error=float(np.sqrt((BLOCKS - 1) * owns.var())),
    )


def fit_law(rates: NDArray[np.float64], interest: float, clamp: float) -> PremiumLaw:
    """The law of the premium: the scores of the shares below and above the interest, and each side's likelihood.

    Where the premium is within the clamp's reach of the interest, its size shows nowhere and is taken to run straight.
    Serial correlation makes it a composite likelihood: consistent, while its curvature tells nothing of its errors.

    Parameters
    ----------
    rates : numpy.ndarray
        Without NaN; some below, at and above the interest.
    interest, clamp : float
        Of one interval.
    """
    count = len(rates)
    censored = at_interest(rates, interest)
    below, above = interest - rates[(rates < interest) & ~censored], rates[(rates > interest) & ~censored] - interest
    low, high = float(ndtri(len(below) / count)), -float(ndtri(len(above) / count))
    (low_scale, low_tail), (high_scale, high_tail) = _side(below, -low), _side(above, high)
    return PremiumLaw(
        low, high, interest - clamp, interest + clamp, low_scale, high_scale, low_tail=low_tail, high_tail=high_tail
    )


def _side(excess: NDArray[np.float64], edge: float) -> tuple[float, float]:
    """Scale and tail of the rates on one side, as far as they exceed the interest, beyond a score ``edge``."""

    def loss(point: NDArray[np.float64]) -> float:
        ratio, tail = excess / np.exp(point[0]), point[1]
        if not 0.0 <= tail < 0.9:
            return np.inf
        squared = ratio**2 if tail < 1e-6 else lambertw(tail * ratio**2).real / tail
        score, slope = np.sqrt(squared), 0.5 * tail * squared + np.log1p(tail * squared) + point[0]
        return float((0.5 * (edge + score) ** 2 + slope).mean())

    first = np.array([np.log(np.median(excess)), 0.1])
    found = minimize(loss, first, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12, "maxiter": 2000})
    return float(np.exp(found.x[0])), float(found.x[1])


def at_interest(rates: NDArray[np.float64], interest: float) -> NDArray[np.bool_]:
    """Where a rate is the interest to the eight decimals in which venues state rates."""
    return np.asarray(np.abs(rates - interest) < 5e-9)


def _fit(
    rates: NDArray[np.float64],
    log_prices: NDArray[np.float64],
    interval: float,
    interest: float,
    clamp: float,
) -> tuple[list[Premium], float]:
    figures, scores, coefficients = [], [], []
    for index, row in enumerate(rates):
        known = row[~np.isnan(row)]
        law = fit_law(known, interest, clamp)
        score, series = normal_scores(row, at_interest(row, interest))
        figures.append(_memory(law, score, series, log_prices[index], interval))
        scores.append(score)
        coefficients.append(series)
    own = _own_correlation(figures, np.array(scores), coefficients, log_prices) if len(figures) > 1 else 0.0
    return figures, own


def _memory(
    law: PremiumLaw,
    scores: NDArray[np.float64],
    series: NDArray[np.float64],
    log_prices: NDArray[np.float64],
    interval: float,
) -> Premium:
    lags = np.unique(np.maximum(np.round(np.array(_LAG_DAYS) / interval).astype(int), 1))
    latent = np.array(
        [
            latent_correlation(float(np.nanmean(scores[lag:] * scores[:-lag])), series * series / factorials())
            for lag in lags
        ]
    )
    days = lags * interval

    def miss(point: NDArray[np.float64]) -> NDArray[np.float64]:
        fast, slow = 0.5 ** (days / np.exp(point[1])), 0.5 ** (days / np.exp(point[2]))
        return np.asarray((1 - point[0]) * fast + point[0] * slow - latent)

    bounds = ([0.0, np.log(interval / 8), np.log(2.0)], [1.0, np.log(2.0), np.log(120.0)])
    found = least_squares(miss, [0.5, np.log(0.5), np.log(15.0)], bounds=bounds)
    share, half_life, slow_half_life = float(found.x[0]), float(np.exp(found.x[1])), float(np.exp(found.x[2]))
    fast, slow = _price_correlations(scores, series, log_prices, interval, share, (half_life, slow_half_life))
    return Premium(law, half_life, fast, share, slow_half_life, slow)


def _price_correlations(
    scores: NDArray[np.float64],
    series: NDArray[np.float64],
    log_prices: NDArray[np.float64],
    interval: float,
    share: float,
    half_lives: tuple[float, float],
) -> tuple[float, float]:
    """Least squares on the correlations of the score with past returns over a day to two months."""
    if np.isnan(log_prices).all():
        return 0.0, 0.0
    columns = np.array([_past_weights(share, half_lives, past, interval) for past in _PAST_DAYS])
    observed = np.array([_past_correlation(scores, series, log_prices, round(past / interval)) for past in _PAST_DAYS])
    solved = np.linalg.lstsq(columns, observed, rcond=None)[0]
    length = float(np.hypot(*solved))
    shrink = min(1.0, _LARGEST_PRICE_SHARE / length) if length > 0 else 1.0
    return float(solved[0] * shrink), float(solved[1] * shrink)


def _past_correlation(
    scores: NDArray[np.float64], series: NDArray[np.float64], log_prices: NDArray[np.float64], count: int
) -> float:
    """Correlation of the normals behind the score and behind the return of the last intervals.

    Of the return only the sign is taken, which does not care for the fat tails of its size.
    """
    signs = np.sign(log_prices[count:] - log_prices[:-count])
    signs = signs - np.nanmean(signs)
    return latent_correlation(float(np.nanmean(scores[count:] * signs)), series * sign_coefficients() / factorials())


def _past_weights(share: float, half_lives: tuple[float, float], past: float, interval: float) -> tuple[float, float]:
    """What the price correlations of the fast and the slow part add to the score's with the return of past days."""
    lags = np.arange(round(past / interval))
    fast, slow = (float(response(half_life, interval, lags).sum()) / np.sqrt(len(lags)) for half_life in half_lives)
    return float(np.sqrt(1 - share) * fast), float(np.sqrt(share) * slow)


def _own_correlation(
    figures: Sequence[Premium],
    scores: NDArray[np.float64],
    series: Sequence[NDArray[np.float64]],
    log_prices: NDArray[np.float64],
) -> float:
    """Least squares over the pairs: their scores' correlation less what the prices' correlation explains."""
    signs = np.sign(np.diff(log_prices, axis=1))
    above = below = 0.0
    for first in range(len(figures)):
        for second in range(first):
            moment = float(np.nanmean(scores[first] * scores[second]))
            latent = latent_correlation(moment, series[first] * series[second] / factorials())
            agreement = signs[first] * signs[second]
            # Correlation of two normals from how often their signs agree: sin(pi/2 E[sign sign]).
            price = 0.0 if np.isnan(agreement).all() else float(np.sin(0.5 * np.pi * np.nanmean(agreement)))
            by_price, by_own = shared_variance(figures[first], figures[second], price)
            above += (latent - by_price) * by_own
            below += by_own**2
    return float(np.clip(above / below, 0.0, 0.99))


def rate_diagnostics(
    figures: Premium, series: FundingSeries, interval: float, interest: float, clamp: float
) -> dict[str, tuple[float, float]]:
    """Observed figures of the rate beside those of the model, the latter in closed form and so free of noise.

    Returns
    -------
    dict of str to (float, float)
        Observed and model: ``mean``, ``deviation``, ``share_at_interest``, ``quantile_1_percent`` to
        ``quantile_99_percent`` and
        ``autocorrelation_1``, ``_3``, ``_21`` of the rate (intervals); and, where prices are known,
        ``past_return_1d``, ``_7d``, ``_60d``: the correlation of the score with the return up to the settlement.
    """

    def rate_of(z: NDArray[np.float64]) -> NDArray[np.float64]:
        premium = figures.law.premium(z)
        return np.asarray(premium + np.clip(interest - premium, -clamp, clamp))

    rates = series.rates
    known = rates[~np.isnan(rates)]
    terms = hermite_of(rate_of)
    variance = (terms**2 / factorials())[1:]
    center = rates - known.mean()
    edges = ndtr(np.array([figures.law.low_score, figures.law.high_score]))
    found = {
        "mean": (float(known.mean()), float(terms[0])),
        "deviation": (float(known.std()), float(np.sqrt(variance.sum()))),
        "share_at_interest": (float(at_interest(known, interest).mean()), float(edges[1] - edges[0])),
    }
    for level in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
        model = float(rate_of(ndtri(np.array([level])))[0])
        found[f"quantile_{round(100 * level)}_percent"] = (float(np.quantile(known, level)), model)
    for lag in (1, 3, 21):
        days = lag * interval
        latent = figures.autocorrelation(np.array(days))
        model = float((variance * latent ** np.arange(1, HERMITE_TERMS)).sum() / variance.sum())
        observed = float(np.nanmean(center[lag:] * center[:-lag]) / known.var())
        found[f"autocorrelation_{lag}"] = (observed, model)
    if not np.isnan(series.log_prices).all():
        scores, coefficients = normal_scores(rates, at_interest(rates, interest))
        for past in (1, 7, 60):
            fast, slow = _past_weights(figures.slow_share, (figures.half_life, figures.slow_half_life), past, interval)
            model = fast * figures.price_correlation + slow * figures.slow_price_correlation
            observed = _past_correlation(scores, coefficients, series.log_prices, round(past / interval))
            found[f"past_return_{past}d"] = (observed, model)
    return found
