"""``stresslab run``: from a scenario to results, report and tables in one folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stresslab.commands.table_option import table_formats, table_option

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.measures.precision import Precision
    from stresslab.results.companions import Companions
    from stresslab.reviewing.verifying import Stored
    from stresslab.scenario.scenario import Scenario


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--out", metavar="DIR", help="Folder for the results; made new, or replaced where it holds a former run.")
@click.option("--paths", type=click.IntRange(1, 10**9), metavar="N", help="Number of paths instead of the scenario's.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the scenario's.")
@click.option(
    "--form",
    type=click.Choice(["none", "short", "standard", "full"]),
    default="standard",
    show_default=True,
    help="Pages of the report; none: no report.pdf; full also computes what they need, as [analysis] says.",
)
@click.option(
    "--threads", type=click.IntRange(1, 1024), metavar="N", help="Threads or local workers; by default one a core."
)
@click.option(
    "--executor",
    default="threads",
    show_default=True,
    metavar="threads|dask|dask:ADDRESS",
    help="Who simulates: threads of this process, worker processes, or the workers of a Dask cluster.",
)
@click.option("--keep-outcomes", is_flag=True, help="Also save what became of every path, as outcomes.nc.")
@click.option("--checkpoint", metavar="DIR", help="Keep what is finished there; the same command goes on from it.")
@click.option(
    "--until",
    metavar="5%[:NAME]",
    help="Stop where the 95 % interval of P(any liquidation) is as narrow, relative to it; --paths is the most. "
    "NAME: a configuration, or CONFIGURATION/POOL.",
)
@click.option("--models", metavar="A,B", help="Market models instead of the scenario's; several: a folder for each.")
@click.option("--replays", is_flag=True, help="Also take the book through the named crashes; a page of the report.")
@click.option("--previous", metavar="DIR", help="Split the change since the review in DIR; a page of the full form.")
@click.option("--limits", metavar="FILE", help="Hold the results against these limits; lights on page 1 of the report.")
@click.option("--fail-on-breach", is_flag=True, help="End with status 3 if a limit is breached.")
@table_option
@click.option("--dry-run", is_flag=True, help="Print steps, memory, disk and time to expect, and stop.")
def command(
    scenario: str,
    out: str | None,
    paths: int | None,
    seed: int | None,
    form: str,
    threads: int | None,
    executor: str,
    keep_outcomes: bool,
    checkpoint: str | None,
    until: str | None,
    models: str | None,
    replays: bool,
    previous: str | None,
    limits: str | None,
    fail_on_breach: bool,
    tables: str,
    dry_run: bool,
) -> int:
    """Simulate a scenario and write results.nc, report.pdf, tables and manifest.json to a folder.

    The full form adds sensitivities.nc, models.nc, allocation.nc, replay.nc and rare.nc, with --previous comparison.nc,
    as far as they have an answer, and left_out.json with the reasons where they have none.

    Under several models they stand in one folder a model, beside models.nc, models.csv, models.svg, and
    a report.pdf of the first with a page on all. Where the scenario names several books, each has a folder in
    accounts, beside institution.nc and report.pdf of the whole.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.commands.progress import progress_of_paths
    from stresslab.measures.evaluate import NoValidPathError
    from stresslab.measures.precision import PrecisionError, read_precision
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.institution_reading import names_several_books
    from stresslab.scenario.limits import read_limits
    from stresslab.scenario.model_choice import read_scenarios
    from stresslab.scenario.replay import ReplayError
    from stresslab.simulation.checkpoint import CheckpointError
    from stresslab.simulation.executors import ClusterError, executor_named, share_cores

    if fail_on_breach and limits is None:
        raise click.UsageError("--fail-on-breach needs --limits FILE")
    if previous is not None and form != "full":
        raise click.UsageError("--previous needs --form full; stresslab compare splits the change without a review")
    formats = table_formats(tables)
    if names_several_books(scenario):
        from stresslab.commands.accounts import run_accounts

        for option, given in (
            ("--models", models),
            ("--until", until),
            ("--replays", replays),
            ("--previous", previous),
        ):
            if given:
                raise click.UsageError(f"{option} takes a scenario with one book, and this one names several")
        if form == "full":
            raise click.UsageError("--form full takes a scenario with one book; of several, run the one in question")
        return run_accounts(
            scenario,
            out,
            paths=paths,
            seed=seed,
            form=form,
            threads=threads,
            executor=executor,
            keep_outcomes=keep_outcomes,
            checkpoint=checkpoint,
            limits=limits,
            fail_on_breach=fail_on_breach,
            tables=formats,
            dry_run=dry_run,
        )
    named = None if models is None else [name.strip() for name in models.split(",")]
    questions = read_scenarios(scenario, paths=paths, seed=seed, models=named)
    question = questions[0]
    held = None if limits is None else read_limits(limits, questions)
    print_notices(dict.fromkeys(notice for each in questions for notice in each.notices))
    try:
        precision = None if until is None else read_precision(until, question.configurations)
    except PrecisionError as error:
        raise click.BadParameter(str(error), param_hint="--until") from error
    if dry_run:
        for each in questions:
            if len(questions) > 1:
                click.echo(each.market.model)
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

    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.running import run_models_to_folder, run_to_folder

                if replays:
                    from stresslab.replaying import replay
                    from stresslab.results.companions import Companions
                if form == "full":
                    from stresslab.full_review import companions_of
                # Read ahead: the folder may be the one that this run replaces.
                former = None if previous is None else _former(previous, Path(scenario).parent)
            beside = Companions(replays=replay(question)) if replays else None
            with ExitStack() as bars:
                progress = bars.enter_context(progress_of_paths(question.paths * len(questions)))

                def analyses(scenario: Scenario, results: xr.Dataset, given: Companions) -> Companions:
                    bars.close()  # one bar at a time

                    def watch(part: str, total: int, unit: str) -> AbstractContextManager[Callable[[int], None] | None]:
                        return progress_of_paths(total, unit=unit, task=part)

                    found = companions_of(scenario, results, given, threads=threads, watch=watch)
                    if former is None:
                        return found
                    from stresslab.reviewing.comparing import with_comparison

                    return with_comparison(found, former, scenario, results, threads=threads, watch=watch)

                options: dict[str, Any] = {
                    "form": form,
                    "executor": chosen,
                    "keep_outcomes": keep_outcomes,
                    "checkpoint": checkpoint,
                    "until": precision,
                    "companions": beside,
                    "analyses": analyses if form == "full" else None,
                    "limits": held,
                    "tables": formats,
                    "progress": progress,
                }
                if len(questions) == 1:
                    results, seconds = run_to_folder(question, out, **options)
                else:
                    results, seconds = run_models_to_folder(questions, out, **options)
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
    except ReplayError as error:
        raise click.UsageError(f"--replays: {error}") from error
    except (NoValidPathError, MemoryError) as error:
        raise click.ClickException(str(error) or "the paths do not fit into memory; ask for fewer") from error
    for place, each in enumerate(questions):
        if len(questions) > 1:
            click.echo(each.market.model)
        _print_headline(results if len(questions) == 1 else results.isel(model=place))
    taken = ", ".join(f"{phase} {each:.1f} s" for phase, each in seconds.items())
    if precision is None:
        click.echo(f"{question.paths:,} paths of {question.steps:,} steps: {taken}")
    else:
        _print_endings(results, precision, [each.market.model for each in questions])
        click.echo(f"paths of {question.steps:,} steps: {taken}")
    several = len(questions) > 1
    from stresslab.results.companions import FILES, REASONS

    files = [] if form == "none" else ["report.pdf"]
    files += ["models.nc", "models.csv", "models.svg"] if several else ["results.nc", "tables"]
    left = {*FILES.values(), REASONS} - {"models.nc" if several else ""}
    files += [*sorted(name for name in left if (Path(out) / name).is_file()), "manifest.json"]
    files += ["and a folder for each model"] if several else []
    click.echo(f"written to {out}: {', '.join(files)}")
    if held is None:
        return 0
    from stresslab.results.limits import BREACH, WARNING, is_breached

    states = results["limit_state"].values.ravel().tolist()
    told = [f"{states.count(state)} {word}" for state, word in ((BREACH, "breached"), (WARNING, "at a warning"))]
    click.echo(f"limits: of {len(states)}, {', '.join(told)}")
    return 3 if fail_on_breach and is_breached(results) else 0


def _former(folder: str, inputs: Path) -> Stored:
    from stresslab.reviewing.comparing import single
    from stresslab.reviewing.exchange import CompareError
    from stresslab.reviewing.verifying import DamagedError

    try:
        return single(folder, inputs=inputs)
    except (CompareError, DamagedError) as error:
        raise click.BadParameter(str(error), param_hint="--previous") from error


def print_estimate(question: Scenario, threads: int | None, keep_outcomes: bool) -> None:
    """Print what a run will cost."""
    from stresslab.simulation.estimate import estimate

    cost = estimate(question, threads=threads, keep_outcomes=keep_outcomes)
    click.echo(f"steps      {cost.steps:,} of {question.step * 24:g} h for each of {question.paths:,} paths")
    click.echo(f"blocks     {cost.blocks:,}")
    click.echo(f"memory     about {cost.memory_bytes / 1e9:.1f} GB at the peak")
    if cost.disk_bytes:
        click.echo(f"disk       {cost.disk_bytes / 1e9:.1f} GB for temporary files, in {tempfile.gettempdir()}")
    click.echo(
        f"time       about {cost.simulation_seconds:.0f} s, and {cost.compile_seconds:.0f} s to compile, measured here"
    )


def _print_endings(results: xr.Dataset, precision: Precision, models: list[str]) -> None:
    """How each run until a precision ended; where several models differ in an attribute, it is text by model."""
    paths, told = results.attrs["paths"], json.loads(results.attrs["until"])
    by_model = json.loads(paths) if isinstance(paths, str) else dict.fromkeys(models, int(paths))
    endings = dict.fromkeys(models, told) if "looks" in told else {name: json.loads(told[name]) for name in models}
    for model, ending in endings.items():
        place = f"{model}: " if len(models) > 1 else ""
        found = "no liquidation seen" if ending["achieved"] is None else f"+-{ending['achieved']:.2%} of it"
        line = f"{place}{by_model[model]:,} paths, look {ending['looks']}: {ending['probability']} {found}"
        click.echo(line)
        if not ending["reached"]:
            click.echo(
                f"{place}the precision of {precision.half_width:.3g} was not reached; allow more --paths", err=True
            )


def _print_headline(results: xr.Dataset) -> None:
    width = max(len(str(name)) for name in results.configuration.values)
    click.echo(f"{'':{width}}  P(any liquidation), 95 %      expected shortfall 97.5 %, {results.attrs['currency']}")
    for name in results.configuration.values:
        row = results.sel(configuration=name)
        share, lower, upper = (
            float(row[f"account_liquidation_probability{bound}"]) for bound in ("", "_lower", "_upper")
        )
        tail = row.sel(level=0.975)
        shortfall, error = float(tail.expected_shortfall), float(tail.expected_shortfall_standard_error)
        point = f"{share:7.2%}" if share > 0 else " none seen"
        click.echo(f"{name:{width}}  {point} [{lower:.3%}, {upper:.3%}]   {shortfall:>14,.0f} +- {1.96 * error:,.0f}")
