"""From a scenario to outcomes: blocks of paths on all cores, folded in the order of the paths."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.account_problem import AccountProblem, build_accounts
from stresslab.margin.ledger_lines import LINES
from stresslab.margin.policies import alerts
from stresslab.margin.problem import Bridge, Problem, build_problem
from stresslab.market import noise
from stresslab.market.funding import build as build_funding
from stresslab.market.funding import streams as funding_streams
from stresslab.market.models import MODELS, build_process
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.compilation import compiled
from stresslab.simulation.outcomes import Outcomes
from stresslab.venues.rules.procedures import WHOLE

if TYPE_CHECKING:
    from stresslab.margin.pool_engine import Outcome
    from stresslab.margin.settlement import AccountOutcome
    from stresslab.simulation.block import BlockResult

logger = logging.getLogger(__name__)

DAYS_PER_YEAR = 365.0
_SNAPSHOTS = 100

Progress = Callable[[int], None]
Arrays = dict[str, Any]


def simulate(
    scenario: Scenario,
    *,
    threads: int | None = None,
    bridge: Bridge = "every_pool",
    every_account: bool = False,
    progress: Progress | None = None,
) -> Outcomes:
    """Simulate a scenario.

    The numbers do not depend on the number of threads: draws are a function of seed, stream, path and step, every block
    has the same width, and blocks are folded in order.

    Parameters
    ----------
    scenario : Scenario
        The whole question.
    threads : int, optional
        Blocks in flight, at least 1; by default one a core.
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points; the last two exist for tests and comparisons.
    every_account : bool
        Take every configuration through the account engine, as where something acts on it; for tests and comparisons.
    progress : callable, optional
        Called with the number of paths done after each block.

    Returns
    -------
    Outcomes
        Per path, in the order of the paths.

    Raises
    ------
    ValueError
        If the number of threads is below 1.
    """
    import jax

    from stresslab.simulation import block

    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; give at least 1, or None for one a core")
    book, assets = scenario.book, scenario.market.assets
    funding = build_funding(scenario.market, scenario.step)
    everything = every_account or funding is not None or venue_acts(scenario)
    acting = tuple(place for place, each in enumerate(scenario.configurations) if everything or each.policies)
    resting = [each for place, each in enumerate(scenario.configurations) if place not in acting]
    problem = build_problem(book, resting, assets, bridge=bridge)
    accounts = build_accounts(scenario, [scenario.configurations[place] for place in acting], bridge=bridge)
    model = MODELS[scenario.market.model]
    process = build_process(scenario.market, scenario.step)
    streams = block.Streams(
        np.asarray(noise.stream_keys(scenario.seed, model.streams(scenario.market.assets))),  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, problem.several_streams)),  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, accounts.streams)) if accounts else None,  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, funding_streams(assets))) if funding else None,  # type: ignore[arg-type]
    )
    snapshots = snapshot_steps(scenario.steps, scenario.step)
    grid = block.Grid(np.float32(scenario.step / DAYS_PER_YEAR), snapshots)  # type: ignore[arg-type]

    started = time.perf_counter()
    account_parameters = None if accounts is None else accounts.parameters
    lower = partial(
        block.simulate_block.lower,
        problem.layout,
        problem.parameters,
        process,
        streams,
        grid,
        np.uint32(0),
        account_parameters,
        funding,
        account_layout=None if accounts is None else accounts.layout,
    )
    program = compiled(lower)
    compile_seconds = time.perf_counter() - started
    logger.info("compiled in %.1f s", compile_seconds)

    def work(first: int) -> tuple[Arrays, NDArray[np.int64]]:
        result: BlockResult = program(
            problem.parameters, process, streams, grid, np.uint32(first), account_parameters, funding
        )
        arrays = _joined(*jax.tree.map(np.asarray, (result.outcome, result.accounts)))
        counted = ~arrays["failed"]
        counted[scenario.paths - first :] = False
        return arrays, _above_edges(np.asarray(result.ratio_bins)[..., counted])

    outcomes = _empty(
        problem, accounts, acting, scenario, snapshots, block.RATIO_EDGES, block.BLOCK_WIDTH, compile_seconds
    )
    firsts = range(0, scenario.paths, block.BLOCK_WIDTH)
    for first, (arrays, above) in zip(firsts, _in_order(work, firsts, threads or os.cpu_count() or 1), strict=True):
        _fold(outcomes, first, arrays, above)
        if progress is not None:
            progress(min(first + block.BLOCK_WIDTH, scenario.paths))
    return outcomes


def snapshot_steps(steps: int, step: float) -> NDArray[np.int32]:
    """Steps after which margin ratios and survival are recorded: about 100, evenly over the horizon, its end included.

    Where the number of steps allows it the spacing is a whole number of days, or else a whole number of steps.

    Parameters
    ----------
    steps : int
        Steps of the run, at least 1.
    step : float
        Length of a step in days.

    Returns
    -------
    numpy.ndarray
        Rising, [snapshot], int32; the last is ``steps``.
    """
    if steps <= _SNAPSHOTS:
        return np.arange(1, steps + 1, dtype=np.int32)
    even = [count for count in range(_SNAPSHOTS * 3 // 4, _SNAPSHOTS * 5 // 4 + 1) if steps % count == 0]
    if not even:
        return np.unique(np.round(np.linspace(0, steps, _SNAPSHOTS + 1)[1:]).astype(np.int32))

    def unevenness(count: int) -> tuple[bool, int]:
        days = steps // count * step
        return abs(days - round(days)) > 1e-9, abs(count - _SNAPSHOTS)

    count = min(even, key=unevenness)
    return np.arange(1, count + 1, dtype=np.int32) * np.int32(steps // count)


def _in_order(work: Callable[[int], Any], firsts: range, threads: int) -> Iterator[Any]:
    """Results of the blocks in their order, with a bounded number in flight."""
    executor = ThreadPoolExecutor(threads, thread_name_prefix="block")
    flying: deque[Future[Any]] = deque()
    try:
        for first in firsts:
            flying.append(executor.submit(work, first))
            if len(flying) > 2 * threads:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    finally:
        # An interrupt leaves at most the blocks that are being computed; they are waited for, the rest never start.
        executor.shutdown(wait=True, cancel_futures=True)


def _above_edges(bins: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of paths above each edge, [snapshot, stake, edge], from the bin of every path, [snapshot, stake, path]."""
    bin_count = np.iinfo(bins.dtype).max + 1
    rows = bins.reshape(bins.shape[0] * bins.shape[1], bins.shape[2])
    places = rows + bin_count * np.arange(len(rows), dtype=np.int64)[:, None]
    counts = np.bincount(places.ravel(), minlength=len(rows) * bin_count).reshape(*bins.shape[:2], bin_count)
    above: NDArray[np.int64] = bins.shape[-1] - np.cumsum(counts, axis=-1)[..., :-1]
    return above


_BY_POOL = ("required_collateral", "liquidation_step", "profit", "insurance_draw")


def venue_acts(scenario: Scenario) -> bool:
    """Whether the venue does more than close a pool whole, so that every configuration needs the account engine."""
    venue = scenario.book.venue
    return (
        venue.liquidation_procedure != "full"
        or venue.reduction.order != WHOLE.order
        or venue.backstop > 0.0
        or scenario.impact is not None
        or scenario.auto_deleveraging is not None
    )


def _joined(outcome: Outcome, accounts: AccountOutcome | None) -> Arrays:
    """A block's arrays by name, with the rows of the accounts below those of the pool engine."""
    arrays: Arrays = {name: getattr(outcome, name) for name in ("log_price", "failed", *_BY_POOL)}
    # Where a pool is closed whole the step that liquidates it closes it.
    arrays["closed_step"] = outcome.liquidation_step
    if accounts is not None:
        for name in (*_BY_POOL, "closed_step"):
            arrays[name] = np.concatenate([arrays[name], getattr(accounts, name)])
        arrays["failed"] = outcome.failed | accounts.failed
        arrays |= {"ledger": accounts.lines, "ledger_drift": np.abs(accounts.drift), "cash_used": accounts.cash_used}
        arrays["alert_step"] = accounts.alerts
    return arrays


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


def _empty(
    problem: Problem,
    accounts: AccountProblem | None,
    acting: tuple[int, ...],
    scenario: Scenario,
    snapshots: NDArray[np.int32],
    edges: NDArray[np.float32],
    block_width: int,
    compile_seconds: float,
) -> Outcomes:
    configuration_stakes, stake_pools = _stakes(problem, accounts, acting)
    pools, stakes, paths = max(stake_pools) + 1, len(stake_pools), scenario.paths
    return Outcomes(
        problem=problem,
        configuration_stakes=configuration_stakes,
        stake_pools=stake_pools,
        accounts=acting,
        steps=scenario.steps,
        step=scenario.step,
        snapshots=snapshots,
        required_collateral=np.empty((pools, paths), np.float32),
        liquidation_step=np.empty((stakes, paths), np.int32),
        profit=np.empty((stakes, paths), np.float32),
        insurance_draw=np.empty((stakes, paths), np.float32),
        closed_step=np.empty((stakes, paths), np.int32),
        ledger=np.empty((len(acting), len(LINES), paths), np.float32),
        ledger_drift=np.empty((len(acting), paths), np.float32),
        cash_used=np.empty((len(acting), paths), np.float32),
        alert_step=_no_alerts(accounts, paths),
        log_price=np.empty((len(scenario.market.assets), paths), np.float32),
        failed=np.empty(paths, np.bool_),
        ratio_edges=edges,
        ratio_counts=np.zeros((len(snapshots), stakes, len(edges)), np.int64),
        block_width=block_width,
        compile_seconds=compile_seconds,
    )


def _no_alerts(accounts: AccountProblem | None, paths: int) -> dict[int, NDArray[np.int32]]:
    """Room for the alerts of each account that has any."""
    if accounts is None:
        return {}
    return {
        place: np.empty((policy.levels.shape[0], accounts.layout.sections[place].pool_count, paths), np.int32)
        for place, policies in enumerate(accounts.parameters.policies)
        for policy in policies
        if isinstance(policy, alerts.Acting)
    }


def _fold(outcomes: Outcomes, first: int, arrays: Arrays, above: NDArray[np.int64]) -> None:
    """Put a block into its place. Counts are integers, so their sum does not depend on the order either."""
    here = slice(first, min(first + outcomes.block_width, outcomes.failed.size))
    width = here.stop - here.start
    for place, first_alerts in arrays.pop("alert_step", {}).items():
        outcomes.alert_step[place][..., here] = first_alerts[..., :width]
    for name, values in arrays.items():
        getattr(outcomes, name)[..., here] = values[..., :width]
    outcomes.ratio_counts[...] += above
