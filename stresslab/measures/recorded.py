"""What the account engine records beyond the outcome of every pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.simulation.outcomes import Outcomes


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
    used: list[NDArray[np.floating] | None] = [None] * len(outcomes.configuration_stakes)
    for account, row in enumerate(outcomes.accounts):
        used[row] = outcomes.column(outcomes.cash_used, account, valid)
    return used
