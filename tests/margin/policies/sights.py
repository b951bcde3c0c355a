"""What a policy sees, by hand: one path, pools of one leg each."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from stresslab.margin.policies.sight import Action, Sight
from stresslab.market.noise import Counter
from stresslab.scenario.scenario import Scenario
from tests.oracles.scenarios import configuration, position, scenario


def column(*values: float) -> Array:
    """Values of rows on one path."""
    return jnp.array(values, jnp.float32)[:, None]


def moved(action: Action) -> Array:
    """Money that a policy moves."""
    assert action.deposit is not None
    return action.deposit


def cut(action: Action) -> Array:
    """What a policy closes of each pool."""
    assert action.cut is not None
    return action.cut


def sight(
    number: int,
    *,
    equity: Sequence[float],
    requirement: Sequence[float],
    cash: Sequence[float] | None = None,
    is_open: Sequence[bool] | None = None,
    notional: Sequence[float] = (),
    works: bool | None = None,
) -> Sight:
    """The end of a step; all pools are open, and hold cash alone, unless said otherwise."""
    return Sight(
        number=jnp.int32(number),
        counter=Counter(jnp.zeros(1, jnp.uint32), jnp.uint32(number - 1)),
        works=None if works is None else jnp.array([works]),
        is_open=jnp.array(is_open if is_open is not None else [True] * len(equity))[:, None],
        cash=column(*(equity if cash is None else cash)),
        equity=column(*equity),
        requirement=column(*requirement),
        leg_notional=column(*notional) if notional else jnp.zeros((0, 1)),
    )


def question_of(pools: int, *, step: float = 1.0, volatilities: Sequence[float] = (0.5, 1.0, 0.8)) -> Scenario:
    """A book of one position on an asset of its own for each pool."""
    names = [f"A{row}" for row in range(pools)]
    return scenario(
        [position(name, 1.0, asset=name) for name in names],
        [configuration("only", *((name, (row,), 1.0) for row, name in enumerate(names)))],
        volatilities=dict(zip(names, volatilities, strict=False)),
        step=step,
        days=8.0,
    )
