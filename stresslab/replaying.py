"""Replays as one call: choose paths of the past, take the book through them, and write what became of it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stresslab.market.crash_table import Crash, shipped_crashes
from stresslab.results import saving
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.replay_dataset import Run, assemble_replays
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_tables
from stresslab.scenario.bar_reading import bars_between, common_span
from stresslab.scenario.replay import Proxy, Replay, ReplayError, of_bars, of_crash, replay_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.run import simulate

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.calibration.history import History


def replay(
    scenario: Scenario,
    crashes: Sequence[str] | None = None,
    histories: Sequence[History] = (),
    proxies: Mapping[str, Proxy] | None = None,
) -> xr.Dataset:
    """Take a scenario's book, at today's marks, through crashes of the past.

    Parameters
    ----------
    scenario : Scenario
        From `stresslab.read_scenario`; its model, horizon, step and paths are not used.
    crashes : sequence of str, optional
        Names from `shipped_crashes`. By default all of them, or with histories alone the span of these.
    histories : sequence of History, optional
        Bars of the user's own. A crash whose hours they hold is replayed from them, any other one from its
        reconstruction.
    proxies : mapping of str to Proxy, optional
        What stands for an asset that did not trade, instead of what the scenario's market says.

    Returns
    -------
    xarray.Dataset
        See `stresslab.results.replay_dataset.assemble_replays`.

    Raises
    ------
    ReplayError
        If a crash or an asset is not known.
    InputError
        If the histories have gaps in the window, or do not belong together.
    """
    chosen = _replays(scenario, crashes, histories, proxies or {})
    acted_on = any(each.policies for each in scenario.configurations)
    groups: dict[tuple[object, ...], list[Replay]] = {}
    for each in chosen:
        # What acts may depend on the hour and on how much time is left; nothing else does on a path's company.
        begin = None if scenario.start is None else each.start
        groups.setdefault((each.minutes, begin, len(each.log_ratios) if acted_on else None), []).append(each)
    runs = []
    for group in groups.values():
        question = replay_scenario(scenario, group)
        outcomes = simulate(question)
        if outcomes.failed.any():
            names = ", ".join(each.title for each, lost in zip(group, outcomes.failed, strict=True) if lost)
            raise ReplayError(f"a price or an amount is beyond what can be simulated in {names}; leave it out")
        runs.append(Run(question, tuple(group), outcomes))
    return assemble_replays(scenario, runs, [each.name for each in chosen])


def replay_to_folder(
    scenario: Scenario,
    out: str | Path,
    crashes: Sequence[str] | None = None,
    histories: Sequence[History] = (),
    proxies: Mapping[str, Proxy] | None = None,
    *,
    tables: Sequence[str] = ("csv",),
) -> xr.Dataset:
    """Replay, and leave ``replay.nc``, ``replay.pdf``, ``replay.svg``, tables and ``manifest.json`` in a folder.

    Parameters
    ----------
    scenario, crashes, histories, proxies
        As in `replay`.
    out : path
        The folder; it is made new, or replaced where it holds a former run.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the tables; CSV is always among them.

    Returns
    -------
    xarray.Dataset
        What `replay` gives.

    Raises
    ------
    OutputFolderError
        If the folder holds something that is not a former run, or cannot be written.
    ReplayError, InputError
        As `replay`.
    TableFormatError
        If there is no such format of tables, or its library is missing; nothing is replayed then.
    """
    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        results = replay(scenario, crashes, histories, proxies)
        saving.save(results, folder / "replay.nc")
        write_tables(results, folder / "tables", formats)

        from stresslab.report import typeset_replays
        from stresslab.report.charts.replay import figure_replay
        from stresslab.report.style import svg

        (folder / "replay.svg").write_text(svg(figure_replay(results)), encoding="utf-8")
        typeset_replays(results, folder / "replay.pdf")
        inputs = {role: hashlib.sha256(text.encode()).hexdigest() for role, text in scenario.documents.items()}
        manifest = {
            "title": scenario.name,
            "scenario_hash": results.attrs["scenario_hash"],
            "crashes": [str(name) for name in results.crash.values],
            "inputs": inputs | {history.asset: history.sha256 for history in histories},
            "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        }
        write_manifest(folder, manifest)
    return results


def _replays(
    scenario: Scenario, crashes: Sequence[str] | None, histories: Sequence[History], proxies: Mapping[str, Proxy]
) -> list[Replay]:
    known = shipped_crashes()
    unknown = [name for name in crashes or () if name not in known]
    if unknown:
        raise ReplayError(f"there is no crash {unknown[0]!r}; write all, or one of {', '.join(known)}")
    strangers = [asset for asset in proxies if asset not in scenario.market.assets]
    if strangers:
        raise ReplayError(f"the book holds nothing on {strangers[0]!r}; a proxy stands for one of its assets")
    span = common_span(histories) if histories else None
    if histories and span is None:
        raise ReplayError("the histories do not overlap; give files of one period")
    if span is not None and crashes is None:
        bars = bars_between(histories, *span)
        return [of_bars("history", f"History from {bars.start:%Y-%m-%d %H:%M}", bars, scenario.market, proxies)]
    names = dict.fromkeys(known if crashes is None else crashes)
    return [_of_crash(known[name], scenario, histories, span, proxies) for name in names]


def _of_crash(
    crash: Crash,
    scenario: Scenario,
    histories: Sequence[History],
    span: tuple[np.datetime64, np.datetime64] | None,
    proxies: Mapping[str, Proxy],
) -> Replay:
    start = np.datetime64(crash.start.replace(tzinfo=None), "ms")
    end = start + np.timedelta64(crash.hours, "h")
    if span is None or start < span[0] or end > span[1]:
        return of_crash(crash, scenario.market, proxies)
    return of_bars(crash.name, crash.title, bars_between(histories, start, end), scenario.market, proxies)
