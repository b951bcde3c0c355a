"""``stresslab run`` on a scenario with several books: every account, and the whole beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import xarray as xr


def run_accounts(
    scenario: str,
    out: str | None,
    *,
    paths: int | None,
    seed: int | None,
    form: str,
    threads: int | None,
    executor: str,
    keep_outcomes: bool,
    checkpoint: str | None,
    limits: str | None,
    fail_on_breach: bool,
    tables: Sequence[str],
    dry_run: bool,
) -> int:
    """Run an institution as the options of ``stresslab run`` say; the exit status."""
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.commands.progress import progress_of_paths
    from stresslab.commands.run import print_estimate
    from stresslab.measures.evaluate import NoValidPathError
    from stresslab.results.limits import BREACH
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.institution_reading import read_institution
    from stresslab.scenario.limits import read_limits
    from stresslab.simulation.checkpoint import CheckpointError
    from stresslab.simulation.executors import ClusterError, executor_named, share_cores

    institution = read_institution(scenario, paths=paths, seed=seed)
    held = None if limits is None else read_limits(limits, institution.accounts)
    print_notices(institution.notices)
    if dry_run:
        for each in institution.accounts:
            click.echo(each.book.name)
            print_estimate(each, threads, keep_outcomes)
        return 0
    try:
        chosen = executor_named(executor, threads)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--executor") from error
    if out is None:
        raise click.UsageError("--out DIR is missing; name the folder for the results")
    if threads is not None and executor == "threads":
        share_cores(threads)
    first = institution.accounts[0]
    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.institution import run_institution_to_folder
            with progress_of_paths(first.paths * len(institution.accounts)) as progress:
                whole, seconds = run_institution_to_folder(
                    institution,
                    out,
                    form=form,
                    executor=chosen,
                    keep_outcomes=keep_outcomes,
                    checkpoint=checkpoint,
                    limits=held,
                    tables=tables,
                    progress=progress,
                )
    except KeyboardInterrupt:
        if checkpoint is not None:
            click.echo(f"what is finished stands in {checkpoint}; the same command goes on from there", err=True)
        raise
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    except CheckpointError as error:
        raise click.BadParameter(str(error), param_hint="--checkpoint") from error
    except ClusterError as error:
        raise click.BadParameter(str(error), param_hint="--executor") from error
    except (NoValidPathError, MemoryError) as error:
        raise click.ClickException(str(error) or "the paths do not fit into memory; ask for fewer") from error
    _print_headline(whole)
    taken = ", ".join(f"{phase} {each:.1f} s" for phase, each in seconds.items())
    click.echo(f"{first.paths:,} paths of {first.steps:,} steps for each account: {taken}")
    files = [*([] if form == "none" else ["report.pdf"]), "institution.nc", "tables", "manifest.json"]
    click.echo(f"written to {Path(out)}: {', '.join(files)}, and a folder for each account in accounts")
    if held is None:
        return 0
    states = whole["limit_state"].values.tolist()
    click.echo(f"limits: {states.count(BREACH)} of {len(states)} accounts breach at least one")
    return 3 if fail_on_breach and BREACH in states else 0


def _print_headline(whole: xr.Dataset) -> None:
    """As booked: every account and the whole, with intervals."""
    booked, currency = whole.sel(configuration="as_booked"), whole.attrs["currency"]
    names = [str(name) for name in whole.account.values]
    width = max(len(name) for name in (*names, "institution"))
    click.echo(f"{'':{width}}  P(any liquidation), 95 %      expected shortfall 97.5 %, {currency}")
    rows = [(name, booked.sel(account=name), "account_liquidation_probability", "account_") for name in names]
    for name, row, chance, prefix in [*rows, ("institution", booked, "any_liquidation_probability", "")]:
        share, lower, upper = (float(row[f"{chance}{bound}"]) for bound in ("", "_lower", "_upper"))
        tail = row.sel(level=0.975)
        shortfall = float(tail[f"{prefix}expected_shortfall"])
        error = float(tail[f"{prefix}expected_shortfall_standard_error"])
        point = f"{share:7.2%}" if share > 0 else " none seen"
        click.echo(f"{name:{width}}  {point} [{lower:.3%}, {upper:.3%}]   {shortfall:>14,.0f} +- {1.96 * error:,.0f}")
