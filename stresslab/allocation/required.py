"""Required collateral of a pool: quantiles with intervals, the whole curve, and the shadow price."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stresslab.measures.intervals import Bounds, curve_band, quantile_ranks


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, in the unit of the number."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class ShadowPrice:
    """What one more unit of collateral does to a pool.

    Parameters
    ----------
    probability : float
        Change of P(liquidation) per unit of money, not positive: minus the density of the required collateral.
    probability_error : float
        Its standard error.
    loss : float
        Change of the expected liquidation loss per unit of money, of either sign: what is rarer is larger.
    loss_error : float
        Its standard error.
    """

    probability: float
    probability_error: float
    loss: float
    loss_error: float


def required_collateral(required: NDArray[np.floating], probability: float) -> Estimate:
    """Collateral that leaves a target probability of liquidation (METHODS M60).

    Parameters
    ----------
    required : numpy.ndarray
        Required collateral, [path], money.
    probability : float
        Target of P(liquidation), in (0, 1).

    Returns
    -------
    Estimate
        The quantile ``1 - probability`` with its interval from order statistics (M25), at least 0.

    Raises
    ------
    ValueError
        If the target is not between 0 and 1.
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a target probability lies between 0 and 1, got {probability}")
    lower, rank, upper = quantile_ranks(round(1.0 - probability, 12), required.size)
    places = [lower - 1, rank - 1, upper - 1]
    ordered = np.partition(required, places)[places]
    bounds = [max(float(amount), 0.0) for amount in ordered]
    return Estimate(bounds[1], bounds[0], bounds[2])


def liquidation_curve(
    required: NDArray[np.floating], collateral: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """P(liquidation) that each amount of collateral leaves.

    Parameters
    ----------
    required : numpy.ndarray
        Required collateral, [path], money.
    collateral : array_like
        Amounts, [amount], money.

    Returns
    -------
    tuple of numpy.ndarray
        Share of the paths, lower and upper end of a band that holds over the whole curve (M27), [amount], in [0, 1].
    """
    ordered = np.sort(required)
    alive = np.searchsorted(ordered, np.asarray(collateral, dtype=ordered.dtype), side="left")
    share = 1.0 - alive / ordered.size
    band: Bounds = curve_band(share, ordered.size)
    return share, *band


def shadow_price(
    required: NDArray[np.floating],
    collateral: float,
    loss: float,
    loss_slope: float,
) -> ShadowPrice:
    """Derivatives in collateral by a kernel density of the required collateral.

    The kernel ``15/32 (1 - u^2)(3 - 7 u^2)`` is of fourth order: its bias falls with the fourth power of its width.
    The width is that of normal samples at half, so that the bias stays below the noise.

    Parameters
    ----------
    required : numpy.ndarray
        Required collateral, [path], money.
    collateral : float
        Where the derivative is taken, money.
    loss : float
        What a liquidation costs at that collateral, money (`stresslab.allocation.losses`).
    loss_slope : float
        Its derivative in collateral.

    Returns
    -------
    ShadowPrice
        With the expected liquidation loss ``g(C) = l(C) P(C)``, ``g' = l' P + l P'`` (METHODS M61); in a market that
        jumps a loss beyond the barrier is counted at the barrier.
    """
    sample = np.asarray(required, np.float64)
    paths = sample.size
    quarter, three = np.quantile(sample, [0.25, 0.75])
    spread = min(float(sample.std()), float(three - quarter) / 1.349) or float(sample.std())
    liquidated = sample >= collateral
    share = float(liquidated.mean())
    if spread == 0.0:
        return ShadowPrice(0.0, 0.0, loss_slope * share, 0.0)
    # Required collateral has an edge where the price never moved against the position. No kernel may reach across it.
    least = float(sample.min())
    width = min(1.5 * spread * paths ** (-1.0 / 9.0), max(collateral - least, 0.25 * spread))
    near = (sample - collateral) / width
    kernel = np.where(np.abs(near) < 1.0, 15.0 / 32.0 * (1.0 - near**2) * (3.0 - 7.0 * near**2), 0.0) / width
    slope = loss_slope * liquidated - loss * kernel
    root = math.sqrt(paths)
    return ShadowPrice(
        -float(kernel.mean()), float(kernel.std()) / root, float(slope.mean()), float(slope.std()) / root
    )
