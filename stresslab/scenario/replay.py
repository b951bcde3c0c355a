"""From a crash, or from bars of the past, to one path of the scenario's own assets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stresslab.documents.names import shown
from stresslab.market.crash_table import MINUTES, Crash
from stresslab.market.price_paths import PricePaths
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.scenario import Scenario

POINTS_A_BAR = 4
"""Points that a bar becomes: its open, two extremes, its close."""


class ReplayError(ValueError):
    """What cannot be replayed. The message says why, and what to do."""


@dataclass(frozen=True)
class Proxy:
    """The asset whose log returns, times beta, stand for those of one that did not trade."""

    reference: str
    beta: float


@dataclass(frozen=True)
class Replay:
    """One path of prices through the past.

    Parameters
    ----------
    name, title : str
        As commands call it, and as people do.
    start : datetime.datetime
        Time of the first point, UTC.
    minutes : float
        Length of a step.
    log_ratios : numpy.ndarray
        Log of price over that at the start, [step + 1, asset].
    proxies : mapping of str to Proxy
        Assets that did not trade, or of which nothing is known.
    reconstructed : bool
        Whether it is a path through stated points and not a history.
    steps_a_bar : int
        Steps that make up a bar of the history; 1 for a reconstruction.
    hashes : mapping of str to str
        SHA-256 of the files behind it, by asset.
    """

    name: str
    title: str
    start: dt.datetime
    minutes: float
    log_ratios: NDArray[np.float64]
    proxies: Mapping[str, Proxy]
    reconstructed: bool
    steps_a_bar: int
    hashes: Mapping[str, str]

    @property
    def hours(self) -> NDArray[np.float64]:
        """Hours from the start to each point, [step + 1]."""
        return np.asarray(np.arange(len(self.log_ratios)) * self.minutes / 60.0)

    def hours_of_step(self, step: int) -> float:
        """Hours from the start to the end of a step; for a history to the open of the bar that holds it."""
        if self.steps_a_bar == 1 or step == 0:
            return step * self.minutes / 60.0
        return (step - 1) // self.steps_a_bar * self.steps_a_bar * self.minutes / 60.0


@dataclass(frozen=True)
class Bars:
    """Bars of several assets at the same times.

    Parameters
    ----------
    assets : tuple of str
        In the order of the columns.
    start : datetime.datetime
        Open time of the first bar, UTC.
    minutes : float
        Length of a bar.
    open, high, low, close : numpy.ndarray
        Prices, [bar, asset], positive.
    hashes : mapping of str to str
        SHA-256 of each asset's file.
    """

    assets: tuple[str, ...]
    start: dt.datetime
    minutes: float
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    hashes: Mapping[str, str]


def of_crash(crash: Crash, market: MarketSpecification, stated: Mapping[str, Proxy]) -> Replay:
    """The reconstructed path of a shipped crash for a scenario's assets.

    Parameters
    ----------
    crash : Crash
        One of `stresslab.market.crash_table.shipped_crashes`.
    market : MarketSpecification
        The scenario's; assets that the crash lacks follow the one of its assets that is closest to them here.
    stated : mapping of str to Proxy
        What the user says of such assets instead.

    Returns
    -------
    Replay
        On a grid of `MINUTES`.

    Raises
    ------
    ReplayError
        If an asset has no proxy.
    """
    known = {asset: crash.log_ratios(asset) for asset in crash.assets}
    ratios, proxies = _mapped(crash.title, known, market, stated)
    return Replay(crash.name, crash.title, crash.start, MINUTES, ratios, proxies, True, 1, {})


def of_bars(name: str, title: str, bars: Bars, market: MarketSpecification, stated: Mapping[str, Proxy]) -> Replay:
    """The path of a history at its full resolution.

    Each bar becomes `POINTS_A_BAR` points: its open, its extremes and its close. All assets stand at their lows at one
    point and at their highs at another: the highs first where the bars fall on average, else the lows. That lows of
    different assets fall on one moment is assumed; bars do not say.

    Parameters
    ----------
    name, title : str
        What to call it.
    bars : Bars
        At least one, without gaps.
    market, stated
        As in `of_crash`.

    Returns
    -------
    Replay
        With `POINTS_A_BAR` steps a bar.

    Raises
    ------
    ReplayError
        If an asset has no proxy.
    """
    falling = np.log(bars.close / bars.open).mean(axis=1, keepdims=True) < 0.0
    low = np.minimum(bars.low, np.minimum(bars.open, bars.close))
    high = np.maximum(bars.high, np.maximum(bars.open, bars.close))
    points = [bars.open, np.where(falling, high, low), np.where(falling, low, high), bars.close]
    prices = np.stack(points, axis=1).reshape(-1, len(bars.assets))
    logs = np.log(np.concatenate([bars.open[:1], prices]) / bars.open[0])
    known = {asset: logs[:, column] for column, asset in enumerate(bars.assets)}
    ratios, proxies = _mapped(title, known, market, stated)
    hashes = {asset: bars.hashes[asset] for asset in bars.assets}
    minutes = bars.minutes / POINTS_A_BAR
    return Replay(name, title, bars.start, minutes, ratios, proxies, False, POINTS_A_BAR, hashes)


def _mapped(
    title: str, known: Mapping[str, NDArray[np.float64]], market: MarketSpecification, stated: Mapping[str, Proxy]
) -> tuple[NDArray[np.float64], dict[str, Proxy]]:
    columns, proxies = [], {}
    for asset in market.assets:
        if asset in known and asset not in stated:
            columns.append(known[asset])
            continue
        proxy = stated.get(asset) or _closest(asset, market, known)
        if proxy is None or proxy.reference not in known:
            wanted = f"{shown(asset)} did not trade in {title}, or no figures of it are known"
            if proxy is not None:
                wanted = f"{shown(proxy.reference)}, the proxy of {shown(asset)}, is not known in {title}"
            listed = ", ".join(known)
            raise ReplayError(f"{wanted}; write --proxy {asset}=REFERENCE:BETA with one of {listed}")
        proxies[asset] = proxy
        columns.append(proxy.beta * known[proxy.reference])
    return np.column_stack(columns), proxies


def _closest(asset: str, market: MarketSpecification, known: Mapping[str, NDArray[np.float64]]) -> Proxy | None:
    """The traded asset of the book with the highest correlation, and the regression's slope in the scenario's market.

    The slope is correlation times the ratio of volatilities.
    """
    place = market.assets.index(asset)
    others = [index for index, other in enumerate(market.assets) if other in known and index != place]
    others = [index for index in others if market.volatilities[index] > 0.0]
    if not others:
        return None
    chosen = max(others, key=lambda index: float(market.correlation[place, index]))
    slope = market.correlation[place, chosen] * market.volatilities[place] / market.volatilities[chosen]
    return Proxy(market.assets[chosen], round(float(slope), 4))


def replay_scenario(scenario: Scenario, replays: Sequence[Replay]) -> Scenario:
    """The scenario with one path a replay in place of its market's model; funding and stress are left out.

    Parameters
    ----------
    scenario : Scenario
        Read and checked.
    replays : sequence of Replay
        With steps of one length; shorter ones stand still after their end.

    Returns
    -------
    Scenario
        On the replays' grid; where it states when it begins, it begins when the first of them did.
    """
    steps = max(len(replay.log_ratios) for replay in replays) - 1
    padded = [
        np.pad(replay.log_ratios[1:], ((0, steps + 1 - len(replay.log_ratios)), (0, 0)), mode="edge")
        for replay in replays
    ]
    step = replays[0].minutes / 1440.0
    logs = np.stack(padded, axis=2).astype(np.float32)
    hashes = {f"{replay.name}:{asset}": digest for replay in replays for asset, digest in replay.hashes.items()}
    paths = PricePaths(logs, None, None, step, hashes)
    market = replace(
        scenario.market,
        model="paths",
        volatilities=paths.volatilities,
        drifts=np.zeros(len(scenario.market.assets)),
        correlation=paths.correlation,
        extra={"lows_and_highs": False},
        funding=None,
        history=None,
        stress=None,
        paths=paths,
        seasonality=None,
    )
    return replace(
        scenario,
        market=market,
        horizon=steps * step,
        step=step,
        steps=steps,
        paths=len(replays),
        start=None if scenario.start is None else replays[0].start,
    )
