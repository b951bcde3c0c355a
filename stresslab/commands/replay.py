"""``stresslab replay``: today's book through crashes of the past."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from stresslab.commands.table_option import table_formats, table_option

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.scenario.replay import Proxy


@click.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option("--out", required=True, metavar="DIR", help="Folder; made new, or replaced where it holds a former run.")
@click.option(
    "--crash", "crashes", multiple=True, metavar="NAME", help="A crash by name, or all; may stand repeatedly."
)
@click.option(
    "--history",
    "histories",
    multiple=True,
    metavar="[ASSET=]FILE",
    help="Bars of your own, once for each asset: taken where they hold the crash's hours; without --crash, their span.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ASSET=REFERENCE:BETA",
    help="What an asset without a path of its own follows, instead of what the scenario's market says.",
)
@table_option
def command(
    scenario: str, out: str, crashes: tuple[str, ...], histories: tuple[str, ...], proxies: tuple[str, ...], tables: str
) -> None:
    """Take today's book through named crashes, or through bars of your own, one path each.

    Writes replay.nc, replay.pdf, replay.svg and tables/*.csv, and prints what became of every pool as booked.
    Paths of the crashes that come with stresslab are reconstructed from sourced figures.
    """
    from stresslab.commands.messages import print_notices
    from stresslab.results.output_folder import OutputFolderError
    from stresslab.scenario.model_choice import read_scenarios
    from stresslab.scenario.replay import ReplayError

    formats = table_formats(tables)
    stated = dict(_proxy(text) for text in proxies)
    # A replay draws nothing: any of the models will do.
    question = read_scenarios(scenario)[0]
    print_notices(question.notices)
    from stresslab.calibration.history import read_specification
    from stresslab.market.crash_table import shipped_crashes
    from stresslab.replaying import replay_to_folder

    bars = [read_specification(text) for text in histories]
    print_notices([notice for history in bars for notice in history.findings])
    names = list(shipped_crashes()) if "all" in crashes else list(crashes) or None
    try:
        results = replay_to_folder(question, out, names, bars, stated, tables=formats)
    except OutputFolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    except ReplayError as error:
        raise click.UsageError(str(error)) from error
    click.echo(table(results))
    click.echo(f"written to {out}: replay.pdf, replay.nc, replay.svg, tables, manifest.json")


def _proxy(text: str) -> tuple[str, Proxy]:
    from stresslab.scenario.replay import Proxy

    asset, _, rest = text.partition("=")
    reference, _, beta = rest.rpartition(":")
    try:
        slope = float(beta)
    except ValueError:
        slope = math.nan
    if not asset or not reference or not abs(slope) <= 10.0:
        raise click.BadParameter(
            f"{text!r} is no proxy; write ASSET=REFERENCE:BETA with a beta from -10 to 10, such as ADA=BTC:1.3",
            param_hint="--proxy",
        )
    return asset, Proxy(reference, slope)


def table(results: xr.Dataset) -> str:
    """What became of the pools as booked, one line each, and what the paths rest on.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.replaying.replay`.

    Returns
    -------
    str
        Lines without a final line break.
    """
    booked = results.isel(configuration=0)
    pools = [pool for pool in results.pool.values if not booked.liquidated.sel(pool=pool).isnull().all()]
    width = max(len(str(pool)) for pool in [*pools, "account"])
    lines = []
    for crash in results.crash.values:
        here = booked.sel(crash=crash)
        kind = "reconstructed" if int(here.reconstructed) else "history"
        lines.append(f"{here.title.item()} ({kind}, from {here.start.item()})")
        for pool in pools:
            row = here.sel(pool=pool)
            hit = float(row.liquidated) == 1.0
            fate = f"liquidated after {float(row.liquidation_hours):.1f} h" if hit else "survives"
            ratio = float(row.least_margin_ratio)
            worst = f"{ratio:.2f} at {float(row.least_margin_ratio_hours):.1f} h" if math.isfinite(ratio) else "-"
            lines.append(f"  {pool:{width}}  {fate:24}  margin ratio {worst:18}  loss {float(row.loss):>14,.0f}")
        loss = float(here.account_loss)
        lines.append(f"  {'account':{width}}  {'':24}  {'':31}  loss {loss:>14,.0f} {results.attrs['currency']}")
        followers = [
            f"{asset} as {float(here.beta.sel(asset=asset)):g} x {here.reference.sel(asset=asset).item()}"
            for asset in results.asset.values
            if not here.beta.sel(asset=asset).isnull()
        ]
        if followers:
            lines.append(f"  no path of their own: {', '.join(followers)}")
    assumptions = json.loads(results.attrs["assumptions"])
    return "\n".join([*lines, *(f"- {each}" for each in assumptions)])
