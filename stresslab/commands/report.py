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
    those of the run's own report of that form. Of several accounts, the report of the whole is typeset.
    """
    from stresslab.results.output_folder import OutputFolderError, is_former_run, output_folder, write_manifest
    from stresslab.results.saving import ResultsError, load_institution
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
    whole = _is_institution(Path(results))
    if whole and form != "standard":
        raise click.BadParameter(
            "the report of several accounts has one form; those of each stand in their folders", param_hint="--form"
        )
    try:
        found, companions = (load_institution(results), None) if whole else _read(Path(results))
    except ResultsError as error:
        raise click.BadParameter(str(error), param_hint="RESULTS") from error

    if formats is not None:
        beside = target.with_name(f"{target.stem}_tables")
        try:
            with output_folder(beside) as folder:
                write_tables(found, folder, formats)
                mark = "institution_hash" if whole else "scenario_hash"
                write_manifest(folder, {"title": found.attrs["title"], mark: found.attrs[mark]})
        except OutputFolderError as error:
            raise click.BadParameter(str(error), param_hint="--tables") from error
        click.echo(f"written to {beside}: {', '.join(formats)}")

    # Charts and typesetting take a second to import.
    from stresslab.report import typeset
    from stresslab.report.institution_pages import typeset_institution

    try:
        if whole:
            typeset_institution(found, target)
        else:
            typeset(found, target, form=form, companions=companions)
    except OSError as error:
        raise click.BadParameter(f"{out} cannot be written: {error.strerror}", param_hint="--out") from error
    click.echo(f"written to {out}: the {form} report of {found.attrs['title']}")


def _is_institution(source: Path) -> bool:
    """Whether the whole of several accounts is meant: its file, or the folder that holds it."""
    from stresslab.results.saving import INSTITUTION

    return source.name == INSTITUTION or (source / INSTITUTION).is_file()


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
