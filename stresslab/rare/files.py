"""Rare events as a table, a summary and a folder."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

import stresslab
from stresslab.rare.estimation import RareEvent, rare_events
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_table
from stresslab.scenario.scenario import Scenario

COLUMNS = (
    "configuration",
    "pool",
    "liquidation_probability",
    "liquidation_probability_lower",
    "liquidation_probability_upper",
    "standard_error",
    "method",
    "paths",
    "effective_sample_size",
    "largest_share",
    "variance_gain",
    "breach_distance",
    "reason",
    "warnings",
)


def write_rare_events(
    scenario: Scenario,
    configuration: str,
    out: str | Path,
    *,
    pool: str | None = None,
    threads: int | None = None,
    tables: Sequence[str] = ("csv",),
) -> str:
    """Leave ``rare_events.csv``, ``summary.txt`` and the manifest in a folder.

    Parameters
    ----------
    scenario, configuration, pool, threads
        As in `stresslab.rare.estimation.rare_events`.
    out : str or pathlib.Path
        The folder. It is made new, or replaced where it holds a former run.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the table; CSV is always among them.

    Returns
    -------
    str
        The summary.

    Raises
    ------
    RareEventError
        If the question has no answer as it is asked.
    OutputFolderError
        Where the folder cannot be written.
    """
    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        events = rare_events(scenario, configuration, pool, threads=threads)
        table = pd.DataFrame([_row(configuration, event) for event in events], columns=COLUMNS)
        about = xr.Dataset(attrs={"title": scenario.name, "seed": scenario.seed, "stresslab": stresslab.__version__})
        write_table(about, table, folder, "rare_events", formats)
        summary = rare_summary(scenario, configuration, events)
        (folder / "summary.txt").write_text(summary + "\n", encoding="utf-8")
        write_manifest(
            folder,
            {
                "kind": "rare events",
                "title": scenario.name,
                "configuration": configuration,
                "inputs": {
                    name: hashlib.sha256(text.encode()).hexdigest() for name, text in scenario.documents.items()
                },
                "seed": scenario.seed,
                "paths": scenario.paths,
                "version": stresslab.__version__,
            },
        )
    return summary


def rare_summary(scenario: Scenario, configuration: str, events: Sequence[RareEvent]) -> str:
    """The answer in lines for people.

    Parameters
    ----------
    scenario : Scenario
        The question.
    configuration : str
        Name of the configuration.
    events : sequence of RareEvent
        Of its pools.
    """
    lines = [f"P(liquidation) within {scenario.horizon:g} days, {configuration}, 95 % intervals, seed {scenario.seed}"]
    for event in events:
        estimate = event.estimate
        lines += [
            f"{event.pool}: {estimate.probability:.4g} ({estimate.lower:.4g} to {estimate.upper:.4g})",
            f"    {event.method} sampling, {estimate.paths:,} paths: {event.reason}",
            f"    standard error {estimate.relative_error:.2%} of it, effective sample size "
            f"{estimate.effective_sample_size:,.0f}, largest share {estimate.largest_share:.2%}",
        ]
        if event.distances:
            told = ", ".join(f"{distance:.2f}" for distance in event.distances)
            lines.append(f"    likeliest breach at the horizon: {told} standard deviations away")
        lines += [f"    warning: {warning}" for warning in event.warnings]
    return "\n".join(lines)


def _row(configuration: str, event: RareEvent) -> tuple[str | float, ...]:
    estimate = event.estimate
    return (
        configuration,
        event.pool,
        estimate.probability,
        estimate.lower,
        estimate.upper,
        estimate.standard_error,
        event.method,
        estimate.paths,
        estimate.effective_sample_size,
        estimate.largest_share,
        event.gain if math.isfinite(event.gain) else math.nan,
        event.distances[0] if event.distances else math.nan,
        event.reason,
        "; ".join(event.warnings),
    )
