"""A scenario: the whole question, read, checked and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration
from stresslab.documents.faults import Notice
from stresslab.market.specification import MarketSpecification


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
        ``calibration``.
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
