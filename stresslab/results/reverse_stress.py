"""What would break each pool, as variables of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Position
from stresslab.book.marks import with_marks
from stresslab.margin.reverse_stress import REACH, BreakingMove, breaking_move
from stresslab.measures.named import Arrays
from stresslab.results.variable import POOL, Variable
from stresslab.scenario.history_reading import DatedBarRows
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

_UNDATED = "missing where the model draws from no dated bars"

NEAREST_VARIABLES = (
    Variable(
        "nearest_day_start",
        POOL,
        "",
        "",
        "When the day of the history began, UTC, whose joint move is nearest to the breaking move; empty where the "
        "pool has none.",
    ),
    Variable(
        "nearest_day_distance",
        POOL,
        "1",
        f"not negative; {_UNDATED}",
        "How far that day's move lies from the breaking move, in standard deviations over the horizon (Mahalanobis).",
    ),
    Variable(
        "nearest_day_move",
        _ASSETS,
        "1",
        f"signed; {_UNDATED}",
        "Move of each asset on that day, over its price before.",
    ),
)


def nearest_day_values(scenario: Scenario, pools: Sequence[str], breaking: NDArray[np.float64]) -> dict[str, Any]:
    """Values of `NEAREST_VARIABLES`; none where the market holds no dated bars, or less than a day of them.

    Parameters
    ----------
    scenario : Scenario
        Book, configurations and market.
    pools : sequence of str
        Names along the axis of pools.
    breaking : numpy.ndarray
        ``breaking_move`` of `breaking_values`, [configuration, pool, asset].

    Returns
    -------
    dict of str to numpy.ndarray
        By name of variable. Every day of 24 hours that the bars hold without a gap is looked at, whatever hour it
        begins. What counts are the assets that the pool holds, in the metric of their covariance over the horizon.
    """
    market = scenario.market
    history = market.history
    if not isinstance(history, DatedBarRows):
        return {}
    starts, moves = _days(history)
    if not starts.size:
        return {}
    deviation = market.volatilities * np.sqrt(scenario.horizon / 365.0)
    covariance = deviation[:, None] * market.correlation * deviation
    begun = np.full(breaking.shape[:2], "", dtype=object)
    far = np.full(breaking.shape[:2], np.nan)
    day = np.full(breaking.shape, np.nan)
    for row, configuration in enumerate(scenario.configurations):
        for pool in configuration.pools:
            place = row, pools.index(pool.name)
            if np.isnan(breaking[place]).any():
                continue
            names = {scenario.book.positions[index].symbol.underlying for index in pool.positions}
            held = [index for index, asset in enumerate(market.assets) if asset in names]
            apart = moves[:, held] - np.log1p(breaking[place][held])
            inverse = np.linalg.pinv(covariance[np.ix_(held, held)], hermitian=True)
            squares = np.einsum("di,ij,dj->d", apart, inverse, apart)
            nearest = int(np.argmin(squares))
            begun[place] = str(starts[nearest].astype("datetime64[m]")).replace("T", " ")
            far[place] = np.sqrt(max(float(squares[nearest]), 0.0))
            day[place] = np.expm1(moves[nearest])
    return {"nearest_day_start": begun, "nearest_day_distance": far, "nearest_day_move": day}


def _days(history: DatedBarRows) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """When each whole day of bars began, [day], and its log moves, [day, asset]; days overlap."""
    bars = max(round(1.0 / history.bar), 1)
    if len(history.times) < bars:
        return history.times[:0], history.returns[:0]
    sums = np.vstack([np.zeros((1, history.returns.shape[1])), np.cumsum(history.returns, axis=0)])
    moves = sums[bars:] - sums[:-bars]
    first, last = history.times[: len(moves)], history.times[bars - 1 :]
    length = np.timedelta64(round((bars - 1) * history.bar * 86_400), "s")
    whole = (last - first) == length
    return first[whole], moves[whole]


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
