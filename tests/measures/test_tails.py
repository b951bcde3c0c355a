"""Value at risk and expected shortfall against closed forms, exact counts and the definition by minimization."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri, stdtrit

from stresslab.measures.tails import tail

LEVELS = (0.95, 0.975, 0.99)

# METHODS O7, closed form: value at risk and expected shortfall at 95, 97.5 and 99 %.
TABLE = {
    "normal": ((1.644854, 2.062713), (1.959964, 2.337803), (2.326348, 2.665214)),
    "t4": ((2.131847, 3.202870), (2.776445, 3.993557), (3.746947, 5.220584)),
    "t3": ((2.353363, 3.874268), (3.182446, 5.039583), (4.540703, 7.003082)),
}
QUANTILES: dict[str, Callable[..., Any]] = {
    "normal": ndtri,
    "t4": lambda p: stdtrit(4, p),
    "t3": lambda p: stdtrit(3, p),
}
ROWS = [(name, level, *row) for name, rows in TABLE.items() for level, row in zip(LEVELS, rows, strict=True)]


def quantile_sample(name: str, paths: int) -> np.ndarray:
    """The quantiles in the middle of equal shares: a sample without sampling error."""
    return np.asarray(QUANTILES[name]((np.arange(paths) + 0.5) / paths))


@pytest.fixture(scope="module")
def samples():
    return {name: quantile_sample(name, 1_000_000) for name in TABLE}


@pytest.mark.parametrize(("name", "level", "value_at_risk", "shortfall"), ROWS)
def test_exact_samples_against_the_table(samples, name, level, value_at_risk, shortfall):
    result = tail(samples[name], level)
    # What is left is the width of a share of 1e-6: at most 5e-4 of the shortfall, in the heaviest tail.
    assert result.value_at_risk == pytest.approx(value_at_risk, rel=1e-4)
    assert result.expected_shortfall == pytest.approx(shortfall, rel=5e-4)
    assert result.value_at_risk_lower < result.value_at_risk < result.value_at_risk_upper


@pytest.mark.parametrize(("name", "level", "value_at_risk", "shortfall"), ROWS)
def test_random_samples_within_their_intervals(name, level, value_at_risk, shortfall):
    # One sample of 200,000 with a settled seed; four standard errors either way.
    random = np.random.default_rng(97)
    losses = np.sort(random.standard_normal(200_000) if name == "normal" else random.standard_t(int(name[1]), 200_000))
    result = tail(losses, level)
    assert abs(result.expected_shortfall - shortfall) < 4 * result.standard_error
    half = (result.value_at_risk_upper - result.value_at_risk_lower) / 2
    assert abs(result.value_at_risk - value_at_risk) < 2.1 * half


@pytest.mark.parametrize(("name", "error", "tolerance"), [("normal", 3.1993, 2e-4), ("t4", 12.8494, 1e-2)])
def test_standard_error_of_the_shortfall(samples, name, error, tolerance):
    # METHODS O5: sqrt(n) se(ES) at 97.5 %, quadrature. The squares of a t4 tail converge as 1/sqrt(n).
    result = tail(samples[name], 0.975)
    assert result.standard_error * 1_000 == pytest.approx(error, rel=tolerance)
    lower, upper = result.expected_shortfall_bounds
    assert upper - result.expected_shortfall == pytest.approx(1.959964 * result.standard_error, rel=1e-6)
    assert result.expected_shortfall - lower == pytest.approx(1.959964 * result.standard_error, rel=1e-6)


def test_standard_error_is_the_spread_over_samples():
    # 2,000 samples of 1,000 normal losses: the spread of the estimates, known to 1.6 %, beside the mean stated error.
    random = np.random.default_rng(5)
    results = [tail(np.sort(random.standard_normal(1_000)), 0.95) for _ in range(2_000)]
    spread = np.std([result.expected_shortfall for result in results])
    assert np.mean([result.standard_error for result in results]) == pytest.approx(spread, rel=0.06)


def test_tail_of_a_thousand_not_a_thousand_and_one():
    # METHODS M51: 100,000 paths at 99 % have 1,000 tail losses. Losses 1 to 100,000: the mean of 99,001 to 100,000 is
    # 99,500.5, and the next one below them is 99,000.
    result = tail(np.arange(1.0, 100_001.0), 0.99)
    assert result.value_at_risk == 99_000.0
    assert result.expected_shortfall == 99_500.5
    # Control: the count in floats would be 1,001, with a mean of 99,500.
    assert math.ceil(100_000 * (1 - 0.99)) == 1_001


@pytest.mark.parametrize(
    ("level", "value_at_risk", "shortfall"),
    [
        # Losses 1 to 10, by hand: sorted down, value at risk is number k + 1 for k whole tail losses.
        (0.8, 8.0, 9.5),
        (0.9, 9.0, 10.0),
        # 2.5 tail losses: 10, 9 and half of 8, over 2.5; value at risk 8.
        (0.75, 8.0, (10 + 9 + 0.5 * 8) / 2.5),
        # Half a loss: nothing but the boundary.
        (0.95, 10.0, 10.0),
    ],
)
def test_tails_by_hand(level, value_at_risk, shortfall):
    result = tail(np.arange(1.0, 11.0), level)
    assert result.value_at_risk == value_at_risk
    assert result.expected_shortfall == pytest.approx(shortfall, rel=1e-14)


def by_minimization(losses: np.ndarray, level: float) -> float:
    """The least of a + mean((L - a)+) / (1 - level) (METHODS M51); its corners are the losses themselves."""
    return min(float(a + np.maximum(losses - a, 0.0).mean() / (1 - level)) for a in losses)


@pytest.mark.parametrize("paths", [1, 7, 40, 101, 1_000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.975, 0.99])
def test_shortfall_is_the_minimum(paths, level):
    losses = np.sort(np.random.default_rng(paths).standard_t(3, paths)) * 1e5
    assert tail(losses, level).expected_shortfall == pytest.approx(by_minimization(losses, level), rel=1e-11)


def test_ties_of_a_frozen_pool():
    # Half of the paths lose the same 50: by hand at 75 %, all of the tail is 50, without error.
    result = tail(np.sort(np.repeat([-3.0, 50.0], 100)), 0.75)
    assert (result.value_at_risk, result.expected_shortfall, result.standard_error) == (50.0, 50.0, 0.0)


def test_standard_error_by_hand():
    # Losses 1 to 10 at 80 %: value at risk 8, excesses 1 and 2; variance (1 + 4) / 10 - 0.3^2 = 0.41.
    assert tail(np.arange(1.0, 11.0), 0.8).standard_error == pytest.approx(math.sqrt(0.041) / 0.2, rel=1e-12)


def test_no_error_is_stated_where_the_tail_holds_no_path():
    result = tail(np.arange(1.0, 31.0), 0.99)
    assert result.expected_shortfall == 30.0
    assert math.isnan(result.standard_error)
    assert all(math.isnan(bound) for bound in result.expected_shortfall_bounds)


def test_gains_are_negative_losses():
    # Losses -10 to -1, by hand: the worst two of ten are -1 and -2.
    result = tail(np.arange(-10.0, 0.0), 0.8)
    assert (result.value_at_risk, result.expected_shortfall) == (-3.0, -1.5)
