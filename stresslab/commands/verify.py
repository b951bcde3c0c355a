"""``stresslab verify``: a folder of results, checked against its checksums and run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stresslab.reviewing.verifying import Verdict


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--inputs", metavar="FOLDER", help="Where bars or price paths lie that the scenario names.")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
def command(folder: str, inputs: str | None, threads: int | None) -> int:
    """Run what DIR holds again, from its results.nc alone, and compare every variable to the bit.

    Of several accounts, what they add up to is compared too.

    Exit status: 0 the same, 3 different, 2 damaged or not to be run again.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.progress import progress_of_paths
    from stresslab.reviewing.verifying import DamagedError, check_files, stored_results, verify
    from stresslab.reviewing.verifying_institution import stored_institution, verify_institution

    try:
        files = check_files(folder)
        results = stored_results(folder, inputs=inputs)
        whole = stored_institution(folder)
    except DamagedError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        return 2
    click.echo(f"files: {len(files)} of {len(files)} as the manifest says")
    same = True
    with interruptible() as undisturbed:
        with undisturbed():
            import stresslab.simulation.block  # noqa: F401
        if whole is not None:
            with progress_of_paths(sum(each.scenario.paths for each in results)) as progress:
                verdicts = verify_institution(whole, results, threads=threads, progress=progress)
            same = all([_told(verdict) for verdict in verdicts])
            return 0 if same else 3
        for stored in results:
            with progress_of_paths(stored.scenario.paths) as progress:
                verdict = verify(stored, threads=threads, progress=progress)
            same = _told(verdict) and same
    return 0 if same else 3


def _told(verdict: Verdict) -> bool:
    """Print a verdict; whether everything is the same."""
    agreeing = verdict.variables - len(verdict.differences)
    click.echo(f"{verdict.name}: {agreeing} of {verdict.variables} the same")
    for each in verdict.differences:
        click.echo(f"  {each.name} {each.reason}")
    for remark in verdict.remarks:
        click.echo(f"  {remark}")
    return verdict.same
