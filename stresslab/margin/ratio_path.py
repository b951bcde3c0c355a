"""Margin ratio of a pool along one path of prices, for as long as nothing acts on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Book
from stresslab.book.configuration import Pool
from stresslab.margin.pool_figures import legs_at_ratio
from stresslab.venues.contracts import CONTRACTS


def margin_ratio_path(
    book: Book, pool: Pool, assets: Sequence[str], price_ratios: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Equity less haircuts over maintenance margin at every point (METHODS M1 to M5).

    A fee to close that a venue counts at the bankruptcy price is held at that of today's marks.

    Parameters
    ----------
    book : Book
        The account, with a mark price for every position.
    pool : Pool
        One of its pools.
    assets : sequence of str
        Underlyings, in the order of the columns of prices.
    price_ratios : numpy.ndarray
        Price over today's, [point, asset], positive.

    Returns
    -------
    numpy.ndarray
        [point]; infinite where nothing is demanded, negative where equity is.
    """
    members = [book.positions[index] for index in pool.positions]
    counted = np.full(len(price_ratios), pool.collateral)
    demanded = np.zeros(len(price_ratios))
    for position, leg in zip(members, legs_at_ratio(members, pool.collateral), strict=True):
        moved = price_ratios[:, list(assets).index(position.symbol.underlying)]
        value = leg.scale * (moved if CONTRACTS[position.symbol.contract].direction > 0.0 else 1.0 / moved)
        piece = np.maximum(np.searchsorted(leg.requirement.starts, value, side="left") - 1, 0)
        required = np.array(leg.requirement.slopes)[piece] * value + np.array(leg.requirement.constants)[piece]
        counted += leg.exposure * (value - leg.entry_value)
        if position.is_collateral:
            counted -= required
        else:
            demanded += required
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(demanded > 0.0, counted / demanded, np.inf)
