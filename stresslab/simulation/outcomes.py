"""Outcomes of a run: per path for pools and stakes, counts over time for margin ratios."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.problem import Problem
from stresslab.simulation.scratch import Scratch

Figure = TypeVar("Figure", bound=np.generic)


@dataclass(frozen=True)
class Outcomes:
    """What became of every pool and stake on every path, in the order of the paths.

    The pools of configurations that the account engine took follow those of the pool engine, each with a stake of its
    own.

    Parameters
    ----------
    problem : Problem
        The pools and stakes of the pool engine, which the first rows stand for.
    configuration_stakes : tuple of tuple of int
        For each configuration the stake behind each of its pools, in the configuration's order.
    stake_pools : tuple of int
        Pool of each stake.
    accounts : tuple of int
        Configurations that the account engine took.
    steps : int
        Steps of the run.
    step : float
        Length of a step in days.
    snapshots : numpy.ndarray
        Steps after which margin ratios were counted, [snapshot].
    required_collateral : numpy.ndarray
        Collateral with which the pool just fails to survive, [pool, path], in the account's currency.
    liquidation_step : numpy.ndarray
        Step in which the stake was liquidated, [stake, path]; 0 today, steps + 1 if never.
    profit : numpy.ndarray
        Change of the stake's value to the horizon, [stake, path], signed, in the account's currency.
    insurance_draw : numpy.ndarray
        What was missing below zero at liquidation, [stake, path], not negative.
    driver : numpy.ndarray
        Position that ended the stake, by its place in the book, [stake, path], int16: the one whose pnl less
        requirement fell most from today to the liquidation. -1 if never, today, and in the account engine, where
        positions may be closed one by one.
    closed_step : numpy.ndarray
        Step in which the venue closed the rest of the stake, [stake, path]; that of the liquidation where it closes
        pools whole, steps + 1 if never.
    ledger : numpy.ndarray
        Sums of the ledger's lines (`stresslab.margin.ledger`) over the pools of each account, [account, line, path].
    ledger_drift : numpy.ndarray
        Rounding of the account: change of equity less the sum of the lines, absolute, [account, path].
    cash_used : numpy.ndarray
        Largest amount moved into the account from outside, net of what was moved out before, [account, path].
    alert_step : dict of int to numpy.ndarray
        Of each account that has alerts, by its place in `accounts`: step at whose end the margin ratio was first seen
        below each level, [level, pool, path], pools in the configuration's order; steps + 1 if never.
    log_price : numpy.ndarray
        Log of price over start price at the horizon, [asset, path].
    failed : numpy.ndarray
        True where a number of the path is not finite, [path]; such paths are left out of every estimate and reported.
    ratio_edges : numpy.ndarray
        Margin ratios above which paths were counted, [edge], rising from 1.
    ratio_counts : numpy.ndarray
        Number of paths above each edge, [snapshot, stake, edge].
    block_width : int
        Paths a block; part of the run's identity.
    compile_seconds : float
        Time that the compilation took; no part of the identity.
    scratch : Scratch
        Where the arrays per path stand.
    """

    problem: Problem
    configuration_stakes: tuple[tuple[int, ...], ...]
    stake_pools: tuple[int, ...]
    accounts: tuple[int, ...]
    steps: int
    step: float
    snapshots: NDArray[np.int32]
    required_collateral: NDArray[np.float32]
    liquidation_step: NDArray[np.int32]
    profit: NDArray[np.float32]
    insurance_draw: NDArray[np.float32]
    driver: NDArray[np.int16]
    closed_step: NDArray[np.int32]
    ledger: NDArray[np.float32]
    ledger_drift: NDArray[np.float32]
    cash_used: NDArray[np.float32]
    alert_step: dict[int, NDArray[np.int32]]
    log_price: NDArray[np.float32]
    failed: NDArray[np.bool_]
    ratio_edges: NDArray[np.float32]
    ratio_counts: NDArray[np.int64]
    block_width: int
    compile_seconds: float
    scratch: Scratch = field(default_factory=lambda: Scratch(on_disk=False), repr=False, compare=False)

    def column(self, figures: NDArray[Figure], row: int | tuple[int, ...], valid: NDArray[np.bool_]) -> NDArray[Figure]:
        """One figure on the paths that count, so that no more than one need be in memory.

        Parameters
        ----------
        figures : numpy.ndarray
            An array of the outcomes, [..., path].
        row : int or tuple of int
            Its row.
        valid : numpy.ndarray
            False where a path is left out, [path].

        Returns
        -------
        numpy.ndarray
            A copy, [valid path].
        """
        values: NDArray[Figure] = figures[row][valid]
        self.scratch.release()
        return values
