"""``stresslab backtest``: forecasts of the required collateral against what prices did."""

from __future__ import annotations

import datetime as dt
from functools import partial

import click

from stresslab.commands.table_option import table_formats, table_option

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("histories", nargs=-1, required=True, metavar="[ASSET=]HISTORY...")
@click.option("--horizon", required=True, metavar="DURATION", help="How far ahead, such as 7d; at most 90d.")
@click.option("--every", required=True, metavar="DURATION", help="How often a forecast is made, such as 7d.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the results; made new, or a former run replaced.")
@click.option("--models", metavar="A,B", help="Ways to forecast; the others are compared with the first. Default: all.")
@click.option("--since", type=_DAY, metavar="DAY", help="First origin; by default the first with a year of past.")
@click.option("--until", type=_DAY, metavar="DAY", help="Last day of origins; by default all whose windows have ended.")
@click.option(
    "--paths", type=click.IntRange(100, 10**6), default=4000, show_default=True, metavar="N", help="Samples a forecast."
)
@table_option
def command(
    histories: tuple[str, ...],
    horizon: str,
    every: str,
    out: str,
    models: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    paths: int,
    tables: str,
) -> None:
    """Score forecasts of the required collateral against history, one file of bars an asset.

    At each origin every way to forecast sees the past alone. It forecasts the collateral, as a share of notional, that
    a unit long and a unit short exceed with 1 % and 5 %, and liquidation at 3x, 5x, 10x and 20x. Then the prices that
    came, highs and lows included, tell how often it was wrong. A history is as `calibrate` reads it.
    """
    from stresslab.backtest.files import backtest_files
    from stresslab.backtest.summary import backtest_summary
    from stresslab.commands.interruption import interruptible
    from stresslab.commands.progress import progress_of_paths
    from stresslab.results.output_folder import OutputFolderError

    formats = table_formats(tables)
    first, last = (None if day is None else day.date() for day in (since, until))
    try:
        with interruptible():
            results = backtest_files(
                histories,
                out,
                horizon=horizon,
                every=every,
                models=None if models is None else [name.strip() for name in models.split(",") if name.strip()],
                since=first,
                until=last,
                paths=paths,
                tables=formats,
                progress=partial(progress_of_paths, unit="origins", task="forecasting"),
            )
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    click.echo(backtest_summary(results))
    click.echo(f"written to {out}: backtest.pdf, backtest.nc, summary.txt, figures, tables, manifest.json")
