"""What would break each pool, as variables of a result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stresslab.book.book import Position
from stresslab.book.marks import with_marks
from stresslab.margin.reverse_stress import REACH, BreakingMove, breaking_move
from stresslab.measures.named import Arrays
from stresslab.results.variable import POOL, Variable
from stresslab.scenario.scenario import Scenario

_MISSING = f"missing where no move within {REACH:g} standard deviations liquidates"
_ASSETS = (*POOL, "asset")

BREAKING_VARIABLES = (
    Variable(
        "breaking_distance",
        POOL,
        "1",
        f"not negative; {_MISSING}",
        "Length of the most plausible joint move over the horizon that liquidates the pool, in standard deviations.",
    ),
    Variable(
        "breaking_plausibility",
        POOL,
        "1",
        f"0 to 0.5; {_MISSING}",
        "Probability of the half space beyond that move at the horizon, under normal log returns.",
    ),
    Variable(
        "breaking_plausibility_any_direction",
        POOL,
        "1",
        f"0 to 1; {_MISSING}",
        "Probability of a move as far out in any direction of the assets that the pool holds.",
    ),
    Variable(
        "breaking_move",
        _ASSETS,
        "1",
        f"signed; {_MISSING}",
        "That move of each asset, over its start price; assets not held stand at their conditional mean.",
    ),
    Variable("breaking_price", _ASSETS, "price", f"positive; {_MISSING}", "Price of each asset after that move."),
)


def breaking_values(scenario: Scenario, pools: Sequence[str]) -> Arrays:
    """Values of these variables.

    Parameters
    ----------
    scenario : Scenario
        Book, configurations, market and horizon.
    pools : sequence of str
        Names along the axis of pools.

    Returns
    -------
    dict of str to numpy.ndarray
        By name of variable, each along its dims. A pool that holds the same positions with the same collateral in two
        configurations has the same values in both.
    """
    shape = (len(scenario.configurations), len(pools))
    market = scenario.market
    values: Arrays = {
        row.name: np.full(shape if row.dims == POOL else (*shape, len(market.assets)), np.nan)
        for row in BREAKING_VARIABLES
    }
    positions = with_marks(scenario.book.positions)
    found: dict[tuple[tuple[int, ...], float], BreakingMove | None] = {}
    for row, configuration in enumerate(scenario.configurations):
        for pool in configuration.pools:
            key = tuple(pool.positions), pool.collateral
            if key not in found:
                members: list[Position] = [positions[index] for index in pool.positions]
                found[key] = breaking_move(members, pool.collateral, market, scenario.horizon)
            move = found[key]
            if move is None:
                continue
            place = row, pools.index(pool.name)
            values["breaking_distance"][place] = move.distance
            values["breaking_plausibility"][place] = move.plausibility
            values["breaking_plausibility_any_direction"][place] = move.plausibility_any_direction
            values["breaking_move"][place] = np.expm1(move.log_moves)
            values["breaking_price"][place] = market.start_prices * np.exp(move.log_moves)
    return values
