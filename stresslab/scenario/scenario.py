"""A scenario: the whole question, read, checked and resolved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration
from stresslab.documents.faults import Notice
from stresslab.market.specification import MarketSpecification
from stresslab.scenario.analysis import Analysis


@dataclass(frozen=True)
class Impact:
    """Price impact of a close that must happen now: a liquidation's or a stop's.

    The price moves against the close by stress * daily volatility * sqrt(notional / daily volume), a fraction.

    Parameters
    ----------
    stress : float
        Factor above 0; 1 in quiet markets.
    daily_volumes : mapping of str to float
        Quote money traded in a day, positive, by asset, for every underlying of the book.
    """

    stress: float
    daily_volumes: Mapping[str, float]


@dataclass(frozen=True)
class VenueStress:
    """How much harsher the venue and its market are from the start than rule pack and scenario say.

    Parameters
    ----------
    maintenance_factor : float
        What every maintenance rate is multiplied by, at least 1.
    haircut_increase : float
        What is added to every haircut of the collateral assets, 0 to 1.
    impact_factor : float
        What the price impact of closes is multiplied by, at least 1.
    """

    maintenance_factor: float
    haircut_increase: float
    impact_factor: float


@dataclass(frozen=True)
class AutoDeleveraging:
    """Winning positions closed by the venue after a large move.

    Parameters
    ----------
    probability : float
        In (0, 1], with which each winning leg on an asset is closed in a step in which that asset moved enough.
    move : float
        Absolute move of the asset's log price within a step above which this happens, positive.
    """

    probability: float
    move: float


@dataclass(frozen=True)
class Scenario:
    """What a run needs, with every default filled in.

    Parameters
    ----------
    name : str
        Title of the review.
    book : Book
        The account; every position's mark price is resolved.
    configurations : tuple of Configuration
        ``as_booked``, ``all_isolated``, ``all_cross``, then the scenario's own.
    market : MarketSpecification
        Where prices go.
    horizon, step : float
        Length of the simulation and of one step, in days; the step divides the horizon.
    steps : int
        Number of steps, at least 1.
    paths : int
        Number of paths, 1 to 1e9.
    seed : int
        Seed of all draws, 0 to 2**63 - 1.
    notices : tuple of Notice
        Warnings that arose while reading, in the order of the files.
    documents : mapping of str to str
        The files that were read, whole, by role: ``scenario``, ``book``, ``venue`` and, where there is one,
        ``calibration`` and ``funding``. Of one of several accounts also ``assets``: start prices of all assets of the
        market, as JSON.
    start : datetime.datetime or None
        Time of the first step's begin, in UTC; None where the scenario does not say and nothing depends on it.
    impact : Impact or None
        Price impact of forced and stop closes; None for none.
    auto_deleveraging : AutoDeleveraging or None
        None where the venue closes no winning position.
    venue_stress : VenueStress or None
        What has been done to the rules in `book` and to `impact`; None for nothing.
    analysis : Analysis
        What the full form of a review computes beside the run; no number of the run depends on it.
    """

    name: str
    book: Book
    configurations: tuple[Configuration, ...]
    market: MarketSpecification
    horizon: float
    step: float
    steps: int
    paths: int
    seed: int
    notices: tuple[Notice, ...]
    documents: Mapping[str, str]
    start: dt.datetime | None = None
    impact: Impact | None = None
    auto_deleveraging: AutoDeleveraging | None = None
    venue_stress: VenueStress | None = None
    analysis: Analysis = field(default_factory=Analysis)
