"""Walks of a process on a block of paths, for the tests of the models."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from stresslab.market import noise
from stresslab.market.models import MODELS
from stresslab.market.specification import MarketSpecification

VOLATILITIES = (0.8, 0.5)
DRIFTS = (0.5, -0.25)
CORRELATION = ((1.0, 0.6), (0.6, 1.0))
HOUR = 1.0 / 24.0


def market(model, *, drifts=DRIFTS, volatilities=VOLATILITIES, correlation=CORRELATION, history=None, **extra):
    """A market of one or two assets; the model's own parameters are checked and completed as a file's are."""
    parameters = MODELS[model].parameters.model_validate(extra).model_dump()
    return MarketSpecification(
        model=model,
        assets=("BTC", "ETH")[: len(volatilities)],
        start_prices=np.ones(len(volatilities)),
        volatilities=np.array(volatilities),
        drifts=np.array(drifts[: len(volatilities)]),
        correlation=np.array(correlation)[: len(volatilities), : len(volatilities)],
        extra=parameters,
        history=history,
    )


class Walk(NamedTuple):
    """Each [step, asset, path] in double precision; noise and states as the process makes them."""

    log_price: NDArray[np.float64]
    deviation: NDArray[np.float64]
    steps: list[Any]
    noise: list[Any]
    states: list[Any]


def walk(specification, steps, step, *, paths, seed=11, keep=False):
    """Walk; with ``keep`` the market's steps, the noise and the states are kept too."""
    model = MODELS[specification.model]
    process = model.build(specification, step)
    keys = jnp.asarray(noise.stream_keys(seed, model.streams(specification.assets)))
    path = jnp.arange(paths, dtype=jnp.uint32)

    @jax.jit
    def advance(process, state, index):
        draws = process.draw(keys, noise.Counter(path, index))
        return draws, *process.step(state, draws, jnp.float32(step / 365.0))

    state = process.init(paths)
    logs, deviations, kept = [], [], Walk(np.empty(0), np.empty(0), [], [], [])
    for index in range(steps):
        draws, state, market_step = advance(process, state, jnp.uint32(index))
        logs.append(np.asarray(process.log_price(state), np.float64))
        deviations.append(np.asarray(market_step.deviation, np.float64))
        assert np.array_equal(np.asarray(market_step.log_price), np.asarray(process.log_price(state)))
        if keep:
            kept.steps.append(jax.tree.map(np.asarray, market_step))
            kept.noise.append(jax.tree.map(np.asarray, draws))
            kept.states.append(jax.tree.map(np.asarray, state))
    return kept._replace(log_price=np.array(logs), deviation=np.array(deviations))


def end(specification, steps, step, *, paths, seed=11):
    """Log prices after the last step alone, [asset, path]: one compiled loop."""
    model = MODELS[specification.model]
    keys = jnp.asarray(noise.stream_keys(seed, model.streams(specification.assets)))
    path = jnp.arange(paths, dtype=jnp.uint32)

    @jax.jit
    def run(process):
        def advance(index, state):
            draws = process.draw(keys, noise.Counter(path, index.astype(jnp.uint32)))
            return process.step(state, draws, jnp.float32(step / 365.0))[0]

        return jax.lax.fori_loop(0, steps, advance, process.init(paths))

    process = model.build(specification, step)
    state = run(process)
    return np.asarray(process.log_price(state), np.float64), state
