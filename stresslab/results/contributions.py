"""Who makes the tail and who falls first, as variables of a result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration, Pool
from stresslab.margin.pool_figures import mark_of
from stresslab.measures.account import AccountPaths, account_paths, mean_with_bounds
from stresslab.measures.contagion import first_liquidated
from stresslab.measures.contributions import (
    Contributions,
    contributions_of,
    diversification,
    liquidation_ranks,
    tail_paths,
)
from stresslab.measures.intervals import mean_bounds, wilson
from stresslab.measures.named import FEWEST, Arrays
from stresslab.measures.position_losses import Holdings, position_losses
from stresslab.results.variable import NORMAL, POOL, WILSON, Variable
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.venues.contracts import CONTRACTS, exposure

_POSITION = ("configuration", "position")
_ERROR = "standard error"
_EARNS = "positive = loss; negative = it earns in the tail"

CONTRIBUTION_VARIABLES = (
    Variable(
        "pool_shortfall_contribution",
        (*POOL, "level"),
        "money",
        _EARNS,
        "Mean loss of the pool in the tail of the account; the pools of a configuration add up to its expected "
        "shortfall.",
        _ERROR,
    ),
    Variable(
        "position_shortfall_contribution",
        (*_POSITION, "level"),
        "money",
        _EARNS,
        "Mean loss of the position in the tail of the account; they add up to its expected shortfall. Missing in pools "
        "of several of which positions are closed on the way.",
        _ERROR,
    ),
    Variable(
        "shortfall_diversification",
        ("configuration", "level"),
        "money",
        "not negative but for rounding",
        "Sum of the pools' own expected shortfalls less that of the account.",
        _ERROR,
    ),
    Variable(
        "first_liquidation_probability",
        _POSITION,
        "1",
        "0 to 1",
        "Probability that the position is the first to be liquidated; those of one step share it.",
        WILSON,
    ),
    Variable(
        "liquidation_rank",
        _POSITION,
        "1",
        "at least 1; 1 = the first",
        "Mean place in the order of liquidations, where the position is liquidated; missing with fewer than ten.",
        NORMAL,
    ),
    Variable(
        "pool_ended_by",
        (*POOL, "position"),
        "1",
        "0 to 1",
        "Share of the pool's liquidations that the position drove: its pnl less requirement fell most from today to "
        "the liquidation. They add up to 1; missing with fewer than ten, and where positions may be closed one by one.",
        WILSON,
    ),
)


def contribution_values(
    scenario: Scenario, outcomes: Outcomes, pools: Sequence[str], levels: Sequence[float]
) -> Arrays:
    """Values of these variables.

    Parameters
    ----------
    scenario : Scenario
        The question.
    outcomes : Outcomes
        Its simulation.
    pools : sequence of str
        Names along the axis of pools.
    levels : sequence of float
        Of the expected shortfall.

    Returns
    -------
    dict of str to numpy.ndarray
        By name of variable and of its companions, each along its dims.
    """
    sizes = {
        "configuration": len(scenario.configurations),
        "pool": len(pools),
        "position": len(scenario.book.positions),
        "level": len(levels),
    }
    values: Arrays = {}
    for each in CONTRIBUTION_VARIABLES:
        errors = ("_standard_error",) if each.interval == _ERROR else ()
        for suffix in ("", *errors, "_lower", "_upper"):
            values[each.name + suffix] = np.full([sizes[dim] for dim in each.dims], np.nan)
    valid = ~outcomes.failed
    for row, configuration in enumerate(scenario.configurations):
        stakes = outcomes.configuration_stakes[row]
        paths = account_paths(outcomes, configuration, stakes, valid)
        columns = [pools.index(pool.name) for pool in configuration.pools]
        for place, level in enumerate(levels):
            in_tail = tail_paths(paths.loss, level)
            losses = np.stack([_loss(outcomes, stake, valid)[in_tail.places] for stake in stakes])
            _put(values, "pool_shortfall_contribution", row, columns, place, contributions_of(in_tail, losses))
            legs = _position_losses(scenario, outcomes, configuration, stakes, losses, valid, in_tail.places)
            known = np.flatnonzero(np.isfinite(legs[:, 0]))
            _put(values, "position_shortfall_contribution", row, known, place, contributions_of(in_tail, legs[known]))
        parts = (_loss(outcomes, stake, valid) for stake in stakes)
        for place, (value, error) in enumerate(diversification(parts, paths.loss, levels)):
            lower, upper = mean_bounds(value, error)
            for suffix, part in (("", value), ("_standard_error", error), ("_lower", lower), ("_upper", upper)):
                values[f"shortfall_diversification{suffix}"][row, place] = part
        _order(values, row, paths)
        for column, pool, stake in zip(columns, configuration.pools, stakes, strict=True):
            _ended_by(values, (row, column), pool, outcomes.column(outcomes.driver, stake, valid))
    return values


def _put(
    values: Arrays, name: str, row: int, columns: Sequence[int] | NDArray[np.intp], place: int, found: Contributions
) -> None:
    parts = (found.values, found.standard_errors, *found.bounds)
    for suffix, part in zip(("", "_standard_error", "_lower", "_upper"), parts, strict=True):
        values[name + suffix][row, columns, place] = part


def _order(values: Arrays, row: int, paths: AccountPaths) -> None:
    count = paths.first_step.size
    first = first_liquidated(paths.position_step, paths.steps)
    values["first_liquidation_probability"][row] = first
    bounds = wilson(first * count, count)
    for suffix, bound in zip(("_lower", "_upper"), bounds, strict=True):
        values[f"first_liquidation_probability{suffix}"][row] = bound
    for position, seen in enumerate(liquidation_ranks(paths.position_step, paths.steps)):
        if seen.size >= FEWEST:
            for suffix, part in zip(("", "_lower", "_upper"), mean_with_bounds(seen), strict=True):
                values[f"liquidation_rank{suffix}"][row, position] = part


def _ended_by(values: Arrays, at: tuple[int, int], pool: Pool, driver: NDArray[np.int16]) -> None:
    members = list(pool.positions)
    ended = np.array([np.count_nonzero(driver == member) for member in members])
    count = int(ended.sum())
    if count >= FEWEST:
        for suffix, part in zip(("", "_lower", "_upper"), (ended / count, *wilson(ended, count)), strict=True):
            values[f"pool_ended_by{suffix}"][(*at, members)] = part


def _loss(outcomes: Outcomes, stake: int, valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Loss of one stake on every path that counts, [path], positive = loss."""
    profit = outcomes.column(outcomes.profit, stake, valid).astype(np.float64)
    return np.negative(profit, out=profit)


def _position_losses(
    scenario: Scenario,
    outcomes: Outcomes,
    configuration: Configuration,
    stakes: Sequence[int],
    losses: NDArray[np.float64],
    valid: NDArray[np.bool_],
    places: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Loss of each position on some paths, [position, place]; missing (NaN) where a run does not keep what tells it."""
    found = np.full((len(scenario.book.positions), losses.shape[1]), np.nan)
    market = scenario.market
    covariance = market.volatilities[:, None] * market.correlation * market.volatilities
    end = np.stack(
        [outcomes.column(outcomes.log_price, asset, valid)[places] for asset in range(len(market.assets))]
    ).astype(np.float64)
    for pool, stake, loss in zip(configuration.pools, stakes, losses, strict=True):
        members = list(pool.positions)
        if len(members) == 1:
            found[members] = loss
        elif _held_whole(scenario, outcomes, configuration, stake):
            step = outcomes.column(outcomes.liquidation_step, stake, valid)[places]
            share = np.maximum(step - 0.5, 0.0) / outcomes.steps
            found[members] = position_losses(
                _holdings(scenario, pool), loss, end, step <= outcomes.steps, share, covariance
            )
    return found


def _held_whole(scenario: Scenario, outcomes: Outcomes, configuration: Configuration, stake: int) -> bool:
    """Whether the pool's positions stay as they are until all of them are closed at once."""
    reduced = not np.array_equal(outcomes.closed_step[stake], outcomes.liquidation_step[stake])
    return not (configuration.policies or scenario.auto_deleveraging or reduced)


def _holdings(scenario: Scenario, pool: Pool) -> Holdings:
    members = [scenario.book.positions[index] for index in pool.positions]
    assets = scenario.market.assets
    kinds = [CONTRACTS[each.symbol.contract] for each in members]
    value = [
        exposure(each.quantity, each.symbol.contract, each.symbol.contract_size) * kind.unit_value(mark_of(each))
        for each, kind in zip(members, kinds, strict=True)
    ]
    places = [assets.index(each.symbol.underlying) if each.symbol.underlying in assets else -1 for each in members]
    return Holdings(np.array(value), np.array([kind.direction for kind in kinds]), np.array(places, dtype=np.intp))
