"""Draws: published answers of the generator, the inverse normal on every value it can take, independence."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest

from stresslab.market import noise

ONES = 0xFFFFFFFF
PI = ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344))
WIDTH = 1 << 16


def threefry(key, counter, rounds=noise.ROUNDS):
    first, second = noise.threefry(
        (jnp.uint32(key[0]), jnp.uint32(key[1])), (jnp.uint32(counter[0]), jnp.uint32(counter[1])), rounds
    )
    return int(first), int(second)


# Known answers of Random123 (tests/kat_vectors), the generator's reference implementation.
@pytest.mark.parametrize(
    ("rounds", "counter", "key", "expected"),
    [
        (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        (13, (ONES, ONES), (ONES, ONES), (0xFD36D048, 0x2D17272C)),
        (13, *PI, (0xBA3E4725, 0xF27D669E)),
        (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        (20, (ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
        (20, *PI, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_published_answers_of_the_generator(rounds, counter, key, expected):
    assert threefry(key, counter, rounds) == expected
    assert threefry(key, counter, rounds - 1) != expected
    assert threefry(counter, key, rounds) != expected or counter == key


def test_the_default_is_thirteen_rounds():
    assert threefry((0, 0), (0, 0)) == (0x9D1C5EC6, 0x8BD50731)


@pytest.fixture(scope="module")
def every_word() -> np.ndarray:
    """One word for each of the 2**23 values a uniform can take; the nine bits below vary and must not matter."""
    count = np.arange(1 << 23, dtype=np.uint32)
    return (count << np.uint32(9)) | (count * np.uint32(2654435761) >> np.uint32(23))


def test_uniforms_are_the_midpoints(every_word):
    uniform = np.asarray(jax.jit(noise.uniform)(every_word))
    expected = (np.arange(1 << 23) + 0.5) / (1 << 23)
    assert uniform.dtype == np.float32
    assert np.array_equal(uniform.astype(np.float64), expected)
    # The mirrored draw that serves the other side of the bridge must be exact as well.
    assert np.array_equal((np.float32(1.0) - uniform).astype(np.float64), 1.0 - expected)


@pytest.mark.parametrize("word", [0, 1, 0x1FF, 0x7FFFFFFF, 0x80000000, 0xFFFFFE00, ONES])
def test_a_uniform_is_never_an_end(word):
    uniform = float(noise.uniform(jnp.uint32(word)))
    assert 0.0 < uniform < 1.0
    assert math.isfinite(float(noise.normal(jnp.uint32(word))))
    # What METHODS M35 warns of: one bit more, and the largest word rounds to 1.
    assert np.float32(np.float32(ONES >> 8) + np.float32(0.5)) * np.float32(2.0**-24) == 1.0


def test_every_normal_is_the_inverse_distribution_function(every_word):
    normal = np.asarray(jax.jit(noise.normal)(every_word)).astype(np.float64)
    expected = ndtri((np.arange(1 << 23) + 0.5) / (1 << 23))
    np.testing.assert_allclose(normal, expected, rtol=1e-6)
    assert np.all(np.diff(normal) >= -1e-6)
    assert 5.28 < normal.max() == -normal.min() < 5.30


def test_keys_are_hashes_of_seed_and_name():
    keys = noise.stream_keys(7, ["asset:BTC", "asset:ETH", "asset:BTC"])
    assert keys.shape == (3, 2)
    assert keys.dtype == np.uint32
    assert np.array_equal(keys[0], keys[2])
    assert not np.any(keys[0] == keys[1])
    assert not np.any(keys[0] == noise.stream_keys(8, ["asset:BTC"])[0])
    assert np.array_equal(noise.stream_keys(7, ["asset:ETH"])[0], keys[1])
    assert len(noise.stream_keys(0, ["a"])) == len(noise.stream_keys(2**64 - 1, ["a"])) == 1
    assert noise.stream_keys(7, []).shape == (0, 2)


def draws(step: int, first_path: int = 0, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Normals and uniforms of three streams, each [stream, path]."""
    keys = noise.stream_keys(seed, ["asset:A", "asset:B", "pool:A"])
    path = first_path + np.arange(WIDTH, dtype=np.uint32)
    first, second = noise.words(jnp.asarray(keys), noise.Counter(jnp.asarray(path), jnp.uint32(step)))
    return np.asarray(noise.normal(first), np.float64), np.asarray(noise.uniform(second), np.float64)


def test_moments_and_distribution():
    normal, uniform = draws(3)
    n = normal.size
    # Standard errors of the mean, variance, skewness and kurtosis of n normals, and of a uniform's mean and variance.
    assert abs(normal.mean()) < 4 / math.sqrt(n)
    assert abs(normal.var() - 1.0) < 4 * math.sqrt(2 / n)
    assert abs((normal**3).mean()) < 4 * math.sqrt(15 / n)
    assert abs((normal**4).mean() - 3.0) < 4 * math.sqrt(96 / n)
    assert abs(uniform.mean() - 0.5) < 4 * math.sqrt(1 / 12 / n)
    assert abs(uniform.var() - 1 / 12) < 4 * math.sqrt(1 / 180 / n)
    for row in range(3):
        assert kstest(normal[row], "norm").pvalue > 1e-3
        assert kstest(uniform[row], "uniform").pvalue > 1e-3
    # The test can tell: a scale wrong by two percent fails it.
    assert kstest(normal.ravel() * 1.02, "norm").pvalue < 1e-3


def test_draws_are_uncorrelated_in_every_direction():
    normal, uniform = draws(3)
    later, later_uniform = draws(4)
    beyond, _ = draws(3, first_path=WIDTH)
    other_seed, _ = draws(3, seed=2)
    score = ndtri(uniform)
    pairs = {
        "streams": (normal[0], normal[1]),
        "pool and asset": (normal[0], normal[2]),
        "normal and bridge of one call": (normal, score),
        "squares of one call": ((normal**2 - 1) / math.sqrt(2), (score**2 - 1) / math.sqrt(2)),
        "steps": (normal, later),
        "bridges of two steps": (score, ndtri(later_uniform)),
        "neighboring paths": (normal[:, 1:], normal[:, :-1]),
        "distant paths": (normal, beyond),
        "seeds": (normal, other_seed),
    }
    for what, (left, right) in pairs.items():
        assert abs(np.mean(left * right)) < 4 / math.sqrt(left.size), what
    assert abs(np.mean(normal * normal)) > 4 / math.sqrt(normal.size)


def test_a_path_has_the_same_draws_wherever_its_block_begins():
    from_zero, _ = draws(5)
    from_later, _ = draws(5, first_path=1000)
    assert np.array_equal(from_zero[:, 1000:], from_later[:, :-1000])
    assert not np.array_equal(from_zero[:, 1001:], from_later[:, :-1001])
