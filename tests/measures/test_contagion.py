"""Liquidations given others, by hand."""

from __future__ import annotations

import numpy as np

from stresslab.measures.contagion import conditional_liquidation, first_liquidated, liquidations_or_more

# Four paths of three positions; 9 is never, in a run of 8 steps.
STEPS = np.array([[1, 9, 2, 9], [3, 9, 2, 4], [9, 9, 9, 9]], np.int32)


def test_by_hand():
    # Position 0 falls on two paths, on both of which position 1 falls too; position 1 on three, two of them with 0.
    table = conditional_liquidation(STEPS <= 8)
    np.testing.assert_allclose(table[:2], [[1.0, 1.0, 0.0], [2.0 / 3.0, 1.0, 0.0]])
    assert np.isnan(table[2]).all()
    # First: 0 on path 0, both on path 2, 1 on path 3.
    np.testing.assert_allclose(first_liquidated(list(STEPS), 8), [1.5 / 4.0, 1.5 / 4.0, 0.0])
    np.testing.assert_allclose(liquidations_or_more(STEPS <= 8), [0.75, 0.5, 0.0])


def test_independent_positions_do_not_drag_each_other():
    # Oracle: independent draws, P = 0.3; six standard errors.
    hit = np.random.default_rng(5).random((2, 100_000)) < 0.3
    assert abs(conditional_liquidation(hit)[0, 1] - 0.3) < 6 * np.sqrt(0.21 / 30_000)
    # Control: the same position twice does.
    assert conditional_liquidation(hit[[0, 0]])[0, 1] == 1.0
