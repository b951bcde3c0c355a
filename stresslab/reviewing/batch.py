"""Many scenarios into one folder: what is done is not done again, and one that is faulty does not stop the others.

Jobs run in processes rather than threads: half of a short run is evaluation, charts and tables, which hold Python's
lock. A process keeps the programs that it compiled, so that scenarios of one market and layout share them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stresslab.documents.faults import Fault, InputError
from stresslab.results.code import run_identity
from stresslab.results.output_folder import OutputFolderError, read_manifest
from stresslab.results.saving import ResultsError, load
from stresslab.results.table_formats import checked_formats
from stresslab.reviewing.account_row import AccountRow, account_row
from stresslab.reviewing.archive import ArchiveError, claim_archive, former_limits, keep, read_quarter, shelf_of
from stresslab.reviewing.jobs import Job, claim_folder, find_jobs, nested, remove_leftovers
from stresslab.reviewing.verifying import DamagedError, check_files
from stresslab.scenario.limits import read_limits
from stresslab.scenario.model_choice import read_scenarios
from stresslab.simulation.executors import ClusterError, ThreadExecutor, executor_named

if TYPE_CHECKING:
    from stresslab.simulation.preparation import Programs

Status = Literal["done", "unchanged", "failed"]
STATUSES: tuple[Status, ...] = ("done", "unchanged", "failed")


@dataclass(frozen=True)
class Finished:
    """What became of a job.

    Parameters
    ----------
    job : Job
        Which.
    status : {"done", "unchanged", "failed"}
        Run now, found done, or not to be had.
    accounts : tuple of AccountRow
        One a market model; none where it failed.
    faults : tuple of str
        Where it failed: file, line, column, what is wrong and what would be right.
    seconds : dict of str to float
        Of each phase, where it ran.
    """

    job: Job
    status: Status
    accounts: tuple[AccountRow, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    job: Job
    folder: Path
    form: str
    limits: str | None
    archive: Path | None
    quarter: str | None
    threads: int
    tables: tuple[str, ...]
    executor: str


def run_batch(
    source: str | Path,
    out: str | Path,
    *,
    jobs: int | None = None,
    form: str = "short",
    limits: str | Path | None = None,
    archive: str | Path | None = None,
    quarter: str | None = None,
    tables: Sequence[str] = ("csv",),
    executor: str = "threads",
    tell: Callable[[Finished], None] | None = None,
) -> tuple[Finished, ...]:
    """Run every scenario of a folder or a list.

    Parameters
    ----------
    source : path
        A folder, whose every ``*scenario.toml`` is a job, or a list with a scenario a line.
    out : path
        Results stand below it under the scenarios' relative paths, beside ``summary.csv``, ``cover.pdf`` and
        ``log.jsonl``. It is made new, or a former batch in it is taken up.
    jobs : int, optional
        Processes, at least 1; by default one a core, and one where a cluster simulates. With 1 everything but that runs
        in this process.
    form : {"short", "standard"}
        Of the reports.
    limits : path, optional
        Limits that every account is held against.
    archive : path, optional
        Where a copy of every result is put by account and quarter; from former reviews there the reports have the page
        on limits.
    quarter : str, optional
        Of the reviews, such as ``2026-Q3``; by default that of each scenario's ``start``.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of every run's tables; CSV is always among them.
    executor : {"threads", "dask", "dask:ADDRESS"}
        Who simulates, as `stresslab.simulation.executors.executor_named` takes it. The numbers do not depend on it.
    tell : callable, optional
        Called with every job as it ends.

    Returns
    -------
    tuple of Finished
        By name of the job.

    Raises
    ------
    InputError
        If there is no scenario, or the list or the limits have faults. Faults of a scenario do not raise.
    OutputFolderError
        If the folder or the archive holds something else, or cannot be written.
    ArchiveError
        If the quarter is none.
    TableFormatError
        If there is no such format of tables, or its library is missing.
    ValueError
        If there is no such executor, or it is not installed.
    """
    formats = checked_formats(tables)
    executor_named(executor)
    if quarter is not None:
        read_quarter(quarter)
    found = find_jobs(source, out)
    if limits is not None:
        read_limits(limits)
    shelves = None if archive is None else claim_archive(archive)
    folder = claim_folder(out)
    remove_leftovers(folder, found)
    width = min(jobs or (1 if executor != "threads" else os.cpu_count() or 1), len(found))
    threads = max(1, (os.cpu_count() or 1) // width)
    inner = nested(found)
    tasks = [
        _Task(job, folder, form, None if limits is None else str(limits), shelves, quarter, threads, formats, executor)
        for job in found
        if job.name not in inner
    ]
    finished = [
        _refused(job, f"its results would lie in those of {inner[job.name]}") for job in found if job.name in inner
    ]
    try:
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            _log(log, event="begin", jobs=len(found), processes=width, form=form)
            for each in finished:
                _record(log, each, tell)
            for each in _outcomes(tasks, width):
                finished.append(each)
                _record(log, each, tell)
            ordered = tuple(sorted(finished, key=lambda each: each.job))
            # Charts and typesetting are imported here: what comes before does not need them.
            from stresslab.reviewing.cover import write_cover
            from stresslab.reviewing.summary import write_summary

            write_summary(ordered, folder / "summary.csv")
            write_cover(ordered, folder / "cover.pdf")
            counts = {status: sum(each.status == status for each in ordered) for status in STATUSES}
            _log(log, event="end", **counts, breached=sum(is_breached(each) for each in ordered))
    finally:
        remove_leftovers(folder, found)
    return ordered


def is_breached(finished: Finished) -> bool:
    """Whether a limit is breached in a job, under any of its models."""
    return any(row.breached for row in finished.accounts)


def _outcomes(tasks: Sequence[_Task], width: int) -> Iterator[Finished]:
    if width == 1:
        yield from map(_perform, tasks)
        return
    # Spawned, since a process in which JAX has started cannot be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(width, context, initializer=_begin, initargs=(tasks[0].threads,)) as executor:
        flying = {executor.submit(_perform, task): task for task in tasks}
        try:
            for future in as_completed(flying):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    problem = "a process of the batch was ended from outside, perhaps for want of memory; start again"
                    job = flying[future].job
                    yield Finished(job, "failed", faults=(f"{job.file}: {problem}",))
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _begin(threads: int) -> None:
    """Begin a process of the batch, which has so many threads."""
    from stresslab.simulation.executors import share_cores

    share_cores(threads)
    _end_with_parent()


def _end_with_parent() -> None:
    """Let a process of the batch end when the batch does, however that comes; Ctrl-C is the parent's to answer."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a process of the batch comes here"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# Of this process, by layout.
_PROGRAMS: Programs = {}


def _perform(task: _Task) -> Finished:
    job, place = task.job, task.folder / task.job.name
    try:
        scenarios = read_scenarios(job.file)
        limits = None if task.limits is None else read_limits(task.limits, scenarios)
        shelf = None if task.archive is None else shelf_of(task.archive, job.name, task.quarter, scenarios[0])
        history = None if shelf is None or limits is None else former_limits(shelf)
        names = ["."] if len(scenarios) == 1 else [scenario.market.model for scenario in scenarios]
        kept = _unchanged(job, place, run_identity(scenarios, task.form, limits, history, task.tables), names)
        if kept is not None:
            if shelf is not None:
                keep(place, shelf)
            return kept
        from stresslab.results.companions import Companions
        from stresslab.running import run_models_to_folder, run_to_folder

        options: dict[str, Any] = {
            "form": task.form,
            "tables": task.tables,
            "limits": limits,
            "companions": None if history is None else Companions(history=history),
            "executor": ThreadExecutor(task.threads, _PROGRAMS)
            if task.executor == "threads"
            else executor_named(task.executor),
        }
        if len(scenarios) == 1:
            results, seconds = run_to_folder(scenarios[0], place, **options)
            rows: tuple[AccountRow, ...] = (account_row(job.name, results),)
        else:
            _, seconds = run_models_to_folder(scenarios, place, **options)
            rows = tuple(account_row(job.name, load(place / name)) for name in names)
        if shelf is not None:
            keep(place, shelf)
    except InputError as error:
        return Finished(job, "failed", faults=tuple(str(fault) for fault in error.faults))
    except (OutputFolderError, ArchiveError, ClusterError, MemoryError) as error:
        return _refused(job, str(error) or "the paths do not fit into memory; ask for fewer")
    except Exception as error:
        return _refused(job, f"stresslab failed: {type(error).__name__}: {error}")
    return Finished(job, "done", rows, seconds={phase: round(taken, 2) for phase, taken in seconds.items()})


def _unchanged(job: Job, place: Path, wanted: str, names: Sequence[str]) -> Finished | None:
    """A job that was done from the same inputs and whose files are whole; None where it is to be done."""
    manifest = read_manifest(place)
    if manifest is None or manifest.get("identity") != wanted:
        return None
    with suppress(DamagedError, ResultsError):
        check_files(place)
        return Finished(job, "unchanged", tuple(account_row(job.name, load(place / name)) for name in names))
    return None


def _refused(job: Job, problem: str) -> Finished:
    return Finished(job, "failed", faults=(str(Fault(job.file, 1, 1, problem, "see the log of the batch")),))


def _record(log: Any, finished: Finished, tell: Callable[[Finished], None] | None) -> None:
    entry: dict[str, Any] = {"event": "job", "job": finished.job.name, "status": finished.status}
    if finished.faults:
        entry["faults"] = list(finished.faults)
    if finished.seconds:
        entry["seconds"] = finished.seconds
    _log(log, **entry, breached=is_breached(finished))
    if tell is not None:
        tell(finished)


def _log(log: Any, **entry: Any) -> None:
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    log.write(json.dumps({"time": now, **entry}, ensure_ascii=False) + "\n")
    log.flush()
