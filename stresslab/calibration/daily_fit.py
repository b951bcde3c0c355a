"""Models whose unit is the day: volatilities, correlations and tails of daily log returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import nearest_correlation, pearson_correlation, rank_correlation
from stresslab.calibration.degrees_of_freedom import fit_degrees_of_freedom
from stresslab.calibration.estimate import Estimate, cluster_error
from stresslab.calibration.history import History
from stresslab.documents.faults import Fault, InputError

# Models whose correlations come from Kendall's tau.
RANKED_MODELS = ("student_t", "copula_t")
DAYS_A_YEAR = 365
_GROUPS = 40
# Rounding to four decimals moves no eigenvalue by more than 0.5e-4 an asset (Weyl); a floor of twice that keeps the
# written matrix definite.
CORRELATION_DECIMALS = 4
_FLOOR_PER_ASSET = 1e-4


def estimate_daily(
    histories: Sequence[History], returns: NDArray[np.float64], model: str
) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit ``gbm``, ``student_t`` or ``copula_t`` to daily returns.

    Parameters
    ----------
    histories : sequence of History
        One an asset, for messages.
    returns : numpy.ndarray
        [day, asset], NaN where missing, no two columns still on the days they share (`still_pairs`).
    model : str
        One of the three.

    Returns
    -------
    tuple
        The figures; one standard error of each, by the jackknife over 40 blocks of consecutive days; remarks.

    Raises
    ------
    InputError
        Where the prices move on too few days for a standard error.
    """
    estimate = _estimate(returns, model)
    errors, left_out = _jackknife(histories, returns, model, estimate)
    return estimate, errors, _left_out_remarks(histories, left_out)


def _estimate(returns: NDArray[np.float64], model: str) -> Estimate:
    volatilities = np.nanstd(returns, axis=0, ddof=1) * np.sqrt(DAYS_A_YEAR)
    raw = rank_correlation(returns) if model in RANKED_MODELS else pearson_correlation(returns)
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
    histories: Sequence[History], returns: NDArray[np.float64], model: str, estimate: Estimate
) -> tuple[Estimate, list[list[tuple[int, int | None]]]]:
    """Standard errors, and what stands still in each replicate that had to be left out."""
    groups = np.array_split(np.arange(len(returns)), min(_GROUPS, len(returns)))
    samples = [np.delete(returns, group, axis=0) for group in groups]
    still = [still_pairs(sample, model) for sample in samples]
    replicates = [_estimate(sample, model) for sample, pairs in zip(samples, still, strict=True) if not pairs]
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
