"""Outcomes of all paths, filled stretch by stretch."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from stresslab.margin.account_problem import AccountProblem
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.policies import alerts
from stresslab.margin.problem import Problem
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import Simulation
from stresslab.simulation.scratch import IN_MEMORY, Scratch
from stresslab.simulation.stretch import Arrays, Stretch

# These stand for the whole run; every other array of the outcomes ends with the axis of the paths.
_OF_THE_RUN = ("snapshots", "ratio_edges", "ratio_counts")
# Paths after which memory is let go; a path takes some hundreds of bytes.
_BETWEEN_RELEASES = 1 << 18


def fold(outcomes: Outcomes, stretch: Stretch) -> None:
    """Put a stretch into its place. Counts are integers, so their sum does not depend on the order either."""
    for name, values in stretch.arrays.items():
        field, _, account = name.partition("/")
        whole = getattr(outcomes, field)
        (whole[int(account)] if account else whole)[..., stretch.first : stretch.stop] = values
    outcomes.ratio_counts[...] += stretch.ratio_counts
    if stretch.first // _BETWEEN_RELEASES != stretch.stop // _BETWEEN_RELEASES:
        outcomes.scratch.release()


def empty_outcomes(simulation: Simulation, paths: int) -> Outcomes:
    """Room for the outcomes of a number of paths.

    Parameters
    ----------
    simulation : Simulation
        What is simulated.
    paths : int
        Number of paths, at least 0.

    Returns
    -------
    Outcomes
        In memory, or in the temporary folder where they take more than `stresslab.simulation.scratch.IN_MEMORY`.

    Raises
    ------
    MemoryError
        If the temporary folder has no room for them.
    """
    from stresslab.simulation.block import RATIO_EDGES

    scenario, acting, accounts = simulation.scenario, simulation.acting, simulation.accounts
    configuration_stakes, stake_pools = _stakes(simulation.problem, accounts, acting)
    pools, stakes = max(stake_pools) + 1, len(stake_pools)
    scratch = Scratch(on_disk=bytes_a_path(simulation) * paths > IN_MEMORY)
    liquidation_step = scratch.empty((stakes, paths), np.int32)
    return Outcomes(
        problem=simulation.problem,
        configuration_stakes=configuration_stakes,
        stake_pools=stake_pools,
        accounts=acting,
        steps=scenario.steps,
        step=scenario.step,
        snapshots=simulation.snapshots,
        required_collateral=scratch.empty((pools, paths), np.float32),
        liquidation_step=liquidation_step,
        profit=scratch.empty((stakes, paths), np.float32),
        insurance_draw=scratch.empty((stakes, paths), np.float32),
        driver=scratch.empty((stakes, paths), np.int16),
        # Where the account engine takes nothing, the step that liquidates a pool closes it.
        closed_step=liquidation_step if accounts is None else scratch.empty((stakes, paths), np.int32),
        ledger=scratch.empty((len(acting), len(LINES), paths), np.float32),
        ledger_drift=scratch.empty((len(acting), paths), np.float32),
        cash_used=scratch.empty((len(acting), paths), np.float32),
        alert_step={place: scratch.empty((*shape, paths), np.int32) for place, shape in _alerts(accounts).items()},
        log_price=scratch.empty((len(scenario.market.assets), paths), np.float32),
        failed=np.empty(paths, np.bool_),
        ratio_edges=RATIO_EDGES,
        ratio_counts=np.zeros((len(simulation.snapshots), stakes, len(RATIO_EDGES)), np.int64),
        block_width=simulation.block_width,
        compile_seconds=0.0,
        scratch=scratch,
    )


def bytes_a_path(simulation: Simulation) -> int:
    """Bytes that the outcomes of a path take, wherever they stand."""
    accounts, acting = simulation.accounts, simulation.acting
    _, stake_pools = _stakes(simulation.problem, accounts, acting)
    figures = max(stake_pools) + 1 + 3 * len(stake_pools) + len(simulation.scenario.market.assets)
    if accounts is not None:
        figures += len(stake_pools) + len(acting) * (len(LINES) + 2)
    figures += sum(levels * pools for levels, pools in _alerts(accounts).values())
    return 4 * figures + 2 * len(stake_pools) + 1


def first_paths(outcomes: Outcomes, paths: int) -> Outcomes:
    """The outcomes of the first paths, as views of the whole.

    Parameters
    ----------
    outcomes : Outcomes
        Of which no later path has been folded in: the counts of margin ratios are sums over all that have.
    paths : int
        How many.
    """
    if outcomes.failed.size == paths:
        return outcomes
    arrays: Arrays = {
        field.name: value[..., :paths]
        for field in fields(outcomes)
        if isinstance(value := getattr(outcomes, field.name), np.ndarray) and field.name not in _OF_THE_RUN
    }
    alert_step = {account: values[..., :paths] for account, values in outcomes.alert_step.items()}
    return replace(outcomes, alert_step=alert_step, **arrays)


def _stakes(
    problem: Problem, accounts: AccountProblem | None, acting: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Stake behind each pool of every configuration, and pool of each stake; those of the accounts come last."""
    stakes = list(problem.configuration_stakes)
    pools = list(problem.layout.stake_pools)
    for place, section in zip(acting, accounts.layout.sections if accounts else (), strict=True):
        stakes.insert(place, tuple(range(len(pools), len(pools) + section.pool_count)))
        pools += range(
            len(problem.pools) + section.first_pool, len(problem.pools) + section.first_pool + section.pool_count
        )
    return tuple(stakes), tuple(pools)


def _alerts(accounts: AccountProblem | None) -> dict[int, tuple[int, int]]:
    """Levels and pools of each account that has alerts."""
    if accounts is None:
        return {}
    return {
        place: (policy.levels.shape[0], accounts.layout.sections[place].pool_count)
        for place, policies in enumerate(accounts.parameters.policies)
        for policy in policies
        if isinstance(policy, alerts.Acting)
    }
