"""Multivariate Student-t diffusion: Brownian motion whose variance is drawn anew each day (DESIGN section 8, METHODS M41)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SUMMARY = "multivariate Student-t diffusion: one common variance draw a day gives joint fat tails"


class Parameters(BaseModel):
    """What the model adds to volatilities, drifts and correlation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    degrees_of_freedom: Annotated[
        float,
        Field(gt=2.0, le=1000.0, description="Degrees of freedom of daily returns; above 2, so that the variance exists."),
    ]


def step_fault(step: float) -> str | None:
    """The variance is drawn once a day, so the step must divide a day."""
    per_day = 1.0 / step
    if abs(per_day - round(per_day)) > 1e-9 * per_day:
        return "the step must divide a day, because the model draws its variance once a day"
    return None
