"""Institutions: a scenario with several books, read as one scenario a book on a market that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SkipValidation

from stresslab.book.reading import BookDraft, book_from
from stresslab.documents.fields import TABLE, Name, PathText, Price
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import (
    check_table,
    check_values,
    is_table,
    key_meant,
    keys_of,
    open_document,
    reference_at,
)
from stresslab.scenario.institution import ExchangeRate, Institution
from stresslab.scenario.market_reading import MarketDraft, read_market
from stresslab.scenario.reading import BOOKS, scenario_from
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.start_prices import start_prices
from stresslab.scenario.tables import ScenarioFile

_MODEL_AT = ("market", "model")


class RateTable(BaseModel):
    """An exchange rate that follows an asset of the market on every path."""

    model_config = TABLE
    asset: Annotated[Name, Field(description="The asset; the market states its price.", examples=["EURUSDT"])]
    inverse: Annotated[
        bool,
        Field(
            description="Whether the asset is the reporting currency quoted in the account's: the rate is one over its "
            "price.",
            examples=[True],
        ),
    ] = False


class InstitutionTable(BaseModel):
    """What a scenario states in place of its book where several accounts are meant."""

    model_config = TABLE
    books: Annotated[
        list[PathText],
        Field(
            min_length=1,
            description="Paths of several books, relative to this file, in place of `book`: accounts on the same "
            "price paths.",
            examples=[["books/desk_a.toml", "books/dex_desk.toml"]],
        ),
    ]
    reporting_currency: Annotated[
        Name | None,
        Field(
            description="With `books`: currency of the whole; needed where the accounts' own differ.", examples=["EUR"]
        ),
    ] = None
    exchange_rates: Annotated[
        SkipValidation[dict[str, Price | RateTable]],
        Field(
            description="With `books`: by currency of an account, what one unit is worth in the reporting currency.",
            examples=[{"USDT": 0.92}],
        ),
    ] = {}


class _Rate(BaseModel):
    model_config = TABLE
    rate: Price


def names_several_books(path: str | Path) -> bool:
    """Whether a file is a scenario with several books; False where it cannot be read, which its reader tells."""
    document = open_document(Path(path), str(path), Findings())
    return document is not None and BOOKS in document.data


def read_institution(path: str | Path, *, paths: int | None = None, seed: int | None = None) -> Institution:
    """Read a scenario with several books, and all the files that these name.

    Parameters
    ----------
    path : str or pathlib.Path
        The scenario's file, with `books` in place of `book`.
    paths, seed : int, optional
        Taken in place of the file's own: 1 to 1e9, and 0 to 2**63 - 1.

    Returns
    -------
    Institution
        Checked, with every default filled in.

    Raises
    ------
    InputError
        With every fault of all the files.
    """
    findings = Findings()
    document = open_document(Path(path), str(path), findings)
    found = None if document is None else institution_from(document, findings, paths=paths, seed=seed)
    findings.stop_at_faults()
    assert found is not None, "an institution without faults is complete"
    return found


def institution_from(
    document: Document, findings: Findings, *, paths: int | None = None, seed: int | None = None
) -> Institution | None:
    """Check a parsed file as a scenario with several books; None where any of the files has faults."""
    if not is_kind(document, "scenario", findings):
        return None
    before = len(findings.faults)
    if BOOKS not in document.data:
        remedy = 'write books = ["a.toml", "b.toml"] in place of book'
        findings.fault(document, (), "the scenario names no list of books", remedy)
        return None
    if isinstance(document.at(_MODEL_AT), list):
        problem = "several models are named, and the accounts of an institution run under one"
        findings.fault(document, _MODEL_AT, problem, "name one")
        return None
    own = {key: document.data[key] for key in keys_of(InstitutionTable) if key in document.data}
    table = check_values(document, (), own, InstitutionTable, findings)
    if "book" in document.data:
        findings.fault(document, ("book",), "both `book` and `books` stand here", "keep one of the two", key=True)
    places = _references(document, findings)
    market, drafts = _drafts(document, places)
    prices = _shared_prices(document, market, drafts, findings)
    rates = _rates(document, market, prices, findings)
    accounts = []
    for at in places:
        # Each account has warnings of its own; a file that several name is read once.
        of_account = Findings(opened=findings.opened)
        single = _of_account(document, at)
        accounts.append(scenario_from(single, of_account, paths=paths, seed=seed, simulated=prices))
        findings.faults += [each for each in of_account.faults if each not in findings.faults]
        findings.notices += of_account.notices
    _check_names(document, places, drafts, findings)
    if table is None:
        return None
    currency = _reporting_currency(document, table.reporting_currency, drafts, findings)
    if currency is not None:
        _check_rates(document, currency, drafts, rates, findings)
    read = [each for each in accounts if each is not None]
    if len(findings.faults) > before or currency is None or len(read) < len(places) or not document.sound:
        return None
    return Institution(
        name=read[0].name,
        accounts=tuple(read),
        reporting_currency=currency,
        rates=_of_accounts(read, currency, rates),
        notices=tuple(dict.fromkeys(findings.notices)),
    )


def _references(document: Document, findings: Findings) -> list[KeyPath]:
    """Where the books are named, each file once."""
    stated = document.at((BOOKS,))
    places: dict[Path, KeyPath] = {}
    for index in range(len(stated) if isinstance(stated, list) else 0):
        reference = reference_at(document, (BOOKS, index))
        if reference is None:
            continue
        file = (document.folder / reference).resolve()
        if file in places:
            problem = f"the book {shown(reference)} is named twice"
            findings.fault(document, (BOOKS, index), problem, "name each book once")
            continue
        places[file] = (BOOKS, index)
    return list(places.values())


def _of_account(document: Document, at: KeyPath) -> Document:
    """The file as if it named one of its books alone, which keeps its place."""
    data = {key: value for key, value in document.data.items() if key not in keys_of(InstitutionTable)}
    places = document.places
    moved = replace(
        places,
        keys={**places.keys, ("book",): places.values[at]},
        values={**places.values, ("book",): places.values[at]},
    )
    return replace(document, data={**data, "book": document.at(at)}, places=moved)


def _drafts(document: Document, places: Sequence[KeyPath]) -> tuple[MarketDraft | None, list[BookDraft]]:
    """A first look at market and books, to learn what they share; their faults are told when accounts are read."""
    unheard = Findings()
    market = read_market(document, (key_meant(document.data, "market", keys_of(ScenarioFile)),), unheard)
    drafts = []
    for at in places:
        file = document.folder / str(document.at(at))
        opened = open_document(file, str(file), unheard, (document, at))
        draft = None if opened is None else book_from(opened, unheard)
        if draft is not None:
            drafts.append(draft)
    return market, drafts


def _shared_prices(
    document: Document, market: MarketDraft | None, drafts: Sequence[BookDraft], findings: Findings
) -> dict[str, float]:
    """Start price of every asset of any book, in order of first appearance.

    The scenario's; else the first mark that a book states; else the entry price of the first book that holds it.
    """
    prices: dict[str, float] = {}
    stated = {} if market is None else market.prices
    known: set[str] = set()
    for draft in drafts:
        held = [position for position in draft.positions if position is not None]
        marked = {position.symbol.underlying for position in held if position.mark_price is not None} | set(stated)
        entered = {position.symbol.underlying for position in held if not position.is_collateral}
        for asset, price in start_prices(document, stated, draft, Findings())[0].items():
            is_first = asset not in prices and asset in marked | entered
            if is_first or (asset in marked and asset not in known):
                prices[asset] = price
            elif asset in marked and price != prices[asset]:
                problem = f"the books mark {shown(asset)} differently, here at {price:_.10g}, before at "
                remedy = "each keeps its mark and moves by the same ratio; a price in the scenario's market rules both"
                findings.notice(draft.document, (), f"{problem}{prices[asset]:_.10g}", remedy)
            known |= {asset} & marked
    return prices


@dataclass(frozen=True)
class _Stated:
    """A rate that the file states, and where; None where it has faults."""

    at: KeyPath
    rate: ExchangeRate | None


def _rates(
    document: Document, market: MarketDraft | None, prices: dict[str, float], findings: Findings
) -> dict[str, _Stated]:
    """The table ``[exchange_rates]``; an asset that a rate follows joins the prices."""
    at: KeyPath = ("exchange_rates",)
    stated = document.at(at)
    if stated is None or not is_table(document, at, findings):
        return {}
    rates = {}
    for currency, value in stated.items():
        here = (*at, currency)
        rate = None
        if isinstance(value, dict):
            table = check_table(document, here, RateTable, findings)
            price = None if table is None else _price_of(document, here, table.asset, market, prices, findings)
            if table is not None and price is not None:
                rate = ExchangeRate(1.0 / price if table.inverse else price, table.asset, table.inverse)
        else:
            one = check_values(document, at, {"rate": value}, _Rate, findings, {"rate": currency})
            rate = None if one is None else ExchangeRate(one.rate)
        rates[currency] = _Stated(here, rate)
    return rates


def _price_of(
    document: Document,
    at: KeyPath,
    asset: str,
    market: MarketDraft | None,
    prices: dict[str, float],
    findings: Findings,
) -> float | None:
    if market is None:
        return None  # a fault of its own
    if asset in market.prices:
        return prices.setdefault(asset, market.prices[asset][1])
    if asset not in prices:
        problem = f"the market states no price of {shown(asset)}, which the rate follows"
        remedy = f"add [market.assets.{asset}] with price and volatility, and its row of the correlation"
        findings.fault(document, (*at, "asset"), problem, remedy)
    return prices.get(asset)


def _check_names(
    document: Document, places: Sequence[KeyPath], drafts: Sequence[BookDraft], findings: Findings
) -> None:
    """Accounts are told apart by the names of their books."""
    if len(drafts) < len(places):
        return
    names = [draft.document.data.get("name") for draft in drafts]
    for index, name in enumerate(names):
        if isinstance(name, str) and name in names[:index]:
            problem = f"two books bear the name {shown(name)}"
            findings.fault(document, places[index], problem, "give each account a name of its own")


def _currencies(drafts: Sequence[BookDraft]) -> list[str]:
    found = dict.fromkeys(draft.document.data.get("currency") for draft in drafts)
    return [each for each in found if isinstance(each, str)]


def _reporting_currency(
    document: Document, stated: str | None, drafts: Sequence[BookDraft], findings: Findings
) -> str | None:
    held = _currencies(drafts)
    if stated is not None or not held:
        return stated
    if len(held) == 1:
        return held[0]
    remedy = f'add reporting_currency = "{held[0]}" and the worth of the others in it under [exchange_rates]'
    findings.fault(document, (BOOKS,), f"the accounts are in {', '.join(held)}, which do not add up", remedy)
    return None


def _check_rates(
    document: Document, currency: str, drafts: Sequence[BookDraft], rates: Mapping[str, _Stated], findings: Findings
) -> None:
    held = _currencies(drafts)
    for each in held:
        if each != currency and each not in rates:
            at = "exchange_rates" if "exchange_rates" in document.data else "reporting_currency"
            remedy = f"under [exchange_rates] write {each} = the amount of {currency} that one {each} is worth"
            findings.fault(document, (at,), f"there is no exchange rate of {shown(each)}", remedy)
    for each, stated in rates.items():
        if each == currency:
            problem = f"{shown(each)} is the reporting currency itself"
            findings.fault(document, stated.at, problem, "remove its rate, which is 1", key=True)
        elif each not in held:
            remedy = f"remove it, or correct it: the accounts are in {', '.join(held)}"
            findings.fault(document, stated.at, f"no account is in {shown(each)}", remedy, key=True)


def _of_accounts(accounts: Sequence[Scenario], currency: str, rates: Mapping[str, _Stated]) -> dict[str, ExchangeRate]:
    found = {currency: ExchangeRate(1.0)}
    for account in accounts:
        stated = rates.get(account.book.currency)
        if stated is not None and stated.rate is not None:
            found[account.book.currency] = stated.rate
    return found
