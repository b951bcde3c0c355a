"""Policies: what a desk does about its margin, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TopUp:
    """Money moved into a pool whose margin runs low, from a reserve outside the wallet.

    Parameters
    ----------
    name : str
        Name of the policy.
    trigger : float
        Margin ratio below which money is sent, above 1.
    target : float
        Margin ratio that it is meant to restore, above the trigger.
    cap : float
        Most that one pool gets in all, in the account's currency, positive.
    reserve : float
        Money that there is for all pools of the configuration, in the account's currency, positive.
    delay : float
        Days between the decision and the arrival, not negative; counted in whole steps, rounded up.
    """

    name: str
    trigger: float
    target: float
    cap: float
    reserve: float
    delay: float


Policy = TopUp
