"""Correlations drawn towards their mean, as far as the sample's own noise says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def shrinkage_intensity(returns: NDArray[np.float64]) -> float:
    """Share of the constant-correlation target in the covariance with the least expected error.

    [Ledoit and Wolf, "Honey, I Shrunk the Sample Covariance Matrix", 2004, appendix B.] The target has the sample's
    variances and one correlation, the mean of all pairs. The share is (pi - rho) / (gamma n): the sum of the
    asymptotic variances of the sample's covariances, less that of their covariances with the target's entries, over the
    squared distance of sample and target, and the number of days. Days are taken for independent.

    Parameters
    ----------
    returns : numpy.ndarray
        [time, asset]; rows with a NaN are left out.

    Returns
    -------
    float
        In [0, 1]; 0 for fewer than three assets, whose correlations are their own mean, and where the sample is the
        target.
    """
    rows = returns[~np.isnan(returns).any(axis=1)]
    count, assets = rows.shape
    if assets < 3 or count < 2:
        return 0.0
    rows = rows - rows.mean(axis=0)
    covariance = rows.T @ rows / count
    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    mean = (correlation.sum() - assets) / (assets * (assets - 1))
    target = mean * np.outer(deviations, deviations)
    np.fill_diagonal(target, np.diag(covariance))
    squares = rows**2
    noise = squares.T @ squares / count - covariance**2
    # Covariance of each variance (row) with each covariance of the same asset.
    joint = (rows**3).T @ rows / count - np.diag(covariance)[:, None] * covariance
    ratio = deviations[None, :] / deviations[:, None]
    np.fill_diagonal(joint, 0.0)
    shared = np.trace(noise) + mean * (ratio * joint).sum()
    distance = float(((target - covariance) ** 2).sum())
    if distance <= 1e-24 * float((covariance**2).sum()):
        return 0.0
    return float(min(max((noise.sum() - shared) / distance / count, 0.0), 1.0))


def shrunk_correlation(correlation: NDArray[np.float64], intensity: float) -> NDArray[np.float64]:
    """Correlations moved towards their mean by a share in [0, 1]; [asset, asset], unit diagonal."""
    assets = len(correlation)
    if assets < 2:
        return correlation
    mean = (correlation.sum() - assets) / (assets * (assets - 1))
    moved = (1 - intensity) * correlation + intensity * mean
    np.fill_diagonal(moved, 1.0)
    return np.asarray(moved)
