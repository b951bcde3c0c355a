"""Stationary bootstrap of the past: bars of all assets drawn in blocks of random length (METHODS M39).

Politis and Romano, "The stationary bootstrap" (1994). Returns are brought to the market's volatilities and drifts; what
is kept is their shape, their dependence within a block and across assets, and how far each bar went on its way.
"""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator

from stresslab.market import filtered_history
from stresslab.market.bar_rows import standardized
from stresslab.market.specification import MarketSpecification

SUMMARY = "stationary bootstrap: real bars with their lows and highs, drawn in blocks"

streams = filtered_history.streams
step_fault = filtered_history.step_fault


class Parameters(BaseModel):
    """Where the bars are, and how they are drawn."""

    model_config = ConfigDict(extra="forbid", strict=True)

    histories: filtered_history.Histories
    bar: filtered_history.Bar = "1h"
    mean_block: filtered_history.MeanBlock = "1d"

    _has_long_blocks = field_validator("mean_block")(filtered_history.check_block)


def build(specification: MarketSpecification, step: float) -> filtered_history.FilteredHistory:
    """Parameters as arrays: the process of `filtered_history` with a variance that stays as it is.

    Parameters
    ----------
    specification : MarketSpecification
        A checked market with its history.
    step : float
        Length of a step in days, that of a bar.
    """
    history = specification.history
    assert history is not None, "the model comes with a history"
    none = np.zeros((len(specification.assets), 1))
    rows = standardized(history, np.ones_like(history.returns))
    return filtered_history.process(
        specification, history, rows, (none, none, none), specification.volatilities[:, None] ** 2
    )
