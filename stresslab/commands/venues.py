"""``stresslab venues``: the rule packs that are shipped."""

from __future__ import annotations

import textwrap

import click


@click.command()
def command() -> None:
    """List the rule packs: date, symbols, source and hash of each.

    A book names one of them as its `venue`, or gives the path of another.
    """
    from stresslab.venues.reading import shipped_packs

    for pack in shipped_packs():
        click.echo(pack.name)
        for label, text in (
            ("effective", pack.effective.isoformat()),
            ("symbols", f"{len(pack.symbols)}: {' '.join(pack.symbols)}"),
            ("source", pack.source if pack.confidence is None else f"{pack.source} ({pack.confidence})"),
            ("sha256", pack.sha256),
        ):
            indent = " " * 14
            click.echo(textwrap.fill(text, 114, initial_indent=f"  {label:<12}", subsequent_indent=indent))
