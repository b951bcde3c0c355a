"""Monte Carlo stress simulator for leveraged portfolios of perpetual futures."""

from __future__ import annotations

__version__ = "0.1.0"
