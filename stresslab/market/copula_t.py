"""Student-t margins of each asset's own degrees of freedom, joined by a grouped t copula (METHODS M41).

As in `stresslab.market.student_t` one draw a day sets the variance of all assets; here each asset reads that draw by
its own degrees of freedom, after S. Daul, E. De Giorgi, F. Lindskog and A. McNeil, "The grouped t-copula with an
application to credit risk" (2003), every asset a group of its own. With equal degrees of freedom it is the t copula.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stresslab.market import student_t
from stresslab.market.parameters import Between, ByAsset, by_asset
from stresslab.market.specification import MarketSpecification

SUMMARY = "grouped t copula: Student-t margins with degrees of freedom by asset, one common variance draw a day"

streams = student_t.streams
step_fault = student_t.step_fault


class Parameters(BaseModel):
    """Tails of each asset."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tail_degrees_of_freedom: Annotated[
        ByAsset,
        Between(2.5, 1000.0),
        Field(
            description="Degrees of freedom of daily returns, by asset or one for all.",
            examples=[{"BTC": 4.5, "ETH": 3.8}],
        ),
    ]


def build(specification: MarketSpecification, step: float) -> student_t.StudentTDiffusion:
    """Parameters as arrays.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with ``tail_degrees_of_freedom`` among its extra parameters.
    step : float
        Length of a step in days; it divides a day.
    """
    degrees = by_asset(specification, "tail_degrees_of_freedom")[:, 0]
    return student_t.diffusion(specification, step, np.array([student_t.log_scale_table(nu) for nu in degrees]))
