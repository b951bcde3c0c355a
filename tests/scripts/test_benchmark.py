"""Rows of the benchmark do the work that they are compared on: closed forms, published words, failing controls."""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from scripts.benchmark.agreement import ALLOWED, differences, disagreements
from scripts.benchmark.kernel_row import kernel_row
from scripts.benchmark.numpy_row import numpy_row
from scripts.benchmark.parts import parts
from scripts.benchmark.reference_row import findings
from scripts.benchmark.row import Finding, Row
from scripts.benchmark.work import FLOORS, LARGE, PRICE, RATES, SMALL, STEP, arrays, book, quantities, volatilities
from stresslab.simulation.block import BLOCK_WIDTH

TINY = dataclasses.replace(SMALL, assets=4, steps=240, paths=16_384, pool_sizes=(1, 2, 4))


def barrier(quantity: float) -> float:
    """Price ratio at which an isolated position, eight times leveraged, meets its requirement; by halving."""
    size, collateral = abs(quantity) * PRICE, abs(quantity) * PRICE / 8.0

    def surplus(ratio: float) -> float:
        notional = size * ratio
        bounds = [*FLOORS, math.inf]
        slices = [
            rate * max(min(notional, top) - low, 0.0) for rate, low, top in zip(RATES, bounds, bounds[1:], strict=False)
        ]
        return collateral + math.copysign(size, quantity) * (ratio - 1.0) - sum(slices)

    held, lost = 1.0, 0.5 if quantity > 0.0 else 1.5
    for _ in range(60):
        middle = 0.5 * (held + lost)
        held, lost = (middle, lost) if surplus(middle) > 0.0 else (held, middle)
    return held


def first_passage(quantity: float, volatility: float, steps: int) -> float:
    """P(liquidation) of an isolated position watched all the time: first passage of drifted Brownian motion (M8)."""
    distance, side = abs(math.log(barrier(quantity))), 1.0 if quantity > 0.0 else -1.0
    deviation, variance = volatility * math.sqrt(steps * STEP), volatility**2 * steps * STEP
    toward = 0.5 * variance * side  # the drift of the log price is down
    below = ndtr((toward - distance) / deviation)
    return float(below + math.exp(2.0 * toward * distance / variance) * ndtr((-distance - toward) / deviation))


def errors_against_closed_form(finding: Finding) -> list[float]:
    expected = map(first_passage, quantities(TINY), volatilities(TINY), [TINY.steps] * TINY.assets)
    return [(finding.shares[pool] - p) / math.sqrt(p * (1.0 - p) / finding.paths) for pool, p in enumerate(expected)]


@pytest.fixture(scope="module")
def rows() -> list[tuple[Row, Finding]]:
    ready = [kernel_row(TINY, "single_price"), *(numpy_row(TINY, bridged) for bridged in (False, True))]
    return [(row, row.run(2)) for row in ready]


def test_bridged_rows_meet_the_closed_form(rows):
    for row, finding in rows:
        errors = errors_against_closed_form(finding)
        assert (max(map(abs, errors)) < 4.0) == (row.tests == "isolated bridged"), (row.name, errors)
        # Looking at the ends of steps alone misses liquidations; it never adds any.
        assert row.tests != "ends" or max(errors) < 4.0


def test_rows_agree_and_a_changed_one_is_told(rows):
    assert disagreements(list(differences(rows, TINY.assets))) == []
    (row, finding), other = rows[0], rows[2]
    shares = finding.shares | {1: finding.shares[1] + 0.05}
    (told,) = disagreements(list(differences([(row, finding._replace(shares=shares)), other], TINY.assets)))
    assert told.startswith("pool 1: single_price and numpy, bridge differ by +")


def test_numba_meets_the_closed_form_and_agrees(rows):
    pytest.importorskip("numba")
    from scripts.benchmark.numba_row import numba_row

    ready = [numba_row(TINY, bridged) for bridged in (False, True)]
    found = [(row, row.run(2)) for row in ready]
    assert max(map(abs, errors_against_closed_form(found[1][1]))) < 4.0
    assert min(errors_against_closed_form(found[0][1])) < -4.0
    compared = list(differences([*rows, *found], TINY.assets))
    assert disagreements(compared) == []
    # One pair at the ends and three bridged, on the 4 + 2 + 1 pools.
    assert len(compared) == 4 * 7
    # The first call differs from the second in nothing but time, and one thread from two.
    assert ready[1].run(1).shares == found[1][1].shares


def test_numba_draws_the_published_words_and_exact_functions():
    numba = pytest.importorskip("numba")
    from scripts.benchmark import numba_draws

    # Random123's known answers for 13 rounds of Threefry 2x32.
    ones, zero = np.uint32(0xFFFFFFFF), np.uint32(0)
    assert numba_draws.threefry(zero, zero, zero, zero) == (0x9D1C5EC6, 0x8BD50731)
    assert numba_draws.threefry(ones, ones, ones, ones) == (0xFD36D048, 0x2D17272C)

    @numba.njit(fastmath=True)
    def all_of(x, exponentials, logarithms):
        for i in range(len(x)):
            exponentials[i] = numba_draws.exponential(x[i])
            logarithms[i] = numba_draws.logarithm(exponentials[i])

    x = np.linspace(-20.0, 20.0, 10_001, dtype=np.float32)
    exponentials, logarithms = np.empty_like(x), np.empty_like(x)
    all_of(x, exponentials, logarithms)
    np.testing.assert_allclose(exponentials, np.exp(x.astype(np.float64)), rtol=3e-7)
    np.testing.assert_allclose(logarithms, np.log(exponentials.astype(np.float64)), rtol=3e-7, atol=1e-9)


def test_differences_in_standard_errors_by_hand():
    row = Row("a", "ends", 0.0, lambda threads: Finding(1.0, {}, 1))
    # 0.5 and 0.52 of 5,000 paths each: sqrt(0.51 * 0.49 * 2 / 5,000) = 0.0099980.
    here, there = Finding(1.0, {0: 0.5}, 5_000), Finding(1.0, {0: 0.52}, 5_000)
    (plain,) = differences([(row, here), (row, there)], 1)
    assert plain.errors == pytest.approx(-0.02 / 0.0099980, rel=1e-5)
    (rounded,) = differences([(row, here), (row, there._replace(resolution=0.01))], 1)
    assert rounded.errors == pytest.approx(-0.015 / 0.0099980, rel=1e-5)
    assert abs(plain.errors) < ALLOWED


def test_the_last_runs_of_the_reference_count():
    text = """C++ bridge=0 run=1.00s path-steps/s=1.0M asset-steps/s=100.0M  p0=0.1000 pc=0.2000
C++ bridge=0 run=0.50s path-steps/s=1.0M asset-steps/s=200.0M  p0=0.4700 pc=0.1210
C++ bridge=1 run=0.80s path-steps/s=1.0M asset-steps/s=125.0M  p0=0.4832 pc=0.1210
"""
    found = findings(text)
    assert found[False].shares == {0: 0.47, 10: 0.121}
    # 10 assets x 720 steps x 65,536 paths = 471,859,200 asset-steps.
    assert found[True].seconds == pytest.approx(471.8592 / 125.0)


def test_works_are_those_of_the_documents():
    assert (len(SMALL.pools), len(LARGE.pools)) == (11, 40 + 20 + 10 + 8 + 5 + 4 + 2 + 1)
    account, configurations = book(LARGE)
    assert len(account.positions) == 40
    assert len(configurations) == 8
    assert tuple(pool.positions for each in configurations for pool in each.pools) == LARGE.pools
    # Maintenance amounts of these tiers, by hand: 0, 50, 2,550, 39,999.99, 149,999.99.
    assert arrays(SMALL).amount == pytest.approx([0.0, 50.0, 2_550.0, 39_999.99, 149_999.99])


def test_parts_compute_what_they_are_called():
    named = parts(TINY)
    zero, step = jnp.zeros((TINY.assets, BLOCK_WIDTH), jnp.float32), jnp.int32(0)
    # Notionals of 100,000, 190,000, 280,000 and 370,000 lie in the second tier: 0.5 % less 50.
    assert named["tiers"](step, zero)[:, 0].tolist() == [450.0, 900.0, 1_350.0, 1_800.0]
    assert named["exponentials"](step, zero + 1.0)[0, 0] == pytest.approx(math.e)
    # One deviation of every factor: the last asset moves by its deviation times the sum of its row of the factor.
    moved = named["correlation"](step, zero + 1.0)[:, 0] - 1.0
    load = np.linalg.cholesky(np.full((4, 4), 0.6) + 0.4 * np.eye(4)).sum(axis=1)
    deviation = np.array([0.6, 0.66, 0.72, 0.78]) / math.sqrt(8760.0)
    np.testing.assert_allclose(moved, deviation * load - 0.5 * deviation**2, atol=3e-7)
