"""Variances of pools by the number of their members, against the quadratic form w' S w in double precision (M19)."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from stresslab.book.book import Book
from stresslab.margin.legs import Legs
from stresslab.margin.pool_classes import class_size
from stresslab.margin.problem import build_problem
from stresslab.market.process import MarketStep, correlation_factor
from tests.oracles.scenarios import configuration, pack, position

# Members of every size from 2 to all 30, in an order of their own, on assets of which some bear several positions.
DRAW = np.random.default_rng(7)
COUNT = 30
POOLS = [tuple(sorted(DRAW.permutation(COUNT)[:size].tolist())) for size in (2, 3, 5, 9, 12, 13, 20, 24, 26, 30)]


def problem_of(assets: int):
    names = tuple(f"A{asset}" for asset in range(assets))
    held = tuple(position(f"p{leg}", 1.0, asset=names[leg % assets], entry=1.0) for leg in range(COUNT))
    configurations = []
    for number, pool in enumerate(POOLS):
        rest = tuple(leg for leg in range(COUNT) if leg not in pool)
        both = (("own", pool, 1.0), ("rest", rest, 1.0)) if rest else (("own", pool, 1.0),)
        configurations.append(configuration(str(number), *both))
    return build_problem(Book("test", pack(), "USDT", 1.0, held, ""), configurations, names)


def correlations(assets: int) -> dict[str, np.ndarray]:
    loads = DRAW.normal(size=(assets, assets))
    covariance = loads @ loads.T
    scale = np.sqrt(np.diag(covariance))
    return {
        "any": covariance / np.outer(scale, scale),
        "close": np.full((assets, assets), 0.9999) + 0.0001 * np.eye(assets),
        "all the same": np.ones((assets, assets)),
        "none": np.eye(assets),
    }


@pytest.mark.parametrize("common", [None, 0.3])
@pytest.mark.parametrize("kind", ["any", "close", "all the same", "none"])
@pytest.mark.parametrize("assets", [10, 12, 24, 30])  # more, fewer and as many as the members of some class
def test_variances_are_those_of_the_quadratic_form(assets, kind, common):
    problem = problem_of(assets)
    legs = Legs(problem.layout, problem.parameters)
    sizes = {each.leg.shape[1] for each in legs.classes}
    assert {2, 3, 6, 12, 24} <= sizes
    matrix = correlations(assets)[kind]
    exposure = DRAW.normal(size=(COUNT, 8)).astype(np.float32)
    deviation = DRAW.uniform(0.5, 1.5, (assets, 1)).astype(np.float32)
    shared = None if common is None else jnp.full(8, common, jnp.float32)
    nothing = jnp.zeros((assets, 8), jnp.float32)
    factor = jnp.asarray(correlation_factor(matrix), jnp.float32)
    market = MarketStep(nothing, nothing, jnp.asarray(deviation), factor, shared)
    ours = np.asarray(legs.variance(jnp.asarray(exposure), market))
    assert (ours >= 0.0).all()
    whole = matrix if common is None else (1.0 - common) * matrix + common
    wrong = 0
    for row, pool in enumerate(problem.layout.several_pools):
        members = list(problem.pools[pool])
        places = [member % assets for member in members]
        weighted = exposure[members].astype(float) * deviation[places]
        right = np.einsum("ix,ij,jx->x", weighted, whole[np.ix_(places, places)], weighted)
        # Rounding of a load is relative to the gross of the pool, where long and short cancel.
        gross = np.abs(weighted).sum(axis=0)
        np.testing.assert_allclose(np.sqrt(ours[row]), np.sqrt(np.maximum(right, 0.0)), atol=2e-6 * gross.max())
        # Negative control: positions that move apart have another variance, but where they do.
        apart = np.sqrt((weighted**2).sum(axis=0))
        wrong += int(np.abs(np.sqrt(ours[row]) - apart).max() > 1e-3 * gross.max())
    assert wrong == 0 if kind == "none" and assets == COUNT and common is None else wrong > 5


def test_factors_from_before_the_first_step_are_those_of_the_step():
    problem = problem_of(30)
    legs = Legs(problem.layout, problem.parameters)
    factor = jnp.asarray(correlation_factor(correlations(30)["any"]), jnp.float32)
    nothing = jnp.zeros((30, 8), jnp.float32)
    market = MarketStep(nothing, nothing, jnp.ones((30, 1), jnp.float32), factor)
    exposure = jnp.asarray(DRAW.normal(size=(COUNT, 8)), jnp.float32)
    known = legs.variance(exposure, market, legs.member_factors(factor))
    np.testing.assert_array_equal(np.asarray(known), np.asarray(legs.variance(exposure, market)))
    other = jnp.asarray(correlation_factor(correlations(30)["close"]), jnp.float32)
    assert not np.allclose(known, legs.variance(exposure, market, legs.member_factors(other)), rtol=1e-2)


def test_a_class_fills_a_pool_up_by_a_third_at_the_most():
    for legs in (2, 7, 40, 100):
        for members in range(2, legs + 1):
            size = class_size(members, legs, 100)
            assert size == legs or members <= size <= max(members / 0.66, members + 1)
    assert class_size(40, 40, 100) == 40
    assert class_size(25, 100, 100) == 100
    # Few pools on few legs are no classes.
    assert class_size(2, 10, 4) == 10
    assert (class_size(2, 10, 5), class_size(2, 11, 4)) == (2, 2)
