"""``stresslab uncertainty``: how much of a probability hangs on figures that a short past leaves unsure."""

from __future__ import annotations

import click

from stresslab.commands.table_option import table_formats, table_option


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--out", required=True, metavar="DIR", help="Folder; made new, or replaced where it holds a former run.")
@click.option(
    "--draws", type=click.IntRange(2, 10_000), default=40, show_default=True, metavar="N", help="Markets drawn."
)
@click.option(
    "--paths",
    type=click.IntRange(1, 10**8),
    metavar="N",
    help="Paths of each; by default the scenario's, 20,000 at most. The random numbers are the same for all.",
)
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
@table_option
def command(scenario: str, out: str, draws: int, paths: int | None, threads: int | None, tables: str) -> None:
    """Simulate a scenario under figures drawn from the standard errors of its calibration.

    Writes uncertainty.nc, uncertainty.csv and uncertainty.svg, and prints the range of P(any liquidation) and of the
    expected shortfall that the past allows, beside the sampling error.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.commands.progress import progress_of_paths
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.model_choice import read_scenarios

    formats = table_formats(tables)
    question = read_scenarios(scenario)[0]
    print_notices(question.notices)
    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.uncertainty import draws_under, uncertainty_table, uncertainty_to_folder
            question = draws_under(question, paths)
            with progress_of_paths(question.paths * (draws + 1)) as progress:
                results = uncertainty_to_folder(
                    question, out, draws, threads=threads, progress=progress, tables=formats
                )
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    click.echo(f"drawn {draws} times: {results.attrs['drawn_figures']}; {question.paths:,} paths each")
    table = uncertainty_table(results)
    width = max(len(str(name)) for name in results.configuration.values)
    click.echo(
        f"{'':{width}}  P(any liquidation), sampling 95 %   {results.attrs['envelope']} of draws     "
        f"expected shortfall 97.5 %, {results.attrs['currency']}, draws"
    )
    chance = table[table.variable == "account_liquidation_probability"].set_index("configuration")
    tail = table[table.variable == "expected_shortfall"].set_index("configuration")
    for name in chance.index:
        one, other = chance.loc[name], tail.loc[name]
        shortfall = f"{other.stated:14,.0f}  {other.low:,.0f} to {other.high:,.0f}"
        click.echo(
            f"{name:{width}}  {_chance(one.stated):>9} [{one.stated_lower:.3%}, {one.stated_upper:.3%}]"
            f"  {_chance(one.low):>9} to {_chance(one.high)}  {shortfall}"
        )
    click.echo(f"written to {out}: uncertainty.nc, uncertainty.csv, uncertainty.svg, manifest.json")


def _chance(share: float) -> str:
    return f"{share:.3%}" if share > 0.0 else "none seen"
