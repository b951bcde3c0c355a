"""The typeset report: charts and a PDF from a finished dataset, without another simulation."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from stresslab.documents.names import is_printing

# PDF/A demands a date, and the clock must not enter: the same input gives the same bytes.
_TIMESTAMP = datetime(2000, 1, 1, tzinfo=UTC)
_STANDARDS: list[Literal["a-2a", "ua-1"]] = ["a-2a", "ua-1"]


def typeset(results: xr.Dataset, path: str | Path, *, form: str = "standard") -> None:
    """Write the report of a run as a PDF, whole or not at all.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.results.dataset.assemble` or `stresslab.results.saving.load`; nothing else is read.
    path : path
        The file to write, such as ``report.pdf``; an existing file is replaced at the end.
    form : {"standard", "short"}
        About twelve pages, or about six.

    Raises
    ------
    ValueError
        If there is no such form.

    Notes
    -----
    The same dataset gives the same bytes. The file is PDF/A-2a and PDF/UA-1: tagged, fonts embedded, with alternative
    text for every figure.
    """
    from stresslab.report.pages import FORMS

    if form not in FORMS:
        raise ValueError(f'there is no form "{form}" of the report; the forms are {", ".join(sorted(FORMS))}')
    pdf, _ = compile_report(results, form)
    target = Path(path)
    scratch = target.with_name(f".{target.name}.unfinished")
    try:
        with scratch.open("wb") as file:
            file.write(pdf)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def compile_report(results: xr.Dataset, form: str) -> tuple[bytes, list[str]]:
    """The PDF of a report, and what the typesetter warned of: nothing, unless the template is at fault.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results.
    form : {"standard", "short"}
        Which pages.

    Returns
    -------
    tuple of bytes and list of str
        The file, and the warnings.
    """
    import matplotlib
    import typst

    from stresslab.report.pages import pages
    from stresslab.report.review import Review

    review = Review(results)
    document = {
        "title": str(results.attrs["title"]),
        "subtitle": _subtitle(review),
        "book": str(results.attrs["book"]),
        "identity": str(results.attrs["scenario_hash"])[:12],
        "pages": [{"title": page.title, "blocks": page.blocks} for page in pages(review, form)],
    }
    with as_file(files("stresslab.report") / "template") as folder:
        pdf, warnings = typst.compile_with_warnings(
            str(folder / "report.typ"),
            root=str(folder),
            font_paths=[str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")],
            ignore_system_fonts=True,
            format="pdf",
            # Data enters as data: nothing that a name holds is ever read as markup.
            sys_inputs={"document": json.dumps(_printing(document), ensure_ascii=False)},
            pdf_standards=[*_STANDARDS],
            timestamp=_TIMESTAMP,
        )
    return bytes(pdf), [str(warning) for warning in warnings]


def _printing(value: Any) -> Any:
    """The data with a mark in place of signs that do not print, on which PDF/A fails; charts hold names alone."""
    if isinstance(value, dict):
        return {key: part if key == "svg" else _printing(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printing(part) for part in value]
    if isinstance(value, str):
        spaces = {"\t": " ", "\n": "\n", "\u00a0": "\u00a0", "\u202f": "\u202f"}
        return "".join(sign if is_printing(sign) else spaces.get(sign, "\ufffd") for sign in value)
    return value


def _subtitle(review: object) -> str:
    from stresslab.report.formatting import count
    from stresslab.report.review import Review

    assert isinstance(review, Review)
    attributes = review.results.attrs
    return (
        f"{attributes['book']} · {attributes['venue']} · {review.horizon} · {count(review.paths)} paths · "
        f"model {attributes['model']}"
    )
