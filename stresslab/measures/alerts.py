"""What margin alerts are worth: how often they come, how often in vain, and how long before a liquidation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.measures.intervals import wilson
from stresslab.measures.named import FEWEST, probability, quantiles, triple


def alerts_of_pool(
    alert_step: NDArray[np.int32],
    liquidation_step: NDArray[np.int32],
    steps: int,
    step: float,
    probabilities: Sequence[float],
) -> dict[str, object]:
    """Alerts of one pool, and what warning they gave (METHODS M58).

    Parameters
    ----------
    alert_step : numpy.ndarray
        Step at whose end the margin ratio was first seen below each level, [level, path]; steps + 1 if never.
    liquidation_step : numpy.ndarray
        Step of the liquidation, [path]; steps + 1 if never.
    steps : int
        Steps of the run.
    step : float
        Length of a step in days.
    probabilities : sequence of float
        Of the quantiles of the lead time.

    Returns
    -------
    dict of str to array_like
        With bounds: ``alert_probability`` and ``false_alarm_probability`` (an alert, and no liquidation until the
        horizon), [level]; ``unwarned_liquidation_share`` among liquidations, [level]; ``alert_lead_time`` in days,
        [level, quantile], in which a liquidation without a prior alert counts as 0. An alert in the very step of the
        liquidation is no warning. The last two are missing (NaN) with fewer than `FEWEST` liquidations.
    """
    alerted, liquidated = alert_step <= steps, liquidation_step <= steps
    values = probability("alert_probability", alerted)
    values |= probability("false_alarm_probability", alerted & ~liquidated)
    levels, cases = len(alert_step), int(np.count_nonzero(liquidated))
    if cases < FEWEST:
        values |= triple("unwarned_liquidation_share", np.full((3, levels), np.nan))
        return values | triple("alert_lead_time", np.full((3, levels, len(probabilities)), np.nan))
    lead = np.maximum(liquidation_step[liquidated] - alert_step[:, liquidated], 0)
    unwarned = np.count_nonzero(lead == 0, axis=-1)
    values |= triple("unwarned_liquidation_share", (unwarned / cases, *wilson(unwarned, cases)))
    ordered = np.sort(lead * step, axis=-1)
    by_level = [quantiles("alert_lead_time", row, probabilities) for row in ordered]
    return values | {name: np.array([row[name] for row in by_level]) for name in by_level[0]}
