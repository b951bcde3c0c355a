"""From an export to a book: the text, checked as `stresslab validate` checks it, and the file."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from stresslab.book.exports.figures import figure_text
from stresslab.book.exports.positions import HeldPosition
from stresslab.book.exports.reading import Export
from stresslab.book.reading import book_from
from stresslab.documents.faults import Fault, InputError, Notice
from stresslab.documents.findings import Findings
from stresslab.documents.names import name_problem, shown
from stresslab.documents.reading import parse_document

_ASIDE = "book.toml"  # what the text is called while it is checked; no message bears it


@dataclass(frozen=True)
class Account:
    """What an export of positions does not say, and a book needs.

    Parameters
    ----------
    venue : str
        The rule pack, as a book beside `folder` names it: a shipped name, or a path that ends in ``.toml``.
    name : str or None
        The book's name; by default the export's, without its ending.
    wallet_balance : decimal.Decimal or None
        All collateral of the account in its currency, positive, without unrealized pnl. By default that of the isolated
        positions, where there are no others.
    open_orders_margin : decimal.Decimal
        Margin that open orders hold, in the same currency, not negative. It is taken off the wallet balance.
    """

    venue: str
    name: str | None = None
    wallet_balance: Decimal | None = None
    open_orders_margin: Decimal = Decimal(0)


def venue_reference(venue: str, folder: Path) -> str:
    """A rule pack as a book in a folder names it: a path becomes relative to the folder, a shipped name stays."""
    if not venue.endswith(".toml"):
        return venue
    return Path(os.path.relpath(Path(venue).resolve(), folder.resolve())).as_posix()


def book_text(export: Export, account: Account, folder: Path) -> tuple[str, tuple[Notice, ...]]:
    """The book of an export, checked.

    The same export and account give the same bytes. Rows that could not be read are not in it; a comment lists them.

    Parameters
    ----------
    export : Export
        At least one position.
    account : Account
        What the export does not say.
    folder : pathlib.Path
        Where the book will stand: the path of its rule pack starts there.

    Returns
    -------
    str
        TOML (DESIGN 7.1), figures exact.
    tuple of Notice
        Warnings of the book's own check, at the export's lines.

    Raises
    ------
    InputError
        If nothing could be read, something that the book needs is not stated, or the whole does not add up: with
        every fault, at the export's lines.
    """
    if not export.positions:
        nothing = Fault(
            export.path, 1, 1, "no position could be read", "correct the rows, or export the positions again"
        )
        raise InputError([*export.unreadable, nothing])
    name = Path(export.path).stem if account.name is None else account.name
    faults = _lacking(export, account, name)
    wallet_balance = _wallet_balance(export, account)
    if faults or wallet_balance is None:
        raise InputError(faults)
    text = _text(export, account, name, wallet_balance)
    findings = Findings()
    document = parse_document(text.encode("utf-8"), _ASIDE, folder, findings)
    if document is not None:
        book_from(document, findings)
    lines = _Lines(export, text)
    if findings.faults:
        raise InputError(lines.moved(fault) for fault in findings.faults)
    moved = (lines.moved(notice) for notice in sorted(set(findings.notices)))
    return text, tuple(Notice(at.path, at.line, at.column, at.problem, at.remedy) for at in moved)


def _lacking(export: Export, account: Account, name: str) -> list[Fault]:
    def fault(problem: str, remedy: str) -> Fault:
        return Fault(export.path, 1, 1, problem, remedy)

    faults = []
    wrong = name_problem(name)
    if wrong is not None:
        faults.append(fault(f"the book's name {shown(name)} {wrong}", "give one with --name"))
    if export.currency is None:
        faults.append(fault("nothing says what currency the account is in", "name it with --currency"))
    if account.open_orders_margin < 0:
        faults.append(fault("the margin that open orders hold is below zero", "give an amount that is not negative"))
    balance = _wallet_balance(export, account)
    if balance is None:
        why = "cross positions share" if account.open_orders_margin == 0 else "open orders take from"
        remedy = "give it with --wallet-balance, isolated margin included and unrealized pnl not"
        faults.append(fault(f"the export does not state the wallet balance that {why}", remedy))
    elif balance <= 0:
        problem = f"the wallet balance less what open orders hold is {figure_text(balance)}"
        faults.append(fault(problem, "give a larger --wallet-balance"))
    return faults


def _wallet_balance(export: Export, account: Account) -> Decimal | None:
    """The account's collateral less what open orders hold; None where it is not known."""
    if account.wallet_balance is not None:
        return account.wallet_balance - account.open_orders_margin
    if account.open_orders_margin != 0 or any(held.margin == "cross" for held in export.positions):
        return None
    return sum((held.collateral for held in export.positions if held.collateral is not None), Decimal(0))


def _text(export: Export, account: Account, name: str, wallet_balance: Decimal) -> str:
    source = shown(Path(export.path).name, 200)
    lines = [f"# Positions of the export {source} ({export.layout} columns),", f"# sha256 {export.sha256}."]
    if account.wallet_balance is None:
        lines.append(
            "# The wallet balance is the sum of the isolated positions' collateral: no cash beyond it was stated."
        )
    elif account.open_orders_margin != 0:
        stated, held = figure_text(account.wallet_balance), figure_text(account.open_orders_margin)
        lines.append(f"# The wallet balance was stated as {stated}; open orders hold {held} of it, taken off below.")
    lines += [f"# NOT in this book: line {fault.line}: {fault.problem}" for fault in export.unreadable]
    if export.unreadable and account.wallet_balance is not None:
        lines.append("# Money behind positions that are not in this book still counts in its wallet balance.")
    lines += [
        "schema = 1",
        f"name = {_quoted(name)}",
        f"venue = {_quoted(account.venue)}",
        f"currency = {_quoted(export.currency or '')}",
        f"wallet_balance = {figure_text(wallet_balance)}",
    ]
    for position in export.positions:
        lines += ["", *_position_lines(position)]
    return "\n".join(lines) + "\n"


def _position_lines(held: HeldPosition) -> list[str]:
    figures = [("quantity", held.quantity), ("entry_price", held.entry_price), ("mark_price", held.mark_price)]
    return [
        f"[[position]] # line {held.line}",
        f"id = {_quoted(held.id)}",
        f"symbol = {_quoted(held.symbol.name)}",
        *(f"{key} = {figure_text(value)}" for key, value in figures if value is not None),
        f'margin = "{held.margin}"',
        *([] if held.collateral is None else [f"collateral = {figure_text(held.collateral)}"]),
    ]


def _quoted(text: str) -> str:
    # TOML's basic strings are JSON's. What is no valid Unicode comes from a file's name and is refused by the check.
    return json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False).replace("\x7f", "\\u007F")


class _Lines:
    """Which line of the export a line of the book came from."""

    def __init__(self, export: Export, text: str) -> None:
        self.export = export
        self.starts = [
            number for number, line in enumerate(text.split("\n"), start=1) if line.startswith("[[position]]")
        ]

    def moved(self, fault: Fault) -> Fault:
        """A fault of the book's text at the place of the export that it came from; others as they are."""
        if fault.path != _ASIDE:
            return fault
        index = bisect_right(self.starts, fault.line) - 1
        line = 1 if index < 0 else self.export.positions[index].line
        return Fault(self.export.path, line, 1, fault.problem, fault.remedy)


def check_book_target(path: str | Path, *, replace: bool = False) -> None:
    """Refuse a place where no book can be written.

    Parameters
    ----------
    path : str or pathlib.Path
        The book's file.
    replace : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    InputError
        Where the name does not end in ``.toml``, the folder does not exist, or something stands in the place.
    """
    target = Path(path)
    if target.suffix != ".toml":
        told = ("a book's file must end in .toml", "name it so")
    elif target.is_dir():
        told = ("a folder stands there", "name a file")
    elif not target.parent.is_dir():
        told = (f"there is no folder {shown(str(target.parent), 200)}", "make it first")
    elif os.path.lexists(target) and not replace:
        told = ("the file exists", "choose another name, or allow it with --replace")
    else:
        return
    raise InputError([Fault(str(path), 1, 1, *told)])


def write_book(text: str, path: str | Path, *, replace: bool = False) -> None:
    """Write a book. A reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    text : str
        The book.
    path : str or pathlib.Path
        The file, ending in ``.toml``.
    replace : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    InputError
        As for `check_book_target`, or where the file cannot be written there.
    """
    check_book_target(path, replace=replace)
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        if replace:
            aside.replace(target)
        else:
            # Unlike a rename, a link fails where another process has made the file meanwhile.
            os.link(aside, target)
    except FileExistsError:
        remedy = "choose another name, or allow it with --replace"
        raise InputError([Fault(str(path), 1, 1, "the file exists", remedy)]) from None
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        raise InputError([Fault(str(path), 1, 1, problem, "choose another place")]) from None
    finally:
        aside.unlink(missing_ok=True)
