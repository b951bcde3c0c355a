"""Outcomes written down by hand, as the account engine records them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.ledger_lines import LINES
from stresslab.margin.problem import Problem
from stresslab.simulation.outcomes import Outcomes

NEVER = 11


def outcomes(
    stakes: Sequence[tuple[int, ...]],
    liquidation_step: object,
    profit: object,
    *,
    accounts: tuple[int, ...] = (),
    closed_step: object = None,
    cash_used: object = None,
    alert_step: Mapping[int, NDArray[np.int32]] | None = None,
) -> Outcomes:
    """Ten steps of a day, every stake on a pool of its own; nothing failed."""
    steps = np.asarray(liquidation_step, np.int32)
    paths = steps.shape[1]
    return Outcomes(
        problem=cast(Problem, SimpleNamespace()),
        configuration_stakes=tuple(stakes),
        stake_pools=tuple(range(len(steps))),
        accounts=accounts,
        steps=10,
        step=1.0,
        snapshots=np.array([10], np.int32),
        required_collateral=np.zeros(steps.shape, np.float32),
        liquidation_step=steps,
        profit=np.asarray(profit, np.float32),
        insurance_draw=np.zeros(steps.shape, np.float32),
        driver=np.full(steps.shape, -1, np.int16),
        ledger=np.zeros((len(accounts), len(LINES), paths), np.float32),
        ledger_drift=np.zeros((len(accounts), paths), np.float32),
        log_price=np.zeros((1, paths), np.float32),
        failed=np.zeros(paths, np.bool_),
        ratio_edges=np.array([1.0, 2.0], np.float32),
        ratio_counts=np.zeros((1, len(steps), 2), np.int64),
        block_width=1024,
        compile_seconds=0.0,
        closed_step=steps if closed_step is None else np.asarray(closed_step, np.int32),
        cash_used=np.zeros((len(accounts), paths), np.float32)
        if cash_used is None
        else np.asarray(cash_used, np.float32),
        alert_step=dict(alert_step or {}),
    )
