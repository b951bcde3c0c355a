"""Kou's jumps from bars: what lies beyond the reach of the diffusion, and the memory that exponential sizes lack.

An exponential size beyond any bound is as exponential as before it. So bars beyond a multiple of their local deviation
tell the mean size of a jump, and how often they are met tells the rate of all jumps, those too small to be seen
included. Nothing is asked of each bar by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import Repair, nearest_correlation
from stresslab.calibration.estimate import Estimate, jackknife_errors
from stresslab.calibration.history import History
from stresslab.calibration.jump_fit import WEEK, bars_and_deviations, leaving_out_blocks

_YEAR = 365 * 86_400
_FLOOR_PER_ASSET = 1e-4
# Deviations beyond which a bar counts as one with a jump: of normal moves one in 1.7 million.
THRESHOLD = 5.0
_PASSES = 4
_LARGEST = {"mean_rise": 0.5, "mean_fall": 1.0}
_LEAST_SIZE = 1e-4
_MOST_JUMPS_A_YEAR = 10_000.0
_FEW_JUMPS = 20
# Bars and places of the common uniform over which the chance of being seen together is averaged.
_SAMPLE_BARS, _UNIFORMS = 500, 400


@dataclass(frozen=True)
class _Tail:
    """Jumps one way of one asset: how many a bar, their mean log size, and how many bars show one."""

    rate: float
    size: float
    seen: int


@dataclass(frozen=True)
class _Fit:
    """All figures of one set of bars; arrays are [asset]."""

    scale: NDArray[np.float64]
    correlation: NDArray[np.float64]
    repair: Repair
    rises: tuple[_Tail, ...]
    falls: tuple[_Tail, ...]
    common: float
    together: int

    @property
    def rates(self) -> NDArray[np.float64]:
        """Jumps a bar of each asset, of either kind and both ways."""
        return np.array([rise.rate + fall.rate for rise, fall in zip(self.rises, self.falls, strict=True)])

    @property
    def up(self) -> NDArray[np.float64]:
        """Share of them that goes up; a half where there are none."""
        return np.array([_share_up(rise, fall) for rise, fall in zip(self.rises, self.falls, strict=True)])


def _share_up(rise: _Tail, fall: _Tail) -> float:
    both = rise.rate + fall.rate
    return rise.rate / both if both > 0.0 else 0.5


def estimate_kou(windows: Sequence[History]) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit the model ``kou`` to bars.

    A bar's diffusion has the local volatility of the week around it (`local_deviations`) times one factor an asset. Of
    each asset and each way the bars beyond five local deviations give the mean size by maximum likelihood (the density
    of a normal and an exponential together, given that it is beyond the bound), and their number over the probability
    of a jump to be seen gives the rate. In the model all assets share the uniform that sets direction and size of a
    common jump, so the probability that one is seen in two assets or more is known, and the number of bars in which
    two or more are beyond the bound gives the rate of common jumps. What is left of an asset's rate is its own.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.

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
    rows, local = bars_and_deviations(windows, WEEK)
    interval = windows[0].interval
    a_year = _YEAR / interval
    fitted = _fit(rows, local)
    estimate = _estimate(fitted, local, a_year)
    replicates = []
    for kept, around in leaving_out_blocks(rows, local):
        replicates.append(_estimate(_fit(kept, around), around, a_year))
    errors = jackknife_errors(estimate, replicates)
    return estimate, errors, _remarks(windows, fitted)


def _fit(rows: NDArray[np.float64], local: NDArray[np.float64]) -> _Fit:
    assets = rows.shape[1]
    scale = np.ones(assets)
    # What the local volatility makes of small jumps is put right by what is known of the jumps, and again.
    for _ in range(_PASSES):
        deviation = local * scale
        rises = tuple(_tail(rows[:, a], deviation[:, a], _LARGEST["mean_rise"]) for a in range(assets))
        falls = tuple(_tail(-rows[:, a], deviation[:, a], _LARGEST["mean_fall"]) for a in range(assets))
        inside = np.abs(rows) <= THRESHOLD * deviation
        for a in range(assets):
            units = float((rows[inside[:, a], a] ** 2 / local[inside[:, a], a] ** 2).mean())
            hidden = _unseen_square(rises[a], deviation[:, a]) + _unseen_square(falls[a], deviation[:, a])
            scale[a] = np.sqrt(max(units - float((hidden / local[:, a] ** 2).mean()), 0.25 * units))
    deviation = local * scale
    beyond = np.abs(rows) > THRESHOLD * deviation
    standard = (rows / deviation)[~beyond.any(axis=1)]
    common, hidden = 0.0, np.zeros((assets, assets))
    together = int((beyond.sum(axis=1) >= 2).sum())
    if assets > 1:
        chance, hidden = _seen_together(rises, falls, deviation)
        rates = [rise.rate + fall.rate for rise, fall in zip(rises, falls, strict=True)]
        common = min(together / len(rows) / chance if chance > 0.0 else 0.0, *rates)
    # Small jumps that are an asset's own add to its squares and to no product: deviations are those of the diffusion.
    correlation = np.clip(standard.T @ standard / len(standard) - common * hidden, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    correlation, repair = nearest_correlation((correlation + correlation.T) / 2.0, _FLOOR_PER_ASSET * assets)
    return _Fit(scale, correlation, repair, rises, falls, common, together)


def _tail(rows: NDArray[np.float64], deviation: NDArray[np.float64], largest: float) -> _Tail:
    """Jumps upward of one asset, from the bars beyond the bound."""
    from scipy.optimize import minimize_scalar

    beyond = rows > THRESHOLD * deviation
    seen = int(beyond.sum())
    if seen == 0:
        return _Tail(0.0, _LEAST_SIZE, 0)
    # A few hundred bars, evenly through the ranks of their deviations, stand for all.
    ranks = np.linspace(0, len(rows) - 1, min(len(rows), 400)).round().astype(int)
    spread = np.sort(deviation)[ranks]
    beyond_rows, beyond_deviation = rows[beyond], deviation[beyond]

    def minus_log_likelihood(log_size: float) -> float:
        size = float(np.exp(log_size))
        density = _log_density(beyond_rows, beyond_deviation, size)
        return -float(density.sum()) + seen * float(np.log(_beyond(THRESHOLD, spread, size).mean()))

    bounds = (np.log(_LEAST_SIZE), np.log(largest))
    size = float(np.exp(minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded").x))
    return _Tail(seen / len(rows) / float(_beyond(THRESHOLD, spread, size).mean()), size, seen)


def _log_density(moves: NDArray[np.float64], deviation: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Log density of a normal and an exponential of that mean together."""
    from scipy.special import log_ndtr

    share = deviation / size
    return np.asarray(-np.log(size) - moves / size + 0.5 * share**2 + log_ndtr(moves / deviation - share))


def _beyond(bound: float, deviation: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Probability that a normal and an exponential together are beyond so many of the normal's deviations."""
    from scipy.special import log_ndtr, ndtr

    share = deviation / size
    return np.asarray(ndtr(-bound) + np.exp(0.5 * share**2 - bound * share + log_ndtr(bound - share)))


def _unseen_square(tail: _Tail, deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square of what jumps within the bound add to a bar."""
    from scipy.special import gammainc

    return np.asarray(tail.rate * 2.0 * tail.size**2 * gammainc(3.0, THRESHOLD * deviation / tail.size))


def _seen_together(
    rises: Sequence[_Tail], falls: Sequence[_Tail], deviation: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Of a common jump: the probability that two assets show it, and what its sizes multiply to where none does.

    The products are in units of the deviations, means over bars, [asset, asset]. Given the sizes, whether one asset
    shows the jump is taken for independent of whether another does.
    """
    from scipy.special import ndtr

    bars, assets = deviation.shape
    places = np.linspace(0, bars - 1, min(bars, _SAMPLE_BARS)).round().astype(int)
    # The uniform of a common jump: small ones are the largest rises, those near one the largest falls.
    half = np.geomspace(1e-9, 0.5, _UNIFORMS)
    uniform = np.concatenate([half, 1.0 - half[::-1][1:]])
    width = np.gradient(uniform)
    width /= width.sum() * len(places)
    none, one = np.ones((len(places), len(uniform))), np.zeros((len(places), len(uniform)))
    sizes = []
    for asset in range(assets):
        rise, fall = rises[asset], falls[asset]
        up = _share_up(rise, fall)
        upward = -rise.size * np.log(np.minimum(uniform / max(up, 1e-300), 1.0))
        downward = fall.size * np.log(np.minimum((1.0 - uniform) / max(1.0 - up, 1e-300), 1.0))
        units = np.where(uniform < up, upward, downward) / deviation[places, asset][:, None]
        seen = ndtr(units - THRESHOLD) + ndtr(-units - THRESHOLD)
        one = one * (1.0 - seen) + none * seen
        none = none * (1.0 - seen)
        sizes.append(units)
    weight = none * width
    products = np.array([[float((first * second * weight).sum()) for second in sizes] for first in sizes])
    return float(((1.0 - none - one) * width).sum()), products


def _estimate(fit: _Fit, local: NDArray[np.float64], a_year: float) -> Estimate:
    own = np.maximum(fit.rates - fit.common, 0.0)
    return Estimate(
        volatilities=fit.scale * np.sqrt((local**2).mean(axis=0) * a_year),
        correlation=fit.correlation,
        parameters={"common_jump_rate": min(fit.common * a_year, _MOST_JUMPS_A_YEAR)},
        repair=fit.repair,
        by_asset={
            "own_jump_rate": np.minimum(own * a_year, _MOST_JUMPS_A_YEAR),
            "up_probability": np.clip(fit.up, 1e-4, 1.0 - 1e-4),
            "mean_rise": np.array([tail.size for tail in fit.rises]),
            "mean_fall": np.array([tail.size for tail in fit.falls]),
        },
    )


def _remarks(windows: Sequence[History], fit: _Fit) -> tuple[str, ...]:
    remarks = []
    if len(windows) == 1:
        remarks.append("With a single asset no jump can be told to be common: all are its own.")
    elif fit.together < _FEW_JUMPS:
        remarks.append(f"{fit.together} bars show a jump in two assets or more; mind the error of the common rate.")
    elif fit.common == fit.rates.min():
        remarks.append("More bars show jumps together than the asset with the fewest has: its rate is the common one.")
    few = [
        window.asset
        for window, rise, fall in zip(windows, fit.rises, fit.falls, strict=True)
        if min(rise.seen, fall.seen) < _FEW_JUMPS
    ]
    if few:
        remarks.append(
            f"Fewer than {_FEW_JUMPS} bars of {', '.join(few)} are beyond {THRESHOLD:g} local deviations one way; mind "
            "the errors."
        )
    return tuple(remarks)
