"""When margin ratios and survival are recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresslab.simulation.preparation import snapshot_steps


@given(steps=st.integers(1, 200_000), per_day=st.sampled_from([1, 3, 24, 288, 1440]))
def test_about_a_hundred_rising_steps_that_end_at_the_horizon(steps, per_day):
    snapshots = snapshot_steps(steps, 1.0 / per_day)
    assert snapshots.dtype == np.int32
    assert snapshots[-1] == steps
    assert snapshots[0] >= 1
    gaps = np.diff(snapshots, prepend=0)
    assert np.all(gaps >= 1)
    assert gaps.max() - gaps.min() <= 1
    assert len(snapshots) == steps if steps <= 100 else 75 <= len(snapshots) <= 125


@pytest.mark.parametrize(
    ("steps", "step", "count", "first"),
    [
        (90, 1.0, 90, 1),
        (2160, 1.0 / 24.0, 90, 24),
        (270, 1.0 / 3.0, 90, 3),
        (168, 1.0 / 24.0, 84, 2),
        (365 * 24, 1.0 / 24.0, None, None),
        (1, 1.0, 1, 1),
    ],
)
def test_whole_days_where_they_fit(steps, step, count, first):
    snapshots = snapshot_steps(steps, step)
    if count is None:
        # 365 days have no even split into whole days near a hundred; whole steps still do.
        assert 75 <= len(snapshots) <= 125
        return
    assert (len(snapshots), snapshots[0]) == (count, first)


def test_a_prime_number_of_steps_is_still_covered():
    snapshots = snapshot_steps(1009, 1.0)
    assert len(snapshots) == 100
    assert snapshots[-1] == 1009
