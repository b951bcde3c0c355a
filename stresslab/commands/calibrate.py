"""``stresslab calibrate``: from price histories to a market model."""

from __future__ import annotations

import datetime as dt

import click

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("histories", nargs=-1, required=True, metavar="[ASSET=]HISTORY...")
@click.option("--model", required=True, metavar="NAME", help="The market model to fit, such as student_t.")
@click.option("--out", required=True, metavar="FILE", help="The calibration to write, ending in .toml.")
@click.option("--since", type=_DAY, metavar="DAY", help="First day to use, as 2021-07-01.")
@click.option("--until", type=_DAY, metavar="DAY", help="Last day to use; by default all days that every history has.")
@click.option("--note", default="", metavar="TEXT", help="Kept in the file: why these histories and these days.")
def command(
    histories: tuple[str, ...],
    model: str,
    out: str,
    since: dt.datetime | None,
    until: dt.datetime | None,
    note: str,
) -> None:
    """Fit a market model to histories of bars, one file an asset.

    A history is CSV or Parquet with the columns ts (UTC) or open_time (milliseconds, as Binance exports it), open,
    high, low and close. Its asset is the file's name up to the first `_`, or what stands before `=`. Gaps and
    duplicates are reported and never filled.
    """
    from stresslab.calibration.files import calibrate_files
    from stresslab.calibration.writing import calibration_summary

    days = {name: None if day is None else day.date() for name, day in (("since", since), ("until", until))}
    click.echo(calibration_summary(calibrate_files(histories, model, out, note=note, **days)).rstrip())
    click.echo(f"written: {out}")
