"""``stresslab report``: typeset a finished run again, and its tables, without another simulation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.results.companions import Companions


@click.command()
@click.argument("results", metavar="RESULTS")
@click.option("--out", required=True, metavar="FILE", help="The PDF to write; an existing one is replaced.")
@click.option(
    "--form",
    type=click.Choice(["short", "standard", "full"]),
    default="standard",
    show_default=True,
    help="Which pages the report has.",
)
@click.option(
    "--tables",
    metavar="csv|parquet|excel",
    help="Also write tables, beside FILE in a folder FILE_tables; parquet and excel need the extra stresslab[tables].",
)
def command(results: str, out: str, form: str, tables: str | None) -> None:
    """Typeset a report from RESULTS, a run's folder or its results.nc.

    Nothing is simulated. What stands beside the results in a folder, such as replay.nc, gives its pages; the bytes are
    those of the run's own report of that form.
    """
    from stresslab.results.output_folder import OutputFolderError, is_former_run, output_folder, write_manifest
    from stresslab.results.saving import ResultsError
    from stresslab.results.table_formats import TableFormatError, read_formats
    from stresslab.results.tables import write_tables

    target = Path(out)
    problem = None
    if target.suffix.lower() != ".pdf":
        problem = f"{out} does not end in .pdf; name a PDF"
    elif not target.parent.is_dir():
        problem = f"there is no folder {target.parent}; make it first"
    elif target.is_dir():
        problem = f"{out} is a folder; name a file"
    elif is_former_run(target.parent):
        problem = f"{target.parent} is the folder of a run, which keeps what its manifest lists; choose another folder"
    if problem is not None:
        raise click.BadParameter(problem, param_hint="--out")
    try:
        formats = None if tables is None else read_formats(tables)
    except TableFormatError as error:
        raise click.BadParameter(str(error), param_hint="--tables") from error
    try:
        found, companions = _read(Path(results))
    except ResultsError as error:
        raise click.BadParameter(str(error), param_hint="RESULTS") from error

    if formats is not None:
        beside = target.with_name(f"{target.stem}_tables")
        try:
            with output_folder(beside) as folder:
                write_tables(found, folder, formats)
                write_manifest(folder, {"title": found.attrs["title"], "scenario_hash": found.attrs["scenario_hash"]})
        except OutputFolderError as error:
            raise click.BadParameter(str(error), param_hint="--tables") from error
        click.echo(f"written to {beside}: {', '.join(formats)}")

    # Charts and typesetting take a second to import.
    from stresslab.report import typeset

    try:
        typeset(found, target, form=form, companions=companions)
    except OSError as error:
        raise click.BadParameter(f"{out} cannot be written: {error.strerror}", param_hint="--out") from error
    click.echo(f"written to {out}: the {form} report of {found.attrs['title']}")


def _read(source: Path) -> tuple[xr.Dataset, Companions]:
    """Results, and what else of the run's folder has a page."""
    from stresslab.results.companions import Companions, load_companions
    from stresslab.results.saving import load

    if not source.is_dir():
        return load(source), Companions()
    companions = load_companions(source)
    if companions.models is not None and not (source / "results.nc").exists():
        # A run under several models: the results of each stand in a folder of its own, the report's first.
        source = source / str(companions.models["model"].values[0])
    return load(source), companions
