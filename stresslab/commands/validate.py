"""``stresslab validate``: every fault of every file, at once."""

from __future__ import annotations

import click


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def command(files: tuple[str, ...]) -> int:
    """Check scenarios, books, rule packs and calibrations.

    A scenario's book, pack and calibration are checked with it. Every fault is printed with its place, what is wrong
    and what would be right; the exit status is 2 if there is one.
    """
    from stresslab.commands.messages import print_faults, print_notices
    from stresslab.scenario.validation import validate_files

    faults, notices = validate_files(files)
    print_notices(notices)
    print_faults(faults)
    if faults:
        return 2
    for file in files:
        click.echo(f"{file}: no fault")
    return 0
