"""What the account engine records beyond the outcome of every pool, as far as a run has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.margin.ledger_lines import LINES
from stresslab.simulation.outcomes import Outcomes


@dataclass(frozen=True)
class Recorded:
    """Arrays of the accounts; those that a run does not have are None or empty.

    Parameters
    ----------
    closed_step : numpy.ndarray or None
        Step in which the last of a pool was closed, [stake, path]; steps + 1 if never. The liquidation step is that of
        the first forced reduction. None where every liquidation closes the pool at once.
    cash_used : numpy.ndarray or None
        Largest net amount moved in so far from outside the wallet, [account, path], not negative.
    alert_step : mapping of int to numpy.ndarray
        By place among the run's accounts: step at which the margin ratio first fell below each level of the
        configuration's alerts, [level, pool, path], pools in the configuration's order; steps + 1 if never.
    """

    closed_step: NDArray[np.int32] | None
    cash_used: NDArray[np.float32] | None
    alert_step: Mapping[int, NDArray[np.int32]]


def recorded(outcomes: Outcomes) -> Recorded:
    """What a run recorded.

    Parameters
    ----------
    outcomes : Outcomes
        Per path. Without a record of the cash in use, what was moved in until the horizon stands for it: without
        withdrawals the sum of the transfers never falls.

    Returns
    -------
    Recorded
        Failed paths included.
    """
    cash = getattr(outcomes, "cash_used", None)
    if cash is None and outcomes.accounts:
        cash = np.maximum(outcomes.ledger[:, LINES.index("transfers")], 0.0)
    return Recorded(getattr(outcomes, "closed_step", None), cash, getattr(outcomes, "alert_step", None) or {})


def alert_levels(configuration: Configuration) -> tuple[float, ...]:
    """Margin ratios at which a configuration's desk is alerted, falling; empty without such a policy."""
    return next((tuple(policy.levels) for policy in configuration.policies if hasattr(policy, "levels")), ())


def cash_by_configuration(outcomes: Outcomes, valid: NDArray[np.bool_]) -> list[NDArray[np.floating] | None]:
    """Largest amount that each configuration moved in from outside the wallet, [path]; None where it keeps no account.

    Parameters
    ----------
    outcomes : Outcomes
        Per path.
    valid : numpy.ndarray
        False where a path failed and is left out, [path].
    """
    cash = recorded(outcomes).cash_used
    used: list[NDArray[np.floating] | None] = [None] * len(outcomes.configuration_stakes)
    for account, row in enumerate(outcomes.accounts):
        used[row] = None if cash is None else cash[account][valid]
    return used
