"""From a walk to its scores, with their intervals; the labels are put on elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from stresslab.backtest.bars import DAY
from stresslab.backtest.walking import LEVELS, LEVERAGES, SEED, SIDES, Plan, Walk
from stresslab.measures.backtesting import (
    Reliability,
    block_draws,
    bootstrap_interval,
    christoffersen,
    independence,
    kupiec,
    pinball,
    reliability,
    uniformity,
)

BLOCK_DAYS = 30
_COVERAGE_TESTS = ("kupiec_p_value", "christoffersen_p_value", "joint_p_value")
_OTHERS = ("exceedances", *_COVERAGE_TESTS, "uniformity_p_value", "independence_p_value", "reliability")
_DRAWS = 4_000
_LAGS = 10
EDGES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8])
"""Between the groups of forecasts of liquidation."""


@dataclass(frozen=True)
class Scores:
    """Every figure by model first; then level, side and asset as named. ``_lower`` and ``_upper`` are 95 % intervals.

    Parameters
    ----------
    exceedance_rate, exceedance_rate_lower, exceedance_rate_upper : numpy.ndarray
        Share of outcomes above the forecast, all assets together, [model, level, side].
    exceedances : numpy.ndarray
        How many, [model, level, side, asset].
    mean_collateral : numpy.ndarray
        Mean forecast, a share of notional, [model, level, side].
    pinball_loss : numpy.ndarray
        Mean, all assets together, [model, level, side].
    pinball_difference, pinball_difference_lower, pinball_difference_upper : numpy.ndarray
        Of the model less the first model, paired, [model, level, side]; positive where the first is better.
    kupiec_p_value, christoffersen_p_value, joint_p_value : numpy.ndarray
        [model, level, side, asset]; NaN where windows overlap.
    uniformity_p_value, independence_p_value : numpy.ndarray
        Of probability integral transforms, [model, side, asset]; NaN where windows overlap or are few.
    reliability : list of list of list of Reliability
        Of forecasts of liquidation, all assets together, by model, leverage and side.
    """

    exceedance_rate: NDArray[np.float64]
    exceedance_rate_lower: NDArray[np.float64]
    exceedance_rate_upper: NDArray[np.float64]
    exceedances: NDArray[np.int64]
    mean_collateral: NDArray[np.float64]
    pinball_loss: NDArray[np.float64]
    pinball_difference: NDArray[np.float64]
    pinball_difference_lower: NDArray[np.float64]
    pinball_difference_upper: NDArray[np.float64]
    kupiec_p_value: NDArray[np.float64]
    christoffersen_p_value: NDArray[np.float64]
    joint_p_value: NDArray[np.float64]
    uniformity_p_value: NDArray[np.float64]
    independence_p_value: NDArray[np.float64]
    reliability: list[list[list[Reliability]]]


def score(walk: Walk, plan: Plan) -> Scores:
    """Score a walk.

    Intervals come from a circular bootstrap of blocks of 30 days of origins, all assets together (at least one origin a
    block): neither assets nor days that follow each other count as independent. Where no outcome exceeded, the upper
    bound is 1 - 0.05^(1/n) with n origins (METHODS M23).

    Parameters
    ----------
    walk, plan : Walk and Plan
        From `walk_forward` and `plan_origins`.
    """
    models, origins, _, _, assets = walk.forecast.shape
    shape = (models, len(LEVELS), len(SIDES))
    figures = {field.name: np.full(shape, np.nan) for field in fields(Scores) if field.name not in _OTHERS}
    by_asset = {name: np.full((*shape, assets), np.nan) for name in _COVERAGE_TESTS}
    block = max(round(BLOCK_DAYS * DAY / plan.every), 1)
    rows = block_draws(origins, block, _DRAWS, SEED)
    outcome = walk.outcome[None, :, None]
    exceeded = outcome > walk.forecast  # [model, origin, level, side, asset]
    losses = np.stack([pinball(outcome[:, :, 0], walk.forecast[:, :, i], rate) for i, rate in enumerate(LEVELS)], 2)
    shares, means = exceeded.mean(axis=-1), losses.mean(axis=-1)
    figures["exceedance_rate"] = shares.mean(axis=1)
    figures["mean_collateral"] = walk.forecast.mean(axis=(1, 4))
    figures["pinball_loss"] = means.mean(axis=1)
    for model, level, side in np.ndindex(shape):
        at = model, level, side
        seen = shares[model, :, level, side]
        bounds = bootstrap_interval(seen, rows) if seen.any() else (0.0, 1.0 - 0.05 ** (1.0 / origins))
        figures["exceedance_rate_lower"][at], figures["exceedance_rate_upper"][at] = bounds
        apart = means[model, :, level, side] - means[0, :, level, side]
        figures["pinball_difference"][at] = apart.mean()
        bounds = bootstrap_interval(apart, rows)
        figures["pinball_difference_lower"][at], figures["pinball_difference_upper"][at] = bounds
        if not plan.overlapping and origins > 1:
            for asset in range(assets):
                by_asset_at = (*at, asset)
                _coverage_tests(by_asset, by_asset_at, exceeded[model, :, level, side, asset], LEVELS[level])
    uniform, independent = _transform_tests(walk, plan)
    return Scores(
        **figures,
        **by_asset,
        exceedances=exceeded.sum(axis=1),
        uniformity_p_value=uniform,
        independence_p_value=independent,
        reliability=_reliabilities(walk),
    )


def _coverage_tests(
    tables: dict[str, NDArray[np.float64]], at: tuple[int, ...], exceeded: NDArray[np.bool_], rate: float
) -> None:
    rates, tables["kupiec_p_value"][at] = kupiec(int(exceeded.sum()), len(exceeded), rate)
    clusters, tables["christoffersen_p_value"][at] = christoffersen(exceeded)
    tables["joint_p_value"][at] = float(chdtrc(2, rates + clusters))


def _transform_tests(walk: Walk, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    models, origins, sides, assets = walk.transform.shape
    uniform = np.full((models, sides, assets), np.nan)
    independent = uniform.copy()
    if plan.overlapping or origins < 3 * _LAGS:
        return uniform, independent
    for model, side, asset in np.ndindex(uniform.shape):
        transforms = walk.transform[model, :, side, asset]
        uniform[model, side, asset] = uniformity(transforms)[1]
        independent[model, side, asset] = independence(transforms, _LAGS)[1]
    return uniform, independent


def _reliabilities(walk: Walk) -> list[list[list[Reliability]]]:
    events = walk.outcome[:, None] >= 1.0 / np.array(LEVERAGES)[None, :, None, None]  # [origin, leverage, side, asset]
    return [
        [
            [
                reliability(forecasts[:, leverage, side].ravel(), events[:, leverage, side].ravel(), EDGES)
                for side in range(len(SIDES))
            ]
            for leverage in range(len(LEVERAGES))
        ]
        for forecasts in walk.liquidation
    ]
