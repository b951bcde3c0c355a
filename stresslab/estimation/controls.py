"""Control variates whose means are known in closed form: first passages of single legs, and prices at the end (M32)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.pool_barriers import barrier_distances
from stresslab.measures.first_passage import first_passage_probability
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import DAYS_PER_YEAR

# Collateral of the legs whose liquidation serves as a control, relative to what each gets alone: nearer and farther
# barriers see what a single one does not.
_MULTIPLES = (0.5, 1.0, 2.0)
# Controls that almost never vary are left out; what is almost certain has nothing to say.
_LEAST_CHANCE = 0.002


def control_legs(scenario: Scenario, configuration: Configuration) -> tuple[Pool, ...]:
    """Pools on one price that stand beside a target: its own, and the members of the others, each alone.

    A member's collateral is what it has in another configuration of the scenario where it stands alone, or else its
    share of the pool's by notional.

    Parameters
    ----------
    scenario, configuration : Scenario, Configuration
        The question, and the target's pools.

    Returns
    -------
    tuple of Pool
        Those with one barrier that is not reached today; may be empty.
    """
    positions = scenario.book.positions
    alone = {
        pool.positions: pool for each in scenario.configurations for pool in each.pools if len(pool.positions) == 1
    }
    legs: dict[tuple[int, ...], Pool] = {}
    for pool in configuration.pools:
        members = [positions[index] for index in pool.positions]
        if len({member.symbol.underlying for member in members}) == 1:
            legs[pool.positions] = pool
            continue
        sizes = [abs(member.quantity) * member.entry_price for member in members]
        for index, size in zip(pool.positions, sizes, strict=True):
            share = Pool(positions[index].id, (index,), pool.collateral * size / sum(sizes))
            legs.setdefault((index,), alone.get((index,), share))
    return tuple(leg for leg in legs.values() if _one_sided(scenario, leg, leg.collateral) is not None)


def brownian_controls(
    scenario: Scenario, legs: Sequence[Pool], outcomes: Outcomes, place: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Control variates of a Brownian run and their exact means: first passages of the legs, and prices at the end.

    Parameters
    ----------
    scenario : Scenario
        Of the run; its market is a geometric Brownian motion.
    legs : sequence of Pool
        Of `control_legs`, at least one.
    outcomes : Outcomes
        Of the run.
    place : int
        Number of the legs' configuration in it.

    Returns
    -------
    tuple of numpy.ndarray
        Controls, [control, path], and their means, [control].
    """
    market, years = scenario.market, scenario.horizon / DAYS_PER_YEAR
    rows: list[NDArray[np.float64]] = []
    known: list[float] = []
    for leg, stake in zip(legs, outcomes.configuration_stakes[place], strict=True):
        asset = market.assets.index(scenario.book.positions[leg.positions[0]].symbol.underlying)
        volatility, drift = float(market.volatilities[asset]), float(market.drifts[asset])
        for multiple in _MULTIPLES:
            barrier = _one_sided(scenario, leg, multiple * leg.collateral)
            if barrier is None:
                continue
            side, distance = barrier
            log_drift = -side * (drift - 0.5 * volatility**2)
            chance = first_passage_probability(distance, log_drift, volatility, years)
            if not _LEAST_CHANCE < chance < 1.0 - _LEAST_CHANCE:
                continue
            if multiple == 1.0:
                hit = outcomes.liquidation_step[stake] <= outcomes.steps
            else:
                hit = outcomes.required_collateral[outcomes.stake_pools[stake]] >= multiple * leg.collateral
            rows.append(hit.astype(np.float64))
            known.append(chance)
    for asset, moves in enumerate(outcomes.log_price):
        rows.append(np.exp(moves.astype(np.float64)))
        known.append(math.exp(float(market.drifts[asset]) * years))
    return np.stack(rows), np.array(known)


def _one_sided(scenario: Scenario, leg: Pool, collateral: float) -> tuple[int, float] | None:
    """Side, -1 for a fall, and distance of the only barrier; None where there are two, none, or it is reached."""
    if not collateral > 0.0:
        return None
    members = [scenario.book.positions[index] for index in leg.positions]
    lower, upper = barrier_distances(members, collateral)
    if math.isinf(lower) == math.isinf(upper):
        return None
    side, distance = (-1, lower) if math.isinf(upper) else (1, upper)
    return (side, distance) if distance > 0.0 else None
