"""Merton's jumps from bars: a filter of local volatility, and the probability that a bar holds a jump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.bar_fitting import aligned_returns, check_length
from stresslab.calibration.correlation import Repair, nearest_correlation
from stresslab.calibration.estimate import Estimate, jackknife_errors
from stresslab.calibration.history import History
from stresslab.calibration.normal_density import minus_log_density

_YEAR = 365 * 86_400
WEEK = 7 * 86_400
_GROUPS = 20
_FLOOR_PER_ASSET = 1e-4
# Bars beyond this many local deviations are kept out of the local volatility.
TRUNCATION = 4.0
_MOST_ITERATIONS = 400
# Of logs and of means over deviations: a fraction of any standard error.
_TOLERANCE = 1e-3
_MOST_JUMPS_A_YEAR = 10_000.0
_FEW_JUMPS = 20


@dataclass(frozen=True)
class _Jumps:
    """Figures of one bar; arrays are [asset]."""

    scale: NDArray[np.float64]
    correlation: NDArray[np.float64]
    repair: Repair
    common_probability: float
    common_mean: NDArray[np.float64]
    common_deviation: NDArray[np.float64]
    own_probability: NDArray[np.float64]
    own_mean: NDArray[np.float64]
    own_deviation: NDArray[np.float64]


def estimate_merton(windows: Sequence[History], surroundings: int = WEEK) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit the model ``merton`` to bars (METHODS M42).

    A bar's diffusion has the local volatility of the week around it (`local_deviations`) times one factor an asset. A
    bar holds no jump, a common one, or one of a single asset; two in one bar are not thought of. Each bar's
    probabilities of the three follow from the joint normal densities, and every figure solves its moment equation
    weighted by them, again and again until nothing moves. The equations hold on average for the true figures, so jumps
    too small to be seen one by one are still counted. The volatility is the root mean square of the diffusion's.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.
    surroundings : int
        Seconds around a bar whose bars tell its diffusion; at least 24 bars.

    Returns
    -------
    tuple
        The figures (volatilities without the jumps); one standard error of each, by the jackknife over 20 blocks of
        consecutive bars; remarks.

    Raises
    ------
    InputError
        Where an asset has too few returns, or two have too few in common.
    """
    rows, local = bars_and_deviations(windows, surroundings)
    interval = windows[0].interval
    a_year = _YEAR / interval
    fitted = _fit(rows, local, _start(rows, local), _MOST_ITERATIONS)
    estimate = _estimate(fitted, local, a_year)
    replicates = []
    for kept, around in leaving_out_blocks(rows, local):
        replicates.append(_estimate(_fit(kept, around, fitted, _MOST_ITERATIONS), around, a_year))
    errors = jackknife_errors(estimate, replicates)
    return estimate, errors, _remarks(windows, fitted, len(rows))


def bars_and_deviations(
    windows: Sequence[History], surroundings: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log returns less their medians, where every asset has one, and the local deviation of each, both [bar, asset].

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.
    surroundings : int
        Seconds around a bar whose bars tell its diffusion; at least 24 bars count.

    Raises
    ------
    InputError
        Where an asset has too few returns, or two have too few in common.
    """
    returns = aligned_returns(windows)
    check_length(windows, returns)
    width = max(24, round(surroundings / windows[0].interval))
    deviations = np.stack([local_deviations(column, width) for column in returns.T], axis=1)
    there = ~np.isnan(returns).any(axis=1)
    rows = returns[there]
    return rows - np.median(rows, axis=0), deviations[there]


def leaving_out_blocks(
    rows: NDArray[np.float64], local: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Returns and deviations without each of 20 blocks of consecutive bars, for the jackknife."""
    for group in np.array_split(np.arange(len(rows)), _GROUPS):
        yield np.delete(rows, group, axis=0), np.delete(local, group, axis=0)


def local_deviations(returns: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Deviation of one bar's diffusion from the bars around it, by bipower variation without its largest bars.

    ``(pi / 2) mean |r(t)| |r(t - 1)|`` over the surrounding bars [Barndorff-Nielsen and Shephard 2004], a second time
    without bars beyond four such deviations.

    Parameters
    ----------
    returns : numpy.ndarray
        Log returns of one asset, [bar]; NaN where missing.
    width : int
        Bars in the surroundings, at least 2.

    Returns
    -------
    numpy.ndarray
        [bar], positive; never below a twentieth of the whole history's.
    """
    sizes = np.abs(returns)
    deviations = _bipower(sizes, width)
    return _bipower(np.where(sizes > TRUNCATION * deviations, np.nan, sizes), width)


def _bipower(sizes: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    products = np.concatenate([[np.nan], sizes[1:] * sizes[:-1]])
    there = ~np.isnan(products)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, products, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    bars = np.arange(len(sizes))
    low, high = np.maximum(bars - width // 2, 0), np.minimum(bars + (width + 1) // 2, len(sizes))
    whole = sums[-1] / max(counts[-1], 1)
    number = counts[high] - counts[low]
    mean = np.where(number > 0, (sums[high] - sums[low]) / np.maximum(number, 1), whole)
    return np.asarray(np.sqrt(np.pi / 2.0 * np.maximum(mean, whole / 400.0)))


def _start(rows: NDArray[np.float64], local: NDArray[np.float64]) -> _Jumps:
    """From the plain filter: a bar beyond the truncation jumps, together where two assets do."""
    beyond = np.abs(rows) > TRUNCATION * local
    together = beyond.sum(axis=1) >= 2
    alone = beyond & ~together[:, None]
    assets = rows.shape[1]
    large = 3.0 * TRUNCATION * np.median(local, axis=0) / 2.0
    correlation, repair = nearest_correlation(_correlation_of((rows / local)[~beyond.any(axis=1)]), 1e-4 * assets)
    bars = len(rows)
    return _Jumps(
        scale=np.ones(assets),
        correlation=correlation,
        repair=repair,
        common_probability=(together.sum() + 1.0) / bars if assets > 1 else 0.0,
        common_mean=np.zeros(assets),
        common_deviation=large,
        own_probability=(alone.sum(axis=0) + 1.0) / bars,
        own_mean=np.zeros(assets),
        own_deviation=large,
    )


def _correlation_of(rows: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    weighted = rows if weights is None else rows * weights[:, None]
    moments = weighted.T @ rows
    deviations = np.sqrt(np.diag(moments))
    correlation = moments / np.outer(deviations, deviations)
    correlation = (correlation + correlation.T) / 2.0
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def _fit(rows: NDArray[np.float64], local: NDArray[np.float64], jumps: _Jumps, most: int) -> _Jumps:
    for _ in range(most):
        following = _improved(rows, local, jumps)
        former, latter = _figures(jumps), _figures(following)
        jumps = following
        if np.abs(latter - former).max() < _TOLERANCE:
            break
    return jumps


def _figures(jumps: _Jumps) -> NDArray[np.float64]:
    """What must come to rest: logs of probabilities and deviations, means over deviations."""
    tiny = 1e-12
    return np.concatenate(
        [
            np.log(jumps.own_probability + tiny),
            [np.log(jumps.common_probability + tiny)],
            np.log(jumps.common_deviation + tiny),
            np.log(jumps.own_deviation + tiny),
            jumps.common_mean / (jumps.common_deviation + tiny),
            jumps.own_mean / (jumps.own_deviation + tiny),
        ]
    )


def _improved(rows: NDArray[np.float64], local: NDArray[np.float64], jumps: _Jumps) -> _Jumps:
    bars, assets = rows.shape
    deviation: NDArray[np.float64] = jumps.scale * local
    standard = rows / deviation
    inverse = np.asarray(np.linalg.inv(jumps.correlation), np.float64)
    # Of each asset given the others: its surprise, and the variance of that where it does not jump.
    precision = np.diag(inverse) / deviation**2
    surprise = standard @ inverse / deviation / precision
    variance = 1.0 / precision
    total = variance + jumps.own_deviation**2
    own = -0.5 * (np.log(total / variance) + (surprise - jumps.own_mean) ** 2 / total - surprise**2 / variance)
    own += np.log(jumps.own_probability + 1e-300)
    odds = [own]
    if assets > 1:
        odds.append(_common_odds(rows, deviation, standard, inverse, jumps)[:, None])
    none = max(1.0 - jumps.common_probability - float(jumps.own_probability.sum()), 1e-6)
    logs = np.concatenate([np.full((bars, 1), np.log(none)), *odds], axis=1)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    still, alone = weights[:, 0], weights[:, 1 : assets + 1]
    together = weights[:, assets + 1] if assets > 1 else np.zeros(bars)
    correlation, repair = nearest_correlation(_correlation_of(rows / local, still), _FLOOR_PER_ASSET * assets)
    own_total = alone.sum(axis=0) + 1e-12
    own_mean = (alone * surprise).sum(axis=0) / own_total
    own_square = (alone * ((surprise - own_mean) ** 2 - variance)).sum(axis=0) / own_total
    common_total = together.sum() + 1e-12
    common_mean = together @ rows / common_total
    common_square = together @ ((rows - common_mean) ** 2 - deviation**2) / common_total
    return _Jumps(
        scale=np.sqrt(still @ (rows / local) ** 2 / still.sum()),
        correlation=correlation,
        repair=repair,
        common_probability=float(together.mean()),
        common_mean=common_mean,
        common_deviation=np.sqrt(np.maximum(common_square, 1e-10)),
        own_probability=alone.mean(axis=0),
        own_mean=own_mean,
        own_deviation=np.sqrt(np.maximum(own_square, 1e-10)),
    )


def _common_odds(
    rows: NDArray[np.float64],
    deviation: NDArray[np.float64],
    standard: NDArray[np.float64],
    inverse: NDArray[np.float64],
    jumps: _Jumps,
) -> NDArray[np.float64]:
    """Log of the probability of a common jump times its density over that of no jump, [bar]."""
    size = jumps.common_deviation
    covariance = deviation.T[:, None] * deviation.T[None] + np.outer(size, size)[:, :, None]
    covariance *= jumps.correlation[:, :, None]
    jumping = minus_log_density(covariance, (rows - jumps.common_mean).T)
    plain = 0.5 * ((standard @ inverse) * standard).sum(axis=1) + np.log(deviation).sum(axis=1)
    plain += 0.5 * float(np.linalg.slogdet(jumps.correlation)[1])
    return np.asarray(plain - jumping + np.log(jumps.common_probability + 1e-300))


def _estimate(jumps: _Jumps, local: NDArray[np.float64], a_year: float) -> Estimate:
    rate = min(jumps.common_probability * a_year, _MOST_JUMPS_A_YEAR)
    return Estimate(
        volatilities=jumps.scale * np.sqrt((local**2).mean(axis=0) * a_year),
        correlation=jumps.correlation,
        parameters={"common_jump_rate": rate},
        repair=jumps.repair,
        by_asset={
            "common_jump_mean": np.clip(jumps.common_mean, -1.0, 1.0),
            "common_jump_deviation": np.clip(jumps.common_deviation, 0.0, 1.0),
            "own_jump_rate": np.minimum(jumps.own_probability * a_year, _MOST_JUMPS_A_YEAR),
            "own_jump_mean": np.clip(jumps.own_mean, -1.0, 1.0),
            "own_jump_deviation": np.clip(jumps.own_deviation, 0.0, 1.0),
        },
    )


def _remarks(windows: Sequence[History], jumps: _Jumps, bars: int) -> tuple[str, ...]:
    remarks = []
    if len(windows) == 1:
        remarks.append("With a single asset no jump can be told to be common: all are its own.")
    elif jumps.common_probability * bars < _FEW_JUMPS:
        remarks.append(
            f"Common jumps: {jumps.common_probability * bars:.1f} expected in the window; mind their errors."
        )
    few = [
        window.asset for window, share in zip(windows, jumps.own_probability, strict=True) if share * bars < _FEW_JUMPS
    ]
    if few:
        remarks.append(f"Own jumps of {', '.join(few)} are fewer than {_FEW_JUMPS} in the window; mind their errors.")
    return tuple(remarks)
