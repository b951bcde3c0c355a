"""Counter-based draws: every number is a pure function of seed, stream, path and step.

A stream is a name, such as ``asset:BTC``. Its key is a hash of the seed and that name, so draws do not depend on the
order or the number of streams, on the block that holds the path, or on the thread that computes it.

The generator is Threefry 2x32 with 13 rounds, the fewest that pass the Crush batteries: Salmon, Moraes, Dror, Shaw,
"Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jax import Array

ROUNDS = 13
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA

# Inverse normal distribution function as x * p(w) with x = 2u - 1 and w = -ln(1 - x^2), after M. Giles, "Approximating
# the erfinv function" (2010): a polynomial in w for the center and one in sqrt(w) for the tails. The coefficients are a
# minimax fit to scipy.special.erfinv; in float32 the relative error stays below 5e-7 for every draw.
_CENTER = (
    4.46374832e-07,
    -4.50551725e-06,
    -5.79009160e-06,
    3.07359540e-04,
    -1.77431680e-03,
    -5.90612179e-03,
    3.48803642e-01,
    2.12331322e00,
)
_TAIL = (
    1.52567515e-03,
    -4.40378679e-03,
    6.60531813e-03,
    -8.70675188e-03,
    1.12517407e-02,
    1.41832399e00,
    4.10714341e00,
)
_SPLIT = 5.0
_CENTER_SHIFT = 2.5
_TAIL_SHIFT = 3.0710476


class Counter(NamedTuple):
    """Where in the sequence of draws a block stands.

    Parameters
    ----------
    path : jax.Array
        Index of each path in the whole run, [path], uint32.
    step : jax.Array
        Index of the step, uint32 scalar.
    """

    path: Array
    step: Array


def stream_keys(seed: int, names: Sequence[str]) -> NDArray[np.uint32]:
    """Keys of named streams.

    Parameters
    ----------
    seed : int
        Seed of the run, 0 to 2**64 - 1.
    names : sequence of str
        Names of the streams.

    Returns
    -------
    numpy.ndarray
        Two words a stream, [stream, 2], uint32.
    """
    prefix = seed.to_bytes(8, "little")
    digests = [hashlib.blake2b(prefix + name.encode(), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), dtype="<u4").reshape(len(names), 2).astype(np.uint32)


def threefry(key: tuple[Array, Array], counter: tuple[Array, Array], rounds: int = ROUNDS) -> tuple[Array, Array]:
    """Threefry 2x32: two words of noise from two words of key and two of counter.

    Parameters
    ----------
    key, counter : pair of jax.Array
        uint32, of shapes that broadcast.
    rounds : int
        13 or more for noise of tested quality; 20 is the published default.

    Returns
    -------
    pair of jax.Array
        uint32, of the broadcast shape.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(_PARITY))
    first, second = counter[0] + schedule[0], counter[1] + schedule[1]
    for round_index in range(rounds):
        rotation = _ROTATIONS[round_index // 4 % 2][round_index % 4]
        first = first + second
        second = (second << np.uint32(rotation)) | (second >> np.uint32(32 - rotation))
        second = second ^ first
        if round_index % 4 == 3:
            injection = round_index // 4 + 1
            first = first + schedule[injection % 3]
            second = second + schedule[(injection + 1) % 3] + np.uint32(injection)
    return first, second


def words(keys: Array, counter: Counter) -> tuple[Array, Array]:
    """Two independent words for every stream and path, each [stream, path], uint32."""
    return threefry((keys[:, :1], keys[:, 1:]), (counter.path[None, :], counter.step))


def uniform(word: Array) -> Array:
    """Uniform draws from words: the midpoints ``(k + 1/2) / 2**23``, float32, never 0 and never 1 (METHODS M35)."""
    import jax.numpy as jnp
    from jax import lax

    # The exponent bits of 1.0 over 23 random bits give a float in [1, 2); taking off 1 - 2**-24 is exact.
    mantissa = (word >> np.uint32(9)) | np.uint32(0x3F800000)
    return lax.bitcast_convert_type(mantissa, jnp.float32) - np.float32(1.0 - 2.0**-24)


def normal(word: Array) -> Array:
    """Standard normal draws from words by inversion, float32, within +-5.3."""
    import jax.numpy as jnp

    x = 2.0 * uniform(word) - 1.0
    w = -jnp.log((1.0 - x) * (1.0 + x))
    center = _polynomial(_CENTER, w - _CENTER_SHIFT)
    tail = _polynomial(_TAIL, jnp.sqrt(w) - _TAIL_SHIFT)
    return x * jnp.where(w < _SPLIT, center, tail)


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    result = np.float32(coefficients[0]) * x + np.float32(coefficients[1])
    for coefficient in coefficients[2:]:
        result = result * x + np.float32(coefficient)
    return result
