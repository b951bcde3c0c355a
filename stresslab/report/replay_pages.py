"""The page on crashes of the past: what would have become of today's book in each of them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from stresslab.report.blocks import Block, Cell, Column, LeftOut, Page, Table, figure, table, text, whole_table
from stresslab.report.charts.replay import figure_replay
from stresslab.report.formatting import NOTHING, money, number, percent
from stresslab.report.review import CROSS, ISOLATED, ROWS, Review, label

TITLE = "Crashes of the past"


@dataclass(frozen=True)
class Replays:
    """Reads replays by crash and pool; everything is as booked unless a configuration is named.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.results.replay_dataset.assemble_replays`.
    """

    results: xr.Dataset

    @cached_property
    def crashes(self) -> list[str]:
        """Names, in the order of the dataset."""
        return [str(name) for name in self.results.crash.values]

    @cached_property
    def pools(self) -> list[str]:
        """Pools as booked: those liquidated most often first, then those that came closest."""
        booked = self.results.isel(configuration=0)
        hits = np.nansum(booked.liquidated.values, axis=0)
        # A pool on which policies act has no margin ratio; it stands behind those of as many liquidations.
        closest = np.nanmin(np.where(np.isnan(ratios := booked.least_margin_ratio.values), np.inf, ratios), axis=0)
        held = ~np.isnan(booked.liquidated.values).all(axis=0)
        return [str(self.results.pool.values[place]) for place in np.lexsort((closest, -hits)) if held[place]]

    def title(self, crash: str) -> str:
        """A crash as people call it."""
        return str(self.results.title.sel(crash=crash).item())

    def figure_of(self, name: str, crash: str, pool: str) -> float:
        """One number of a pool as booked."""
        return float(self.results[name].isel(configuration=0).sel(crash=crash, pool=pool))

    def liquidated(self, crash: str) -> list[str]:
        """Pools that the crash liquidates as booked, the first one first."""
        hit = [pool for pool in self.pools if self.figure_of("liquidated", crash, pool) == 1.0]
        return sorted(hit, key=lambda pool: self.figure_of("liquidation_hours", crash, pool))

    def loss(self, crash: str, configuration: str) -> float:
        """The account's loss, positive when money is lost."""
        return float(self.results.account_loss.sel(crash=crash, configuration=configuration))

    def reconstructed(self, crash: str) -> bool:
        """Whether the path goes through a few sourced points, and not through bars."""
        return bool(self.results.reconstructed.sel(crash=crash).item())

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What is known of each crash that comes with the program."""
        return dict(json.loads(self.results.attrs["crashes"]))


def replays_page(review: Review, appendix: list[Table]) -> Page | LeftOut:
    """Today's book in crashes of the past; left out where no replays came with the results."""
    replays = review.companions.replays
    if replays is None:
        return LeftOut(TITLE, review.why_missing("replays", "none was replayed; the option --replays of a run does"))
    return Page(TITLE, replay_blocks(replays, appendix))


def replay_blocks(results: xr.Dataset, appendix: list[Table]) -> list[Block]:
    """What stands on the page.

    Parameters
    ----------
    results : xarray.Dataset
        From a replay.
    appendix : list of Table
        Takes tables that are too long for the page.

    Returns
    -------
    list of Block
        Finding, tables, chart and what the paths rest on.
    """
    replays = Replays(results)
    finding = what_happened(replays)
    return [
        text(finding, "finding"),
        table(_accounts(replays), appendix),
        table(_pools(replays), appendix),
        whole_table(_paths(replays)),
        text(" ".join([*json.loads(results.attrs["assumptions"]), "Facts and sources stand in replay.nc."]), "note"),
        figure(
            figure_replay(results),
            "Prices and margin ratios as booked, hour by hour. A margin ratio ends with a cross where its pool is "
            f"liquidated. {finding}.",
            f"A row of two panels for each crash: prices, and margin ratios of the pools as booked. {finding}.",
            "one path a crash · today’s marks and rules · price_ratio, margin_ratio",
        ),
    ]


def what_happened(replays: Replays) -> str:
    """In how many crashes a pool is liquidated as booked, and the worst loss; without the final period.

    Parameters
    ----------
    replays : Replays
        At least one.

    Returns
    -------
    str
        A finding that changes with the numbers, gains included.
    """
    crashes, booked = replays.crashes, str(replays.results.configuration.values[0])
    hit = [crash for crash in crashes if replays.liquidated(crash)]
    worst = max(crashes, key=lambda crash: replays.loss(crash, booked))
    loss, currency = replays.loss(worst, booked), replays.results.attrs["currency"]
    outcome = f"loses {money(loss)} {currency}" if loss > 0.0 else f"gains {money(-loss)} {currency}"
    where = f"in {replays.title(worst)}"
    if len(crashes) == 1:
        pools = replays.liquidated(worst)
        fate = f"is liquidated in {len(pools)} of {len(replays.pools)} pools" if pools else "survives"
        return f"Held as booked, the book {fate} {where} and {outcome}"
    extreme = f"; at the worst, {where}, it {outcome}"
    if not hit:
        return f"Held as booked, the book survives all {len(crashes)} crashes{extreme}"
    often = f"all {len(crashes)}" if len(hit) == len(crashes) else f"{len(hit)} of {len(crashes)}"
    return f"Held as booked, the book loses at least one pool in {often} crashes{extreme}"


def _whole(words: str) -> str:
    """Words that no line ends between."""
    return words.replace(" ", "\u00a0")


def _hours(value: float) -> str:
    return f"{value:.1f} h"


def _accounts(replays: Replays) -> Table:
    names = [str(name) for name in replays.results.configuration.values]
    shown = [names[0], *(name for name in (ISOLATED, CROSS) if name in names)]
    order = sorted(replays.crashes, key=lambda crash: -replays.loss(crash, names[0]))
    rows: list[list[Cell]] = []
    for crash in order:
        pools = replays.liquidated(crash)
        first: Cell = "none"
        if pools:
            first = (pools[0], f"after {_hours(replays.figure_of('liquidation_hours', crash, pools[0]))}")
        kind = "reconstructed" if replays.reconstructed(crash) else "from bars"
        when = str(replays.results.start.sel(crash=crash).item()).replace("T", " ").removesuffix(":00Z")
        losses = [money(replays.loss(crash, name)) for name in shown]
        rows.append(
            [(replays.title(crash), f"{kind}, {when}"), f"{len(pools)} of {len(replays.pools)}", first, *losses]
        )
    return Table(
        f"The account in each crash, the worst loss first; amounts in {replays.results.attrs['currency']}",
        (
            Column("Crash, begin (UTC)", "left", 1.0),
            Column("Pools liquidated\nas booked", "right"),
            Column("First of them", "left"),
            *(Column(f"Loss,\n{label(name)}") for name in shown),
        ),
        rows,
        note="Losses are positive. One path a crash: an outcome, not an estimate, so there is no interval.",
    )


def _fate(replays: Replays, crash: str, pool: str) -> Cell:
    loss = money(replays.figure_of("loss", crash, pool))
    if replays.figure_of("liquidated", crash, pool) == 1.0:
        return f"✗ {_hours(replays.figure_of('liquidation_hours', crash, pool))}", loss
    ratio = replays.figure_of("least_margin_ratio", crash, pool)
    return ("survives" if math.isnan(ratio) else f"≥ {number(ratio)}"), loss


def _pools(replays: Replays) -> Table:
    return Table(
        f"Pools as booked, the most exposed first; beneath, the loss in {replays.results.attrs['currency']}",
        (
            Column("Pool", "left", 1.0),
            *(Column(replays.title(crash).replace(", ", "\n"), "right") for crash in replays.crashes),
        ),
        [[pool, *(_fate(replays, crash, pool) for crash in replays.crashes)] for pool in replays.pools],
        note="✗ liquidated after so many hours; ≥ the least margin ratio of a pool that survives, liquidation being at "
        "1.",
    )


def _paths(replays: Replays) -> Table:
    rows: list[list[Cell]] = []
    for crash in replays.crashes:
        here = replays.results.sel(crash=crash)
        falls = {str(asset): float(here.peak_to_trough.sel(asset=asset)) for asset in here.asset.values}
        own = [asset for asset in falls if math.isnan(float(here.beta.sel(asset=asset)))]
        followers = [
            _whole(f"{asset} as {number(float(here.beta.sel(asset=asset)))} × {here.reference.sel(asset=asset).item()}")
            for asset in falls
            if asset not in own
        ]
        deepest = sorted(own, key=lambda asset: falls[asset])[:ROWS]
        told = ", ".join(_whole(f"{asset} {percent(falls[asset], 2)}") for asset in deepest)
        rows.append([replays.title(crash), told or NOTHING, ", ".join(followers) or "none", _discount(replays, crash)])
    return Table(
        "What the paths rest on: lowest price over the highest before it, less 1",
        (
            Column("Crash", "left", 0.8),
            Column("Own path", "left", 1.3),
            Column("Mapped by beta", "left", 1.3),
            Column("Perpetual over spot,\nless 1, at the low", "left", 1.0),
        ),
        rows,
    )


def _discount(replays: Replays, crash: str) -> str:
    """Discount of the perpetual at the low of each asset of the book for which both prices are known."""
    assets = replays.facts.get(crash, {}).get("assets", {})
    told = []
    for asset in map(str, replays.results.asset.values):
        low, spot = (assets.get(asset, {}).get(f"{kind}_low") for kind in ("perpetual", "spot"))
        if low is not None and spot is not None:
            told.append(_whole(f"{asset} {percent(low / spot - 1.0, 2)}"))
    return ", ".join(told) or "not known"
