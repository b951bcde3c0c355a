from __future__ import annotations

import numpy as np
import pytest

from stresslab.calibration.correlation import nearest_correlation, pearson_correlation, rank_correlation


def test_nearest_correlation_of_the_published_three_by_three() -> None:
    # Higham, "Computing the nearest correlation matrix: a problem from finance", 2002: 0.7607, 0.1573, distance 0.5278.
    nearest, repair = nearest_correlation(np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    np.testing.assert_allclose(
        nearest, [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]], rtol=0, atol=5e-5
    )
    assert repair.distance == pytest.approx(0.5278, abs=5e-5)
    assert repair.smallest_eigenvalue == pytest.approx(1 - np.sqrt(2), abs=1e-12)


def test_nearest_correlation_of_the_published_tridiagonal_matrix() -> None:
    # The same paper, section 4: diagonal 2 beside -1; distance 2.13.
    matrix = 2 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1)
    nearest, repair = nearest_correlation(matrix)
    published = [-0.8084, 0.1916, 0.1068, -0.6562, 0.1916, -0.8084]
    np.testing.assert_allclose(nearest[np.triu_indices(4, 1)], published, rtol=0, atol=5e-5)
    assert repair.distance == pytest.approx(2.13, abs=0.005)


def test_repair_of_an_edited_matrix_against_the_roots_of_its_cubic() -> None:
    # METHODS M47: entries 0.9, 0.2, 0.9 have the smallest eigenvalue -0.17671. By symmetry the nearest has entries
    # a, 2 a^2 - 1, a; the derivative of 4 (a - 0.9)^2 + 2 (2 a^2 - 1 - 0.2)^2 is 0 where 32 a^3 - 11.2 a - 7.2 is.
    given = np.array([[1, 0.9, 0.2], [0.9, 1, 0.9], [0.2, 0.9, 1]])
    nearest, repair = nearest_correlation(given)
    root = max(np.roots([32, 0, -11.2, -7.2]).real)
    assert repair.smallest_eigenvalue == pytest.approx(-0.17671, abs=5e-6)
    assert nearest[0, 1] == pytest.approx(root, abs=1e-9)
    assert nearest[0, 2] == pytest.approx(2 * root**2 - 1, abs=1e-9)
    assert repair.distance == pytest.approx(np.sqrt(4 * (root - 0.9) ** 2 + 2 * (2 * root**2 - 1.2) ** 2), abs=1e-9)
    # Negative control: to clip the eigenvalues and scale back is a correlation matrix too, but not the nearest.
    values, vectors = np.linalg.eigh(given)
    clipped = (vectors * np.maximum(values, 0)) @ vectors.T
    clipped /= np.sqrt(np.outer(np.diag(clipped), np.diag(clipped)))
    assert np.linalg.norm(clipped - given) > repair.distance + 1e-4


def test_a_valid_matrix_is_returned_as_it_is() -> None:
    given = np.array([[1, 0.55], [0.55, 1]])
    nearest, repair = nearest_correlation(given)
    assert np.array_equal(nearest, given)
    assert repair.distance == 0
    assert repair.smallest_eigenvalue == pytest.approx(0.45)


def test_the_floor_survives_rounding_to_four_decimals() -> None:
    # Weyl: rounding moves an eigenvalue by at most assets * 0.5e-4; three equal assets are the worst that data can do.
    nearest, _ = nearest_correlation(np.ones((3, 3)), floor=3e-4)
    assert np.linalg.eigvalsh(nearest)[0] == pytest.approx(3e-4, abs=1e-9)
    assert np.linalg.eigvalsh(nearest.round(4))[0] > 0


def test_an_asymmetric_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        nearest_correlation(np.array([[1, 0.2], [0.3, 1]]))


def test_pairs_are_estimated_over_the_rows_that_both_have() -> None:
    nan = np.nan
    returns = np.array([[1.0, 2, nan], [2, 4, 3], [3, 7, 2], [4, nan, 1], [nan, 1, 5]])
    pearson = pearson_correlation(returns)
    # By hand: x = -1, 0, 1 and y = 2, 4, 7 about their means: 5 / sqrt(2 * 38/3).
    assert pearson[0, 1] == pytest.approx(5 / np.sqrt(2 * 38 / 3))
    assert pearson[0, 2] == pytest.approx(-1)
    # Kendall by hand: all three pairs of rows concordant, tau = 1; rows 2, 3, 5 of the others: all discordant.
    rank = rank_correlation(returns)
    assert rank[0, 1] == pytest.approx(1)
    assert rank[1, 2] == pytest.approx(-np.sin(np.pi / 2))


def test_one_outlier_moves_the_product_moment_and_not_the_ranks() -> None:
    generator = np.random.default_rng(7)
    core = generator.standard_normal((1000, 2)) @ np.linalg.cholesky(np.array([[1, 0.8], [0.8, 1]])).T
    # Asymptotic standard error of tau below sqrt(2 / n); times the slope pi / 2 cos of the sine.
    error = np.pi / 2 * np.sqrt(1 - 0.64) * np.sqrt(2 / 1000)
    assert rank_correlation(core)[0, 1] == pytest.approx(0.8, abs=4 * error)
    core[0] = [0.0, 60.0]
    assert rank_correlation(core)[0, 1] == pytest.approx(0.8, abs=4 * error)
    assert pearson_correlation(core)[0, 1] < 0.8 - 4 * error
