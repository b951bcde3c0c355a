"""A branch inside a compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jax import Array, lax

T = TypeVar("T")


def where_needed(needed: Array, act: Callable[[], T], as_it_is: T) -> T:
    """What acting makes of something where it is needed, a bool scalar, else the thing as it is."""
    result: T = lax.cond(needed, act, lambda: as_it_is)
    return result
