"""Models whose unit is the day: volatilities, correlations and tails of daily log returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import nearest_correlation, pearson_correlation, rank_correlation
from stresslab.calibration.degrees_of_freedom import fit_degrees_of_freedom
from stresslab.calibration.estimate import Estimate, cluster_error
from stresslab.calibration.history import History
from stresslab.calibration.range_volatility import daily_ranges, range_volatility
from stresslab.calibration.returns import MINIMUM_DAYS
from stresslab.calibration.shrinkage import shrinkage_intensity, shrunk_correlation
from stresslab.documents.faults import Fault, InputError

# Models whose figures are those of days; the only ones that have a choice of how to measure them.
DAILY_MODELS = ("gbm", "student_t", "copula_t")
# Models whose correlations come from Kendall's tau.
RANKED_MODELS = ("student_t", "copula_t")
DAYS_A_YEAR = 365
_GROUPS = 40
# Rounding to four decimals moves no eigenvalue by more than 0.5e-4 an asset (Weyl); a floor of twice that keeps the
# written matrix definite.
CORRELATION_DECIMALS = 4
_FLOOR_PER_ASSET = 1e-4


@dataclass(frozen=True)
class DailyChoices:
    """How volatilities and correlations of days are measured.

    Parameters
    ----------
    volatility : str
        One of `VOLATILITY_METHODS`.
    shrinkage : bool
        Draw correlations towards their mean (`shrinkage_intensity`).
    """

    volatility: str = "close"
    shrinkage: bool = False


def estimate_daily(
    histories: Sequence[History],
    returns: NDArray[np.float64],
    days: NDArray[np.datetime64],
    model: str,
    choices: DailyChoices,
) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit ``gbm``, ``student_t`` or ``copula_t`` to daily returns.

    Parameters
    ----------
    histories : sequence of History
        One an asset, for messages.
    returns : numpy.ndarray
        [day, asset], NaN where missing, no two columns still on the days they share (`still_pairs`).
    days : numpy.ndarray
        The days of the returns, [day], datetime64[D].
    model : str
        One of the three.
    choices : DailyChoices
        How to measure.

    Returns
    -------
    tuple
        The figures; one standard error of each, by the jackknife over 40 blocks of consecutive days; remarks.

    Raises
    ------
    InputError
        Where the prices move on too few days for a standard error, or too few days have all their bars for ranges.
    """
    ranges = None
    if choices.volatility != "close":
        ranges = daily_ranges(histories, days)
        _check_ranges(histories, ranges, choices.volatility)
    sample = _Sample(returns, ranges)
    estimate = _estimate(sample, model, choices)
    errors, left_out = _jackknife(histories, sample, model, choices, estimate)
    remarks = (*_left_out_remarks(histories, left_out), *_choice_remarks(histories, sample, choices))
    return estimate, errors, remarks


@dataclass(frozen=True)
class _Sample:
    """Returns, [day, asset], and where they are used ranges as `daily_ranges` has them."""

    returns: NDArray[np.float64]
    ranges: NDArray[np.float64] | None

    def without(self, group: NDArray[np.int_]) -> _Sample:
        ranges = None if self.ranges is None else np.delete(self.ranges, group, axis=0)
        return _Sample(np.delete(self.returns, group, axis=0), ranges)


def _check_ranges(histories: Sequence[History], ranges: NDArray[np.float64], method: str) -> None:
    whole = (~np.isnan(ranges).any(axis=2)).sum(axis=0)
    remedy = f"at least {MINIMUM_DAYS} are needed: give longer histories, or leave --volatility out"
    faults = [
        Fault(history.path, 1, 1, f"{history.asset}: {count} days with all their bars for {method}", remedy)
        for history, count in zip(histories, whole, strict=True)
        if count < MINIMUM_DAYS
    ]
    if faults:
        raise InputError(faults)


def _choice_remarks(histories: Sequence[History], sample: _Sample, choices: DailyChoices) -> tuple[str, ...]:
    remarks = []
    if sample.ranges is not None:
        closes = np.nanstd(sample.returns, axis=0, ddof=1) * np.sqrt(DAYS_A_YEAR)
        used = (~np.isnan(sample.ranges).any(axis=2)).sum(axis=0)
        listed = [
            f"{history.asset} {close:.4f} ({count} days)"
            for history, close, count in zip(histories, closes, used, strict=True)
        ]
        remarks.append(
            f"Volatilities are {choices.volatility}'s, of days with all their bars; from closes they would be (days "
            f"with all bars beside them) {', '.join(listed)}."
        )
    if choices.shrinkage:
        intensity = shrinkage_intensity(sample.returns)
        why = ": two assets or one have no other mean" if sample.returns.shape[1] < 3 else ""
        remarks.append(f"Correlations are drawn towards their mean by the share {intensity:.3f} (Ledoit-Wolf){why}.")
    return tuple(remarks)


def _estimate(sample: _Sample, model: str, choices: DailyChoices) -> Estimate:
    returns = sample.returns
    if sample.ranges is None:
        volatilities = np.nanstd(returns, axis=0, ddof=1) * np.sqrt(DAYS_A_YEAR)
    else:
        volatilities = range_volatility(sample.ranges, choices.volatility)
    raw = rank_correlation(returns) if model in RANKED_MODELS else pearson_correlation(returns)
    if choices.shrinkage:
        raw = shrunk_correlation(raw, shrinkage_intensity(returns))
    correlation, repair = nearest_correlation(raw, floor=_FLOOR_PER_ASSET * returns.shape[1])
    parameters = {"degrees_of_freedom": fit_degrees_of_freedom(returns, correlation)} if model == "student_t" else {}
    by_asset = {}
    if model == "copula_t":
        alone = [fit_degrees_of_freedom(column[:, None], np.eye(1)) for column in returns.T]
        by_asset["tail_degrees_of_freedom"] = np.array(alone)
    return Estimate(volatilities, correlation, parameters, repair, by_asset)


def still_pairs(returns: NDArray[np.float64], model: str) -> list[tuple[int, int | None]]:
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


def _jackknife(
    histories: Sequence[History], sample: _Sample, model: str, choices: DailyChoices, estimate: Estimate
) -> tuple[Estimate, list[list[tuple[int, int | None]]]]:
    """Standard errors, and what stands still in each replicate that had to be left out."""
    days = len(sample.returns)
    samples = [sample.without(group) for group in np.array_split(np.arange(days), min(_GROUPS, days))]
    still = [still_pairs(part.returns, model) for part in samples]
    replicates = [_estimate(part, model, choices) for part, pairs in zip(samples, still, strict=True) if not pairs]
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
