"""Configurations from partitions and splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration, Pool


def split_configuration(
    book: Book, name: str, members: tuple[tuple[int, ...], ...], collateral: Sequence[float] | NDArray[np.float64]
) -> Configuration:
    """A partition with given collateral; pools of several are named by their positions."""
    pools = tuple(
        Pool("+".join(book.positions[place].id for place in pool), pool, float(amount))
        for pool, amount in zip(members, collateral, strict=True)
    )
    return Configuration(name, pools, 0.0)
