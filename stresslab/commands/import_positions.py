"""``stresslab import-positions``: from a venue's export of positions to a book."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from decimal import Decimal


def _amount(ctx: click.Context, param: click.Parameter, value: str | None) -> Decimal | None:
    """An amount of money as people write it: 1,250,000.50."""
    from stresslab.book.exports.figures import read_figure

    if value is None:
        return None
    try:
        figure = read_figure(value)
    except ValueError as error:
        raise click.BadParameter("; ".join(error.args)) from None
    if figure.unit or figure.value < 0:
        raise click.BadParameter(f"{value} is not an amount of the account's currency; write digits alone")
    return figure.value


@click.command("import-positions")
@click.argument("file", metavar="FILE")
@click.option(
    "--venue", required=True, metavar="NAME", help="A shipped rule pack, or the path of one, ending in .toml."
)
@click.option("--out", metavar="BOOK", help="The book to write, ending in .toml; by default it is printed.")
@click.option("--name", metavar="TEXT", help="Name of the book; by default that of FILE.")
@click.option(
    "--wallet-balance",
    callback=_amount,
    metavar="X",
    help="All the account's collateral: isolated margin included, unrealized pnl not. Needed with cross positions.",
)
@click.option(
    "--open-orders-margin", callback=_amount, default="0", metavar="X", help="What open orders hold of it; taken off."
)
@click.option("--currency", metavar="CODE", help="The account's, such as USDT, where the export does not tell.")
@click.option("--skip-unreadable", is_flag=True, help="Make the book without rows that cannot be read.")
@click.option("--replace", is_flag=True, help="Let BOOK be replaced where it exists.")
def command(
    file: str,
    venue: str,
    out: str | None,
    name: str | None,
    wallet_balance: Decimal | None,
    open_orders_margin: Decimal,
    currency: str | None,
    skip_unreadable: bool,
    replace: bool,
) -> int:
    """Make a book from a table of positions.

    FILE is CSV with the columns of Binance, Bybit, OKX or Hyperliquid, or a plain table with symbol, quantity, entry
    price and margin (isolated or cross). Every row that is not read is listed with its line and the reason, and no book
    is made then, unless --skip-unreadable is given.
    """
    from pathlib import Path

    from stresslab.book.exports.reading import read_export
    from stresslab.book.exports.writing import Account, book_text, check_book_target, venue_reference, write_book
    from stresslab.commands.messages import print_faults, print_notices
    from stresslab.documents.faults import Notice
    from stresslab.venues.reading import read_pack

    if out is not None:
        check_book_target(out, replace=replace)
    export = read_export(file, read_pack(venue), currency)
    print_notices(export.notices)
    if export.unreadable and not skip_unreadable:
        print_faults(export.unreadable)
        click.echo("no book is made; correct these rows, or leave them out with --skip-unreadable", err=True)
        return 2
    folder = Path(".") if out is None else Path(out).parent
    account = Account(venue_reference(venue, folder), name, wallet_balance, open_orders_margin)
    text, notices = book_text(export, account, folder)
    left_out = [Notice(at.path, at.line, at.column, f"left out: {at.problem}", at.remedy) for at in export.unreadable]
    if left_out and wallet_balance is not None:
        problem = "the wallet balance still counts the money behind the rows that are left out"
        left_out.append(Notice(file, 1, 1, problem, "take the margin of isolated ones off --wallet-balance"))
    print_notices([*left_out, *notices])
    if out is None:
        click.echo(text, nl=False)
        return 0
    write_book(text, out, replace=replace)
    isolated = sum(held.margin == "isolated" for held in export.positions)
    total = len(export.positions)
    rows = len({fault.line for fault in export.unreadable})
    click.echo(
        f"{export.layout} columns: {total} positions, {isolated} isolated and {total - isolated} cross", nl=False
    )
    click.echo(f"; {rows} rows left out" if rows else "")
    click.echo(f"written: {out}")
    return 0
