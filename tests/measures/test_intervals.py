"""Intervals against tables, exact binomial sums and simulated coverage."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from stresslab.measures.intervals import curve_band, mean_bounds, paired_difference, quantile_ranks, wilson


@pytest.mark.parametrize(
    ("hits", "paths", "lower", "upper"),
    [
        # METHODS O5, closed form.
        (3, 1_000, 0.0010208, 0.0087830),
        (37, 100_000, 2.6846e-4, 5.0992e-4),
        (0, 1_000_000, 0.0, 3.8414e-6),
    ],
)
def test_wilson_against_the_table(hits, paths, lower, upper):
    low, high = wilson(hits, paths)
    assert low == pytest.approx(lower, rel=5e-5, abs=0.0)
    assert high == pytest.approx(upper, rel=5e-5)


def test_wilson_solves_its_equation():
    # Oracle: the bounds are the p at which (k/n - p)^2 = z^2 p (1 - p) / n, the test that Wilson inverts.
    z = 1.959963984540054
    hits, paths = np.array([1, 5, 17, 19]), 20
    for bound in wilson(hits, paths):
        assert (hits / paths - bound) ** 2 == pytest.approx(z**2 * bound * (1 - bound) / paths, rel=1e-10)


@pytest.mark.parametrize("paths", [1, 2, 200, 100_000, 10**9])
def test_wilson_at_the_ends(paths):
    lower, upper = wilson([0, paths], paths)
    assert lower[0] == 0.0
    assert upper[1] == 1.0
    # By hand: with no hit the upper bound is z^2 / (n + z^2), never 0; with all hits the same from above.
    bound = 1.959963984540054**2 / (paths + 1.959963984540054**2)
    assert upper[0] == pytest.approx(bound, rel=1e-12)
    assert 1 - lower[1] == pytest.approx(bound, rel=1e-6)
    assert upper[0] > 0.0


def test_wilson_takes_any_shape_and_holds_the_share():
    hits = np.arange(0, 1001, 7).reshape(-1, 11)
    lower, upper = wilson(hits, 1000)
    assert lower.shape == upper.shape == hits.shape
    assert (lower <= hits / 1000).all()
    assert (hits / 1000 <= upper).all()


# METHODS O5, M27.
@pytest.mark.parametrize(("paths", "half"), [(100_000, 0.004295), (1_000_000, 0.001358)])
def test_band_of_a_curve(paths, half):
    lower, upper = curve_band([0.5, 0.25], paths)
    assert upper - np.array([0.5, 0.25]) == pytest.approx([half, half], abs=5e-7)
    assert np.array([0.5, 0.25]) - lower == pytest.approx([half, half], abs=5e-7)


def test_band_stays_within_probabilities():
    lower, upper = curve_band([0.0, 1.0], 100)
    assert (lower[0], upper[1]) == (0.0, 1.0)
    assert upper[0] > 0.0
    assert lower[1] < 1.0


# METHODS O5, order statistics with 95 % binomial coverage.
RANKS = [
    (1_000, 0.99, 983, 997),
    (10_000, 0.975, 9_719, 9_781),
    (100_000, 0.99, 98_938, 99_062),
]


@pytest.mark.parametrize(("paths", "level", "lower", "upper"), RANKS)
def test_ranks_of_value_at_risk(paths, level, lower, upper):
    low, _, high = quantile_ranks(level, paths)
    assert (low, high) == (lower, upper)


def coverage(lower: int, upper: int, level: Fraction, paths: int) -> float:
    """P(L_lower <= quantile < L_upper) for a continuous loss: the sum of exact binomial terms."""
    p, q = level.numerator, level.denominator - level.numerator
    terms = sum(math.comb(paths, count) * p**count * q ** (paths - count) for count in range(lower, upper))
    return float(Fraction(terms, level.denominator**paths))


def test_coverage_of_the_ranks():
    # METHODS O5 states 97.6 % for this row.
    assert coverage(983, 997, Fraction(99, 100), 1_000) == pytest.approx(0.976, abs=5e-4)
    # Control: ranks one nearer at both ends lose coverage.
    assert coverage(984, 996, Fraction(99, 100), 1_000) < 0.961


@pytest.mark.parametrize("paths", [200, 500, 1_000, 2_000])
@pytest.mark.parametrize("level", ["0.05", "0.25", "0.5", "0.9", "0.95", "0.975"])
def test_ranks_cover_at_least_95_percent(paths, level):
    lower, rank, upper = quantile_ranks(float(level), paths)
    assert 1 <= lower <= rank <= upper <= paths
    assert coverage(lower, upper, Fraction(level), paths) >= 0.95


@pytest.mark.parametrize(
    ("paths", "level", "rank"),
    [
        # By hand: the smallest rank with a share of at least the level at or below it (METHODS M51).
        (100_000, 0.99, 99_000),
        (1_000, 0.975, 975),
        (1_000, 0.999, 999),
        (1_001, 0.99, 991),
        (8, 0.5, 4),
        (8, 0.01, 1),
        (8, 0.999, 8),
        (1, 0.5, 1),
        (10, 0.3, 3),
    ],
)
def test_rank_of_the_estimate(paths, level, rank):
    assert quantile_ranks(level, paths)[1] == rank


def test_ranks_of_tiny_samples_stay_within_them():
    for paths in (1, 2, 3, 10):
        for level in (0.0005, 0.01, 0.5, 0.9999):
            lower, rank, upper = quantile_ranks(level, paths)
            assert 1 <= lower <= rank <= upper <= paths


def test_ranks_of_the_largest_run():
    lower, rank, upper = quantile_ranks(0.99, 10**9)
    assert rank == 990_000_000
    # Normal limit: 1.96 sqrt(n p q) = 6,167.
    assert rank - lower == pytest.approx(6_167, abs=3)
    assert upper - rank == pytest.approx(6_167, abs=3)


def test_bounds_of_a_mean():
    lower, upper = mean_bounds([10.0, -1.0], [2.0, 0.0])
    # By hand: 1.959964 times the error to either side.
    assert lower == pytest.approx([6.080072, -1.0], abs=1e-6)
    assert upper == pytest.approx([13.919928, -1.0], abs=1e-6)


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return first, second


def test_paired_difference_against_a_published_example():
    # statpsych (D. G. Bonett's R package), ci.prop.ps(.05, 12, 4, 26, 6): [0.2548067, 0.6251933].
    first, second = pairs(6, 26, 4, 12)
    difference, lower, upper = paired_difference(first, second)
    assert difference == 22 / 48
    assert lower == pytest.approx(0.2548067, abs=5e-8)
    assert upper == pytest.approx(0.6251933, abs=5e-8)


def test_paired_difference_by_hand():
    # 98 paths, 1 and 7 discordant: shares 2/100 and 8/100, difference -0.06, variance (0.10 - 0.0036) / 100.
    difference, lower, upper = paired_difference(*pairs(20, 1, 7, 70))
    assert difference == pytest.approx(-6 / 98, rel=1e-14)
    assert lower == pytest.approx(-0.06 - 1.959963984540054 * math.sqrt(0.000964), rel=1e-12)
    assert upper == pytest.approx(-0.06 + 1.959963984540054 * math.sqrt(0.000964), rel=1e-12)


def test_paired_difference_is_antisymmetric_and_never_of_width_zero():
    first, second = pairs(3, 5, 2, 90)
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there == pytest.approx((-back[0], -back[2], -back[1]), rel=1e-14)
    difference, lower, upper = paired_difference(first, first)
    assert difference == 0.0
    assert lower < 0.0 < upper


def test_paired_difference_stays_within_minus_one_and_one():
    assert paired_difference(*pairs(0, 5, 0, 0))[2] <= 1.0
    assert paired_difference(*pairs(0, 0, 5, 0))[1] >= -1.0


def test_coverage_of_paired_differences():
    # 4,000 samples of 400 paths with P(only first) = 0.06 and P(only second) = 0.02: the difference is 0.04.
    # Nominal 95 %; four standard errors of a coverage of 0.95 are 0.014.
    random = np.random.default_rng(11)
    trials, paths = 4_000, 400
    counts = random.multinomial(paths, [0.1, 0.06, 0.02, 0.82], size=trials)
    bounds = np.array([paired_difference(*pairs(*row)) for row in counts])
    covered = np.mean((bounds[:, 1] <= 0.04) & (bounds[:, 2] >= 0.04))
    assert abs(covered - 0.95) < 0.014
    # Control: intervals of the two shares as if they were independent would be wider by far on correlated paths.
    shares = (counts[:, [0, 1]].sum(axis=1) / paths, counts[:, [0, 2]].sum(axis=1) / paths)
    independent = 2 * 1.96 * np.sqrt(sum(share * (1 - share) for share in shares) / paths)
    assert np.mean(bounds[:, 2] - bounds[:, 1]) < 0.8 * independent.mean()
