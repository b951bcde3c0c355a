"""What became of the book in each replay, as a labeled dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

import stresslab
from stresslab.margin.ratio_path import margin_ratio_path
from stresslab.market.crash_table import shipped_crashes
from stresslab.scenario.replay import POINTS_A_BAR, Replay
from stresslab.scenario.resolution import identity, resolved
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes

ASSUMPTIONS = (
    "Log returns of the past are applied to today's prices, under today's rules of the venue.",
    "The price is the mark price where its source has one; wicks of last prices liquidate nothing.",
    "Funding, the scenario's stress, depth, and outages of venues are not replayed; what is known of them is stated.",
    "A reconstructed path goes through the stated points in monotone pieces, drawn every five minutes; what happened "
    "between two points is not known to it.",
    f"A bar of a history becomes {POINTS_A_BAR} points: its open, all assets at one extreme, all at the other, and its "
    "close.",
    "An asset that did not trade follows the stated asset by the stated beta.",
)
_DOCUMENTS = {
    "liquidated": ("1", "Whether the pool was liquidated: 1 or 0."),
    "liquidation_hours": ("h", "Hours from the start to liquidation; missing where there was none."),
    "loss": ("money", "Value of the pool today less that at the end, positive when money is lost."),
    "insurance_draw": ("money", "What was missing below zero at liquidation, not negative."),
    "least_margin_ratio": ("1", "Least margin ratio up to liquidation; missing where policies act on the pool."),
    "least_margin_ratio_hours": ("h", "Hours from the start to that."),
    "account_loss": ("money", "Sum of the pools' losses."),
    "peak_to_trough": ("1", "Lowest price of the path over the highest before it, less 1."),
    "beta": ("1", "Of an asset that follows another; missing where it has a path of its own."),
    "price_ratio": ("1", "Price over that at the start; missing beyond the end."),
    "margin_ratio": ("1", "Margin ratio of the pools as booked, while nothing acts; missing after liquidation."),
    "hours": ("h", "Hours from the start to each point."),
}


@dataclass(frozen=True)
class Run:
    """Replays that were simulated together: path i of the outcomes is replay i."""

    scenario: Scenario
    replays: tuple[Replay, ...]
    outcomes: Outcomes


def assemble_replays(scenario: Scenario, runs: Sequence[Run], order: Sequence[str]) -> xr.Dataset:
    """Label the outcomes of replays.

    Parameters
    ----------
    scenario : Scenario
        The question as it was asked.
    runs : sequence of Run
        Every replay once.
    order : sequence of str
        Names of the replays, as they shall stand.

    Returns
    -------
    xarray.Dataset
        Dims ``crash``, ``configuration``, ``pool``, ``asset`` and ``point``; a pool that a configuration lacks is
        missing. Assumptions, facts of the crashes, mapped assets and hashes of files are attributes.
    """
    found = {replay.name: (run, place) for run in runs for place, replay in enumerate(run.replays)}
    replays = [found[name][0].replays[found[name][1]] for name in order]
    pools = list(dict.fromkeys(pool.name for each in scenario.configurations for pool in each.pools))
    points = max(len(replay.log_ratios) for replay in replays)
    sizes = {
        "crash": len(order),
        "configuration": len(scenario.configurations),
        "pool": len(pools),
        "asset": len(scenario.market.assets),
        "point": points,
    }
    values = {name: np.full([sizes[dim] for dim in dims], np.nan) for name, dims in _DIMS.items()}
    for row, name in enumerate(order):
        run, path = found[name]
        _fill(values, row, run, path, pools)
    coordinates = {
        "crash": list(order),
        "configuration": [each.name for each in scenario.configurations],
        "pool": pools,
        "asset": list(scenario.market.assets),
        "title": ("crash", [replay.title for replay in replays]),
        "start": ("crash", [replay.start.strftime("%Y-%m-%dT%H:%M:%SZ") for replay in replays]),
        "reconstructed": ("crash", np.array([int(replay.reconstructed) for replay in replays])),
        "reference": (("crash", "asset"), np.array([_references(replay, scenario) for replay in replays], dtype=str)),
    }
    variables = {}
    for name, array in values.items():
        unit, text = _DOCUMENTS[name]
        unit = scenario.book.currency if unit == "money" else unit
        variables[name] = (_DIMS[name], array, {"units": unit, "description": text})
    return xr.Dataset(variables, coords=coordinates, attrs=_attributes(scenario, replays))


_BY_POOL = ("crash", "configuration", "pool")
_DIMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("liquidated", "liquidation_hours", "loss", "insurance_draw"), _BY_POOL),
    **dict.fromkeys(("least_margin_ratio", "least_margin_ratio_hours"), _BY_POOL),
    "account_loss": ("crash", "configuration"),
    "peak_to_trough": ("crash", "asset"),
    "beta": ("crash", "asset"),
    "hours": ("crash", "point"),
    "price_ratio": ("crash", "point", "asset"),
    "margin_ratio": ("crash", "point", "pool"),
}


def _fill(values: dict[str, np.ndarray[Any, Any]], row: int, run: Run, path: int, pools: Sequence[str]) -> None:
    replay, outcomes, scenario = run.replays[path], run.outcomes, run.scenario
    count = len(replay.log_ratios)
    ratios = np.exp(replay.log_ratios)
    values["hours"][row, :count] = replay.hours
    values["price_ratio"][row, :count] = ratios
    values["peak_to_trough"][row] = (ratios / np.maximum.accumulate(ratios, axis=0)).min(axis=0) - 1.0
    for place, asset in enumerate(scenario.market.assets):
        if asset in replay.proxies:
            values["beta"][row, place] = replay.proxies[asset].beta
    for first, configuration in enumerate(scenario.configurations):
        losses = []
        for place, pool in enumerate(configuration.pools):
            at = (row, first, pools.index(pool.name))
            stake = outcomes.configuration_stakes[first][place]
            step = int(outcomes.liquidation_step[stake, path])
            hit = step < count
            losses.append(-float(outcomes.profit[stake, path]))
            values["liquidated"][at] = float(hit)
            values["loss"][at] = losses[-1]
            values["insurance_draw"][at] = outcomes.insurance_draw[stake, path]
            if hit:
                values["liquidation_hours"][at] = replay.hours_of_step(step)
            if configuration.policies:
                continue
            along = margin_ratio_path(scenario.book, pool, scenario.market.assets, ratios)[: step + 1]
            worst = int(np.argmin(along))
            values["least_margin_ratio"][at] = along[worst]
            values["least_margin_ratio_hours"][at] = replay.hours_of_step(worst)
            if first == 0:
                values["margin_ratio"][row, : len(along), at[2]] = along
        values["account_loss"][row, first] = sum(losses)


def _references(replay: Replay, scenario: Scenario) -> list[str]:
    return [replay.proxies[asset].reference if asset in replay.proxies else asset for asset in scenario.market.assets]


def _attributes(scenario: Scenario, replays: Sequence[Replay]) -> dict[str, str]:
    crashes = shipped_crashes()
    facts = {replay.name: asdict(crashes[replay.name]) for replay in replays if replay.name in crashes}
    for each in facts.values():
        each["start"] = each["start"].isoformat()
    return {
        "title": scenario.name,
        "currency": scenario.book.currency,
        "venue": f"{scenario.book.venue.name}, effective {scenario.book.venue.effective.isoformat()}",
        "scenario_hash": identity(scenario),
        "resolved_scenario": json.dumps(resolved(scenario), sort_keys=True, ensure_ascii=False),
        "assumptions": json.dumps(ASSUMPTIONS, ensure_ascii=False),
        "crashes": json.dumps(facts, ensure_ascii=False),
        "histories": json.dumps({replay.name: dict(replay.hashes) for replay in replays if replay.hashes}),
        "stresslab": stresslab.__version__,
    }
