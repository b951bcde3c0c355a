"""Paths of bars drawn from the past in blocks, their volatility rebuilt by GARCH; in NumPy, for many short forecasts.

The laws are those of `stresslab.market.component_history` and `stresslab.market.filtered_history`: rows of all assets
together, blocks of geometric length that wrap around, each bar's low and high drawn and stretched with its return
(METHODS M37 to M39).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from stresslab.backtest.bars import DAY, Bars
from stresslab.market.component_filter import VarianceParts, filtered_parts

Extremes = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Weights:
    """How a variance follows the shocks of the bars, the same for all assets.

    Parameters
    ----------
    alpha, beta : float
        Weights of the last squared shock and of the last variance; their sum is below 1. Both 0: it stays as it is.
    """

    alpha: float = 0.0
    beta: float = 0.0


def filtered_variances(returns: NDArray[np.float64], mean_variance: NDArray[np.float64], weights: Weights) -> Extremes:
    """Variance before each bar, [row, asset], and after the last, [asset]; the first is the mean variance, [asset]."""
    inflow = (1.0 - weights.alpha - weights.beta) * mean_variance + weights.alpha * returns**2
    start = weights.beta * mean_variance[None, :]
    following, _ = lfilter([1.0], [1.0, -weights.beta], inflow, axis=0, zi=start)
    whole = np.vstack([mean_variance, following])
    return whole[:-1], whole[-1]


@dataclass(frozen=True)
class Filter:
    """A history as it is drawn from, and where its variances stand: the sum of weighted parts and a rest.

    Parameters
    ----------
    variances : numpy.ndarray
        Before each bar, [row, asset], in any unit.
    parts : numpy.ndarray
        Today's, [part, asset], in squares of a return; none for a variance that stays as it is.
    weights, decays : numpy.ndarray
        Of each part in the variance, and what is left of it after a bar, [part].
    rest : numpy.ndarray
        What of the variance no part moves, [asset].
    largest_shock : float
        Deviations up to which a shock counts.
    makeup : numpy.ndarray
        What shocks are multiplied by to make up for that limit, [asset].
    """

    variances: NDArray[np.float64]
    parts: NDArray[np.float64]
    weights: NDArray[np.float64]
    decays: NDArray[np.float64]
    rest: NDArray[np.float64]
    largest_shock: float
    makeup: NDArray[np.float64]


def garch_filter(past: Bars, mean_variance: NDArray[np.float64], weights: Weights) -> Filter:
    """The past through GARCH of given weights around a mean variance, [asset]; with both 0 the variance is that mean.

    A GARCH(1,1) is one part: with weight alpha / (1 - beta) the mean of past squared shocks that decays by beta.
    """
    assets = len(past.assets)
    ones = np.ones(assets)
    if weights.alpha == 0.0:
        none = np.zeros(0)
        return Filter(np.ones_like(past.returns), np.zeros((0, assets)), none, none, mean_variance, np.inf, ones)
    share = weights.alpha / (1.0 - weights.beta)
    rest = (1.0 - share) * mean_variance
    variances, last = filtered_variances(past.returns - past.returns.mean(axis=0), mean_variance, weights)
    parts = ((last - rest) / share)[None, :]
    return Filter(variances, parts, np.array([share]), np.array([weights.beta]), rest, np.inf, ones)


def component_filter(past: Bars, law: VarianceParts) -> Filter:
    """The past through the filter of the market model `component_history`."""
    found = filtered_parts(past.returns - past.returns.mean(axis=0), law, past.interval / DAY)
    rest = (1.0 - law.weights.sum()) * found.level
    return Filter(found.variances, found.parts, law.weights, law.decays, rest, law.largest_shock, found.makeup)


def drawn_extremes(
    past: Bars,
    seen: Filter,
    *,
    count: int,
    paths: int,
    mean_block: float,
    generator: np.random.Generator,
) -> Extremes:
    """Least and greatest log price over ``count`` bars from now on, over today's price.

    Parameters
    ----------
    past : Bars
        What is drawn from.
    seen : Filter
        The same through `garch_filter` or `component_filter`.
    count : int
        Bars to the horizon.
    paths : int
        Number of paths.
    mean_block : float
        Mean length of a block in bars, at least 1.
    generator : numpy.random.Generator
        Noise.

    Returns
    -------
    tuple of numpy.ndarray
        Lows, not positive, and highs, not negative, each [path, asset].
    """
    assets = len(past.assets)
    deviations = np.sqrt(seen.variances)
    residuals = (past.returns - past.returns.mean(axis=0)) / deviations
    center, spread = residuals.mean(axis=0), residuals.std(axis=0)
    stretched = (extremes / deviations / spread for extremes in (past.lows, past.highs))
    rows = np.hstack([(residuals - center) / spread, *stretched]).astype(np.float32)

    rest, makeup = seen.rest.astype(np.float32), seen.makeup.astype(np.float32)
    weights, decays = seen.weights.astype(np.float32), seen.decays.astype(np.float32)
    limit = np.float32(seen.largest_shock**2)
    parts = [np.broadcast_to(part, (paths, assets)) for part in seen.parts.astype(np.float32)]
    price = np.zeros((paths, assets), np.float32)
    low, high = np.zeros_like(price), np.zeros_like(price)
    row = generator.integers(0, len(rows), paths)
    for bar in range(count):
        if bar:
            begins = generator.random(paths, dtype=np.float32) < 1.0 / mean_block
            row = np.where(begins, generator.integers(0, len(rows), paths), (row + 1) % len(rows))
        drawn = rows[row]
        variance = rest + sum(weight * part for weight, part in zip(weights, parts, strict=True))
        deviation = np.sqrt(variance)
        shock = deviation * drawn[:, :assets]
        np.minimum(low, price + deviation * drawn[:, assets : 2 * assets], out=low)
        np.maximum(high, price + deviation * drawn[:, 2 * assets :], out=high)
        price += shock
        if parts:
            counted = makeup * np.minimum(shock * shock, limit * variance)
            parts = [decay * part + (1 - decay) * counted for decay, part in zip(decays, parts, strict=True)]
    return np.minimum(low, price).astype(np.float64), np.maximum(high, price).astype(np.float64)


def brownian_extremes(
    variance: NDArray[np.float64], *, count: int, paths: int, generator: np.random.Generator
) -> Extremes:
    """The same under Brownian motion without drift of the log price, exactly: end point, then bridge (METHODS M14).

    Parameters
    ----------
    variance : numpy.ndarray
        Of a bar, [asset].
    count, paths, generator
        As for `drawn_extremes`.
    """
    whole = variance * count
    end = np.sqrt(whole) * generator.standard_normal((paths, len(variance)))
    # 1 - U lies in (0, 1], where a logarithm exists.
    low, high = (np.sqrt(end**2 - 2.0 * whole * np.log(1.0 - generator.random(end.shape))) for _ in ("lows", "highs"))
    return (end - low) / 2.0, (end + high) / 2.0


def past_extremes(past: Bars, count: int) -> Extremes:
    """The same in every window of ``count`` bars without a gap that lies in the past, [window, asset].

    The past has at least ``count`` rows.
    """
    closes = np.vstack([np.zeros(len(past.assets)), np.cumsum(past.returns, axis=0)])
    windows = len(past.ends) - count + 1
    low, high = closes[:-1] + past.lows, closes[:-1] + past.highs
    lows, highs = _running(low, count, np.minimum), _running(high, count, np.maximum)
    whole = past.ends[count - 1 :] - past.ends[:windows] == (count - 1) * past.interval
    return np.minimum(lows - closes[:windows], 0.0)[whole], np.maximum(highs - closes[:windows], 0.0)[whole]


def _running(values: NDArray[np.float64], count: int, pick: np.ufunc) -> NDArray[np.float64]:
    """The least or greatest of each ``count`` rows in a row, [row - count + 1, asset]."""
    # Windows grow by their own length: log2(count) passes in place of count.
    length, found = 1, values
    while length < count:
        step = min(length, count - length)
        found = pick(found[: len(found) - step], found[step:])
        length += step
    return found
