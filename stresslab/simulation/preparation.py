"""What a scenario becomes before its first block: pools, accounts, the grid, and the program that runs a block."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stresslab.margin.account_problem import AccountProblem, build_accounts
from stresslab.margin.problem import NOBODY, Bridge, Problem, build_problem
from stresslab.market import noise
from stresslab.market.funding import build as build_funding
from stresslab.market.funding import streams as funding_streams
from stresslab.market.models import MODELS, build_process
from stresslab.market.spare_assets import with_spare_assets
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.compilation import compiled
from stresslab.simulation.stretch import Arrays, Stretch
from stresslab.venues.rules.procedures import WHOLE

if TYPE_CHECKING:
    from jax.stages import Compiled

    from stresslab.margin.padding import Padded
    from stresslab.margin.pool_engine import Outcome
    from stresslab.margin.settlement import AccountOutcome
    from stresslab.simulation.block import BlockResult

logger = logging.getLogger(__name__)

DAYS_PER_YEAR = 365.0

Programs = dict[tuple[Hashable, ...], "Compiled"]
"""Compiled programs by what they depend on."""
MOST_PROGRAMS = 32
"""How many are kept in memory; the one that was compiled first goes first."""
_SNAPSHOTS = 100


@dataclass(frozen=True)
class Simulation:
    """A scenario made ready to be simulated.

    Parameters
    ----------
    scenario : Scenario
        The whole question.
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points.
    every_account : bool
        Whether every configuration goes through the account engine.
    acting : tuple of int
        Configurations that the account engine takes.
    problem : Problem
        Of the other configurations.
    accounts : AccountProblem or None
        Of those that the account engine takes; None for none.
    snapshots : numpy.ndarray
        Steps after which margin ratios are counted, [snapshot].
    block_width : int
        Paths a block.
    """

    scenario: Scenario
    bridge: Bridge
    every_account: bool
    acting: tuple[int, ...]
    problem: Problem
    accounts: AccountProblem | None
    snapshots: NDArray[np.int32]
    block_width: int


def prepare(scenario: Scenario, *, bridge: Bridge = "every_pool", every_account: bool = False) -> Simulation:
    """Sort configurations between the two engines and lay out their pools; see `Simulation` for the arguments."""
    from stresslab.simulation.block import BLOCK_WIDTH

    everything = every_account or scenario.market.funding is not None or venue_acts(scenario)
    acting = tuple(place for place, each in enumerate(scenario.configurations) if everything or each.policies)
    resting = [each for place, each in enumerate(scenario.configurations) if place not in acting]
    return Simulation(
        scenario=scenario,
        bridge=bridge,
        every_account=every_account,
        acting=acting,
        problem=build_problem(scenario.book, resting, scenario.market.assets, bridge=bridge),
        accounts=build_accounts(scenario, [scenario.configurations[place] for place in acting], bridge=bridge),
        snapshots=snapshot_steps(scenario.steps, scenario.step),
        block_width=BLOCK_WIDTH,
    )


def block_program(simulation: Simulation, programs: Programs | None = None) -> tuple[Callable[[int], Stretch], float]:
    """Compile the program of a block, or load it from the cache.

    Parameters
    ----------
    simulation : Simulation
        What to simulate.
    programs : Programs, optional
        Where a program of the same layout is looked for, and this one is kept.

    Returns
    -------
    tuple of callable and float
        From the number of a block's first path to its outcomes, callable in any thread; and the seconds that the
        compilation took.
    """
    import jax

    from stresslab.simulation import block

    scenario, accounts = simulation.scenario, simulation.accounts
    market, problem = laid_out(simulation)
    assets = market.assets
    funding = build_funding(market, scenario.step)
    process = build_process(market, scenario.step)
    streams = block.Streams(
        np.asarray(noise.stream_keys(scenario.seed, MODELS[scenario.market.model].streams(assets))),  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, problem.streams)),  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, accounts.streams)) if accounts else None,  # type: ignore[arg-type]
        np.asarray(noise.stream_keys(scenario.seed, funding_streams(assets))) if funding else None,  # type: ignore[arg-type]
    )
    grid = block.Grid(np.float32(scenario.step / DAYS_PER_YEAR), simulation.snapshots)  # type: ignore[arg-type]

    started = time.perf_counter()
    account_parameters = None if accounts is None else accounts.parameters
    lower = partial(
        block.simulate_block.lower,
        problem.places,
        problem.parameters,
        process,
        streams,
        grid,
        np.uint32(0),
        account_parameters,
        funding,
        account_layout=None if accounts is None else accounts.layout,
    )
    leaves = problem.places, problem.parameters, process, streams, grid, account_parameters, funding
    key = None if accounts is None else accounts.layout, *_shapes(leaves)
    program = programs[key] if programs is not None and key in programs else compiled(lower)
    if programs is not None:
        programs[key] = program
        while len(programs) > MOST_PROGRAMS:
            programs.pop(next(iter(programs)))
    compile_seconds = time.perf_counter() - started
    logger.info("compiled in %.1f s", compile_seconds)

    filled = problem.places.stake_pool.shape[0]
    account_pools = 0 if accounts is None else sum(section.pool_count for section in accounts.layout.sections)
    shown = np.concatenate([problem.stakes, np.arange(filled, filled + account_pools)])

    def work(first: int) -> Stretch:
        result: BlockResult = program(
            problem.places,
            problem.parameters,
            process,
            streams,
            grid,
            np.uint32(first),
            account_parameters,
            funding,
        )
        outcome, of_accounts = jax.tree.map(np.asarray, (result.outcome, result.accounts))
        arrays = _joined(_without_filling(outcome, problem, len(scenario.market.assets)), of_accounts)
        # The last block reaches beyond the run.
        stop = min(first + simulation.block_width, scenario.paths)
        arrays = {name: values[..., : stop - first] for name, values in arrays.items()}
        counted = np.flatnonzero(~arrays["failed"])
        return Stretch(first, stop, arrays, _above_edges(np.asarray(result.ratio_bins)[:, shown][..., counted]))

    return work, compile_seconds


def laid_out(simulation: Simulation) -> tuple[MarketSpecification, Padded]:
    """The market and the pool engine's problem as programs take them, filled up where programs are shared.

    Accounts on which something acts are compiled for each book, and so is all that comes with them.
    """
    from stresslab.margin.padding import padded, padded_size, unpadded

    market = simulation.scenario.market
    if simulation.accounts is not None:
        return market, unpadded(simulation.problem, len(market.assets))
    if MODELS[market.model].takes_spare_assets and market.stress is None:
        market = with_spare_assets(market, padded_size(len(market.assets)))
    return market, padded(simulation.problem, len(market.assets))


def _without_filling(outcome: Outcome, problem: Padded, assets: int) -> Outcome:
    by_stake = ("liquidation_step", "profit", "insurance_draw", "driver")
    return outcome._replace(
        required_collateral=outcome.required_collateral[problem.pools],
        log_price=outcome.log_price[:assets],
        **{name: getattr(outcome, name)[problem.stakes] for name in by_stake},
    )


def _shapes(leaves: Any) -> tuple[Hashable, ...]:
    """What of parameters a program depends on: how they nest, and shape and kind of each; never their values."""
    import jax

    flat, tree = jax.tree.flatten(leaves)
    return (tree, *((np.shape(leaf), np.asarray(leaf).dtype.str) for leaf in flat))


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


def _above_edges(bins: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of paths above each edge, [snapshot, stake, edge], from the bin of every path, [snapshot, stake, path]."""
    bin_count = np.iinfo(bins.dtype).max + 1
    rows = bins.reshape(bins.shape[0] * bins.shape[1], bins.shape[2])
    places = rows + bin_count * np.arange(len(rows), dtype=np.int64)[:, None]
    counts = np.bincount(places.ravel(), minlength=len(rows) * bin_count).reshape(*bins.shape[:2], bin_count)
    above: NDArray[np.int64] = bins.shape[-1] - np.cumsum(counts, axis=-1)[..., :-1]
    return above


_BY_POOL = ("required_collateral", "liquidation_step", "profit", "insurance_draw")


def _joined(outcome: Outcome, accounts: AccountOutcome | None) -> Arrays:
    """A block's arrays by name, with the rows of the accounts below those of the pool engine."""
    arrays: Arrays = {name: getattr(outcome, name) for name in ("log_price", "failed", "driver", *_BY_POOL)}
    # Where a pool is closed whole the step that liquidates it closes it.
    arrays["closed_step"] = outcome.liquidation_step
    if accounts is not None:
        for name in (*_BY_POOL, "closed_step"):
            arrays[name] = np.concatenate([arrays[name], getattr(accounts, name)])
        # Where positions may be closed one by one no one of them ends a pool.
        nobody = np.full(accounts.profit.shape, NOBODY, np.int16)
        arrays["driver"] = np.concatenate([outcome.driver, nobody])
        arrays["failed"] = outcome.failed | accounts.failed
        arrays |= {"ledger": accounts.lines, "ledger_drift": np.abs(accounts.drift), "cash_used": accounts.cash_used}
        arrays |= {f"alert_step/{place}": steps for place, steps in accounts.alerts.items()}
    return arrays
