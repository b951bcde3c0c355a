"""How fat the tails of several assets are together: the degrees of freedom of a multivariate Student-t."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

# Degrees of freedom are sought where the variance exists and up to where the models' own range ends.
DEGREES_OF_FREEDOM = (2.5, 1000.0)
_SINGULAR = 1e-6


def fit_degrees_of_freedom(returns: NDArray[np.float64], correlation: NDArray[np.float64]) -> float:
    """Degrees of freedom of a multivariate Student-t of unit variance, by maximum likelihood.

    The variance of every asset is held at that of the sample and the correlation at the one given, so that the model
    keeps the sample's volatility whatever the tails; the likelihood is that of METHODS M41's vector, all assets sharing
    one mixing variance [Kotz and Nadarajah, Multivariate t Distributions, 2004, for the density]. Directions in which
    the correlation has no variance are left out: what is left of a multivariate t is one with the same degrees.

    Parameters
    ----------
    returns : numpy.ndarray
        [time, asset]; rows with a NaN are left out.
    correlation : numpy.ndarray
        [asset, asset], positive semidefinite.

    Returns
    -------
    float
        In [2.5, 1000]; at the upper end the tails are as thin as the normal's.
    """
    rows = returns[~np.isnan(returns).any(axis=1)]
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    values, vectors = np.linalg.eigh(correlation)
    kept = values > _SINGULAR
    dimension = int(kept.sum())
    radii = ((standard @ vectors[:, kept]) ** 2 / values[kept]).sum(axis=1)

    def loss(inverse: float) -> float:
        degrees = 1 / inverse
        constant = gammaln((degrees + dimension) / 2) - gammaln(degrees / 2) - dimension / 2 * np.log(degrees - 2)
        return float((degrees + dimension) / 2 * np.log1p(radii / (degrees - 2)).mean() - constant)

    low, high = DEGREES_OF_FREEDOM
    found = minimize_scalar(loss, bounds=(1 / high, 1 / low), method="bounded", options={"xatol": 1e-7})
    return float(1 / found.x)
