"""Bates's model from bars: Merton's jumps, and Heston's variance of what is left without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stresslab.calibration.estimate import Estimate
from stresslab.calibration.history import History
from stresslab.calibration.jump_fit import TRUNCATION, estimate_merton, local_deviations
from stresslab.calibration.variance_fit import check_days, day_rows, estimate_variances, variance_remarks

# Shorter than Merton's week: a variance that moves by itself is another one after it.
SURROUNDINGS = 3 * 86_400


def estimate_bates(windows: Sequence[History]) -> tuple[Estimate, Estimate, tuple[str, ...]]:
    """Fit the model ``bates``: jumps and volatilities by `estimate_merton`, the variances' law by `estimate_variances`.

    Bars beyond four local deviations are left out of a day's realized variance, which is raised in proportion to the
    bars that remain [Mancini 2009 for the threshold]. Its mean still holds jumps too small for that, so the
    variance's volatility is taken in proportion to the volatility without jumps. Correlations are those of
    `sign_correlation`, of the bars that remain.

    Parameters
    ----------
    windows : sequence of History
        One an asset, of one length of bar.

    Returns
    -------
    tuple
        The figures (volatilities without the jumps); one standard error of each, the two parts each for itself;
        remarks.

    Raises
    ------
    InputError
        As `estimate_merton` and `estimate_heston` do.
    """
    rows = day_rows(windows)
    check_days(windows, rows.sum(axis=1))
    jumps, jump_errors, remarks = estimate_merton(windows, SURROUNDINGS)
    width = max(24, round(SURROUNDINGS / windows[0].interval))
    days, bars, assets = rows.shape
    flat = rows.reshape(-1, assets)
    local = np.stack([local_deviations(column, width) for column in flat.T], axis=1)
    beyond = (np.abs(flat) > TRUNCATION * local).reshape(days, bars, assets)
    # A bar without a move has no sign either.
    kept = np.where(beyond, 0.0, rows)
    realized = (kept**2).sum(axis=1) * bars / np.maximum((~beyond).sum(axis=1), 1)
    figures, errors = estimate_variances(kept, realized)
    ratio = jumps.volatilities / figures.volatilities
    key = "volatility_of_variance"
    law = {**figures.by_asset, key: figures.by_asset[key] * ratio}
    law_errors = {**errors.by_asset, key: errors.by_asset[key] * ratio}
    estimate = Estimate(
        jumps.volatilities, figures.correlation, jumps.parameters, figures.repair, {**law, **jumps.by_asset}
    )
    standard_errors = Estimate(
        jump_errors.volatilities,
        errors.correlation,
        jump_errors.parameters,
        figures.repair,
        {**law_errors, **jump_errors.by_asset},
    )
    said = variance_remarks([window.asset for window in windows], estimate)
    return estimate, standard_errors, (*remarks, *said)
