"""The parts of a page as plain data: what the template knows how to set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from stresslab.report.review import ROWS
from stresslab.report.style import svg

Cell = str | tuple[str, str]
"""A text, or a text and what stands beneath it in small print."""
Block = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    title : str
        Head, with the unit where there is one.
    align : str
        ``left``, ``right``, ``light`` for a state told by its sign, or ``decimal`` for numbers whose points
        stand beneath each other.
    width : float
        Share of the free width; 0 for as wide as its content.
    """

    title: str
    align: str = "decimal"
    width: float = 0.0


@dataclass(frozen=True)
class Table:
    """Rows under columns, worst first.

    Parameters
    ----------
    title : str
        Caption.
    columns : sequence of Column
        Heads.
    rows : sequence of sequence of Cell
        Body.
    foot : sequence of sequence of Cell
        Rows for the account, set apart; they stay with the table however long it is.
    note : str
        Small print beneath.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Sequence[Cell]] = ()
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A section of the report, which begins a page.

    Parameters
    ----------
    title : str
        What it is about, for the contents.
    blocks : list
        What stands on it.
    listed : str or None
        What the contents say instead of the title; empty for a page that they do not name.
    """

    title: str
    blocks: list[Block]
    listed: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A section that the results have no numbers for; the contents name it.

    Parameters
    ----------
    title : str
        What it would have been about.
    reason : str
        Why it is not here, as the end of a sentence.
    """

    title: str
    reason: str


def text(content: str, kind: str = "paragraph") -> Block:
    """A paragraph, or another kind of running text: ``finding``, ``note``, ``subheading``."""
    return {"kind": kind, "text": content}


def figure(drawn: Figure, caption: str, alternative: str, source: str) -> Block:
    """A chart as SVG, with a caption, a text for those who cannot see it, and where its numbers are from."""
    return {"kind": "figure", "svg": svg(drawn), "caption": caption, "alternative": alternative, "source": source}


def table(content: Table, appendix: list[Table]) -> Block:
    """A table of at most 12 rows; a longer one goes whole to the appendix, and its first 12 rows say so."""
    note = content.note
    if len(content.rows) > ROWS:
        appendix.append(content)
        more = f"The {ROWS} riskiest of {len(content.rows)} rows; all stand in the appendix."
        note = f"{more} {note}".rstrip()
    return _table(content, content.rows[:ROWS], note)


def whole_table(content: Table) -> Block:
    """A table with all its rows, however many."""
    return _table(content, content.rows, content.note)


def _table(content: Table, rows: Sequence[Sequence[Cell]], note: str) -> Block:
    def cells(row: Sequence[Cell]) -> list[list[str]]:
        return [[cell, ""] if isinstance(cell, str) else list(cell) for cell in row]

    return {
        "kind": "table",
        "title": content.title,
        "columns": [{"title": one.title, "align": one.align, "width": one.width} for one in content.columns],
        "rows": [cells(row) for row in rows],
        "foot": [cells(row) for row in content.foot],
        "note": note,
    }
