"""Small results, simulated from scenarios built in memory, that the tests of the report are about."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache
from typing import cast

import numpy as np
import xarray as xr

from stresslab.book.book import Book, Position
from stresslab.book.configurations import configuration, standard_configurations
from stresslab.book.policies import Policy, TopUp
from stresslab.documents.faults import Notice
from stresslab.margin.ledger_lines import LINES
from stresslab.market.specification import MarketSpecification
from stresslab.results.dataset import assemble
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

HOSTILE = 'a#b$c$*d*<e>&f@g\\h[i]_j_"k"~`l`//m--n'
TIERS = TierTable((0.0, 1000.0), (0.005, 0.01), (100.0, 50.0))
PACK = RulePack("a venue", "made up for tests", dt.date(2026, 1, 1), 8.0, "full", 0.001, "returned", {}, "")


def scenario(
    positions: list[Position],
    wallet: float,
    *,
    days: float = 7.0,
    step: float = 0.25,
    paths: int = 2000,
    name: str = "A review",
    model: str = "gbm",
    own: dict[str, list[tuple[int, ...]]] | None = None,
) -> Scenario:
    """A question about these positions, every underlying at the same volatility and half correlated."""
    book = Book("A book", PACK, "USDT", wallet, tuple(positions), "")
    assets = list(dict.fromkeys(position.symbol.underlying for position in positions))
    market = MarketSpecification(
        model=model,
        assets=tuple(assets),
        start_prices=np.full(len(assets), 100.0),
        volatilities=np.full(len(assets), 0.8),
        drifts=np.zeros(len(assets)),
        correlation=np.full((len(assets), len(assets)), 0.5) + 0.5 * np.eye(len(assets)),
        extra={"degrees_of_freedom": 4.0} if model == "student_t" else {},
    )
    return Scenario(
        name=name,
        book=book,
        configurations=standard_configurations(book),
        market=market,
        horizon=days,
        step=step,
        steps=round(days / step),
        paths=paths,
        seed=7,
        notices=(),
        documents={"scenario": "schema = 1", "book": "schema = 1"},
    )


def position(
    identifier: str, quantity: float, *, asset: str = "BTC", margin: str = "cross", collateral: float | None = None
) -> Position:
    """A position at a mark of 100."""
    symbol = Symbol(f"{asset}USDT", asset, "linear", TIERS)
    assert margin in ("isolated", "cross")
    booked = "isolated" if margin == "isolated" else "cross"
    return Position(identifier, symbol, quantity, 100.0, 100.0, booked, collateral)  # type: ignore[arg-type]


def run(question: Scenario) -> xr.Dataset:
    """Simulate and label."""
    return assemble(question, simulate(question, threads=1))


@cache
def desk() -> xr.Dataset:
    """Four positions: two isolated, two crossed, one of them safe; a week."""
    return run(
        scenario(
            [
                position("btc-long", 10.0, margin="isolated", collateral=100.0),
                position("eth-short", -10.0, asset="ETH", margin="isolated", collateral=150.0),
                position("sol-long", 5.0, asset="SOL"),
                position("tiny", 0.01, asset="ETH"),
            ],
            350.0,
        )
    )


@cache
def single() -> xr.Dataset:
    """One isolated position and a day."""
    held = [position("alone", 1.0, margin="isolated", collateral=10.0)]
    return run(scenario(held, 25.0, days=1.0, step=0.125, paths=500, model="student_t"))


@cache
def forty() -> xr.Dataset:
    """Forty positions with long names, crossed and isolated in turn."""
    held = [
        position(
            f"position number {place} of a desk with very long names",
            (1 + place) * (-1) ** place,
            asset=f"ASSET{place % 15}",
            margin="cross" if place % 3 else "isolated",
            collateral=None if place % 3 else 8.0 * (1 + place),
        )
        for place in range(40)
    ]
    return run(scenario(held, 9000.0, days=3.0, step=0.5, paths=400, name="A long title " * 8 + "to the end"))


@cache
def hostile() -> xr.Dataset:
    """Names that would be markup, formulas or missing glyphs, in every place that takes a name."""
    held = [
        position(HOSTILE, 10.0, margin="isolated", collateral=80.0),
        position("比特币多头 🚀", -3.0, asset="#eval(1)", margin="isolated", collateral=40.0),
        position("x" * 120, 1.0),
        position("$\\alpha_1$ & <b>", -1.0),
    ]
    question = scenario(held, 400.0, days=2.0, step=0.5, paths=300, name=HOSTILE)
    book = replace(question.book, name="*book* $x$", currency="US$", venue=replace(PACK, name="v#1", source="<s> @t"))
    own = configuration(book, "own #1 $", [])
    notice = Notice("a#file", 1, 1, "a *notice* with $ and #", "do @nothing")
    return run(replace(question, book=book, configurations=(*question.configurations, own), notices=(notice,)))


@cache
def doomed() -> xr.Dataset:
    """An isolated position whose collateral is below its maintenance margin today, and one that is never liquidated."""
    held = [
        position("gone", 10.0, margin="isolated", collateral=4.0),
        position("safe", 1.0, asset="ETH", margin="isolated", collateral=500.0),
    ]
    return run(scenario(held, 1000.0, paths=400))


@dataclass(frozen=True)
class Alerts:
    """Stands for the policy that only watches."""

    name: str
    levels: tuple[float, ...]


@dataclass(frozen=True)
class StopLoss:
    """Stands for a policy that leaves this run's outcomes as they are."""

    name: str


@cache
def acting() -> xr.Dataset:
    """The desk with a top-up that is watched by alerts, one too small to matter, and a stop that never acts.

    The records of the accounts are made up: every second liquidation only reduces the pool, and alerts come two steps
    before it, or on every tenth path that is never liquidated.
    """
    held = [
        position("btc-long", 10.0, margin="isolated", collateral=100.0),
        position("eth-short", -10.0, asset="ETH", margin="isolated", collateral=150.0),
        position("sol-long", 5.0, asset="SOL"),
    ]
    question = scenario(held, 350.0)
    booked = question.configurations[0]
    watched = (TopUp("reserve", 3.0, 8.0, 150.0, 200.0, 0.0), Alerts("alerts", (4.0, 2.0)))
    own = (
        replace(booked, name="topped up", policies=cast(tuple[Policy, ...], watched), base="as_booked"),
        replace(booked, name="hardly", policies=(TopUp("small", 1.2, 1.3, 1.0, 1.0, 0.0),), base="as_booked"),
        replace(booked, name="stopped", policies=cast(tuple[Policy, ...], (StopLoss("stop"),)), base="as_booked"),
    )
    question = replace(question, configurations=(*question.configurations, *own))
    plain = simulate(question, threads=1)
    step, never = plain.liquidation_step, plain.steps + 1
    path = np.arange(question.paths)
    pools = step[list(plain.configuration_stakes[3])]
    early = np.where(pools == never, np.where(path % 10 == 0, 5, never), np.maximum(pools - 2, 1))
    late = np.where(pools == never, never, np.where(path % 3 == 0, never, pools))
    figures = {name: getattr(plain, name) for name in Outcomes.__dataclass_fields__}
    recorded = Outcomes(
        **figures
        | {
            "closed_step": np.where(path % 2 == 0, step, never).astype(np.int32),
            "cash_used": plain.ledger[:, LINES.index("transfers")],
            "alert_step": {0: np.stack([early, late]).astype(np.int32)},
        }
    )
    return assemble(question, recorded)
