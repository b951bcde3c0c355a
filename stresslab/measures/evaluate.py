"""From outcomes per path to every estimate of a result, as plain arrays by variable name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stresslab.book.configuration import Configuration
from stresslab.margin.ledger_lines import LINES
from stresslab.measures.account import (
    AccountPaths,
    account_paths,
    differences,
    mean_with_bounds,
    quantile_differences,
)
from stresslab.measures.alerts import alerts_of_pool
from stresslab.measures.intervals import curve_band, paired_difference, quantile_ranks
from stresslab.measures.named import BOUNDS, Arrays, place, probabilities, probability, quantiles, triple
from stresslab.measures.policies import policy_arrays, rounding, without_rounding
from stresslab.measures.recorded import alert_levels, cash_by_configuration
from stresslab.measures.tails import tail
from stresslab.simulation.outcomes import Outcomes


class NoValidPathError(ArithmeticError):
    """Every path failed, so that there is nothing to estimate from; the market leads beyond single precision."""


@dataclass(frozen=True)
class Axes:
    """Labels that the arrays of `evaluate` stand along.

    Parameters
    ----------
    pools : tuple of str
        Every pool name of any configuration, in order of first appearance.
    times : numpy.ndarray
        Days, from 0 to the horizon, [time].
    quantiles, profile, levels : tuple of float
        Probabilities.
    review_days : tuple of int
        Days at which probabilities are stated apart: those within the horizon at whose end a step ends.
    alert_levels : tuple of float
        Margin ratios of the alerts of any configuration, falling.
    """

    pools: tuple[str, ...]
    times: NDArray[np.float64]
    quantiles: tuple[float, ...]
    profile: tuple[float, ...]
    levels: tuple[float, ...]
    review_days: tuple[int, ...]
    alert_levels: tuple[float, ...] = ()


def axes_of(
    configurations: Sequence[Configuration],
    outcomes: Outcomes,
    *,
    quantiles: tuple[float, ...],
    profile: tuple[float, ...],
    levels: tuple[float, ...],
    review_days: Sequence[int],
) -> Axes:
    """Axes of a run's results; see `Axes`."""
    horizon = outcomes.steps * outcomes.step
    return Axes(
        pools=tuple(dict.fromkeys(pool.name for configuration in configurations for pool in configuration.pools)),
        times=np.concatenate([[0.0], outcomes.snapshots * outcomes.step]),
        quantiles=quantiles,
        profile=profile,
        levels=levels,
        review_days=tuple(day for day in review_days if day <= horizon + 1e-9 and _ends_a_step(day, outcomes.step)),
        alert_levels=tuple(sorted({level for each in configurations for level in alert_levels(each)}, reverse=True)),
    )


def _ends_a_step(day: int, step: float) -> bool:
    return abs(day / step - round(day / step)) < 1e-6


def evaluate(outcomes: Outcomes, configurations: Sequence[Configuration], axes: Axes) -> Arrays:
    """All estimates of a run, with their intervals.

    Parameters
    ----------
    outcomes : Outcomes
        Per path.
    configurations : sequence of Configuration
        In the order of ``outcomes.configuration_stakes``; the first is the one that others are compared with.
    axes : Axes
        What the arrays stand along.

    Returns
    -------
    dict of str to numpy.ndarray
        By variable name; where a configuration lacks a pool the value is NaN.

    Raises
    ------
    NoValidPathError
        If every path failed.
    """
    valid = ~outcomes.failed
    if not valid.any():
        raise NoValidPathError(
            "every path failed: prices leave what single precision holds; lower drift, volatility or horizon"
        )
    arrays: Arrays = {}
    accounts = []
    for row, (configuration, stakes) in enumerate(zip(configurations, outcomes.configuration_stakes, strict=True)):
        for pool, stake in zip(configuration.pools, stakes, strict=True):
            column = axes.pools.index(pool.name)
            for name, value in _pool(outcomes, stake, axes, valid).items():
                place(arrays, name, (len(configurations), len(axes.pools)), (row, column), value)
        paths = account_paths(outcomes, configuration, stakes, valid)
        accounts.append(paths)
        ledger = _ledger(outcomes, row, valid, axes) if outcomes.accounts else {}
        for name, value in (_account(paths, outcomes.step, axes) | ledger).items():
            place(arrays, name, (len(configurations),), (row,), value)
    _place_differences(arrays, accounts, configurations, axes)
    _place_pool_differences(arrays, outcomes, configurations, axes, valid)
    _place_closed(arrays, outcomes, configurations, axes, valid)
    _place_alerts(arrays, outcomes, configurations, axes, valid)
    cash = cash_by_configuration(outcomes, valid)
    arrays |= policy_arrays(configurations, accounts, cash, axes.levels, axes.quantiles)
    arrays["failed_paths"] = np.asarray(float(outcomes.failed.sum()))
    return arrays


def _place_differences(
    arrays: Arrays, accounts: Sequence[AccountPaths], configurations: Sequence[Configuration], axes: Axes
) -> None:
    """Each account less the first, and all_isolated less all_cross."""
    within = rounding(configurations[0], accounts[0])
    for row, account in enumerate(accounts):
        # Another engine may have taken the two, and agrees to rounding.
        compared = without_rounding(account, accounts[0], within) if configurations[row].policies else account
        for name, value in _account_differences(compared, accounts[0], axes).items():
            # A configuration does not differ from itself, and that is certain.
            for part, suffix in zip(value if row else np.zeros_like(value), BOUNDS, strict=True):
                place(arrays, f"{name}_difference{suffix}", (len(accounts),), (row,), part)
    names = [configuration.name for configuration in configurations]
    isolated, cross = accounts[names.index("all_isolated")], accounts[names.index("all_cross")]
    for name, value in _account_differences(isolated, cross, axes).items():
        for part, suffix in zip(value, BOUNDS, strict=True):
            arrays[f"{name}_isolated_less_cross{suffix}"] = np.asarray(part)
    for name, one, other in (("dragged_down", cross, isolated), ("spared", isolated, cross)):
        legs = zip(one.positions_liquidated(), other.positions_liquidated(), strict=True)
        found = probabilities(f"{name}_probability", (hit & ~spared for hit, spared in legs), one.loss.size)
        arrays |= {key: np.asarray(part, np.float64) for key, part in found.items()}


def _account_differences(first: AccountPaths, second: AccountPaths, axes: Axes) -> Arrays:
    return differences(first, second, axes.levels) | {
        "loss_quantile": quantile_differences(first, second, axes.quantiles)
    }


def _place_pool_differences(
    arrays: Arrays,
    outcomes: Outcomes,
    configurations: Sequence[Configuration],
    axes: Axes,
    valid: NDArray[np.bool_],
) -> None:
    """Each pool's probability less that of the first configuration's pool of the same name, where it has one."""
    stake_of = [
        {pool.name: stake for pool, stake in zip(configuration.pools, stakes, strict=True)}
        for configuration, stakes in zip(configurations, outcomes.configuration_stakes, strict=True)
    ]

    def liquidated(stake: int) -> NDArray[np.bool_]:
        return outcomes.column(outcomes.liquidation_step, stake, valid) <= outcomes.steps

    shape = (len(configurations), len(axes.pools))
    for suffix in BOUNDS:
        arrays[f"liquidation_probability_difference{suffix}"] = np.full(shape, np.nan)
    for row, stakes in enumerate(stake_of):
        for column, pool in enumerate(axes.pools):
            if pool not in stakes or pool not in stake_of[0]:
                continue
            one, two = stakes[pool], stake_of[0][pool]
            value = (0.0, 0.0, 0.0) if one == two else paired_difference(liquidated(one), liquidated(two))
            for part, suffix in zip(value, BOUNDS, strict=True):
                arrays[f"liquidation_probability_difference{suffix}"][row, column] = part


def _place_closed(
    arrays: Arrays,
    outcomes: Outcomes,
    configurations: Sequence[Configuration],
    axes: Axes,
    valid: NDArray[np.bool_],
) -> None:
    """How likely pools are closed, where some were reduced first."""
    if _closed_whole(outcomes):
        return
    for row, (configuration, stakes) in enumerate(zip(configurations, outcomes.configuration_stakes, strict=True)):
        any_closed = np.zeros(np.count_nonzero(valid), np.bool_)
        for pool, stake in zip(configuration.pools, stakes, strict=True):
            closed = outcomes.column(outcomes.closed_step, stake, valid) <= outcomes.steps
            any_closed |= closed
            for name, value in probability("closed_probability", closed).items():
                at = row, axes.pools.index(pool.name)
                place(arrays, name, (len(configurations), len(axes.pools)), at, value)
        for name, value in probability("account_closed_probability", any_closed).items():
            place(arrays, name, (len(configurations),), (row,), value)


def _closed_whole(outcomes: Outcomes) -> bool:
    """Whether every liquidation closed its pool at once."""
    first, last = outcomes.liquidation_step, outcomes.closed_step
    if np.may_share_memory(first, last):
        return True
    for one, other in zip(first, last, strict=True):
        if not np.array_equal(one, other):
            return False
        outcomes.scratch.release()
    return True


def _place_alerts(
    arrays: Arrays,
    outcomes: Outcomes,
    configurations: Sequence[Configuration],
    axes: Axes,
    valid: NDArray[np.bool_],
) -> None:
    """Alerts of every pool that has some; levels that a configuration does not use are missing."""
    shape = (len(configurations), len(axes.pools), len(axes.alert_levels))
    for account, alert_step in outcomes.alert_step.items():
        row = outcomes.accounts[account]
        levels = [axes.alert_levels.index(level) for level in alert_levels(configurations[row])]
        for place_of_pool, pool in enumerate(configurations[row].pools):
            stake = outcomes.configuration_stakes[row][place_of_pool]
            liquidated = outcomes.column(outcomes.liquidation_step, stake, valid)
            seen = alert_step[:, place_of_pool][:, valid]
            outcomes.scratch.release()
            found = alerts_of_pool(seen, liquidated, outcomes.steps, outcomes.step, axes.quantiles)
            for name, value in found.items():
                for level, part in zip(levels, np.asarray(value, np.float64), strict=True):
                    place(arrays, name, shape, (row, axes.pools.index(pool.name), level), part)


def _survival(name: str, liquidation_step: NDArray[np.int32], steps: NDArray[np.float64]) -> dict[str, object]:
    ordered = np.sort(liquidation_step)
    share = 1.0 - np.searchsorted(ordered, steps, side="right") / ordered.size
    lower, upper = curve_band(share, ordered.size)
    return {name: share, f"{name}_lower": lower, f"{name}_upper": upper}


def _pool(outcomes: Outcomes, stake: int, axes: Axes, valid: NDArray[np.bool_]) -> dict[str, object]:
    steps = outcomes.steps
    liquidation_step = outcomes.column(outcomes.liquidation_step, stake, valid)
    liquidated = liquidation_step <= steps
    values = probability("liquidation_probability", liquidated)
    for day in axes.review_days:
        within = liquidation_step <= round(day / outcomes.step)
        values |= probability(f"liquidation_probability_{day}d", within)
    values |= _survival("survival", liquidation_step, np.round(axes.times / outcomes.step))

    required = outcomes.column(outcomes.required_collateral, outcomes.stake_pools[stake], valid)
    required.sort()
    values |= quantiles("required_collateral", required, axes.quantiles)
    values["required_collateral_profile"] = _profile(required, axes.profile)
    del required
    values["liquidation_time"] = _times(liquidation_step, axes.quantiles, outcomes)
    values["margin_ratio"] = _margin_ratios(outcomes, stake, axes)

    draw = outcomes.column(outcomes.insurance_draw, stake, valid).astype(np.float64)
    values |= triple("expected_insurance_draw", mean_with_bounds(draw))
    del draw
    lost = np.where(liquidated, -outcomes.column(outcomes.profit, stake, valid), np.float32(0.0)).astype(np.float64)
    values |= triple("expected_liquidation_loss", mean_with_bounds(lost))
    given = mean_with_bounds(lost[liquidated]) if liquidated.any() else (np.nan, np.nan, np.nan)
    values |= triple("loss_given_liquidation", given)
    return values


def _profile(ordered: NDArray[np.floating], probabilities: Sequence[float]) -> NDArray[np.floating]:
    return ordered[[quantile_ranks(probability, ordered.size)[1] - 1 for probability in probabilities]]


def _times(
    liquidation_step: NDArray[np.int32], probabilities: Sequence[float], outcomes: Outcomes
) -> NDArray[np.float64]:
    reached = np.asarray(_profile(np.sort(liquidation_step), probabilities), dtype=np.float64)
    return np.where(reached <= outcomes.steps, reached * outcomes.step, np.nan)


def _margin_ratios(outcomes: Outcomes, stake: int, axes: Axes) -> NDArray[np.float64]:
    """Quantiles of the margin ratio read off the counts, [time, quantile]; the first time is left missing."""
    counts = outcomes.ratio_counts[:, stake, :]
    paths = int((~outcomes.failed).sum())
    edges = np.log(outcomes.ratio_edges.astype(np.float64))
    above = counts / paths
    result = np.full((len(axes.times), len(axes.quantiles)), np.nan)
    for time, share in enumerate(above, start=1):
        # Share of paths at or below each edge, rising; the floor of 1 holds all that are liquidated.
        below = 1.0 - share
        for column, quantile in enumerate(axes.quantiles):
            if below[0] >= quantile:
                result[time, column] = 1.0
            else:
                result[time, column] = np.exp(_interpolate(quantile, below, edges))
    return result


def _interpolate(probability: float, below: NDArray[np.float64], edges: NDArray[np.float64]) -> float:
    right = int(np.searchsorted(below, probability))
    if right >= edges.size:
        return float(edges[-1])
    left = right - 1
    weight = (probability - below[left]) / (below[right] - below[left])
    return float(edges[left] + weight * (edges[right] - edges[left]))


def _ledger(outcomes: Outcomes, configuration: int, valid: NDArray[np.bool_], axes: Axes) -> dict[str, object]:
    """Mean of every line of an account's ledger, and what was moved in; missing for a configuration that keeps none."""
    lines = np.full((outcomes.ledger.shape[1], 3), np.nan)
    moved = np.full(np.count_nonzero(valid), np.nan)
    if configuration in outcomes.accounts:
        account = outcomes.accounts.index(configuration)
        for place_of_line, line in enumerate(LINES):
            amounts = outcomes.column(outcomes.ledger, (account, place_of_line), valid).astype(np.float64)
            lines[place_of_line] = mean_with_bounds(amounts)
            if line == "transfers":
                moved[:] = np.sort(amounts)
    means = dict(zip(("expected_ledger", "expected_ledger_lower", "expected_ledger_upper"), lines.T, strict=True))
    return means | quantiles("transfers_quantile", moved, axes.quantiles)


def _account(paths: AccountPaths, step: float, axes: Axes) -> dict[str, object]:
    values = probability("account_liquidation_probability", paths.any_liquidated)
    values |= probability("account_wiped_probability", paths.wiped)
    name, count = "position_liquidation_probability", paths.loss.size
    values |= probabilities(name, paths.positions_liquidated(), count)
    for day in axes.review_days:
        steps = round(day / step)
        values |= probability(f"account_liquidation_probability_{day}d", paths.first_step <= steps)
        values |= probability(f"account_wiped_probability_{day}d", paths.last_step <= steps)
        values |= probabilities(f"{name}_{day}d", paths.positions_liquidated(steps), count)
    values |= _survival("account_survival", paths.first_step, np.round(axes.times / step))
    values |= triple("expected_loss", mean_with_bounds(np.maximum(paths.loss, 0.0)))
    values |= triple("expected_pnl", mean_with_bounds(-paths.loss))
    ordered = np.sort(paths.loss)
    values |= quantiles("loss_quantile", ordered, axes.quantiles)
    values["loss_profile"] = _profile(ordered, axes.profile)
    tails = [tail(ordered, level) for level in axes.levels]
    values |= {
        "value_at_risk": [row.value_at_risk for row in tails],
        "value_at_risk_lower": [row.value_at_risk_lower for row in tails],
        "value_at_risk_upper": [row.value_at_risk_upper for row in tails],
        "expected_shortfall": [row.expected_shortfall for row in tails],
        "expected_shortfall_standard_error": [row.standard_error for row in tails],
        "expected_shortfall_lower": [row.expected_shortfall_bounds[0] for row in tails],
        "expected_shortfall_upper": [row.expected_shortfall_bounds[1] for row in tails],
    }
    return values
