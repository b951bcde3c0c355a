"""Configurations run through the engine as they are, and the figures by which they are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.blocks import run_blocks
from stresslab.allocation.outcomes import Objective
from stresslab.allocation.sampling import Floats, check_allocatable
from stresslab.book.configuration import Configuration
from stresslab.margin.pool_engine import Outcome
from stresslab.margin.problem import Problem
from stresslab.measures.evaluate import NoValidPathError
from stresslab.measures.intervals import wilson
from stresslab.measures.tails import tail
from stresslab.scenario.scenario import Scenario

MEASURES = (
    "any_liquidation_probability",
    "k_liquidations_probability",
    "expected_liquidation_loss",
    "expected_loss",
    "expected_shortfall",
)


@dataclass(frozen=True)
class Check:
    """What became of configurations, path by path.

    Parameters
    ----------
    liquidated : numpy.ndarray
        Number of positions that were liquidated, [configuration, path].
    loss : numpy.ndarray
        Account value today less at the horizon, [configuration, path], money, positive = loss.
    liquidation_loss : numpy.ndarray
        What liquidated pools lost, [configuration, path], money.
    """

    liquidated: NDArray[np.int16]
    loss: Floats
    liquidation_loss: Floats

    def sample(self, measure: str, configuration: int, objective: Objective) -> NDArray[np.float64]:
        """Values whose mean is the measure, [path]; for the shortfall the excess form of M25."""
        if measure == "any_liquidation_probability":
            return np.asarray(self.liquidated[configuration] >= 1, np.float64)
        if measure == "k_liquidations_probability":
            return np.asarray(self.liquidated[configuration] >= objective.count, np.float64)
        if measure == "expected_liquidation_loss":
            return np.asarray(self.liquidation_loss[configuration], np.float64)
        loss = np.asarray(self.loss[configuration], np.float64)
        if measure == "expected_loss":
            return np.asarray(np.maximum(loss, 0.0))
        risk = tail(np.sort(loss), objective.level)
        return np.asarray(risk.value_at_risk + np.maximum(loss - risk.value_at_risk, 0.0) / (1.0 - objective.level))

    def figure(self, measure: str, configuration: int, objective: Objective) -> tuple[float, float, float]:
        """A measure with its 95 % interval: Wilson for a probability, normal elsewhere."""
        values = self.sample(measure, configuration, objective)
        mean = float(values.mean())
        if measure.endswith("probability"):
            lower, upper = wilson(int(values.sum()), values.size)
            return mean, float(lower), float(upper)
        half = 1.96 * float(values.std()) / math.sqrt(values.size)
        return mean, mean - half, mean + half

    def difference(self, measure: str, first: int, second: int, objective: Objective) -> tuple[float, float, float]:
        """First configuration less second on the same paths, with its 95 % interval (METHODS M26)."""
        values = self.sample(measure, first, objective) - self.sample(measure, second, objective)
        half = 1.96 * float(values.std()) / math.sqrt(values.size)
        return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half


def measure_of(objective: Objective) -> str:
    """Name of the measure that an objective makes least."""
    return {
        "expected-loss": "expected_liquidation_loss",
        "expected-shortfall": "expected_shortfall",
        "k-liquidations": "k_liquidations_probability",
    }.get(objective.name, "any_liquidation_probability")


def check(scenario: Scenario, configurations: Sequence[Configuration], threads: int | None = None) -> Check:
    """Run configurations through the engine on the paths of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Its seed names the paths.
    configurations : sequence of Configuration
        On which nothing acts.
    threads : int, optional
        Blocks in flight; by default one a core.

    Returns
    -------
    Check
        Paths without a finite outcome are left out.

    Raises
    ------
    AllocationError
        See `check_allocatable`.
    NoValidPathError
        If no path has a finite outcome.
    """
    check_allocatable(scenario)
    shape = len(configurations), scenario.paths
    liquidated = np.empty(shape, np.int16)
    loss, liquidation_loss = np.empty(shape, np.float32), np.empty(shape, np.float32)
    failed = np.empty(scenario.paths, np.bool_)

    def take(here: slice, problem: Problem, outcome: Outcome) -> None:
        width = here.stop - here.start
        failed[here] = np.asarray(outcome.failed)[:width]
        hit = np.asarray(outcome.liquidation_step)[:, :width] <= scenario.steps
        lost = -np.asarray(outcome.profit)[:, :width]
        for row, (configuration, stakes) in enumerate(zip(configurations, problem.configuration_stakes, strict=True)):
            sizes = np.array([len(pool.positions) for pool in configuration.pools], np.int16)
            gone = hit[list(stakes)]
            liquidated[row, here] = sizes @ gone
            loss[row, here] = lost[list(stakes)].sum(axis=0)
            liquidation_loss[row, here] = np.where(gone, lost[list(stakes)], 0.0).sum(axis=0)

    run_blocks(scenario, configurations, take, threads)
    if failed.all():
        raise NoValidPathError("no path has a finite outcome; the market leads beyond single precision")
    return Check(liquidated[:, ~failed], loss[:, ~failed], liquidation_loss[:, ~failed])
