"""From an export's text to rows under a header that is known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stresslab.book.exports import binance, bybit, hyperliquid, okx, plain
from stresslab.book.exports.figures import is_blank
from stresslab.book.exports.layout import ROLES, Layout, columns_found, missing_roles, repeated_heading
from stresslab.documents.names import shown

# The venues' own come first: a plain table's columns are the most general.
LAYOUTS = (binance.LAYOUT, bybit.LAYOUT, okx.LAYOUT, hyperliquid.LAYOUT, plain.LAYOUT)
_DELIMITERS = ",;\t"
_HEADER_WITHIN = 20  # rows; titles and dates may stand above it


class TableError(ValueError):
    """A file that cannot be read as a table of positions: line, column, problem and remedy."""

    def __init__(self, line: int, column: int, problem: str, remedy: str) -> None:
        super().__init__(line, column, problem, remedy)
        self.line, self.column, self.problem, self.remedy = line, column, problem, remedy


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    line : int
        Line of the file in which it begins, from 1.
    fields : tuple of str
        Its fields, in order.
    """

    line: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """An export, recognized and not yet understood.

    Parameters
    ----------
    layout : Layout
        What kind of export it is.
    columns : mapping of str to tuple of int
        Indices of the columns of each role, the preferred one first.
    header : Row
        The headings.
    above : tuple of Row
        Rows above the header that are not blank.
    rows : tuple of Row
        Rows below it that are not blank.
    comma_may_be_decimal : bool
        Fields are set apart by semicolons, so a comma in a figure may stand for the point.
    """

    layout: Layout
    columns: Mapping[str, tuple[int, ...]]
    header: Row
    above: tuple[Row, ...]
    rows: tuple[Row, ...]
    comma_may_be_decimal: bool

    def cell(self, row: Row, role: str) -> str | None:
        """What a row says in a role, or None where it has no such column or leaves it blank."""
        for index in self.columns.get(role, ()):
            if not is_blank(row.fields[index]):
                return row.fields[index].strip()
        return None

    def column(self, role: str) -> int:
        """Number of a role's column from 1, or 1 where there is none."""
        return self.columns.get(role, (0,))[0] + 1


def read_table(content: bytes) -> Table:
    """Find the header of an export, and so its kind, its columns and its rows.

    Parameters
    ----------
    content : bytes
        UTF-8 text of fields set apart by commas, semicolons or tabs.

    Returns
    -------
    Table
        The rows, at least none.

    Raises
    ------
    TableError
        If the text is not UTF-8 or no such table, no header is known, columns are missing, or a heading stands twice.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the byte 0x{content[error.start]:02X} is not UTF-8"
        raise TableError(line, 1, problem, "save the table as CSV in UTF-8") from None
    if not text.strip():
        raise TableError(1, 1, "the file is empty", "export the positions as CSV, with the header")
    readings: dict[str, list[Row]] = {}
    broken: TableError | None = None
    for delimiter in _DELIMITERS:
        try:
            readings[delimiter] = list(_rows(text, delimiter))
        except TableError as error:
            broken = broken or error
    for layout in LAYOUTS:
        for delimiter, rows in readings.items():
            for index, row in enumerate(rows[:_HEADER_WITHIN]):
                columns = columns_found(layout, row.fields)
                if not missing_roles(layout, columns):
                    _refuse_repeated(row, columns)
                    above, below = tuple(rows[:index]), tuple(rows[index + 1 :])
                    return Table(layout, columns, row, above, below, delimiter == ";")
    if broken is not None and "," not in readings:
        raise broken
    raise _nothing_known([row for rows in readings.values() for row in rows[:_HEADER_WITHIN]])


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for fields in reader:
            line, before = before + 1, reader.line_num
            if any(field.strip() for field in fields):
                yield Row(line, tuple(fields))
    except csv.Error as error:
        remedy = "correct the quotes in this row, or export the table again"
        raise TableError(before + 1, 1, f"this is not CSV: {error}", remedy) from None


def _refuse_repeated(header: Row, columns: Mapping[str, tuple[int, ...]]) -> None:
    twice = repeated_heading(header.fields, columns)
    if twice is not None:
        problem = f"the heading {shown(header.fields[twice])} stands twice"
        raise TableError(header.line, twice + 1, problem, "remove or rename one of the two columns")


def _nothing_known(rows: Sequence[Row]) -> TableError:
    """What to say where no header is complete: what the nearest one lacks."""
    candidates = [
        (len(layout.required) - len(missing_roles(layout, columns_found(layout, row.fields))), row, layout)
        for row in rows
        for layout in LAYOUTS
    ]
    held, row, layout = max(candidates, key=lambda candidate: candidate[0])
    if held < 2:
        names = ", ".join(layout.name for layout in LAYOUTS)
        problem = "no header of positions is found in the first rows"
        remedy = (
            f"known are the columns of {names}: see the files' documentation, or name symbol, quantity, entry price"
        )
        return TableError(rows[0].line, 1, problem, f"{remedy} and margin")
    lacking = missing_roles(layout, columns_found(layout, row.fields))
    what = "; ".join(" or ".join(ROLES[role] for role in group) for group in lacking)
    add = ", ".join(f"{layout.columns[group[0]][0]!r}" for group in lacking)
    problem = f"columns are missing (read as {layout.name}): {what}"
    return TableError(row.line, 1, problem, f"add a column headed {add}")
