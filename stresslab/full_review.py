"""The full form of a review: what it needs beside the run, each part on its own number of paths."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import xarray as xr

from stresslab.allocation.dataset import allocation_dataset
from stresslab.allocation.outcomes import Objective
from stresslab.allocation.sampling import AllocationError
from stresslab.allocation.study import study
from stresslab.documents.faults import InputError
from stresslab.market.models import MODELS
from stresslab.measures.evaluate import NoValidPathError
from stresslab.rare.dataset import MOST_POOLS, rare_pools, review_rare_events
from stresslab.rare.estimation import RareEventError
from stresslab.replaying import replay
from stresslab.results.companions import Companions
from stresslab.results.models import across_models
from stresslab.running import run
from stresslab.scenario.replay import ReplayError
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.shocks import shocks
from stresslab.scenario.stored import scenario_from_texts
from stresslab.sensitivity import sensitivities

logger = logging.getLogger(__name__)

OBJECTIVE = Objective("expected-loss", 2, 0.975, 0.05)
"""What the split of the wallet makes least."""
POOLED_POSITIONS = 14
"""Most positions for which every choice of what to isolate and what to cross is looked at."""

Watch = Callable[[str, int, str], AbstractContextManager[Callable[[int], None] | None]]
"""Shows the progress of a part: its name, how much there is to do, and in what unit; gives what to call."""


class _NotAskedForError(ValueError):
    """The scenario wants no such part, or it says nothing here. The message is the end of a sentence."""


def unwatched(part: str, total: int, unit: str) -> AbstractContextManager[None]:
    """Shows nothing."""
    return nullcontext()


def companions_of(
    scenario: Scenario,
    results: xr.Dataset,
    given: Companions | None = None,
    *,
    threads: int | None = None,
    watch: Watch = unwatched,
) -> Companions:
    """Compute what the full form of a review needs beside the run.

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`; its ``analysis`` says what is wanted, and on how many paths.
    results : xarray.Dataset
        Of its run.
    given : Companions, optional
        Parts that are there already; they are not computed again.
    threads : int, optional
        Blocks in flight; by default one a core. The numbers do not depend on it.
    watch : callable, optional
        Shows the progress of each part.

    Returns
    -------
    Companions
        Every part that has an answer; for the others the reason why not.
    """
    held = Companions() if given is None else given
    parts, reasons = dict(held.parts), dict(held.reasons)
    made: dict[str, Callable[[], xr.Dataset]] = {
        "sensitivities": lambda: _sensitivities(scenario, threads, watch),
        "models": lambda: _models(scenario, threads, watch),
        "allocation": lambda: _allocation(scenario, threads, watch),
        "replays": lambda: _replays(scenario, watch),
        "rare": lambda: _rare(scenario, results, threads, watch),
    }
    for name, make in made.items():
        if name in parts:
            continue
        try:
            parts[name] = make()
        except (_NotAskedForError, AllocationError, NoValidPathError, RareEventError, ReplayError) as error:
            reasons[name] = str(error).rstrip(".")
            logger.info("%s left out: %s", name, reasons[name])
    return Companions(**parts, reasons=reasons)


def _paths(scenario: Scenario, name: str) -> int:
    paths = scenario.analysis.paths(name, scenario.paths)
    if paths == 0:
        raise _NotAskedForError("the scenario asks for none")
    return paths


def _sensitivities(scenario: Scenario, threads: int | None, watch: Watch) -> xr.Dataset:
    paths = _paths(scenario, "tornado")
    with watch("sensitivities", paths * (1 + 2 * len(shocks(scenario))), "paths") as progress:
        return sensitivities(scenario, paths, threads=threads, progress=progress)


def _models(scenario: Scenario, threads: int | None, watch: Watch) -> xr.Dataset:
    """The same question under every model that the files have the figures for, the scenario's own first."""
    paths = _paths(scenario, "models")
    questions = [replace(scenario, paths=paths)]
    for name in MODELS:
        if name == scenario.market.model:
            continue
        try:
            questions.append(scenario_from_texts(scenario.documents, model=name, paths=paths, seed=scenario.seed))
        except InputError:
            # The files lack what this model needs, or a history is not at hand.
            continue
    if len(questions) == 1:
        raise _NotAskedForError("scenario and calibration have the figures of one market model")
    found: dict[str, xr.Dataset] = {}
    with watch("market models", paths * len(questions), "paths") as progress:
        for place, question in enumerate(questions):
            counted = None if progress is None else _from(progress, place * paths)
            try:
                found[question.market.model] = run(question, threads=threads, progress=counted)
            except NoValidPathError:
                if place == 0:
                    raise
    if len(found) == 1:
        raise _NotAskedForError("under no other market model a path stays finite")
    return across_models(found)


def _from(progress: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda done: progress(before + done)


def _allocation(scenario: Scenario, threads: int | None, watch: Watch) -> xr.Dataset:
    paths = _paths(scenario, "allocation")
    count = len(scenario.book.positions)
    if count == 1:
        raise _NotAskedForError("the book has one position, which gets all of the wallet")
    with watch("allocation", 1, "splits"):
        found = study(
            replace(scenario, paths=paths),
            scenario.book.wallet_balance,
            OBJECTIVE,
            pools="assignments" if count <= POOLED_POSITIONS else None,
            frontier=True,
            threads=threads,
        )
    return allocation_dataset(found)


def _replays(scenario: Scenario, watch: Watch) -> xr.Dataset:
    if not scenario.analysis.replays:
        raise _NotAskedForError("the scenario asks for none")
    with watch("crashes of the past", 1, "replays"):
        return replay(scenario)


def _rare(scenario: Scenario, results: xr.Dataset, threads: int | None, watch: Watch) -> xr.Dataset:
    paths = _paths(scenario, "rare")
    count = min(max(len(rare_pools(scenario, results)), 1), MOST_POOLS)
    with watch("rare events", count, "pools") as progress:
        return review_rare_events(scenario, results, paths, threads=threads, progress=progress)
