"""Weighted estimates whose scatter cannot be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from stresslab.measures.weights import weighted_probability


def test_one_path_that_brings_everything_bounds_nothing():
    # Oracle: Wilson's upper bound at no hits of 10,000, z^2 / (n + z^2) with z = 1.96: what counting could say.
    values = np.zeros(10_000)
    values[7] = 1e-20
    estimate = weighted_probability(values)
    assert estimate.upper == pytest.approx(1.959964**2 / (10_000 + 1.959964**2), rel=1e-6)
    assert estimate.lower < estimate.probability
    # Control: a hundred such paths tell their own scatter, and the bound is near the estimate.
    values[:100] = 1e-20
    assert weighted_probability(values).upper < 2e-22
