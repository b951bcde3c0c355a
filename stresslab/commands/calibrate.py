"""``stresslab calibrate``: from price histories to a market model."""

from __future__ import annotations

import datetime as dt

import click

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("histories", nargs=-1, metavar="[ASSET=]HISTORY...")
@click.option("--model", metavar="NAME", help="The market model to fit; component_history by default.")
@click.option(
    "--funding",
    multiple=True,
    metavar="[ASSET=]FILE",
    help="Fit funding instead: rates of one asset, once for each; HISTORY then gives the prices that premiums follow.",
)
@click.option("--interest-rate", type=float, metavar="RATE", help="With --funding: of one interval, default 0.0001.")
@click.option("--clamp", type=float, metavar="RATE", help="With --funding: of one interval, default 0.0005.")
@click.option("--out", required=True, metavar="FILE", help="The calibration to write, ending in .toml.")
@click.option("--since", type=_DAY, metavar="DAY", help="First day to use, as 2021-07-01.")
@click.option("--until", type=_DAY, metavar="DAY", help="Last day to use; by default all days that every history has.")
@click.option("--floor", metavar="DAYS", help="As 90d: none below the upper quartile of its 90-day volatilities.")
@click.option(
    "--volatility",
    type=click.Choice(["close", "parkinson", "garman-klass", "yang-zhang"]),
    default="close",
    help="Of gbm, student_t and copula_t: from closes of days, or from their highs and lows.",
)
@click.option("--shrinkage", is_flag=True, help="Of the same: correlations drawn towards their mean (Ledoit-Wolf).")
@click.option("--dynamic-correlation", is_flag=True, help="Of garch: fit a correlation that follows the shocks.")
@click.option("--seasonality", is_flag=True, help="Also fit how volatile each hour of the day and of the week is.")
@click.option("--diagnostics", metavar="DIR", help="Also write how well the model describes its history there.")
@click.option("--note", default="", metavar="TEXT", help="Kept in the file: why these histories and these days.")
def command(
    histories: tuple[str, ...],
    model: str | None,
    funding: tuple[str, ...],
    interest_rate: float | None,
    clamp: float | None,
    out: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    floor: str | None,
    volatility: str,
    shrinkage: bool,
    dynamic_correlation: bool,
    seasonality: bool,
    diagnostics: str | None,
    note: str,
) -> None:
    """Fit a market model to histories of bars, one file an asset; or premiums to histories of funding rates.

    A history is CSV or Parquet with the columns ts (UTC) or open_time (milliseconds, as Binance exports it), open,
    high, low and close; one of funding has ts or fundingTime, and rate or fundingRate. Its asset is the file's name up
    to the first `_`, or what stands before `=`. Gaps and duplicates are reported and never filled.
    """
    first, last = (None if day is None else day.date() for day in (since, until))
    if funding:
        if model is not None:
            raise click.UsageError("--funding and --model each write a calibration of their own: give one of them.")
        if diagnostics is not None:
            raise click.UsageError("--diagnostics belongs to --model, not to --funding.")
        if floor is not None or shrinkage or dynamic_correlation or seasonality or volatility != "close":
            options = "--floor, --volatility, --shrinkage, --dynamic-correlation and --seasonality"
            raise click.UsageError(f"{options} belong to --model, not to --funding.")
        from stresslab.calibration.funding_files import calibrate_funding_files

        rule = {"interest_rate": interest_rate, "clamp": clamp}
        stated = {key: value for key, value in rule.items() if value is not None}
        summary = calibrate_funding_files(funding, histories, out, since=first, until=last, note=note, **stated)
    else:
        if interest_rate is not None or clamp is not None:
            raise click.UsageError("--interest-rate and --clamp belong to --funding.")
        if not histories:
            raise click.UsageError("Missing argument '[ASSET=]HISTORY...'.")
        from stresslab.calibration.files import DEFAULT_MODEL, calibrate_files
        from stresslab.calibration.writing import calibration_summary

        calibration = calibrate_files(
            histories,
            model or DEFAULT_MODEL,
            out,
            since=first,
            until=last,
            note=note,
            floor=floor,
            volatility=volatility,
            shrinkage=shrinkage,
            dynamic_correlation=dynamic_correlation,
            seasonality=seasonality,
        )
        summary = calibration_summary(calibration)
        if diagnostics is not None:
            from stresslab.diagnosis import diagnose_to_folder
            from stresslab.results.output_folder import OutputFolderError

            try:
                diagnose_to_folder(calibration, diagnostics)
            except OutputFolderError as error:
                raise click.BadParameter(str(error), param_hint="--diagnostics") from error
    click.echo(summary.rstrip())
    click.echo(f"written: {out}")
    if diagnostics is not None:
        click.echo(f"written: {diagnostics}")
