"""What a fit gives: figures of a model, with room for those that differ by asset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stresslab.calibration.correlation import Repair


@dataclass(frozen=True)
class Estimate:
    """Figures of a model, estimated from log returns of days or of bars.

    Parameters
    ----------
    volatilities : numpy.ndarray
        Standard deviation of log returns, [asset], a year of 365 days, positive.
    correlation : numpy.ndarray
        Correlation of the Gaussian core, [asset, asset], positive semidefinite.
    parameters : dict of str to float
        The model's own parameters by name, those that hold for all assets.
    repair : Repair
        What it took to make the correlation positive semidefinite.
    by_asset : dict of str to numpy.ndarray
        The model's own parameters by name, those that each asset has for itself, [asset].
    """

    volatilities: NDArray[np.float64]
    correlation: NDArray[np.float64]
    parameters: dict[str, float]
    repair: Repair
    by_asset: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def cluster_error(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Standard error from the estimates that leave out one block of days each (delete-a-group jackknife)."""
    return np.asarray(np.sqrt((len(values) - 1) * np.var(values, axis=0)))


def jackknife_errors(estimate: Estimate, replicates: Sequence[Estimate]) -> Estimate:
    """Standard errors of every figure of an estimate, from the same with each group of the data left out.

    Parameters
    ----------
    estimate : Estimate
        Of all data; the errors bear its figures' names, and its repair.
    replicates : sequence of Estimate
        One a group, with the same figures.
    """
    return Estimate(
        volatilities=cluster_error([one.volatilities for one in replicates]),
        correlation=cluster_error([one.correlation for one in replicates]),
        parameters={
            name: float(cluster_error([np.asarray(one.parameters[name]) for one in replicates]))
            for name in estimate.parameters
        },
        repair=estimate.repair,
        by_asset={name: cluster_error([one.by_asset[name] for one in replicates]) for name in estimate.by_asset},
    )
