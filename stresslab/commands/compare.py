"""``stresslab compare``: what changed between two reviews, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stresslab.commands.table_option import table_formats, table_option

if TYPE_CHECKING:
    import xarray as xr


@click.command()
@click.argument("old", metavar="OLD|ACCOUNT")
@click.argument("new", metavar="[NEW]", required=False)
@click.option("--out", required=True, metavar="DIR", help="Folder for table, dataset and figure.")
@click.option(
    "--paths", type=click.IntRange(1, 10**9), default=20_000, show_default=True, metavar="N", help="Paths of each run."
)
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
@click.option("--archive", metavar="DIR", help="Compare the last two reviews of ACCOUNT that a batch put there.")
@click.option("--quarter", metavar="2026-Q3", help="With --archive: this quarter's review with the one before it.")
@table_option
def command(
    old: str,
    new: str | None,
    out: str,
    paths: int,
    threads: int | None,
    archive: str | None,
    quarter: str | None,
    tables: str,
) -> int:
    """Split the change of each headline number from OLD to NEW, two folders of results or of an archive.

    Both are run again with one group exchanged at a time, in all orders: market, positions, collateral, rules, model.
    What is left of the reported change is sampling noise. Writes comparison.nc, comparison.csv and waterfall.svg.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.progress import progress_of_paths
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.reviewing.exchange import CompareError
    from stresslab.reviewing.verifying import DamagedError

    formats = table_formats(tables)
    old, new = _folders(old, new, archive, quarter)
    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.reviewing.comparing import compare_to_folder, run_count, single
            with progress_of_paths(paths * run_count(single(old), single(new))) as progress:
                compared = compare_to_folder(
                    old, new, out, paths=paths, threads=threads, progress=progress, tables=formats
                )
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    except CompareError as error:
        raise click.UsageError(str(error)) from error
    except DamagedError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        return 2
    _print_parts(compared)
    click.echo(f"written to {out}: comparison.csv, comparison.nc, waterfall.svg, manifest.json")
    return 0


def _folders(old: str, new: str | None, archive: str | None, quarter: str | None) -> tuple[str, str]:
    """The two folders to be compared, as they are named or as an archive has them."""
    if archive is None:
        if quarter is not None:
            raise click.UsageError("--quarter needs --archive DIR")
        if new is None:
            raise click.UsageError("NEW is missing; name two folders of results, or an account and --archive DIR")
        return old, new
    if new is not None:
        raise click.UsageError("--archive takes one account; the last two of its reviews are compared")
    from stresslab.reviewing.archive import ArchiveError, last_two

    try:
        former, latter = last_two(archive, old, quarter)
    except ArchiveError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{former.folder} and {latter.folder}")
    return str(former.folder), str(latter.folder)


def _print_parts(compared: xr.Dataset) -> None:
    attributes = compared.attrs
    click.echo(f"{attributes['title']}; as booked; the questions differ in: {attributes['changed'] or 'nothing'}")
    groups = [str(group) for group in compared.group.values]
    click.echo(" ".join([f"{'':34}", *(f"{name:>14}" for name in ("old", *groups, "new"))]))
    for number in compared.number.values:
        at = compared.sel(number=number, configuration="as_booked")
        values = [float(at.old), *(float(part) for part in at.part.values), float(at.new)]
        share = str(at.units.item()) == "1"
        shown = [f"{value:14.4%}" if share else f"{value:14,.0f}" for value in values]
        click.echo(" ".join([f"{number!s:34}", *shown]))
