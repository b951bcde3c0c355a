"""The option ``--tables``, as the commands share it that write a folder of tables."""

from __future__ import annotations

import click

table_option = click.option(
    "--tables",
    default="csv",
    show_default=True,
    metavar="csv|parquet|excel",
    help="Tables besides CSV, with commas between them; they need the extra stresslab[tables].",
)


def table_formats(text: str) -> tuple[str, ...]:
    """Formats as `stresslab.results.table_formats.read_formats` gives them, a fault told as one of ``--tables``."""
    from stresslab.results.table_formats import TableFormatError, read_formats

    try:
        return read_formats(text)
    except TableFormatError as error:
        raise click.BadParameter(str(error), param_hint="--tables") from error
