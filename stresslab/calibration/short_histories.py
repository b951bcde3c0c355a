"""Assets with a short history: their own figures, weighed against those of the assets with a long one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import nearest_correlation, pearson_correlation, rank_correlation
from stresslab.calibration.estimate import Estimate, cluster_error
from stresslab.calibration.history import History
from stresslab.calibration.returns import own_days

# Fewer daily returns than this are short, where two assets have at least twice as many.
SHORT_DAYS = 180
_FEWEST_LONG = 2
# A handful of assets may be alike by chance: the cross-section is never taken for narrower than this.
LEAST_SPREAD = 0.25
_GROUPS = 40
_YEAR = 365
_FLOOR_PER_ASSET = 1e-4
# Figures of an asset that are volatilities: the prior of their ratio to the asset's own volatility is the others'.
VOLATILITY_FIGURES = ("stress_volatility", "start_volatility", "volatility_of_variance")


@dataclass(frozen=True)
class Weighed:
    """An own figure and a prior, weighed by their precisions.

    Parameters
    ----------
    value : float
        ``weight own + (1 - weight) prior``.
    error : float
        Root of one over the sum of the precisions.
    weight : float
        Share of the own figure, between 0 and 1.
    """

    value: float
    error: float
    weight: float


def weigh(own: float, own_error: float, prior: float, prior_spread: float) -> Weighed:
    """Mean of two normal opinions by their precisions, the inverse squares of their errors (both positive)."""
    precision, prior_precision = own_error**-2, prior_spread**-2
    weight = precision / (precision + prior_precision)
    return Weighed(weight * own + (1 - weight) * prior, (precision + prior_precision) ** -0.5, weight)


def short_assets(histories: Sequence[History], since: dt.date | None, until: dt.date | None) -> list[int]:
    """Places of the histories that are too short to stand for themselves.

    Parameters
    ----------
    histories : sequence of History
        One an asset.
    since, until : datetime.date or None
        First and last day of the window that was asked for.

    Returns
    -------
    list of int
        Those with fewer than `SHORT_DAYS` daily returns, where at least two others have twice as many; else none.
    """
    counts = [len(own_days(history, since, until)) for history in histories]
    if sum(count >= 2 * SHORT_DAYS for count in counts) < _FEWEST_LONG:
        return []
    return [index for index, count in enumerate(counts) if count < SHORT_DAYS]


def with_short_assets(
    estimate: Estimate,
    errors: Estimate,
    returns: NDArray[np.float64],
    short: Sequence[int],
    names: Sequence[str],
    *,
    ranked: bool,
) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Figures of all assets from those of the long histories and the daily returns of all.

    Logs of volatilities and Fisher's z of correlations are weighed (`weigh`). A short asset's own volatility is that
    of its daily returns. Its error has two parts: the jackknife's, and how far the others' volatilities on the same
    days lie from those of the whole window (root mean square of the log ratio), since a few months may be quiet or
    wild for all. The prior is the mean of the others' logs, its spread their scatter times sqrt(1 + 1 / number), at
    least `LEAST_SPREAD`. Own correlations have the error 1 / sqrt(days - 3) of normal returns; their prior is the mean
    z of the others' pairs, its spread the pairs' scatter, at least `LEAST_SPREAD`. What the model fits beside the
    sample's volatility is the mean of the others: a volatility in proportion to the asset's own, other figures as
    they are. The standard error joins their scatter, their own errors, and of a volatility the asset's.

    Parameters
    ----------
    estimate, errors : Estimate
        Of the long histories, in their order.
    returns : numpy.ndarray
        Daily log returns in the window of the long histories, [day, asset], of all assets in the order wanted; NaN
        where there is none.
    short : sequence of int
        Columns of the short histories; the others are the long ones.
    names : sequence of str
        All assets.
    ranked : bool
        Correlations from Kendall's tau; else product-moment.

    Returns
    -------
    tuple
        Figures of all assets, their standard errors, and one remark for each short asset.
    """
    assets = returns.shape[1]
    long = [index for index in range(assets) if index not in short]
    samples = np.nanstd(returns, axis=0, ddof=1) * np.sqrt(_YEAR)
    ratio = float(np.mean(estimate.volatilities / samples[long]))
    logs = np.log(samples[long])
    prior, spread = float(logs.mean()), _spread(logs)
    volatilities, volatility_errors = _placed(estimate.volatilities, long, assets), np.zeros(assets)
    volatility_errors[long] = errors.volatilities
    own_correlation = (rank_correlation if ranked else pearson_correlation)(returns)
    correlation, correlation_errors = own_correlation.copy(), np.zeros((assets, assets))
    correlation[np.ix_(long, long)] = estimate.correlation
    correlation_errors[np.ix_(long, long)] = errors.correlation
    pairs = np.arctanh(np.clip(estimate.correlation[np.triu_indices(len(long), 1)], -0.999, 0.999))
    remarks = []
    for index in short:
        there = ~np.isnan(returns[:, index])
        own_error = float(np.hypot(_log_error(returns[there, index]), _window_error(returns[:, long], there)))
        weighed = weigh(float(np.log(samples[index])), own_error, prior, spread)
        volatilities[index] = ratio * np.exp(weighed.value)
        volatility_errors[index] = volatilities[index] * weighed.error
        weights = []
        for other in range(assets):
            if other == index:
                continue
            days = int((there & ~np.isnan(returns[:, other])).sum())
            z = float(np.arctanh(np.clip(own_correlation[index, other], -0.999, 0.999)))
            pair = weigh(z, (days - 3) ** -0.5, float(pairs.mean()), _spread(pairs))
            correlation[index, other] = correlation[other, index] = np.tanh(pair.value)
            spread_of_pair = (1 - np.tanh(pair.value) ** 2) * pair.error
            correlation_errors[index, other] = correlation_errors[other, index] = spread_of_pair
            weights.append(pair.weight)
        remarks.append(
            f"{names[index]} has a short history ({int(there.sum())} daily returns): its volatility weighs its own "
            f"{samples[index]:.4f} (relative standard error {own_error:.2f}) by {weighed.weight:.2f} and the others' "
            f"{np.exp(prior):.4f} (spread {spread:.2f}) by {1 - weighed.weight:.2f}; its correlations weigh its own "
            f"by {np.mean(weights):.2f} and the others' mean {np.tanh(pairs.mean()):.2f} by {1 - np.mean(weights):.2f}"
            "; all else that the model has of it is the others' mean."
        )
    correlation, repair = nearest_correlation(correlation, floor=_FLOOR_PER_ASSET * assets)
    by_asset, by_asset_errors = {}, {}
    for key, values in estimate.by_asset.items():
        per_unit = key in VOLATILITY_FIGURES
        shares = values / estimate.volatilities if per_unit else values
        scale = volatilities[short] if per_unit else np.ones(len(short))
        by_asset[key] = _placed(values, long, assets)
        by_asset[key][short] = shares.mean() * scale
        if key in errors.by_asset:
            by_asset_errors[key] = _placed(errors.by_asset[key], long, assets)
            others = errors.by_asset[key] / (estimate.volatilities if per_unit else 1.0)
            scatter = np.sqrt(shares.var(ddof=1) * (1 + 1 / len(long)) + (others**2).mean())
            own = shares.mean() * volatility_errors[short] if per_unit else 0.0
            by_asset_errors[key][short] = np.hypot(scatter * scale, own)
    whole = Estimate(volatilities, correlation, estimate.parameters, repair, by_asset)
    whole_errors = Estimate(volatility_errors, correlation_errors, errors.parameters, repair, by_asset_errors)
    return whole, whole_errors, tuple(remarks)


def _spread(values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return LEAST_SPREAD
    return max(float(values.std(ddof=1) * np.sqrt(1 + 1 / len(values))), LEAST_SPREAD)


def _log_error(returns: NDArray[np.float64]) -> float:
    groups = np.array_split(np.arange(len(returns)), min(_GROUPS, len(returns)))
    return float(cluster_error([np.log(np.delete(returns, group).std(ddof=1)) for group in groups]))


def _window_error(others: NDArray[np.float64], there: NDArray[np.bool_]) -> float:
    logs = np.log(np.nanstd(others[there], axis=0, ddof=1) / np.nanstd(others, axis=0, ddof=1))
    return float(np.sqrt((logs**2).mean()))


def _placed(values: NDArray[np.float64], places: Sequence[int], size: int) -> NDArray[np.float64]:
    result = np.zeros(size)
    result[list(places)] = values
    return result
