"""Rare events of a whole review: the pools that a run hardly sees liquidated, each sampled as suits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from stresslab.book.configuration import Configuration, Pool
from stresslab.rare.estimation import PLAIN, RareEvent, RareEventError, rare_events
from stresslab.scenario.resolution import identity
from stresslab.scenario.scenario import Scenario

FEWEST_HITS = 100
"""Liquidations below which counting them leaves a relative standard error above a tenth."""
MOST_POOLS = 12
_FIGURES = {
    "liquidation_probability": "probability of liquidation before the horizon",
    "liquidation_probability_lower": "lower end of its 95 % interval",
    "liquidation_probability_upper": "upper end of its 95 % interval",
    "standard_error": "standard error of the probability",
    "effective_sample_size": "paths of equal weight that tell as much",
    "largest_share": "share of the estimate that a single path, or all that branched off from one, brings",
    "variance_gain": "variance of counting liquidations over that of the estimate; missing where the latter is 0",
    "breach_distance": "distance of the likeliest breach in standard deviations; missing where none was sought",
    "run_probability": "the same probability as the run's paths count it",
    "run_probability_lower": "lower end of its 95 % interval",
    "run_probability_upper": "upper end of its 95 % interval",
}


@dataclass(frozen=True)
class RarePool:
    """A pool that a run hardly sees liquidated.

    Parameters
    ----------
    configuration : Configuration
        That holds it.
    pool : Pool
        Itself.
    """

    configuration: Configuration
    pool: Pool


def rare_pools(scenario: Scenario, results: xr.Dataset) -> list[RarePool]:
    """Pools with fewer than `FEWEST_HITS` liquidations on the paths of a run, the fewest first.

    Parameters
    ----------
    scenario, results : Scenario, xarray.Dataset
        The question and its results.

    Returns
    -------
    list of RarePool
        Pools of the same positions and collateral once; none of a configuration with policies.
    """
    paths = int(results.attrs["paths"])
    found: dict[tuple[object, ...], tuple[float, RarePool]] = {}
    for configuration in scenario.configurations:
        if configuration.policies:
            continue
        for pool in configuration.pools:
            at = {"configuration": configuration.name, "pool": pool.name}
            hits = float(results.liquidation_probability.sel(at)) * paths
            demanded = math.isfinite(float(results.margin_ratio_today.sel(at)))
            if hits < FEWEST_HITS and demanded:
                found.setdefault((pool.positions, pool.collateral), (hits, RarePool(configuration, pool)))
    return [each for _, each in sorted(found.values(), key=lambda item: item[0])]


def review_rare_events(
    scenario: Scenario,
    results: xr.Dataset,
    paths: int,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """Estimate P(liquidation) of the pools that a run hardly sees liquidated.

    Parameters
    ----------
    scenario, results : Scenario, xarray.Dataset
        The question and its results.
    paths : int
        Of each pool, at least 1.
    threads : int, optional
        Blocks in flight; by default one a core.
    progress : callable, optional
        Called with the number of pools done.

    Returns
    -------
    xarray.Dataset
        See `rare_dataset`; at most `MOST_POOLS` of them, those with the fewest liquidations.

    Raises
    ------
    RareEventError
        If no pool is that rare, nothing helps any of them beyond the run's own paths, or something acts on the pools.
    """
    pools = rare_pools(scenario, results)
    if not pools:
        raise RareEventError(f"every pool is liquidated on {FEWEST_HITS} paths of the run or more")
    asked = replace(scenario, paths=paths)
    events: list[RareEvent] = []
    for place, each in enumerate(pools[:MOST_POOLS]):
        events += rare_events(asked, each.configuration.name, each.pool.name, threads=threads)
        if progress is not None:
            progress(place + 1)
    if all(event.method == PLAIN for event in events):
        model = scenario.market.model
        raise RareEventError(f"under the model {model} neither tilting nor splitting tells more than plain paths")
    return rare_dataset(scenario, results, pools, events)


def rare_dataset(
    scenario: Scenario, results: xr.Dataset, pools: Sequence[RarePool], events: Sequence[RareEvent]
) -> xr.Dataset:
    """Label rare events.

    Parameters
    ----------
    scenario, results : Scenario, xarray.Dataset
        The question and the run's results.
    pools : sequence of RarePool
        All that were found to be rare.
    events : sequence of RareEvent
        Of the first of them.

    Returns
    -------
    xarray.Dataset
        Along ``event`` the configuration, the pool, how it was sampled and why, the probability with its interval, what
        speaks against it, and what the run's own paths say.
    """
    held = pools[: len(events)]
    rows = [_figures(each, event, results) for each, event in zip(held, events, strict=True)]
    variables: dict[str, object] = {
        name: (("event",), np.array([row[name] for row in rows]), {"units": "1", "long_name": text})
        for name, text in _FIGURES.items()
    }
    words = {
        "configuration": [each.configuration.name for each in held],
        "pool": [each.pool.name for each in held],
        "method": [event.method for event in events],
        "reason": [event.reason for event in events],
        "warnings": ["; ".join(event.warnings) for event in events],
    }
    variables |= {name: (("event",), np.array(values, dtype=object)) for name, values in words.items()}
    return xr.Dataset(
        variables,
        coords={"event": np.arange(1, len(events) + 1)},
        attrs={
            "title": scenario.name,
            "scenario_hash": identity(scenario),
            "paths": max(event.estimate.paths for event in events),
            "run_paths": int(results.attrs["paths"]),
            "rare_pools": len(pools),
            "fewest_hits": FEWEST_HITS,
            "seed": scenario.seed,
        },
    )


def _figures(held: RarePool, event: RareEvent, results: xr.Dataset) -> dict[str, float]:
    estimate = event.estimate
    at = {"configuration": held.configuration.name, "pool": held.pool.name}
    run = {
        f"run_probability{end}": float(results[f"liquidation_probability{end}"].sel(at))
        for end in ("", "_lower", "_upper")
    }
    return {
        "liquidation_probability": estimate.probability,
        "liquidation_probability_lower": estimate.lower,
        "liquidation_probability_upper": estimate.upper,
        "standard_error": estimate.standard_error,
        "effective_sample_size": estimate.effective_sample_size,
        "largest_share": estimate.largest_share,
        "variance_gain": event.gain if math.isfinite(event.gain) else math.nan,
        "breach_distance": event.distances[0] if event.distances else math.nan,
        **run,
    }
