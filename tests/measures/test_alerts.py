"""Alerts by hand: thirteen paths, ten of them liquidated."""

from __future__ import annotations

import numpy as np
import pytest

from stresslab.measures.alerts import alerts_of_pool
from stresslab.measures.intervals import wilson

NEVER = 11
# Two levels, 2.0 and 1.2; ten steps of half a day. The last three paths are never liquidated: the first level alerts on
# two of them, the second on none. Paths 8 and 9 are liquidated by a jump: the level is seen in the same step, or never.
LIQUIDATION = np.array([2, 3, 4, 5, 6, 7, 8, 9, 10, 10, NEVER, NEVER, NEVER], np.int32)
ALERT = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 1, 10, NEVER, 1, 10, NEVER],
        [1, 2, 3, 4, 5, 6, 7, 9, 10, NEVER, NEVER, NEVER, NEVER],
    ],
    np.int32,
)


@pytest.fixture(scope="module")
def found():
    return alerts_of_pool(ALERT, LIQUIDATION, 10, 0.5, (0.1, 0.5, 0.9))


def test_probabilities(found):
    assert np.allclose(found["alert_probability"], [11 / 13, 9 / 13])
    assert np.allclose(found["false_alarm_probability"], [2 / 13, 0.0])
    lower, upper = wilson([2, 0], 13)
    assert np.allclose(found["false_alarm_probability_lower"], lower)
    assert np.allclose(found["false_alarm_probability_upper"], upper)


def test_an_alert_in_the_step_of_the_liquidation_is_no_warning(found):
    # First level: paths 8 and 9; second: path 7 too. Their intervals are those of ten liquidations, not of 13 paths.
    assert np.allclose(found["unwarned_liquidation_share"], [0.2, 0.3])
    assert np.allclose(found["unwarned_liquidation_share_upper"], wilson([2, 3], 10)[1])
    assert not np.allclose(found["unwarned_liquidation_share_upper"], wilson([2, 3], 13)[1])


def test_lead_time_counts_the_unwarned_as_nothing(found):
    # First level, in steps: 0, 0, 1, ..., 8, half a day each: ranks 1, 5 and 9 of ten. Second: 0, 0, 0, then 1 seven
    # times.
    assert np.allclose(found["alert_lead_time"], [[0.0, 1.5, 3.5], [0.0, 0.5, 0.5]])
    assert np.allclose(found["alert_lead_time_upper"][0, -1], 4.0)
    # Control: were the unwarned dropped, the median of 1 to 8 would be 4 steps.
    assert found["alert_lead_time"][0, 1] != 2.0


def test_nine_liquidations_are_too_few_for_lead_times():
    found = alerts_of_pool(ALERT[:, 1:], LIQUIDATION[1:], 10, 0.5, (0.5,))
    assert np.isnan(np.asarray(found["alert_lead_time"])).all()
    assert np.isnan(np.asarray(found["unwarned_liquidation_share_upper"])).all()
    # What is counted over all paths stands all the same.
    assert np.allclose(np.asarray(found["alert_probability"]), [10 / 12, 8 / 12])
