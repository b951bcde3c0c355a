"""Runs as one call: simulate, evaluate, label, and write everything that a run leaves behind."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stresslab.documents.faults import Notice
from stresslab.measures.precision import Precision
from stresslab.results.code import run_identity
from stresslab.results.manifest import manifest_of
from stresslab.results.output_folder import OutputFolderError, output_folder, write_manifest
from stresslab.results.phases import PhaseClock
from stresslab.results.table_formats import checked_formats
from stresslab.scenario.model_choice import question_of
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.checkpoint import CheckpointError
from stresslab.simulation.estimate import check_memory
from stresslab.simulation.executors import Executor
from stresslab.simulation.run import simulate

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.results.companions import Companions
    from stresslab.scenario.limits import Limits
    from stresslab.simulation.outcomes import Outcomes

logger = logging.getLogger(__name__)

Progress = Callable[[int], None]
Analyses = Callable[[Scenario, "xr.Dataset", "Companions"], "Companions"]
Watch = Callable[["Outcomes", "xr.Dataset"], None]


def run(
    scenario: Scenario | str | Path,
    *,
    paths: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    until: Precision | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate a scenario and evaluate it.

    Parameters
    ----------
    scenario : Scenario or path
        From `stresslab.read_scenario`, or the file that it reads.
    paths, seed : int, optional
        Taken in place of the scenario's own: 1 to 1e9, and 0 to 2**63 - 1.
    threads : int, optional
        Blocks of paths in flight, at least 1; by default one a core. The numbers do not depend on it.
    executor : Executor, optional
        Who simulates, instead of threads of this process: see `stresslab.simulation.executors`. Nor on this.
    checkpoint : path, optional
        Folder in which finished runs of blocks are kept; where the same run was stopped, it goes on from there and ends
        with the same numbers.
    until : Precision, optional
        From `stresslab.read_precision`: simulate until this is reached, the scenario's number of paths at most. The
        attribute ``until`` of the results says how it ended.
    progress : callable, optional
        Called with the number of paths done.

    Returns
    -------
    xarray.Dataset
        Every variable of the table in `stresslab.results.variables`. A notebook shows the headline numbers.

    Raises
    ------
    InputError
        If the file, or one that it names, has faults; all of them are told.
    MemoryError
        If the machine cannot hold so many paths; nothing is simulated then.
    ValueError
        If the number of threads is below 1, or that of paths or the seed is out of range.
    CheckpointError
        If the checkpoint belongs to another run, is in use or cannot be written.
    """
    scenario = question_of(scenario, paths, seed)
    check_memory(scenario)
    scenario, outcomes, attributes = _simulated(scenario, threads, executor, checkpoint, until, progress)
    from stresslab.results.dataset import assemble

    return assemble(scenario, outcomes).assign_attrs(attributes)


def run_to_folder(
    scenario: Scenario,
    out: str | Path,
    *,
    form: str = "standard",
    threads: int | None = None,
    keep_outcomes: bool = False,
    companions: Companions | None = None,
    analyses: Analyses | None = None,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    until: Precision | None = None,
    limits: Limits | None = None,
    tables: Sequence[str] = ("csv",),
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> tuple[xr.Dataset, dict[str, float]]:
    """Run a scenario and leave ``results.nc``, ``report.pdf``, tables and ``manifest.json`` in a folder.

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`.
    out : path
        The folder. It is made new, or replaced where it holds a former run; it appears whole at the end or not at all.
    form : {"standard", "short", "full", "none"}
        Which pages the report has; with ``none`` there is no ``report.pdf``.
    threads, executor, checkpoint, until, progress
        As in `run`.
    keep_outcomes : bool
        Also save what became of every path, as ``outcomes.nc``.
    companions : Companions, optional
        Parts of the same scenario for further pages of the report, such as replays: each is saved as a file of its own.
    analyses : callable, optional
        Takes the scenario, its results and the companions so far, and returns those of the full form, such as
        `stresslab.full_review.companions_of`; called when the run is done.
    limits : Limits, optional
        From `stresslab.read_limits`, read for this scenario: variables of the results, and lights on the first page.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the tables; CSV is always among them.
    watch : callable, optional
        Called with outcomes and results when both are there; nothing of the run depends on it.

    Returns
    -------
    tuple of xarray.Dataset and dict of str to float
        The results, and the seconds that each phase took.

    Raises
    ------
    OutputFolderError
        If the folder has no name, holds something that is not a former run, or cannot be written.
    MemoryError
        If the machine cannot hold so many paths; nothing is simulated then.
    ValueError
        If the number of threads is below 1.
    TableFormatError
        If there is no such format of tables, or its library is missing; nothing is simulated then.
    CheckpointError
        If the checkpoint belongs to another run, is in use, cannot be written, or lies in the folder.
    """
    check_places(out, checkpoint)
    formats = checked_formats(tables)
    check_memory(scenario, keep_outcomes=keep_outcomes)
    with output_folder(Path(out)) as folder:
        clock = PhaseClock()
        scenario, outcomes, attributes = _simulated(scenario, threads, executor, checkpoint, until, progress)
        clock.lap("simulation")
        clock.split("simulation", "compilation", outcomes.compile_seconds)
        from stresslab.results import saving
        from stresslab.results.companions import Companions, save_companions
        from stresslab.results.dataset import assemble
        from stresslab.results.limits import with_limits
        from stresslab.results.tables import write_tables

        results = assemble(scenario, outcomes).assign_attrs(attributes)
        if limits is not None:
            results = with_limits(results, limits)
        if watch is not None:
            watch(outcomes, results)
        saving.save(results, folder / "results.nc")
        write_tables(results, folder / "tables", formats)
        if keep_outcomes:
            saving.save(saving.outcomes_dataset(scenario, outcomes), folder / "outcomes.nc")
        clock.lap("evaluation")
        beside = Companions() if companions is None else companions
        if analyses is not None:
            beside = analyses(scenario, results, beside)
            clock.lap("analyses")
        save_companions(beside, folder)

        if form != "none":
            # Charts and typesetting are imported here: what comes before does not need them.
            from stresslab.report import typeset

            typeset(results, folder / "report.pdf", form=form, companions=beside)
            clock.lap("report")
        import jax

        manifest = manifest_of(
            scenario,
            outcomes,
            results,
            form=form,
            seconds=clock.seconds,
            identity=run_identity([scenario], form, limits, beside.history, formats),
            device=jax.devices()[0].device_kind,
        )
        write_manifest(folder, manifest)
    return results, clock.seconds


def run_models_to_folder(
    scenarios: Sequence[Scenario],
    out: str | Path,
    *,
    form: str = "standard",
    threads: int | None = None,
    keep_outcomes: bool = False,
    companions: Companions | None = None,
    analyses: Analyses | None = None,
    executor: Executor | None = None,
    checkpoint: str | Path | None = None,
    until: Precision | None = None,
    limits: Limits | None = None,
    tables: Sequence[str] = ("csv",),
    progress: Progress | None = None,
) -> tuple[xr.Dataset, dict[str, float]]:
    """Run a scenario under several market models, and put the results side by side.

    Parameters
    ----------
    scenarios : sequence of Scenario
        From `stresslab.read_scenarios`: the same question under models of different names.
    out : path
        The folder: what `run_to_folder` writes stands in one folder a model, and beside them ``models.nc``,
        ``models.csv``, ``models.svg``, and ``report.pdf``: the report of the first, the stated choice, with a page on
        all. It appears whole at the end or not at all.
    form, threads, keep_outcomes, executor, until, tables
        As in `run_to_folder`.
    companions, analyses
        As in `run_to_folder`; saved once, of the first model, beside the folders of the models, whose own reports are
        then of the standard form.
    checkpoint : path, optional
        As in `run_to_folder`; each model has a folder of its own in it.
    limits : Limits, optional
        As in `run_to_folder`; each model is held against them.
    progress : callable, optional
        Called with the number of paths done, over all models.

    Returns
    -------
    tuple of xarray.Dataset and dict of str to float
        The results with the dim ``model``, and the seconds that each phase took over all models.

    Raises
    ------
    OutputFolderError, MemoryError, ValueError, TableFormatError, CheckpointError
        As `run_to_folder`.
    """
    check_places(out, checkpoint)
    formats = checked_formats(tables)
    results: dict[str, xr.Dataset] = {}
    seconds: dict[str, float] = {}
    done = 0
    with output_folder(Path(out)) as folder:
        for scenario in scenarios:
            name, before = scenario.market.model, done
            results[name], taken = run_to_folder(
                scenario,
                folder / name,
                form="standard" if form == "full" else form,
                threads=threads,
                keep_outcomes=keep_outcomes,
                executor=executor,
                checkpoint=None if checkpoint is None else Path(checkpoint) / name,
                until=until,
                limits=limits,
                tables=formats,
                progress=None if progress is None else lambda count, before=before: progress(before + count),  # type: ignore[misc]
            )
            done += scenario.paths
            for phase, each in taken.items():
                seconds[phase] = seconds.get(phase, 0.0) + each
        from stresslab.results.companions import Companions, save_companions
        from stresslab.results.models import across_models, headline_table

        joined = across_models(results)
        beside = replace(Companions() if companions is None else companions, models=joined)
        first = next(iter(results.values()))
        if analyses is not None:
            beside = analyses(scenarios[0], first, beside)
        save_companions(beside, folder)
        headline_table(joined).to_csv(folder / "models.csv", index=False, lineterminator="\n")

        from stresslab.report.charts.models import figure_models
        from stresslab.report.style import svg

        (folder / "models.svg").write_text(svg(figure_models(joined)), encoding="utf-8")
        if form != "none":
            from stresslab.report import typeset

            typeset(first, folder / "report.pdf", form=form, companions=beside)
        hashes = {name: each.attrs["scenario_hash"] for name, each in results.items()}
        write_manifest(
            folder,
            {
                "title": scenarios[0].name,
                "identity": run_identity(scenarios, form, limits, beside.history, formats),
                "models": list(results),
                "scenario_hashes": hashes,
            },
        )
    return joined, seconds


def _simulated(
    scenario: Scenario,
    threads: int | None,
    executor: Executor | None,
    checkpoint: str | Path | None,
    until: Precision | None,
    progress: Progress | None,
) -> tuple[Scenario, Outcomes, dict[str, str]]:
    """The outcomes, the scenario with as many paths, and how a run until a precision ended."""
    looks = 0

    def enough(outcomes: Outcomes) -> bool:
        nonlocal looks
        assert until is not None
        looks += 1
        logger.info("look %d: %d paths, %.2f %%", looks, outcomes.failed.size, 100 * until.achieved(outcomes))
        return until.reached(outcomes)

    # What the evaluation needs takes a second to import, and the compiler leaves Python alone meanwhile.
    ahead = threading.Thread(target=_import_evaluation, daemon=True)
    ahead.start()
    outcomes = simulate(
        scenario,
        threads=threads,
        executor=executor,
        checkpoint=checkpoint,
        enough=None if until is None else enough,
        progress=progress,
    )
    ahead.join()
    if until is None:
        return scenario, outcomes, {}
    achieved, reached = until.achieved(outcomes), until.reached(outcomes)
    ending = {
        "probability": until.described,
        "relative_half_width": until.half_width,
        "reached": reached,
        "achieved": achieved if math.isfinite(achieved) else None,
        "looks": looks,
        "most_paths": scenario.paths,
    }
    paths = outcomes.failed.size
    notice = Notice(
        *("", 0, 0),
        f"The number of paths was decided by the run: {paths:,} at look {looks}, where the 95 % interval of "
        f"{until.described} was {'' if reached else 'not '}within {until.half_width:.3g} of it",
        "intervals are those of a fixed number of paths and cover up to a point less where the run stops by them",
    )
    answered = replace(scenario, paths=paths, notices=(*scenario.notices, notice))
    return answered, outcomes, {"until": json.dumps(ending, sort_keys=True)}


def _import_evaluation() -> None:
    for name in ("stresslab.results.dataset", "stresslab.results.saving", "stresslab.results.tables", "scipy.optimize"):
        import_module(name)


def check_places(out: str | Path, checkpoint: str | Path | None) -> None:
    """Refuse folders without a name, and a checkpoint that lies in the folder for the results."""
    if not str(out):
        raise OutputFolderError("its name is empty; name a folder, or . for this one")
    if checkpoint is None:
        return
    if not str(checkpoint):
        raise CheckpointError("its name is empty; name a folder")
    place = Path(out).resolve()
    if place in (Path(checkpoint).resolve(), *Path(checkpoint).resolve().parents):
        raise CheckpointError(f"{checkpoint} lies in the folder for the results, which is replaced; choose another")
