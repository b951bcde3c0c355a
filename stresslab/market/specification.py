"""A market as data: which model, which assets, which parameters. No JAX here, so that checking a file stays fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.market.bar_rows import BarRows
from stresslab.market.funding import FundingSpecification
from stresslab.market.price_paths import PricePaths
from stresslab.market.sampling import Sampling
from stresslab.market.seasonality import Seasonality
from stresslab.market.stress import StressSpecification


@dataclass(frozen=True)
class MarketSpecification:
    """A checked market, ready to be built into a process.

    Parameters
    ----------
    model : str
        Name in the table of models (`stresslab.market.models`).
    assets : tuple of str
        Underlyings in the order of every array with an asset axis.
    start_prices : numpy.ndarray
        Price of each asset at the start, [asset], in the account's currency, positive.
    volatilities : numpy.ndarray
        Standard deviation of log returns, [asset], a year, not negative.
    drifts : numpy.ndarray
        Drift, [asset], a year; the mean log return of a step is (drift - volatility^2 / 2) dt (DESIGN section 8).
    correlation : numpy.ndarray
        Correlation of the Gaussian core, [asset, asset], symmetric positive semidefinite, unit diagonal.
    extra : dict
        The model's own parameters beyond these, by name; checked against the model's table of parameters.
    funding : FundingSpecification or None
        None where no funding is paid.
    history : BarRows or None
        Bars of the assets, in their order, where the model draws from the past.
    stress : StressSpecification or None
        An overlay on top of all this.
    paths : PricePaths or None
        Prices of the assets, in their order, where the user brings the paths.
    seasonality : Seasonality or None
        How volatile each hour of the week is, and in which of them the run begins; None where all are alike.
    sampling : Sampling or None
        How the draws of different paths hang together; None where paths are independent, as in every run. The law of
        a single path is the same.
    """

    model: str
    assets: tuple[str, ...]
    start_prices: NDArray[np.float64]
    volatilities: NDArray[np.float64]
    drifts: NDArray[np.float64]
    correlation: NDArray[np.float64]
    extra: dict[str, Any]
    funding: FundingSpecification | None = None
    history: BarRows | None = None
    stress: StressSpecification | None = None
    paths: PricePaths | None = None
    seasonality: Seasonality | None = None
    sampling: Sampling | None = None
