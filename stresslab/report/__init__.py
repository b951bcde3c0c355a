"""The typeset report: charts and a PDF from a finished dataset, without another simulation."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

from stresslab.documents.names import is_printing
from stresslab.results.companions import Companions

if TYPE_CHECKING:
    from stresslab.report.blocks import Page

# PDF/A demands a date, and the clock must not enter: the same input gives the same bytes.
_TIMESTAMP = datetime(2000, 1, 1, tzinfo=UTC)
_STANDARDS: list[Literal["a-2a", "ua-1"]] = ["a-2a", "ua-1"]


def typeset(
    results: xr.Dataset,
    path: str | Path,
    *,
    form: str = "standard",
    companions: Companions | None = None,
) -> None:
    """Write the report of a run as a PDF, whole or not at all.

    Parameters
    ----------
    results : xarray.Dataset
        From `stresslab.results.dataset.assemble` or `stresslab.results.saving.load`; nothing else is read.
    path : path
        The file to write, such as ``report.pdf``; an existing file is replaced at the end.
    form : {"standard", "short", "full"}
        About twelve pages, about six, or all that there are with one more for each position.
    companions : Companions, optional
        What stands beside the results, such as replays: each part adds its page.

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
    pdf, _ = compile_report(results, form, companions)
    write_pdf(pdf, path)


def write_pdf(pdf: bytes, path: str | Path) -> None:
    """Write a file whole or not at all; an existing one is replaced at the end."""
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


def typeset_replays(replays: xr.Dataset, path: str | Path) -> None:
    """Write the outcomes of replays as a PDF of their own, whole or not at all.

    Parameters
    ----------
    replays : xarray.Dataset
        From `stresslab.replay`.
    path : path
        The file to write; an existing file is replaced at the end.
    """
    write_pdf(compile_replays(replays)[0], path)


def compile_replays(replays: xr.Dataset) -> tuple[bytes, list[str]]:
    """The PDF of replays, and what the typesetter warned of.

    Parameters
    ----------
    replays : xarray.Dataset
        From `stresslab.replay`.

    Returns
    -------
    tuple of bytes and list of str
        The file, and the warnings.
    """
    from stresslab.report.blocks import Page, Table, whole_table
    from stresslab.report.replay_pages import TITLE, replay_blocks

    appendix: list[Table] = []
    body = [Page(TITLE, replay_blocks(replays, appendix))]
    if appendix:
        body.append(Page("Appendix: tables in full", [whole_table(one) for one in appendix]))
    attributes = replays.attrs
    return compile_pages(
        body,
        kind="Replays",
        title=str(attributes["title"]),
        subtitle=f"{attributes['venue']} · today’s marks · {replays.sizes['crash']} replayed",
        book=TITLE,
        identity=f"run {str(attributes['scenario_hash'])[:12]}",
    )


def compile_report(results: xr.Dataset, form: str, companions: Companions | None = None) -> tuple[bytes, list[str]]:
    """The PDF of a report, and what the typesetter warned of: nothing, unless the template is at fault.

    Parameters
    ----------
    results : xarray.Dataset
        A run's results.
    form : {"standard", "short", "full"}
        Which pages.
    companions : Companions, optional
        As `typeset` takes them.

    Returns
    -------
    tuple of bytes and list of str
        The file, and the warnings.
    """
    from stresslab.report.pages import pages
    from stresslab.report.review import Review

    review = Review(results, companions or Companions())
    return compile_pages(
        pages(review, form),
        kind="Stress review",
        title=str(results.attrs["title"]),
        subtitle=_subtitle(review),
        book=str(results.attrs["book"]),
        identity=f"run {str(results.attrs['scenario_hash'])[:12]}",
    )


def compile_pages(
    body: Sequence[Page], *, kind: str, title: str, subtitle: str, book: str, identity: str
) -> tuple[bytes, list[str]]:
    """The PDF of some pages under a title.

    Parameters
    ----------
    body : sequence of stresslab.report.blocks.Page
        What stands in it; each begins a page.
    kind : str
        What kind of document it is, above the title.
    title, subtitle : str
        Heads of the first page.
    book : str
        What it is about, at the head of every later page.
    identity : str
        Of what it was made, at the foot of every page.

    Returns
    -------
    tuple of bytes and list of str
        The file, and the typesetter's warnings.
    """
    import matplotlib
    import typst

    from stresslab.report.style import needs_spare_font, spare_family, spare_font

    document: dict[str, Any] = {
        "kind": kind,
        "title": title,
        "subtitle": subtitle,
        "book": book,
        "identity": identity,
        "pages": [
            {
                "title": page.title,
                "listed": page.title if page.listed is None else page.listed,
                "blocks": page.blocks,
            }
            for page in body
        ],
    }
    # Only where the shipped fonts lack a sign, so that every other report is the same on all machines.
    lacking = needs_spare_font("".join(set(json.dumps(document, ensure_ascii=False))))
    spare = [str(font.parent)] if lacking and (font := spare_font()) else []
    document["spare_fonts"] = [spare_family()] if spare else []
    data = json.dumps(_printing(document), ensure_ascii=False)
    with as_file(files("stresslab.report") / "template") as folder:
        pdf, warnings = typst.compile_with_warnings(
            str(folder / "report.typ"),
            root=str(folder),
            font_paths=[str(Path(matplotlib.get_data_path()) / "fonts" / "ttf"), *spare],
            ignore_system_fonts=True,
            format="pdf",
            # Data enters as data: nothing that a name holds is ever read as markup.
            sys_inputs={"document": data},
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
