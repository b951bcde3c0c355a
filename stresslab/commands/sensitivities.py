"""``stresslab sensitivities``: how far the main numbers move with each input."""

from __future__ import annotations

import click

from stresslab.commands.table_option import table_formats, table_option


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--out", required=True, metavar="DIR", help="Folder; made new, or replaced where it holds a former run.")
@click.option(
    "--paths",
    type=click.IntRange(1, 10**8),
    metavar="N",
    help="Paths of each; by default the scenario's, 20,000 at most. The random numbers are the same for all.",
)
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
@table_option
def command(scenario: str, out: str, paths: int | None, threads: int | None, tables: str) -> None:
    """Simulate a scenario with one input after another moved down and up.

    Writes sensitivities.nc, sensitivities.csv and sensitivities.svg, and prints what each move does to P(any
    liquidation) and to the expected shortfall as booked.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.commands.progress import progress_of_paths
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.model_choice import read_scenarios
    from stresslab.scenario.shocks import shocks

    formats = table_formats(tables)
    question = read_scenarios(scenario)[0]
    print_notices(question.notices)
    try:
        with interruptible() as undisturbed:
            with undisturbed():
                import stresslab.simulation.block  # noqa: F401
                from stresslab.sensitivity import MOST_PATHS, sensitivities_table, sensitivities_to_folder
            asked = min(question.paths, MOST_PATHS) if paths is None else paths
            with progress_of_paths(asked * (1 + 2 * len(shocks(question)))) as progress:
                results = sensitivities_to_folder(
                    question, out, asked, threads=threads, progress=progress, tables=formats
                )
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    table = sensitivities_table(results)
    booked = table[table.configuration == question.configurations[0].name]
    chance = booked[booked.variable == "account_liquidation_probability"].set_index("factor")
    shortfall = booked[booked.variable == "expected_shortfall"].set_index("factor")
    first = chance.iloc[0]
    click.echo(
        f"{question.configurations[0].name}, {asked:,} paths each: P(any liquidation) {first.stated:.3%}, expected "
        f"shortfall 97.5 % {shortfall.iloc[0].stated:,.0f} {results.attrs['currency']}"
    )
    click.echo(f"{'':20}{'down, up':44}P(any liquidation), points [95 %]{'':27}expected shortfall")
    for factor in chance.index:
        one, other = chance.loc[factor], shortfall.loc[factor]
        words = " / ".join(str(each) for each in results.shock_in_words.sel(factor=factor).values)
        points = "  ".join(
            f"{100 * one[f'{side}_change']:+7.2f} "
            f"[{100 * one[f'{side}_change_lower']:+.2f}, {100 * one[f'{side}_change_upper']:+.2f}]"
            for side in ("down", "up")
        )
        click.echo(f"{factor:20}{words:40}{points:60}{other.down_change:+14,.0f} {other.up_change:+14,.0f}")
    click.echo(f"written to {out}: sensitivities.nc, sensitivities.csv, sensitivities.svg, manifest.json")
