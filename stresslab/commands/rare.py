"""``stresslab rare``: how likely a liquidation is that hardly any plain path shows."""

from __future__ import annotations

import click

from stresslab.commands.table_option import table_formats, table_option


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--configuration", required=True, metavar="NAME", help="Configuration whose pools are looked at.")
@click.option("--pool", metavar="NAME", help="One of its pools; by default each of them.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the results; made new, or a former run replaced.")
@click.option(
    "--paths", type=click.IntRange(1_000, 10**9), metavar="N", help="Number of paths instead of the scenario's."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed instead of the scenario's.")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Blocks in flight; by default one a core.")
@table_option
def command(
    scenario: str,
    configuration: str,
    pool: str | None,
    out: str,
    paths: int | None,
    seed: int | None,
    threads: int | None,
    tables: str,
) -> None:
    """Estimate how likely each pool is to be liquidated within the horizon, however rare that is.

    A pilot run chooses between plain sampling, importance sampling and splitting; fresh paths give the answer, with
    what speaks against it.
    """
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.messages import print_notices
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.reading import read_scenario

    formats = table_formats(tables)
    question = read_scenario(scenario, paths=paths, seed=seed)
    print_notices(dict.fromkeys(question.notices))
    with interruptible():
        from stresslab.rare.estimation import RareEventError
        from stresslab.rare.files import write_rare_events

        try:
            summary = write_rare_events(question, configuration, out, pool=pool, threads=threads, tables=formats)
        except RareEventError as error:
            raise click.UsageError(str(error)) from error
        except OutputFolderError as error:
            raise click.BadParameter(str(error), param_hint="--out") from error
    click.echo(summary)
    click.echo(f"written to {out}: rare_events.csv, summary.txt, manifest.json")
