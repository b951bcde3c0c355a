"""What every command prints in the same way."""

from __future__ import annotations

from collections.abc import Iterable

import click

from stresslab.documents.faults import Fault, Notice


def print_faults(faults: Iterable[Fault]) -> None:
    """Print each fault to stderr, one a line: place, what is wrong, what would be right."""
    for fault in faults:
        click.echo(str(fault), err=True)


def print_notices(notices: Iterable[Notice]) -> None:
    """Print each warning to stderr, marked as such; the place stands first, as for a fault."""
    for notice in notices:
        click.echo(f"{notice.path}:{notice.line}:{notice.column}: warning: {notice.problem}; {notice.remedy}", err=True)
