"""Markets with assets that nobody holds, so that markets of about the same size share a compiled program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.market.specification import MarketSpecification


def with_spare_assets(specification: MarketSpecification, count: int) -> MarketSpecification:
    """A market with more assets, behind its own and independent of them; draws of its own assets stay what they are.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market without an overlay, history or given paths.
    count : int
        Assets in the end, at least those that there are.
    """
    own = len(specification.assets)
    more = count - own
    if not more:
        return specification
    spare = tuple(f"spare\x1f{place}" for place in range(more))
    correlation = np.eye(count)
    correlation[:own, :own] = specification.correlation

    def filled(values: NDArray[np.float64], fill: float) -> NDArray[np.float64]:
        return np.concatenate([values, np.full(more, fill)])

    def figures(value: Any) -> Any:
        # Those of some asset: a model may divide by what is no parameter of volatility.
        return {**value, **dict.fromkeys(spare, next(iter(value.values())))} if isinstance(value, Mapping) else value

    return replace(
        specification,
        assets=(*specification.assets, *spare),
        start_prices=filled(specification.start_prices, 1.0),
        volatilities=filled(specification.volatilities, 0.0),
        drifts=filled(specification.drifts, 0.0),
        correlation=correlation,
        extra={name: figures(value) for name, value in specification.extra.items()},
    )
