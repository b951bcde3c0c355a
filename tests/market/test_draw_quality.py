"""Statistical quality of the draws in every direction in which they are used, beside a generator too weak for it.

Statistics are those of independent fair bits and uniforms; bounds are standard errors of their closed-form deviations.
The control is the same generator with 4 rounds instead of 13: what passes here must fail there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import chi2, kstest

from stresslab.market import noise

STEPS, STREAMS, PATHS = 8, 16, 4096
WEAK = 4
# The largest of some 60 standard normals exceeds this once in 3,000 seeds; the seed is fixed.
BOUND = 4.5


def words(rounds: int, first_path: int = 0, seed: int = 11) -> np.ndarray:
    """Both words of each call, [word, step, stream, path], as runs of these assets draw them."""
    keys = noise.stream_keys(seed, [f"asset:A{number}" for number in range(STREAMS)])
    path = first_path + np.arange(PATHS, dtype=np.uint32)
    step = np.arange(STEPS, dtype=np.uint32)[:, None, None]
    drawn = jax.jit(noise.threefry, static_argnums=2)((keys[:, :1], keys[:, 1:]), (path, step), rounds)
    return np.stack([np.broadcast_to(np.asarray(word), (STEPS, STREAMS, PATHS)) for word in drawn])


def uniforms(word: np.ndarray) -> np.ndarray:
    return np.asarray(noise.uniform(jnp.asarray(word)), np.float64)


def neighbors(values: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Pairs of arrays that lie side by side, in every direction."""
    for what, axis in (("words of one call", 0), ("steps", 1), ("streams", 2), ("paths", 3)):
        for lag in (1, 2, 3):
            size = values.shape[axis]
            if lag < size:
                left, right = np.take(values, range(size - lag), axis), np.take(values, range(lag, size), axis)
                yield f"{what}, {lag} apart", left, right


def moment_errors(rounds: int) -> dict[str, float]:
    """First four moments of all normals, and three of all uniforms, in standard errors."""
    word = words(rounds)
    uniform = uniforms(word).ravel()
    normal = np.asarray(noise.normal(jnp.asarray(word)), np.float64).ravel()
    root = math.sqrt(normal.size)
    return {
        "mean": root * normal.mean(),
        "variance": root * (np.mean(normal**2) - 1.0) / math.sqrt(2.0),
        "skewness": root * np.mean(normal**3) / math.sqrt(15.0),
        "kurtosis": root * (np.mean(normal**4) - 3.0) / math.sqrt(96.0),
        "uniform mean": root * (uniform.mean() - 0.5) * math.sqrt(12.0),
        "uniform variance": root * (np.mean((uniform - 0.5) ** 2) - 1.0 / 12.0) * math.sqrt(180.0),
        # E U^3 = 1/4 and E U^6 = 1/7.
        "uniform cube": root * (np.mean(uniform**3) - 0.25) / math.sqrt(1.0 / 7.0 - 1.0 / 16.0),
    }


def correlation_errors(rounds: int) -> dict[str, float]:
    """Correlations of normals and of their squares between neighbors, in standard errors."""
    score = ndtri(uniforms(words(rounds)))
    errors = {}
    for power, values in (("values", score), ("squares", (score**2 - 1.0) / math.sqrt(2.0))):
        for what, left, right in neighbors(values):
            errors[f"{power}: {what}"] = math.sqrt(left.size) * float(np.mean(left * right))
    return errors


def bit_errors(rounds: int) -> dict[str, float]:
    """How often each bit is set, and how often it differs from its neighbor's: the worst bit, in standard errors."""
    bits = np.unpackbits(words(rounds)[..., None].view(np.uint8), axis=-1)

    def worst(ones: np.ndarray) -> float:
        count = ones.size // 32
        return float(np.abs(ones.reshape(-1, 32).sum(axis=0, dtype=np.int64) - count / 2).max() / math.sqrt(count / 4))

    return {"set": worst(bits)} | {what: worst(left ^ right) for what, left, right in neighbors(bits)}


def collision_errors(rounds: int) -> dict[str, float]:
    """Pairs of neighbors in a grid of 64 x 64 cells, chi-squared as a standard normal (Wilson and Hilferty)."""
    errors, cells = {}, 64
    places = (uniforms(words(rounds)) * cells).astype(np.int64)
    for what, left, right in neighbors(places):
        counts = np.bincount((left * cells + right).ravel(), minlength=cells**2)
        expected, freedom = left.size / cells**2, cells**2 - 1
        statistic = float(np.sum((counts - expected) ** 2) / expected) / freedom
        errors[what] = (float(np.cbrt(statistic)) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return errors


CHECKS = [moment_errors, correlation_errors, bit_errors, collision_errors]


@pytest.mark.parametrize("check", CHECKS)
def test_draws_pass_and_a_weak_generator_fails(check):
    errors = {what: round(error, 2) for what, error in check(noise.ROUNDS).items()}
    assert max(map(abs, errors.values())) < BOUND, errors
    weak = check(WEAK)
    assert max(map(abs, weak.values())) > 2 * BOUND, weak


def test_distribution_by_kolmogorov_and_smirnov():
    drawn, weak = words(noise.ROUNDS), words(WEAK)

    def least(word: np.ndarray) -> float:
        normal = np.asarray(noise.normal(jnp.asarray(word)), np.float64)
        rows = [kstest(row, "norm").pvalue for row in normal.reshape(-1, PATHS)]
        rows += [kstest(row, "uniform").pvalue for row in uniforms(word).reshape(-1, PATHS)]
        return float(min(rows))

    # 512 rows, each of 4,096 paths: the least of as many p-values lies below 1e-5 once in 200 seeds.
    assert least(drawn) > 1e-5
    assert least(weak) < 1e-20


def test_p_values_are_spread_evenly():
    """Small p-values are not the only fault: draws that lie too evenly have p-values near 1."""

    def p_values(rounds: int) -> np.ndarray:
        rows = uniforms(words(rounds)).reshape(-1, PATHS)
        places = (rows * 256).astype(np.int64)
        counts = np.stack([np.bincount(row, minlength=256) for row in places])
        return np.asarray(chi2.sf(((counts - PATHS / 256) ** 2 / (PATHS / 256)).sum(axis=1), 255))

    assert kstest(p_values(noise.ROUNDS), "uniform").pvalue > 1e-3
    assert kstest(p_values(WEAK), "uniform").pvalue < 1e-20


def test_one_bit_of_key_or_counter_changes_half_the_bits():
    """Avalanche: a flipped bit of the input flips each bit of the output with probability one half."""
    rng = np.random.default_rng(5)
    inputs = rng.integers(0, 2**32, (4, 4096), dtype=np.uint32)

    def worst(rounds: int) -> float:
        run = jax.jit(lambda key, other, path, step: noise.threefry((key, other), (path, step), rounds))
        plain, deviations = np.stack([np.asarray(word) for word in run(*inputs)]), []
        for place in range(4):
            for bit in range(32):
                changed = inputs.copy()
                changed[place] ^= np.uint32(1 << bit)
                flipped = np.stack([np.asarray(word) for word in run(*changed)]) ^ plain
                share = np.unpackbits(flipped[..., None].view(np.uint8), axis=-1).mean(axis=1)
                deviations.append(np.abs(share - 0.5).max() * 2.0 * math.sqrt(4096))
        return float(max(deviations))

    # 8,192 standard normals: the largest exceeds 5.5 once in 3,000 seeds.
    assert worst(noise.ROUNDS) < 5.5
    assert worst(WEAK) > 40.0


def test_streams_and_seeds_do_not_repeat_one_another():
    first, other_seed = words(noise.ROUNDS), words(noise.ROUNDS, seed=12)
    beyond = words(noise.ROUNDS, first_path=PATHS)
    drawn = np.concatenate([array.ravel() for array in (first, other_seed, beyond)])
    # Birthdays: n words of 2**32 hold n^2 / 2^33 equal pairs on average, with a Poisson deviation; n = 3 * 2^20.
    expected = drawn.size**2 / 2.0**33
    pairs = drawn.size - len(np.unique(drawn))
    assert abs(pairs - expected) < 4.0 * math.sqrt(expected)
    assert drawn.size - len(np.unique(np.concatenate([first.ravel(), first.ravel()]))) > 100 * expected
