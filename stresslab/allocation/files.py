"""From a scenario and a budget to a folder with the answer: what the command line and the Python interface call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import stresslab
from stresslab.allocation.dataset import allocation_dataset
from stresslab.allocation.study import Study
from stresslab.allocation.summary import allocation_summary
from stresslab.report.charts.allocation import figure_comparison, figure_curves, figure_frontier
from stresslab.report.style import svg
from stresslab.results.output_folder import output_folder, write_manifest
from stresslab.results.saving import save
from stresslab.results.table_formats import checked_formats
from stresslab.results.tables import write_tables


def write_study(ask: Callable[[], Study], out: str | Path, *, tables: Sequence[str] = ("csv",)) -> str:
    """Leave ``allocation.nc``, ``summary.txt``, tables, figures and the manifest in a folder.

    Parameters
    ----------
    ask : callable
        Makes the study; it is called when the folder is known to be free.
    out : str or pathlib.Path
        The folder. It is made new, or replaced where it holds a former run.
    tables : sequence of {"csv", "parquet", "excel"}
        Formats of the tables; CSV is always among them.

    Returns
    -------
    str
        The summary.

    Raises
    ------
    OutputFolderError
        Where the folder cannot be written.
    TableFormatError
        If there is no such format of tables, or its library is missing; nothing is asked then.
    """
    formats = checked_formats(tables)
    with output_folder(Path(out)) as folder:
        study = ask()
        results = allocation_dataset(study)
        save(results, folder / "allocation.nc")
        write_tables(results, folder / "tables", formats)
        summary = allocation_summary(study, results)
        (folder / "summary.txt").write_text(summary + "\n", encoding="utf-8")
        (folder / "figures").mkdir()
        figures = {"curves": figure_curves, "comparison": figure_comparison}
        if study.frontier is not None:
            figures["frontier"] = figure_frontier
        for name, draw in figures.items():
            (folder / "figures" / f"{name}.svg").write_text(svg(draw(results)), encoding="utf-8")
        write_manifest(
            folder,
            {
                "kind": "allocation",
                "title": study.sample.scenario.name,
                "scenario_hash": results.attrs["scenario_hash"],
                "seed": study.sample.scenario.seed,
                "fresh_seed": study.fresh_seed,
                "version": stresslab.__version__,
            },
        )
    return summary
