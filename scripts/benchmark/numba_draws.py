"""Draws inside compiled Numba loops: Threefry, and normals, logarithms and exponentials as arithmetic on float32.

A call of the C library inside a loop would keep the compiler from using vectors, so the functions are written out:
logarithm and exponential after the Cephes library (S. L. Moshier), the inverse normal after M. Giles with the
coefficients of `stresslab.market.noise`. Numba widens what it adds, so that every result is cut back to 32 bits.
"""

from __future__ import annotations

import math
import os

import llvmlite.binding as llvm
import numpy as np
from numba import config, njit

from stresslab.market import noise

# Vectors of 512 bits where the processor has them, as the kernel asks for too; the compiler's own choice is 256.
_FEATURES = llvm.get_host_cpu_features()
if _FEATURES.get("avx512f"):
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{_FEATURES.flatten()},-prefer-256-bit")
    config.reload_config()

_F = np.float32
_U = np.uint32
_PARITY = _U(0x1BD11BDA)
_HALF, _ONE, _TWO = _F(0.5), _F(1.0), _F(2.0)
_UNIFORM_SHIFT = _F(1.0 - 2.0**-24)
_C = tuple(_F(value) for value in noise._CENTER)
_T = tuple(_F(value) for value in noise._TAIL)
_SPLIT, _CENTER_SHIFT, _TAIL_SHIFT = _F(noise._SPLIT), _F(noise._CENTER_SHIFT), _F(noise._TAIL_SHIFT)

_ROOT_HALF = _F(0.70710678)
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(-2.12194440e-4)
_LOG2_E = _F(1.44269504)
_L = tuple(
    _F(value)
    for value in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
_E = tuple(
    _F(value)
    for value in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)


@njit
def _turn(x: np.uint32, by: int) -> np.uint32:
    return _U(_U(x << _U(by)) | _U(x >> _U(32 - by)))


@njit
def _four(first: np.uint32, second: np.uint32, a: int, b: int, c: int, d: int) -> tuple[np.uint32, np.uint32]:
    first = _U(first + second)
    second = _U(_turn(second, a) ^ first)
    first = _U(first + second)
    second = _U(_turn(second, b) ^ first)
    first = _U(first + second)
    second = _U(_turn(second, c) ^ first)
    first = _U(first + second)
    second = _U(_turn(second, d) ^ first)
    return first, second


@njit
def threefry(key: np.uint32, other_key: np.uint32, path: np.uint32, step: np.uint32) -> tuple[np.uint32, np.uint32]:
    """Threefry 2x32 with 13 rounds, the generator of `stresslab.market.noise`."""
    parity = _U(_U(key ^ other_key) ^ _PARITY)
    first, second = _four(_U(path + key), _U(step + other_key), 13, 15, 26, 6)
    first, second = _four(_U(first + other_key), _U(_U(second + parity) + _U(1)), 17, 29, 16, 24)
    first, second = _four(_U(first + parity), _U(_U(second + key) + _U(2)), 13, 15, 26, 6)
    first, second = _U(first + key), _U(_U(second + other_key) + _U(3))
    first = _U(first + second)
    return first, _U(_turn(second, 17) ^ first)


@njit
def uniform(word: np.uint32) -> np.float32:
    """Midpoints of 2**23 intervals, never 0 and never 1."""
    return _U(_U(word >> _U(9)) | _U(0x3F800000)).view(np.float32) - _UNIFORM_SHIFT


@njit(fastmath=True)
def logarithm(x: np.float32) -> np.float32:
    """Natural logarithm of a positive, normal number."""
    bits = _F(x).view(np.int32)
    exponent = _F(np.int32(bits >> np.int32(23)) - np.int32(126))
    mantissa = np.int32(np.int32(bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    low = mantissa < _ROOT_HALF
    exponent = exponent - (_ONE if low else _F(0.0))
    y = mantissa + (mantissa if low else _F(0.0)) - _ONE
    z = y * y
    p = _L[0] * y + _L[1]
    p = p * y + _L[2]
    p = p * y + _L[3]
    p = p * y + _L[4]
    p = p * y + _L[5]
    p = p * y + _L[6]
    p = p * y + _L[7]
    p = p * y + _L[8]
    result = p * y * z + exponent * _LN2_LOW - _HALF * z
    return y + result + exponent * _LN2_HIGH


# The number of doublings is cut off and not rounded by adding a large number: Numba hands the caller's liberty to
# rearrange sums on to this function, and the large number would be taken off again before it has rounded anything.
@njit(fastmath=True)
def exponential(x: np.float32) -> np.float32:
    """Exponential of a number between -87 and 88."""
    count = np.int32(x * _LOG2_E + (_HALF if x > _F(0.0) else -_HALF))
    whole = _F(count)
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = _E[0] * r + _E[1]
    p = p * r + _E[2]
    p = p * r + _E[3]
    p = p * r + _E[4]
    p = p * r + _E[5]
    scale = np.int32(np.int32(count + np.int32(127)) << np.int32(23)).view(np.float32)
    return (p * r * r + r + _ONE) * scale


@njit(fastmath=True)
def normal(word: np.uint32) -> np.float32:
    """Standard normal by inversion, within +-5.3."""
    x = _TWO * uniform(word) - _ONE
    w = -logarithm((_ONE - x) * (_ONE + x))
    c = w - _CENTER_SHIFT
    center = _C[0] * c + _C[1]
    center = center * c + _C[2]
    center = center * c + _C[3]
    center = center * c + _C[4]
    center = center * c + _C[5]
    center = center * c + _C[6]
    center = center * c + _C[7]
    t = _F(math.sqrt(w)) - _TAIL_SHIFT
    tail = _T[0] * t + _T[1]
    tail = tail * t + _T[2]
    tail = tail * t + _T[3]
    tail = tail * t + _T[4]
    tail = tail * t + _T[5]
    tail = tail * t + _T[6]
    return _F(x * (center if w < _SPLIT else tail))
