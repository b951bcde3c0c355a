"""From files of bars to a folder with the score: what the command line and the Python interface call."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import xarray as xr

import stresslab
from stresslab.backtest.bars import align
from stresslab.backtest.dataset import backtest_dataset
from stresslab.backtest.figures import figure_exceedance, figure_reliability, figure_transforms
from stresslab.backtest.forecasters import DEFAULT, FORECASTERS, Forecaster
from stresslab.backtest.report import compile_backtest
from stresslab.backtest.scoring import score
from stresslab.backtest.summary import backtest_summary
from stresslab.backtest.walking import PATHS, plan_origins, walk_forward
from stresslab.calibration.history import History, read_specification
from stresslab.calibration.time_shifts import shift_faults
from stresslab.documents.faults import Fault, InputError
from stresslab.documents.names import shown, suggestion
from stresslab.report import write_pdf
from stresslab.report.style import svg
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.saving import save
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_tables


def backtest_files(
    specifications: Sequence[str],
    out: str | Path,
    *,
    horizon: str,
    every: str,
    models: Sequence[str] | None = None,
    since: dt.date | None = None,
    until: dt.date | None = None,
    paths: int = PATHS,
    tables: Sequence[str] = ("csv",),
    progress: Callable[[int], AbstractContextManager[Callable[[int], None] | None]] | None = None,
) -> xr.Dataset:
    """Score ways to forecast the required collateral against what prices did.

    Parameters
    ----------
    specifications : sequence of str
        ``FILE`` or ``ASSET=FILE``, one an asset; see `stresslab.calibration.history.read_history`.
    out : str or pathlib.Path
        Folder for ``backtest.nc``, ``backtest.pdf``, ``summary.txt``, tables, figures and the manifest.
    horizon, every : str
        Durations such as ``7d``: how far ahead, and how often.
    models : sequence of str, optional
        Names of `stresslab.backtest.forecasters.FORECASTERS`; the others are compared with the first. Default: all.
    since, until : datetime.date, optional
        First origin, and last day of origins; see `plan_origins`.
    paths : int
        Samples of each forecast.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the tables; CSV is always among them.
    progress : callable, optional
        Takes the number of origins; makes a context that gives what takes the number done, or None.

    Returns
    -------
    xarray.Dataset
        What was written to ``backtest.nc``.

    Raises
    ------
    InputError
        Every fault of every history at once, an unknown model, or durations that do not fit.
    OutputFolderError
        Where the folder cannot be written.
    TableFormatError
        If there is no such format of tables, or its library is missing; nothing is read then.
    """
    formats = checked_formats(tables)
    chosen = _chosen(models)
    histories = _read(specifications)
    bars = align(histories)
    plan = plan_origins(bars, horizon, every, since, until)
    with output_folder(Path(out)) as folder:
        with nullcontext() if progress is None else progress(len(plan.origins)) as shown_progress:
            walk = walk_forward(
                bars, plan, chosen, paths=paths, threads=min(os.cpu_count() or 1, 8), progress=shown_progress
            )
        results = backtest_dataset(bars, plan, chosen, walk, score(walk, plan), histories)
        save(results, folder / "backtest.nc")
        # One forecast a row belongs in the dataset; the tables are for reading.
        write_tables(results.drop_dims("origin"), folder / "tables", formats)
        (folder / "summary.txt").write_text(backtest_summary(results) + "\n", encoding="utf-8")
        figures = folder / "figures"
        figures.mkdir()
        for name, figure in (
            ("exceedance_rates", figure_exceedance),
            ("liquidation_reliability", figure_reliability),
            ("probability_integral_transforms", figure_transforms),
        ):
            (figures / f"{name}.svg").write_text(svg(figure(results)), encoding="utf-8")
        write_pdf(compile_backtest(results)[0], folder / "backtest.pdf")
        write_manifest(
            folder,
            {
                "kind": "backtest",
                "version": stresslab.__version__,
                "histories": {history.asset: {"sha256": history.sha256} for history in histories},
            },
        )
    return results


def _chosen(models: Sequence[str] | None) -> Mapping[str, Forecaster]:
    names = [DEFAULT, *(name for name in FORECASTERS if name != DEFAULT)] if models is None else list(models)
    faults = [
        Fault("--models", 1, 1, f"no way to forecast is named {shown(name)}", suggestion(name, FORECASTERS, "ways"))
        for name in names
        if name not in FORECASTERS
    ]
    faults += [
        Fault("--models", 1, 1, f"{name} stands twice", "name each once")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not names:
        faults.append(Fault("--models", 1, 1, "no way to forecast is named", f"choose of {', '.join(FORECASTERS)}"))
    if faults:
        raise InputError(faults)
    return {name: FORECASTERS[name] for name in names}


def _read(specifications: Sequence[str]) -> list[History]:
    histories: list[History] = []
    faults: list[Fault] = []
    for specification in specifications:
        try:
            histories.append(read_specification(specification))
        except InputError as error:
            faults += error.faults
    if not faults:
        faults = shift_faults(histories)
    if faults:
        raise InputError(faults)
    return histories
