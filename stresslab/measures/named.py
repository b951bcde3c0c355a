"""Estimates under the names that they and their bounds have in a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stresslab.measures.intervals import quantile_ranks, wilson

Arrays = dict[str, NDArray[np.float64]]
BOUNDS = ("", "_lower", "_upper")
FEWEST = 10
"""Fewest cases from which a mean over them, or a quantile among them, is estimated."""


def place(arrays: Arrays, name: str, outer: tuple[int, ...], at: tuple[int, ...], value: object) -> None:
    """Put a part into an array of this name, which is made, missing everywhere else, where there is none yet."""
    part = np.asarray(value, dtype=np.float64)
    arrays.setdefault(name, np.full(outer + part.shape, np.nan))[at] = part


def triple(name: str, estimate: Sequence[object] | NDArray[np.float64]) -> dict[str, object]:
    """Estimate, lower and upper bound under their names."""
    return dict(zip((f"{name}{suffix}" for suffix in BOUNDS), estimate, strict=True))


def probability(name: str, hit: NDArray[np.bool_]) -> dict[str, object]:
    """Share of paths that were hit, with its Wilson interval; ``hit`` is [..., path]."""
    return share(name, np.count_nonzero(hit, axis=-1), hit.shape[-1])


def probabilities(name: str, hit: Iterable[NDArray[np.bool_]], paths: int) -> dict[str, object]:
    """Shares of paths that were hit, with their Wilson intervals; each of ``hit`` is [path], and looked at alone."""
    return share(name, np.array([np.count_nonzero(each) for each in hit]), paths)


def share(name: str, hits: ArrayLike, paths: int) -> dict[str, object]:
    """Share of so many hits among the paths, with its Wilson interval."""
    return triple(name, (np.asarray(hits) / paths, *wilson(hits, paths)))


def quantiles(name: str, ordered: NDArray[np.floating], probabilities: Sequence[float]) -> dict[str, object]:
    """Quantiles of a rising sample, bounded by order statistics (METHODS M25)."""
    ranks = np.array([quantile_ranks(each, ordered.size) for each in probabilities]) - 1
    return triple(name, (ordered[ranks[:, 1]], ordered[ranks[:, 0]], ordered[ranks[:, 2]]))
