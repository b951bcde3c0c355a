"""Several accounts on the same price paths, seen as one, in one reporting currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stresslab.documents.faults import Notice
from stresslab.scenario.scenario import Scenario


@dataclass(frozen=True)
class ExchangeRate:
    """Worth of one unit of an account's currency, in the reporting currency.

    Parameters
    ----------
    today : float
        At the start, positive.
    asset : str or None
        Asset of the market whose price it follows on every path; None for a rate that stands still.
    inverse : bool
        Whether it is one over that price, because the asset is the reporting currency quoted in the account's.
    """

    today: float
    asset: str | None = None
    inverse: bool = False


@dataclass(frozen=True)
class Institution:
    """Accounts that share market, horizon, step, seed and paths.

    Parameters
    ----------
    name : str
        Title of the review.
    accounts : tuple of Scenario
        One a book, in the order of the file, at least one. Each simulates the assets of all of them in one order, so
        that prices are the same on every path; the books' names differ.
    reporting_currency : str
        In which the whole is stated.
    rates : mapping of str to ExchangeRate
        By currency, for the currency of every account; exactly 1 for the reporting currency itself.
    notices : tuple of Notice
        Warnings of all the files.
    """

    name: str
    accounts: tuple[Scenario, ...]
    reporting_currency: str
    rates: Mapping[str, ExchangeRate]
    notices: tuple[Notice, ...]

    def rate_of(self, account: Scenario) -> ExchangeRate:
        """Exchange rate of an account's currency."""
        return self.rates[account.book.currency]
