"""From a scenario to outcomes: blocks of paths, simulated somewhere, folded into a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from stresslab.margin.problem import Bridge
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.checkpoint import Checkpoint, open_checkpoint
from stresslab.simulation.executors import Executor, Session, ThreadExecutor
from stresslab.simulation.folding import empty_outcomes, first_paths, fold
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.preparation import prepare
from stresslab.simulation.stretch import Stretch

Progress = Callable[[int], None]
Enough = Callable[[Outcomes], bool]

# A first look at the precision after this many blocks, and each further one after a quarter more.
_FIRST_LOOK = 16
_BETWEEN_LOOKS = 1.25


def simulate(
    scenario: Scenario,
    *,
    threads: int | None = None,
    bridge: Bridge = "every_pool",
    every_account: bool = False,
    progress: Progress | None = None,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    enough: Enough | None = None,
) -> Outcomes:
    """Simulate a scenario.

    The numbers depend neither on the executor nor on a stop and resumption: draws are a function of seed, stream, path
    and step, every block has the same width, and what is summed over blocks are integers.

    Parameters
    ----------
    scenario : Scenario
        The whole question.
    threads : int, optional
        Blocks in flight, at least 1; by default one a core. Without an executor.
    bridge : {"every_pool", "single_price", "none"}
        For which pools prices go on moving between grid points; the last two exist for tests and comparisons.
    every_account : bool
        Take every configuration through the account engine, as where something acts on it; for tests and comparisons.
    progress : callable, optional
        Called with the number of paths done, after each block or run of blocks.
    executor : Executor, optional
        Who simulates the blocks; by default threads of this process.
    checkpoint : path, optional
        Folder to keep finished runs of blocks in, and to go on from.
    enough : callable, optional
        Looks at the outcomes of the paths so far, at the numbers of `look_paths`; the run ends where it says True, or
        with the scenario's number of paths.

    Returns
    -------
    Outcomes
        Per path, in the order of the paths: as many as the scenario has, or fewer where ``enough`` ended the run.

    Raises
    ------
    ValueError
        If the number of threads is below 1.
    CheckpointError
        If the checkpoint belongs to another run, is in use or cannot be written.
    """
    chosen = executor or ThreadExecutor(threads)
    simulation = prepare(scenario, bridge=bridge, every_account=every_account)
    width = simulation.block_width
    looks = [scenario.paths] if enough is None else look_paths(scenario.paths, width)
    outcomes = empty_outcomes(simulation, scenario.paths)
    with chosen.session(simulation) as session:
        kept: AbstractContextManager[Checkpoint | None] = (
            nullcontext() if checkpoint is None else open_checkpoint(checkpoint, simulation, session.processor)
        )
        with kept as files:
            for first, stop in pairwise([0, *looks]):
                done = first
                for stretch in _round(session, files, first, stop, scenario.paths, width):
                    fold(outcomes, stretch)
                    done += stretch.stop - stretch.first
                    if progress is not None:
                        progress(done)
                if enough is not None and enough(first_paths(outcomes, stop)):
                    break
        return replace(first_paths(outcomes, stop), compile_seconds=session.compile_seconds)


def look_paths(paths: int, block_width: int) -> list[int]:
    """Numbers of paths at which a run looks whether it is precise enough; they depend on nothing that was simulated.

    Parameters
    ----------
    paths : int
        The most paths, at least 1.
    block_width : int
        Paths a block.

    Returns
    -------
    list of int
        Rising; the last is ``paths``, the others are whole blocks.
    """
    looks, blocks = [], _FIRST_LOOK
    while blocks * block_width < paths:
        looks.append(blocks * block_width)
        blocks = int(blocks * _BETWEEN_LOOKS)
    return [*looks, paths]


def _round(
    session: Session, files: Checkpoint | None, first: int, stop: int, paths: int, width: int
) -> Iterator[Stretch]:
    """The stretches from one path to another: those on disk, then those that are missing."""
    gaps = [range(first, stop, width)]
    if files is not None:
        found: list[range] = []
        for stretch in files.stretches(first, stop, paths):
            found.append(range(stretch.first, stretch.stop))
            yield stretch
        gaps = _gaps(found, first, stop, width)
    for stretch in session.stretches(gaps):
        if files is not None:
            files.add(stretch)
        yield stretch
    if files is not None:
        files.flush()


def _gaps(found: Sequence[range], first: int, stop: int, width: int) -> list[range]:
    """First paths of the blocks that rising stretches leave out."""
    begins = [first, *(each.stop for each in found)]
    ends = [*(each.start for each in found), stop]
    return [range(begin, end, width) for begin, end in zip(begins, ends, strict=True) if begin < end]
