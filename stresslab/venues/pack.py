"""A venue's margin rules as data: dated, sourced, hashed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from stresslab.venues.rules.funding import UNKNOWN_FUNDING, FundingRules
from stresslab.venues.rules.margin_rules import PLAIN, MarginRules
from stresslab.venues.rules.procedures import WHOLE, Reduction
from stresslab.venues.tiers import TierTable


@dataclass(frozen=True)
class Symbol:
    """One contract that a venue lists.

    Parameters
    ----------
    name : str
        The venue's own name, such as ``BTCUSDT``.
    underlying : str
        The asset whose price moves it, such as ``BTC``.
    contract : str
        ``"linear"``: quantity in base units, money in the quote currency. ``"inverse"``: quantity in contracts, money
        in the underlying coin. ``"spot"``: the asset itself, in base units, paid in full.
    tiers : TierTable
        Maintenance margin and maximal leverage by notional, or by size where the rules say so; none and 1 if spot.
    contract_size : float
        Quote currency in one contract if inverse, positive; 1 if linear.
    rules : MarginRules
        How the requirement is reckoned and when it acts.
    limit : float or None
        Notional or size up to which the tiers are known; None where the last one has no end.
    """

    name: str
    underlying: str
    contract: str
    tiers: TierTable
    contract_size: float = 1.0
    rules: MarginRules = PLAIN
    limit: float | None = None


@dataclass(frozen=True)
class RulePack:
    """Everything about a venue that the margin engine needs, resolved before the kernel is compiled.

    Parameters
    ----------
    name, source : str
        The pack's name, and where and when its figures were read.
    effective : datetime.date
        Day from which the rules hold.
    funding_interval : float
        Hours between two settlements of funding, positive.
    liquidation_procedure : str
        ``"full"``: the whole pool is closed at once. ``"tiers"``: as much as leads into the tier below. ``"steps"``: a
        fixed share at a time.
    liquidation_fee_rate : float
        Fee on the liquidated notional, a fraction in [0, 1).
    remainder : str
        ``"returned"`` to the account or ``"forfeited"``: what happens to the equity left after closing.
    symbols : mapping of str to Symbol
        The contracts by name.
    text : str
        The pack's file as it was read; it is stored whole in every result.
    confidence : {"primary", "secondary", "inferred"} or None
        Whether the figures are the venue's own, another's copy of them, or worked out from its examples.
    funding : FundingRules
        How the rate of funding is made, bounded and paid.
    reduction : Reduction
        The figures of the procedure.
    backstop : float
        Share of the maintenance margin, in [0, 1]: where a pool's equity is below it, the venue takes the positions
        over and keeps all that is left. 0 where none does.
    """

    name: str
    source: str
    effective: dt.date
    funding_interval: float
    liquidation_procedure: str
    liquidation_fee_rate: float
    remainder: str
    symbols: Mapping[str, Symbol]
    text: str
    confidence: str | None = None
    funding: FundingRules = UNKNOWN_FUNDING
    reduction: Reduction = WHOLE
    backstop: float = 0.0

    @property
    def sha256(self) -> str:
        """Hash of the pack's text, in hexadecimal digits."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()
