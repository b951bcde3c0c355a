"""Outcomes of a run of blocks: what executors hand over, what checkpoints keep, and what is folded into a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Stretch:
    """Outcomes of neighboring paths.

    Parameters
    ----------
    first, stop : int
        The paths ``first`` to ``stop - 1``.
    arrays : dict of str to numpy.ndarray
        By the name of the field of `stresslab.simulation.outcomes.Outcomes`, [..., path]; alerts of account ``k`` stand
        under ``alert_step/k``.
    ratio_counts : numpy.ndarray
        As in `Outcomes`, of these paths alone.
    """

    first: int
    stop: int
    arrays: Arrays
    ratio_counts: NDArray[np.int64]


def joined(stretches: Sequence[Stretch]) -> Stretch:
    """One stretch of several.

    Parameters
    ----------
    stretches : sequence of Stretch
        At least one; each begins where the one before it ends.

    Raises
    ------
    ValueError
        If there is a gap between two of them.
    """
    if any(one.stop != other.first for one, other in pairwise(stretches)):
        raise ValueError("stretches of paths must follow one another without a gap")
    if len(stretches) == 1:
        return stretches[0]
    arrays = {name: np.concatenate([each.arrays[name] for each in stretches], axis=-1) for name in stretches[0].arrays}
    counts = np.sum([each.ratio_counts for each in stretches], axis=0)
    return Stretch(stretches[0].first, stretches[-1].stop, arrays, counts)
