"""The account's ledger: every change of equity has a line of its own, and the lines add up to the change.

Sums run over thousands of steps, so each carries the rounding of its additions along. A sum is read as its total plus
its rest, in double precision where digits matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from stresslab.margin.ledger_lines import LINES


class Sum(NamedTuple):
    """A sum with the rounding of its additions beside it; its value is ``total + rest``.

    Parameters
    ----------
    total, rest : jax.Array
        float32, of one shape.
    """

    total: Array
    rest: Array

    @property
    def value(self) -> Array:
        """The sum, rounded once."""
        return self.total + self.rest


def start_sum(value: Array) -> Sum:
    """A sum that starts at a value."""
    return Sum(value, jnp.zeros_like(value))


def add(running: Sum, amount: Array) -> Sum:
    """Add an amount; the error of the addition is found exactly (Knuth's two-sum) and kept.

    Parameters
    ----------
    running : Sum
        The sum so far.
    amount : jax.Array
        Of its shape, any sign and size.
    """
    total = running.total + amount
    added = total - running.total
    error = (running.total - (total - added)) + (amount - added)
    return Sum(total, running.rest + error)


def start_ledger(accounts: int, paths: int) -> Sum:
    """A ledger in which nothing has happened, [account, line, path], in the order of `LINES`."""
    return start_sum(jnp.zeros((accounts, len(LINES), paths), jnp.float32))


def post(ledger: Sum, amounts: Mapping[str, Array]) -> Sum:
    """Book amounts on their lines.

    Parameters
    ----------
    ledger : Sum
        [account, line, path].
    amounts : mapping of str to jax.Array
        Money by line, [account, path]; other lines stay as they are.
    """
    nothing = jnp.zeros_like(ledger.total[:, 0])
    return add(ledger, jnp.stack([amounts.get(line, nothing) for line in LINES], axis=1))
