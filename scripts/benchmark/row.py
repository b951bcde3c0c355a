"""What a row of the benchmark is: a way of doing the work, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Where pools are tested: at the ends of steps; isolated pools on the whole way and others at the ends; all on the way.
Tests = Literal["ends", "isolated bridged", "all bridged"]


class Finding(NamedTuple):
    """What doing the work once came to.

    Parameters
    ----------
    seconds : float
        That the work took.
    shares : dict of int to float
        Share of paths on which a pool was liquidated, by the number of the pool, isolated ones first.
    paths : int
        Paths that were simulated.
    resolution : float
        What the shares are rounded to; 0 where they are not.
    """

    seconds: float
    shares: dict[int, float]
    paths: int
    resolution: float = 0.0


@dataclass(frozen=True)
class Row:
    """A way of doing the work, compiled.

    Parameters
    ----------
    name : str
        As the table shows it.
    tests : str
        Which pools are bridged.
    compile_seconds : float
        What making it ready took; 0 where nothing is compiled.
    run : callable
        Does the whole work once, on as many threads as it is told.
    model : str
        The market model; rows under different models need not agree.
    child_memory : callable, optional
        Where another process does the work: the peak of its memory, bytes.
    """

    name: str
    tests: Tests
    compile_seconds: float
    run: Callable[[int], Finding]
    model: str = "gbm"
    child_memory: Callable[[], int] | None = None


def shares_of(steps: NDArray[np.int32], horizon: int) -> dict[int, float]:
    """Share of paths liquidated by pool, from the step of liquidation, [pool, path], beyond the horizon if never."""
    return dict(enumerate((steps <= horizon).mean(axis=1).tolist()))
