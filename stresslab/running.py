"""Runs as one call: simulate, evaluate, label, and write everything that a run leaves behind."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stresslab.results import saving
from stresslab.results.code import code_hash, run_identity
from stresslab.results.dataset import assemble
from stresslab.results.limits import with_limits
from stresslab.results.models import across_models, headline_table
from stresslab.results.output_folder import OutputFolderError, output_folder, write_manifest
from stresslab.results.tables import write_tables
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.estimate import check_memory
from stresslab.simulation.run import simulate

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.scenario.limits import Limits
    from stresslab.simulation.outcomes import Outcomes

logger = logging.getLogger(__name__)

Progress = Callable[[int], None]


def run(scenario: Scenario, *, threads: int | None = None, progress: Progress | None = None) -> xr.Dataset:
    """Simulate a scenario and evaluate it.

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`.
    threads : int, optional
        Blocks of paths in flight, at least 1; by default one a core. The numbers do not depend on it.
    progress : callable, optional
        Called with the number of paths done.

    Returns
    -------
    xarray.Dataset
        Every variable of the table in `stresslab.results.variables`.

    Raises
    ------
    MemoryError
        If the machine cannot hold so many paths; nothing is simulated then.
    ValueError
        If the number of threads is below 1.
    """
    check_memory(scenario)
    return assemble(scenario, simulate(scenario, threads=threads, progress=progress))


def run_to_folder(
    scenario: Scenario,
    out: str | Path,
    *,
    form: str = "standard",
    threads: int | None = None,
    keep_outcomes: bool = False,
    replays: xr.Dataset | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> tuple[xr.Dataset, dict[str, float]]:
    """Run a scenario and leave ``results.nc``, ``report.pdf``, ``tables/*.csv`` and ``manifest.json`` in a folder.

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`.
    out : path
        The folder. It is made new, or replaced where it holds a former run; it appears whole at the end or not at all.
    form : {"standard", "short"}
        Which pages the report has.
    threads, progress
        As in `run`.
    keep_outcomes : bool
        Also save what became of every path, as ``outcomes.nc``.
    replays : xarray.Dataset, optional
        From `stresslab.replay`, of the same scenario: saved as ``replay.nc``, and a page of the report.
    limits : Limits, optional
        From `stresslab.read_limits`, read for this scenario: variables of the results, and lights on the first page.

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
    """
    if not str(out):
        raise OutputFolderError("its name is empty; name a folder, or . for this one")
    check_memory(scenario)
    with output_folder(Path(out)) as folder:
        clock = _Clock()
        outcomes = simulate(scenario, threads=threads, progress=progress)
        clock.lap("simulation")
        clock.split("simulation", "compilation", outcomes.compile_seconds)
        results = assemble(scenario, outcomes)
        if limits is not None:
            results = with_limits(results, limits)
        saving.save(results, folder / "results.nc")
        write_tables(results, folder / "tables")
        if keep_outcomes:
            saving.save(saving.outcomes_dataset(scenario, outcomes), folder / "outcomes.nc")
        if replays is not None:
            saving.save(replays, folder / "replay.nc")
        clock.lap("evaluation")

        # Charts and typesetting are imported here: what comes before does not need them.
        from stresslab.report import typeset

        typeset(results, folder / "report.pdf", form=form, replays=replays)
        clock.lap("report")
        write_manifest(
            folder, _manifest(scenario, outcomes, results, form, clock.seconds, run_identity([scenario], form, limits))
        )
    return results, clock.seconds


def run_models_to_folder(
    scenarios: Sequence[Scenario],
    out: str | Path,
    *,
    form: str = "standard",
    threads: int | None = None,
    keep_outcomes: bool = False,
    replays: xr.Dataset | None = None,
    limits: Limits | None = None,
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
    form, threads, keep_outcomes
        As in `run_to_folder`.
    replays : xarray.Dataset, optional
        As in `run_to_folder`; a replay draws nothing, so it is saved once, beside the folders of the models.
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
    OutputFolderError, MemoryError, ValueError
        As `run_to_folder`.
    """
    if not str(out):
        raise OutputFolderError("its name is empty; name a folder, or . for this one")
    results: dict[str, xr.Dataset] = {}
    seconds: dict[str, float] = {}
    done = 0
    with output_folder(Path(out)) as folder:
        for scenario in scenarios:
            name, before = scenario.market.model, done
            results[name], taken = run_to_folder(
                scenario,
                folder / name,
                form=form,
                threads=threads,
                keep_outcomes=keep_outcomes,
                limits=limits,
                progress=None if progress is None else lambda count, before=before: progress(before + count),  # type: ignore[misc]
            )
            done += scenario.paths
            for phase, each in taken.items():
                seconds[phase] = seconds.get(phase, 0.0) + each
        joined = across_models(results)
        saving.save(joined, folder / "models.nc")
        headline_table(joined).to_csv(folder / "models.csv", index=False, lineterminator="\n")

        if replays is not None:
            saving.save(replays, folder / "replay.nc")

        from stresslab.report import typeset
        from stresslab.report.charts.models import figure_models
        from stresslab.report.style import svg

        (folder / "models.svg").write_text(svg(figure_models(joined)), encoding="utf-8")
        first = next(iter(results.values()))
        typeset(first, folder / "report.pdf", form=form, models=joined, replays=replays)
        hashes = {name: each.attrs["scenario_hash"] for name, each in results.items()}
        write_manifest(
            folder,
            {
                "title": scenarios[0].name,
                "identity": run_identity(scenarios, form, limits),
                "models": list(results),
                "scenario_hashes": hashes,
            },
        )
    return joined, seconds


class _Clock:
    """Seconds of each phase, for the manifest and for people; no number of a result depends on it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now
        logger.info("%s took %.2f s", phase, self.seconds[phase])

    def split(self, phase: str, part: str, seconds: float) -> None:
        """Book a part of a phase under its own name."""
        self.seconds[phase] -= seconds
        self.seconds[part] = seconds


def _histories(scenario: Scenario) -> dict[str, str]:
    """SHA-256 of the bars or price paths that the market draws from, by asset or kind."""
    read = scenario.market.history or scenario.market.paths
    return {} if read is None else dict(read.hashes)


def _manifest(
    scenario: Scenario, outcomes: Outcomes, results: xr.Dataset, form: str, seconds: dict[str, float], identity: str
) -> dict[str, Any]:
    import jax

    documents: dict[str, str] = json.loads(results.attrs["documents"])
    return {
        "title": scenario.name,
        "identity": identity,
        "scenario_hash": results.attrs["scenario_hash"],
        "inputs": {role: hashlib.sha256(text.encode()).hexdigest() for role, text in documents.items()},
        "seed": scenario.seed,
        "paths": scenario.paths,
        "failed_paths": int(outcomes.failed.sum()),
        "block_width": outcomes.block_width,
        "form": form,
        "histories": _histories(scenario),
        "code": code_hash(),
        "versions": json.loads(results.attrs["versions"]),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seconds": {phase: round(taken, 2) for phase, taken in seconds.items()},
        "device": jax.devices()[0].device_kind,
        "machine": f"{platform.system()} {platform.machine()}",
    }
