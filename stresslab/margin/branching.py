"""A branch inside a compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jax import Array, lax

from stresslab.margin.account_state import Account

T = TypeVar("T")


def where_needed(
    needed: Array, account: Account, beside: T, act: Callable[[], tuple[Account, T]], *changed: str
) -> tuple[Account, T]:
    """What acting makes of an account, and of something beside it, where it is needed; else both as they are.

    Parameters
    ----------
    needed : jax.Array
        Whether it is, bool scalar for the whole block.
    account : Account
        As it is.
    beside : pytree
        Arrays.
    act : callable
        Makes the other ones.
    changed : str
        Names of what acting may change of the account: a branch copies what it hands on, so nothing else is.
    """
    names = tuple(dict.fromkeys(changed))

    def acted() -> tuple[tuple[Any, ...], T]:
        after, other = act()
        touched = [name for name in Account._fields if getattr(after, name) is not getattr(account, name)]
        assert set(touched) <= set(names), f"acting changes {touched}, and said {names}"
        return tuple(getattr(after, name) for name in names), other

    held = tuple(getattr(account, name) for name in names)
    values, other = lax.cond(needed, acted, lambda: (held, beside))
    return account._replace(**dict(zip(names, values, strict=True))), other


def changed_if(needed: Array, account: Account, act: Callable[[], Account], *changed: str) -> Account:
    """The same with nothing beside the account."""
    return where_needed(needed, account, None, lambda: (act(), None), *changed)[0]
