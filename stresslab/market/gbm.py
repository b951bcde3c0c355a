"""Correlated geometric Brownian motion (METHODS M36)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

SUMMARY = "correlated geometric Brownian motion: constant volatility, normal log returns"


class Parameters(BaseModel):
    """Geometric Brownian motion needs nothing beyond volatilities, drifts and correlation."""

    model_config = ConfigDict(extra="forbid", strict=True)


def step_fault(step: float) -> str | None:
    """Any step will do: the process is exact on every grid."""
    return None
