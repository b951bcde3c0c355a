"""Reading an export whole: positions, what could not be read, and what the reader should know."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from stresslab.book.exports.positions import HeldPosition, Note, currency_of, is_closed, read_position
from stresslab.book.exports.table import Row, Table, TableError, read_table
from stresslab.documents.faults import Fault, InputError, Notice
from stresslab.documents.findings import read_bytes
from stresslab.documents.names import shown
from stresslab.venues.pack import RulePack

Told = TypeVar("Told", bound=Fault)


@dataclass(frozen=True)
class Export:
    """What a venue's export of positions says.

    Parameters
    ----------
    path : str
        The file as the user named it.
    sha256 : str
        Hash of its bytes, in hexadecimal digits.
    layout : str
        Whose columns it has.
    currency : str or None
        What every position's collateral is in; None where nothing says.
    positions : tuple of HeldPosition
        In the order of the file, each with its own id.
    unreadable : tuple of Fault
        Every reason why a row could not be read; lines are the file's, columns count its fields.
    notices : tuple of Notice
        Rows without a position, and what was derived or should be checked.
    """

    path: str
    sha256: str
    layout: str
    currency: str | None
    positions: tuple[HeldPosition, ...]
    unreadable: tuple[Fault, ...]
    notices: tuple[Notice, ...]


def read_export(path: str | Path, pack: RulePack, currency: str | None = None) -> Export:
    """Read a table of positions that a venue, or a person, has made.

    Known are the columns of the layouts in `stresslab.book.exports.table`; they are told apart by the header.

    Parameters
    ----------
    path : str or pathlib.Path
        CSV in UTF-8, fields set apart by commas, semicolons or tabs.
    pack : RulePack
        The venue's rules, which list the symbols.
    currency : str, optional
        The book's; by default the one in which all positions are settled.

    Returns
    -------
    Export
        No row is lost: it is a position, or stands among the unreadable or, blank or of size zero, among the notices.

    Raises
    ------
    InputError
        If there is no such file, it is no such table, or its positions are settled in several currencies and none is
        named.
    """
    name = str(path)
    try:
        content = read_bytes(Path(path))
        table = read_table(content)
    except TableError as error:
        raise InputError([Fault(name, error.line, error.column, error.problem, error.remedy)]) from None
    except ValueError as error:
        told = error.args if len(error.args) == 2 else (f"{shown(name, 200)} is not a path", "name a file on disk")
        raise InputError([Fault(name, 1, 1, *told)]) from None
    unreadable: list[Fault] = []
    notices = [
        Notice(name, row.line, 1, f"{shown(row.fields[0])} stands above the header", "this row is not read")
        for row in table.above
    ]
    if table.layout.caution:
        problem = f"the columns are those of {table.layout.name}"
        notices.append(Notice(name, table.header.line, table.column("mode"), problem, table.layout.caution))
    rows = []
    for row in table.rows:
        if len(row.fields) != len(table.header.fields):
            problem = f"the row has {len(row.fields)} fields, and the header {len(table.header.fields)}"
            unreadable.append(
                Fault(name, row.line, 1, problem, "quote fields that hold the separator, and fill in others")
            )
        elif is_closed(table, row):
            problem = f"{shown(table.cell(row, 'symbol') or '')} has a size of zero"
            notices.append(Notice(name, row.line, table.column("quantity"), problem, "no position is made of it"))
        else:
            rows.append(row)
    currency = currency or _common_currency(name, table, rows)
    found: list[HeldPosition] = []
    for row in rows:
        held, faults, notes = read_position(table, row, pack, currency)
        unreadable += [_placed(Fault, name, row, fault) for fault in faults]
        if held is not None:
            notices += [_placed(Notice, name, row, note) for note in notes]
            found.append(held)
    positions, repeated = _named(name, table, found)
    return Export(
        path=name,
        sha256=hashlib.sha256(content).hexdigest(),
        layout=table.layout.name,
        currency=currency,
        positions=positions,
        unreadable=tuple(sorted([*unreadable, *repeated])),
        notices=tuple(sorted(notices)),
    )


def _placed(kind: type[Told], name: str, row: Row, note: Note) -> Told:
    return kind(name, row.line, note.column, note.problem, note.remedy)


def _common_currency(name: str, table: Table, rows: Iterable[Row]) -> str | None:
    stated: dict[str, Row] = {}
    for row in rows:
        currency = currency_of(table, row)
        if currency is not None:
            stated.setdefault(currency.upper(), row)
    if len(stated) > 1:
        problem = f"the positions are settled in {', '.join(sorted(stated))}, and a book has one currency"
        remedy = "name it with --currency; positions in others are then listed as unreadable"
        raise InputError([Fault(name, table.header.line, table.column("currency"), problem, remedy)])
    return next(iter(stated), table.layout.currency)


def _named(name: str, table: Table, positions: Iterable[HeldPosition]) -> tuple[tuple[HeldPosition, ...], list[Fault]]:
    """Give each position an id of its own; one that stands twice is counted once, and the second is a fault."""
    first: dict[tuple[str, ...], HeldPosition] = {}
    faults: list[Fault] = []
    kept: list[HeldPosition] = []
    for held in positions:
        key = (held.id,) if held.id else (held.symbol.name, held.side, held.margin)
        if key in first:
            what = f"the id {shown(held.id)}" if held.id else f"{held.symbol.name}, {held.side}, {held.margin}"
            problem = f"{what} stands twice, first in line {first[key].line}"
            remedy = "remove one, or give each an id of its own"
            faults.append(Fault(name, held.line, table.column("id" if held.id else "symbol"), problem, remedy))
        else:
            first[key] = held
            kept.append(held)
    alike: dict[tuple[str, str], int] = defaultdict(int)
    for held in kept:
        alike[held.symbol.name, held.side] += 1
    taken = {held.id for held in kept if held.id}
    return tuple(
        held if held.id else replace(held, id=_free_id(held, alike[held.symbol.name, held.side] > 1, taken))
        for held in kept
    ), faults


def _free_id(held: HeldPosition, with_margin: bool, taken: set[str]) -> str:
    parts = [held.symbol.name.casefold(), held.side, *([held.margin] if with_margin else [])]
    base = chosen = "-".join(parts)
    count = 1
    while chosen in taken:
        count += 1
        chosen = f"{base}-{count}"
    taken.add(chosen)
    return chosen
