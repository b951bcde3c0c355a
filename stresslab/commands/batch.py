"""``stresslab batch``: many scenarios into one folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stresslab.commands.table_option import table_formats, table_option

if TYPE_CHECKING:
    from stresslab.reviewing.batch import Finished


@click.command()
@click.argument("source", metavar="FOLDER|LIST")
@click.option("--out", required=True, metavar="DIR", help="Folder for all results; a former batch in it is taken up.")
@click.option("--jobs", type=click.IntRange(1, 256), metavar="N", help="Processes; by default one a core.")
@click.option(
    "--form",
    type=click.Choice(["short", "standard"]),
    default="short",
    show_default=True,
    help="Which pages the reports have.",
)
@click.option("--limits", metavar="FILE", help="Hold every account against these limits.")
@click.option("--archive", metavar="DIR", help="Keep a copy of every result there, by account and quarter.")
@click.option(
    "--quarter",
    metavar="2026-Q3",
    help="Quarter of the reviews in the archive; by default that of the scenario's start.",
)
@table_option
@click.option(
    "--executor",
    default="threads",
    show_default=True,
    metavar="threads|dask|dask:ADDRESS",
    help="Who simulates; with a cluster one scenario at a time, unless --jobs says more.",
)
def command(
    source: str,
    out: str,
    jobs: int | None,
    form: str,
    limits: str | None,
    archive: str | None,
    quarter: str | None,
    tables: str,
    executor: str,
) -> int:
    """Run every *scenario.toml below FOLDER, or every scenario of a LIST with one a line.

    Results stand below DIR under the scenarios' relative paths. What is done and whose inputs are the same is not done
    again. DIR also gets cover.pdf and summary.csv, which rank all accounts, and log.jsonl.

    An archive keeps results over the quarters; reports show how far limits were used in the last eight reviews.

    Exit status: 0 all done, 2 a scenario could not be run, 3 all done and a limit is breached.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.results.output_folder import OutputFolderError

    if quarter is not None and archive is None:
        raise click.UsageError("--quarter needs --archive DIR")
    formats = table_formats(tables)
    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.reviewing.archive import ArchiveError
                from stresslab.reviewing.batch import STATUSES, is_breached, run_batch
                from stresslab.simulation.executors import executor_named
            try:
                executor_named(executor)
            except ValueError as error:
                raise click.BadParameter(str(error), param_hint="--executor") from error
            try:
                finished = run_batch(
                    source,
                    out,
                    jobs=jobs,
                    form=form,
                    limits=limits,
                    archive=archive,
                    quarter=quarter,
                    tables=formats,
                    executor=executor,
                    tell=_tell,
                )
            except ArchiveError as error:
                raise click.BadParameter(str(error), param_hint="--quarter") from error
    except OutputFolderError as error:
        raise click.UsageError(str(error)) from error
    counts = {status: sum(each.status == status for each in finished) for status in STATUSES}
    breached = sum(is_breached(each) for each in finished)
    told = ", ".join(f"{number} {status}" for status, number in counts.items())
    click.echo(f"{told}; {breached} with a limit breached" if limits is not None else told)
    click.echo(f"written to {out}: cover.pdf, summary.csv, log.jsonl, and a folder for each scenario")
    if counts["failed"]:
        return 2
    return 3 if breached else 0


def _tell(finished: Finished) -> None:
    took = f", {sum(finished.seconds.values()):.1f} s" if finished.seconds else ""
    click.echo(f"{finished.status:9} {finished.job.name}{took}")
    for fault in finished.faults:
        click.echo(fault, err=True)
