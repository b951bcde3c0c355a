"""What a policy sees at the end of a step, and what it may do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter


class Sight(NamedTuple):
    """An account at the marks of a step's end.

    Parameters
    ----------
    number : jax.Array
        Number of the step, from 1, int32 scalar.
    counter : Counter
        Place of the block in the sequence of draws.
    works : jax.Array or None
        Whether the desk's tools work, [path]; None where they always do.
    is_open : jax.Array
        Whether the venue left anything of the pool, [pool, path].
    cash, equity, requirement : jax.Array
        Of each pool, in the account's currency, [pool, path].
    leg_notional : jax.Array
        Absolute value of each leg, [leg, path], pool after pool.
    """

    number: Array
    counter: Counter
    works: Array | None
    is_open: Array
    cash: Array
    equity: Array
    requirement: Array
    leg_notional: Array

    @property
    def has_ratio(self) -> Array:
        """Whether a pool has a margin ratio, [pool, path]: it is open, and something is held in it."""
        return self.is_open & (self.requirement > 0.0)

    def able(self, wanted: Array) -> Array:
        """Where something is wanted, [pool, path], and the desk's tools work."""
        return wanted if self.works is None else wanted & self.works


class Action(NamedTuple):
    """What a policy does; None for what it never does.

    Parameters
    ----------
    deposit : jax.Array or None
        Money that arrives in each pool now, [pool, path]; negative where it leaves.
    cut : jax.Array or None
        Share of each pool's contracts that is closed at the mark now, [pool, path], 0 to 1.
    slippage, fee_rate : jax.Array or None
        Costs of the cut as shares of its notional, scalars.
    """

    deposit: Array | None = None
    cut: Array | None = None
    slippage: Array | None = None
    fee_rate: Array | None = None


class Acting(Protocol):
    """A policy with its numbers as arrays."""

    @property
    def cuts(self) -> bool:
        """Whether it changes the size of positions."""
        ...

    def init(self, pools: int, paths: int) -> Any:
        """Return the state before the first step."""
        ...

    def act(self, state: Any, sight: Sight) -> tuple[Any, Action]:
        """Look at the end of a step, and act."""
        ...
