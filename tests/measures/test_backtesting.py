"""Tests of forecasts against the published figures of METHODS O9."""

from __future__ import annotations

import numpy as np
import pytest

from stresslab.measures.backtesting import (
    block_draws,
    bootstrap_interval,
    christoffersen,
    independence,
    kupiec,
    pinball,
    reliability,
    uniformity,
)


@pytest.mark.parametrize(
    ("exceedances", "ratio"),
    [(0, 5.0252), (1, 1.1765), (2, 0.1084), (5, 1.9568), (6, 3.5554), (7, 5.4970), (10, 12.9555)],
)
def test_kupiec_of_the_table(exceedances: int, ratio: float) -> None:
    # METHODS O9, 250 forecasts at 1 %.
    assert kupiec(exceedances, 250, 0.01)[0] == pytest.approx(ratio, abs=5e-5)


def test_kupiec_p_value_and_what_is_not_rejected() -> None:
    assert kupiec(5, 250, 0.01)[1] == pytest.approx(0.1619, abs=5e-5)
    # O9: with 510 forecasts at 2.5 % 7 to 20 exceedances are not rejected at 5 %.
    kept = [x for x in range(510) if kupiec(x, 510, 0.025)[1] > 0.05]
    assert (kept[0], kept[-1]) == (7, 20)


def test_christoffersen_of_the_table() -> None:
    clustered, apart = np.zeros(250, dtype=bool), np.zeros(250, dtype=bool)
    clustered[[50, 51, 52, 120, 200]] = True
    apart[[30, 80, 130, 180, 230]] = True
    np.testing.assert_allclose(christoffersen(clustered), (9.8947, 0.0017), rtol=0, atol=5e-5)
    ratio, p_value = christoffersen(apart)
    assert ratio == pytest.approx(0.2049, abs=5e-5)
    assert p_value == pytest.approx(0.651, abs=5e-4)
    assert kupiec(5, 250, 0.01)[0] + christoffersen(clustered)[0] == pytest.approx(11.8515, abs=1e-4)


def test_the_true_quantile_has_the_least_pinball_loss() -> None:
    # By hand: 0.99 x 2 above, 0.01 x 3 below.
    np.testing.assert_allclose(pinball(np.array([5.0, 0.0]), np.array([3.0, 3.0]), 0.01), [1.98, 0.03])
    sample = np.random.default_rng(1).standard_normal(200_000)
    # Closed form: the mean loss of the normal quantile at 5 % is phi(1.644854) = 0.103136.
    at = {q: pinball(sample, np.full_like(sample, q), 0.05).mean() for q in (1.2, 1.644854, 2.1)}
    assert at[1.644854] == pytest.approx(0.103136, abs=4 * 0.4 / np.sqrt(200_000))
    assert at[1.644854] < min(at[1.2], at[2.1])


def test_transforms_of_a_right_forecast_are_uniform_and_independent() -> None:
    generator = np.random.default_rng(2)
    rejected = np.array(
        [(uniformity(u)[1] < 0.05, independence(u)[1] < 0.05) for u in generator.random((400, 200))]
    ).mean(axis=0)
    # Binomial: 5 % of 400 with a standard error of 1.1 points; Kolmogorov's limit is a little shy at 200.
    assert (np.abs(rejected - 0.05) < 4 * 0.011).all()
    # Controls: a forecast that is too narrow, and one whose errors last.
    assert uniformity(generator.random(200) ** 1.5)[1] < 0.01
    steps = np.cumsum(generator.standard_normal(200))
    assert independence(np.argsort(np.argsort(steps)) / 200)[1] < 0.01


def test_brier_score_of_the_table() -> None:
    forecasts = np.repeat([0.1, 0.5, 0.9], [100, 50, 50])
    events = np.concatenate([np.arange(100) < 8, np.arange(50) < 27, np.arange(50) < 46])
    found = reliability(forecasts, events, np.array([0.3, 0.7]))
    assert found.brier == pytest.approx(0.118)
    parts = (found.reliability, found.resolution, found.uncertainty)
    np.testing.assert_allclose(parts, (0.0007, 0.123675, 0.240975), rtol=1e-9)
    assert found.spiegelhalter == pytest.approx(-0.8165, abs=5e-5)
    assert found.count.tolist() == [100, 50, 50]
    np.testing.assert_allclose(found.observed, [0.08, 0.54, 0.92])


def test_an_empty_group_has_no_share() -> None:
    found = reliability(np.array([0.1, 0.2]), np.array([False, True]), np.array([0.5]))
    assert np.isnan(found.observed[1])
    assert np.isnan(found.upper[1])
    assert found.brier == pytest.approx((0.01 + 0.64) / 2)


def test_blocks_are_consecutive_and_reach_every_row_alike() -> None:
    rows = block_draws(50, 10, 2000, seed=3)
    assert rows.shape == (2000, 50)
    within = np.diff(rows.reshape(2000, 5, 10), axis=2)
    assert set(np.unique(within)) == {1, -49}
    # 100,000 places over 50 rows, in whole blocks of 10: standard error of a count about sqrt(2000 x 10) = 141.
    assert np.abs(np.bincount(rows.ravel()) - 2000).max() < 4 * 141


def test_the_interval_is_as_wide_as_the_blocks_demand() -> None:
    generator = np.random.default_rng(4)
    # Blocks of 10 equal values: the mean of 1,000 has the error of 100 independent ones, 0.1.
    values = np.repeat(generator.standard_normal(100), 10)
    lower, upper = bootstrap_interval(values, block_draws(1000, 100, 4000, seed=5))
    assert (upper - lower) / (2 * 1.96) == pytest.approx(0.1, rel=0.4)
    # Control: without blocks it is three times too narrow.
    lower, upper = bootstrap_interval(values, block_draws(1000, 1, 4000, seed=5))
    assert (upper - lower) / (2 * 1.96) < 0.045
