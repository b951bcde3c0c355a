"""``stresslab explain``: each pool's requirement and each position's prices, term by term."""

from __future__ import annotations

import click


@click.command()
@click.argument("book", metavar="BOOK")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(book: str, as_json: bool) -> None:
    """Explain each pool and price of an account, term by term.

    The account is shown as it is booked, all isolated, and all crossed. For every pool: equity, maintenance requirement
    and margin ratio. For every position: the tier in force, liquidation and bankruptcy price, with the terms that make
    them. Nothing is simulated.
    """
    from stresslab.book.configurations import standard_configurations
    from stresslab.book.marks import with_marks
    from stresslab.book.reading import read_book_and_notices
    from stresslab.commands.messages import print_notices
    from stresslab.documents.faults import Fault, InputError
    from stresslab.margin import explanation

    account, notices = read_book_and_notices(book)
    unpriced = [each.id for each in with_marks(account.positions) if each.is_collateral and each.mark_price is None]
    if unpriced:
        problem, remedy = f"{unpriced[0]} has no price", "state mark_price in its [[collateral]]"
        raise InputError([Fault(book, 1, 1, problem, remedy)])
    print_notices(notices)
    explained = explanation.explain(account, standard_configurations(account))
    click.echo((explanation.as_json if as_json else explanation.as_text)(explained).rstrip())
