"""What pools require, and what positions earn while they are held, on one set of paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stresslab.allocation.blocks import run_blocks
from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.pool_figures import mark_of, notional_at, pnl_of
from stresslab.measures.evaluate import NoValidPathError
from stresslab.scenario.scenario import Scenario

if TYPE_CHECKING:
    from stresslab.margin.pool_engine import Outcome
    from stresslab.margin.problem import Problem

Floats = NDArray[np.float32]

# Collateral with which nothing is ever liquidated: no price moves by such a multiple of all that is held.
_PLENTY = 1000.0
_POOLS_AT_ONCE = 1024


class AllocationError(ValueError):
    """The question has no answer as it is asked. The message says why, and what would be right."""


@dataclass(frozen=True)
class Sample:
    """Outcomes on which every decision about collateral rests.

    Parameters
    ----------
    scenario : Scenario
        The question, with the seed and the number of paths that were used.
    pools : tuple of tuple of int
        Positions of each pool, rising; the first are the positions of the book alone, in their order.
    required : numpy.ndarray
        Collateral with which the pool just fails to survive the path, [pool, path], money, any sign (METHODS M60).
    held : numpy.ndarray
        Change of each position's value from today to the horizon if it is never liquidated, [position, path], signed.
    failed_paths : int
        Paths without a finite outcome, which are left out.
    """

    scenario: Scenario
    pools: tuple[tuple[int, ...], ...]
    required: Floats
    held: Floats
    failed_paths: int

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the positions."""
        return tuple(position.id for position in self.scenario.book.positions)

    @property
    def paths(self) -> int:
        """Number of paths."""
        return int(self.required.shape[1])

    def place(self, members: Sequence[int]) -> int:
        """Row of a pool by its positions."""
        return self._places[tuple(sorted(members))]

    @cached_property
    def _places(self) -> dict[tuple[int, ...], int]:
        return {pool: row for row, pool in enumerate(self.pools)}

    def held_by(self, members: Sequence[int]) -> Floats:
        """Change of value of a pool that is never liquidated, [path]."""
        total: Floats = self.held[list(members)].sum(axis=0)
        return total

    def first(self, paths: int) -> Sample:
        """The same question on the first of its paths."""
        return replace(self, required=self.required[:, :paths], held=self.held[:, :paths])


def check_allocatable(scenario: Scenario) -> None:
    """Refuse what no single required collateral describes.

    Raises
    ------
    AllocationError
        If funding is paid, the venue does more than close pools whole, or assets serve as collateral.
    """
    from stresslab.market.funding import build
    from stresslab.simulation.preparation import venue_acts

    if venue_acts(scenario) or build(scenario.market, scenario.step) is not None:
        raise AllocationError(
            "funding, partial liquidation, price impact or deleveraging acts on the pools, so that no single amount "
            "decides whether one survives; leave them out of the scenario, or use a venue that closes pools whole"
        )
    if any(position.is_collateral for position in scenario.book.positions):
        raise AllocationError("assets serve as collateral, and their value moves; give a book with cash alone")


def draw_sample(
    scenario: Scenario, pools: Sequence[Sequence[int]] = (), *, threads: int | None = None, horizon: float | None = None
) -> Sample:
    """Simulate every position alone, and pools of several.

    Parameters
    ----------
    scenario : Scenario
        Its seed and number of paths are used; the configurations and their policies are not.
    pools : sequence of sequence of int
        Further pools, as positions of the book.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.
    horizon : float, optional
        Days, a whole number of steps up to the scenario's horizon; by default that horizon. The paths are the same.

    Returns
    -------
    Sample
        Draws are a function of seed, path and step, so that pools that are added later lie on the same paths.

    Raises
    ------
    AllocationError
        See `check_allocatable`; also for a horizon that is not one of its steps.
    NoValidPathError
        If no path has a finite outcome.
    """
    check_allocatable(scenario)
    scenario = scenario if horizon is None else at_horizon(scenario, horizon)
    book = scenario.book
    plenty = _PLENTY * sum(notional_at(position, mark_of(position)) for position in book.positions)
    alone = tuple((position,) for position in range(len(book.positions)))
    wanted = tuple(dict.fromkeys([*alone, *(tuple(sorted(pool)) for pool in pools)]))
    required = np.empty((len(wanted), scenario.paths), np.float32)
    held = np.empty((len(alone), scenario.paths), np.float32)
    failed = np.empty(scenario.paths, np.bool_)

    place_of = {pool: row for row, pool in enumerate(wanted)}

    def take(here: slice, problem: Problem, outcome: Outcome) -> None:
        rows = [place_of[pool] for pool in problem.pools]
        stakes = [problem.configuration_stakes[row][0] for row in range(len(alone))]
        width = here.stop - here.start
        required[rows, here] = np.asarray(outcome.required_collateral)[:, :width]
        held[:, here] = np.asarray(outcome.profit)[stakes, :width]
        failed[here] = np.asarray(outcome.failed)[:width]

    # Many pools are taken in turns, so that what a block needs stays small.
    for begin in range(0, len(wanted), _POOLS_AT_ONCE):
        asked = tuple(dict.fromkeys([*alone, *wanted[begin : begin + _POOLS_AT_ONCE]]))
        configurations = [Configuration("", (Pool("", pool, plenty),), 0.0) for pool in asked]
        run_blocks(scenario, configurations, take, threads)
    if failed.all():
        raise NoValidPathError("no path has a finite outcome; the market leads beyond single precision")
    if failed.any():
        required, held = required[:, ~failed], held[:, ~failed]
    return Sample(scenario, wanted, required, held, int(failed.sum()))


def at_horizon(scenario: Scenario, horizon: float) -> Scenario:
    """The same question over fewer days; the paths begin in the same way.

    Raises
    ------
    AllocationError
        If the horizon is not a whole number of steps, or beyond the scenario's.
    """
    steps = round(horizon / scenario.step)
    if steps < 1 or steps > scenario.steps or abs(steps * scenario.step - horizon) > 1e-9:
        raise AllocationError(
            f"a horizon of {horizon:g} days is not within the scenario's {scenario.horizon:g} days in steps of "
            f"{scenario.step * 24:g} h; give one that is"
        )
    return replace(scenario, horizon=steps * scenario.step, steps=steps)


def pnl_today(scenario: Scenario, members: Sequence[int]) -> float:
    """Unrealized pnl of a pool today, signed, money."""
    return math.fsum(pnl_of(scenario.book.positions[index]) for index in members)
