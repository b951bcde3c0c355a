"""``stresslab allocate``: how to split a budget of collateral over the positions of a book."""

from __future__ import annotations

from functools import partial

import click

from stresslab.commands.table_option import table_formats, table_option

_OBJECTIVES = ("expected-loss", "any-liquidation", "k-liquidations", "expected-shortfall", "target-probability")


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--budget", required=True, type=float, metavar="X", help="Collateral to split; the most, for a target.")
@click.option("--objective", required=True, type=click.Choice(_OBJECTIVES), help="What is made least.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the results; made new, or a former run replaced.")
@click.option("--count", type=click.IntRange(1), default=2, show_default=True, help="k of k-liquidations.")
@click.option("--level", type=float, default=0.975, show_default=True, help="Level of the expected shortfall.")
@click.option("--target", type=float, default=0.05, show_default=True, help="P(any liquidation) to be met.")
@click.option("--cap", type=float, metavar="X", help="Most that one position may get.")
@click.option("--increment", type=float, metavar="X", help="Amounts are whole multiples of it.")
@click.option("--fixed", multiple=True, metavar="ID=X", help="A position's collateral is settled; may be repeated.")
@click.option("--pools", type=click.Choice(["assignments", "partitions"]), help="Search what to pool, too.")
@click.option("--frontier", is_flag=True, help="Split a range of budgets, too.")
@click.option("--horizon", metavar="DURATION", help="Shorter than the scenario's, such as 7d.")
@click.option(
    "--paths", type=click.IntRange(100, 10**7), metavar="N", help="Number of paths instead of the scenario's."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the scenario's.")
@click.option("--fresh-seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed of the check; default: next.")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
@table_option
def command(
    scenario: str,
    budget: float,
    objective: str,
    out: str,
    count: int,
    level: float,
    target: float,
    cap: float | None,
    increment: float | None,
    fixed: tuple[str, ...],
    pools: str | None,
    frontier: bool,
    horizon: str | None,
    paths: int | None,
    seed: int | None,
    fresh_seed: int | None,
    threads: int | None,
    tables: str,
) -> None:
    """Split a budget of collateral over the positions of a book, each isolated.

    Every position gets at least its initial margin. The split is compared with simple rules, with all positions crossed
    and with the account as booked, on the paths of the search and on fresh ones.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.documents.durations import minutes_of
    from stresslab.measures.evaluate import NoValidPathError
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.reading import read_scenario

    formats = table_formats(tables)
    settled = _amounts(fixed)
    try:
        days = None if horizon is None else minutes_of(horizon) / 1440.0
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--horizon") from error
    question = read_scenario(scenario, paths=paths, seed=seed)
    print_notices(dict.fromkeys(question.notices))
    with interruptible():
        from stresslab.allocation.files import write_study
        from stresslab.allocation.outcomes import Objective
        from stresslab.allocation.sampling import AllocationError, at_horizon
        from stresslab.allocation.study import study

        try:
            aim = Objective(objective, count, level, target)
            asked = question if days is None else at_horizon(question, days)
            ask = partial(
                study,
                asked,
                budget,
                aim,
                cap=cap,
                increment=increment,
                fixed=settled,
                fresh_seed=fresh_seed,
                pools=pools,
                frontier=frontier,
                threads=threads,
            )
            summary = write_study(ask, out, tables=formats)
        except AllocationError as error:
            raise click.UsageError(str(error)) from error
        except OutputFolderError as error:
            raise click.BadParameter(str(error), param_hint="--out") from error
        except (NoValidPathError, MemoryError) as error:
            raise click.ClickException(str(error) or "the paths do not fit into memory; ask for fewer") from error
    click.echo(summary)
    click.echo(f"written to {out}: allocation.nc, summary.txt, figures, tables, manifest.json")


def _amounts(fixed: tuple[str, ...]) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for each in fixed:
        name, sign, text = each.partition("=")
        try:
            amounts[name] = float(text.replace("_", ""))
        except ValueError:
            sign = ""
        if not sign or not name:
            raise click.BadParameter(f"{each!r} is not ID=AMOUNT, such as btc-long=50000", param_hint="--fixed")
    return amounts
