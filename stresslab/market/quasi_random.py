"""Randomized quasi-random draws on any process that draws independent normals (METHODS M33).

The steps are cut into stretches. What an asset's normals add up to over each stretch comes from Sobol's points by
the Brownian-bridge construction: the first coordinate is the sum over the whole run, the next what its middle adds, and
so on, so that the leading coordinates carry the coarse course of prices. Inside a stretch the generator's normals are
those of a bridge to that sum. All of them together are independent standard normals under a random shift, whatever the
number of points. Which coordinates an asset has follows from how many there are, so that another asset changes the
draws of all: a run by these paths is one estimate, and no path of it stands in another run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stresslab.market.parameters import leaf
from stresslab.market.process import MarketStep, Noise
from stresslab.market.sampling import QuasiRandom

if TYPE_CHECKING:
    from jax import Array

    from stresslab.market.noise import Counter

STRETCHES = 16
"""Most stretches of a run: coordinates of Sobol's points that an asset has. More gained nothing and cost more."""
_BITS = 32
# Bits of a point's number that differ between the paths of a block; the others are worked out once a block.
_LOW_BITS = 10
# Of a point's number: enough for any run, so that runs of all lengths share a program.
_NUMBER_BITS = 23


class QuasiRandomized(NamedTuple):
    """A process whose normals follow shifted Sobol points in the large.

    Parameters
    ----------
    process : Process
        What moves prices; it must read the normals of its noise as independent and standard.
    points : jax.Array
        Paths a replication, uint32 scalar, a multiple of 1024.
    directions : jax.Array
        Direction numbers, [coordinate, bit, asset], uint32.
    shifts : jax.Array
        Random digital shifts, [replication, coordinate, asset], uint32.
    coordinates : jax.Array
        Coordinates that a stretch depends on, [stretch, place], int32.
    loadings : jax.Array
        What each of them adds to the stretch's sum of normals, [stretch, place].
    stretch : jax.Array
        Stretch that begins with a step, [step], int32; -1 where none does.
    remaining : jax.Array
        Steps of the stretch that remain, this one included, [step].
    """

    process: Any
    points: Array
    directions: Array
    shifts: Array
    coordinates: Array
    loadings: Array
    stretch: Array
    remaining: Array

    def draw(self, keys: Array, counter: Counter) -> Noise:
        """Draw for the process; where a stretch begins, what its normals shall add up to.

        The paths are those of one block: they follow one another, and all but the last ten bits of their numbers agree.
        """
        import jax.numpy as jnp
        from jax import lax

        noise: Noise = self.process.draw(keys, counter)
        stretch = self.stretch[counter.step]
        begins = stretch >= 0
        sums = lax.cond(begins, lambda: self.sums(stretch, counter.path), lambda: jnp.zeros_like(noise.normal))
        return noise._replace(shared=(noise.shared, begins, sums, self.remaining[counter.step]))

    def sums(self, stretch: Array, path: Array) -> Array:
        """Sum of each asset's normals over a stretch, [asset, path]."""
        import jax.numpy as jnp
        from jax import lax

        from stresslab.market import noise

        if path.shape[0] != 2**_LOW_BITS:
            raise ValueError(f"a block of {path.shape[0]} paths; Sobol's points are laid out for {2**_LOW_BITS}")
        replication = path[0] // self.points
        index = path - replication * self.points
        low = np.uint32(2**_LOW_BITS - 1)

        def chosen(number: Array, directions: Array) -> Array:
            """Directions at the bits that a number has set, or 0: [bit, ...]."""
            places = jnp.arange(directions.shape[0], dtype=jnp.uint32)
            bits = (number[None] >> places.reshape(-1, *[1] * number.ndim)) & 1
            # All bits of 0 - 1 are set.
            words: Array = (jnp.uint32(0) - bits)[:, None] & directions.reshape(*directions.shape, *[1] * number.ndim)
            return words

        def together(words: Array) -> Array:
            joined: Array = lax.reduce(words, np.uint32(0), lax.bitwise_xor, (0,))
            return joined

        def add(place: Array, total: Array) -> Array:
            coordinate = self.coordinates[stretch, place]
            directions = self.directions[coordinate]
            common = self.shifts[replication, coordinate]
            common = common ^ together(chosen(index[0] >> _LOW_BITS, directions[_LOW_BITS:]))
            word = common[:, None] ^ together(chosen(index & low, directions[:_LOW_BITS]))
            return total + self.loadings[stretch, place] * noise.normal(word)

        start = jnp.zeros((self.directions.shape[-1], path.shape[0]), jnp.float32)
        total: Array = lax.fori_loop(0, self.coordinates.shape[1], add, start)
        return total

    def init(self, paths: int) -> tuple[Any, Array]:
        """The process's own state, and what the stretch's normals still have to add up to, [asset, path]."""
        import jax.numpy as jnp

        return self.process.init(paths), jnp.zeros((self.directions.shape[-1], paths), jnp.float32)

    def step(self, state: tuple[Any, Array], noise: Noise, dt: Array) -> tuple[tuple[Any, Array], MarketStep]:
        """Advance the process by ``dt`` years with normals that lead to the stretch's sum."""
        import jax.numpy as jnp

        own, begins, sums, remaining = noise.shared
        missing = jnp.where(begins, sums, state[1])
        # Given their sum, the first of n independent normals has the mean sum / n and the variance (n - 1) / n.
        normal = missing / remaining + jnp.sqrt((remaining - 1.0) / remaining) * noise.normal
        inner, market = self.process.step(state[0], noise._replace(normal=normal, shared=own), dt)
        return (inner, missing - normal), market

    def log_price(self, state: tuple[Any, Array]) -> Array:
        """Log price of the process."""
        log_price: Array = self.process.log_price(state[0])
        return log_price


def quasi_randomized(process: Any, plan: QuasiRandom, assets: int) -> QuasiRandomized:
    """A process on shifted Sobol points.

    Parameters
    ----------
    process : Process
        See `QuasiRandomized`.
    plan : QuasiRandom
        Replications, points, steps and the seed of the shifts.
    assets : int
        Assets of the process.

    Raises
    ------
    ValueError
        If the points are no positive multiple of 1024, or more than 2**23.
    """
    from stresslab.market import noise

    if not 0 < plan.points <= 2**_NUMBER_BITS or plan.points % 2**_LOW_BITS:
        raise ValueError(
            f"{plan.points} points a replication; give a positive multiple of {2**_LOW_BITS} up to 2**{_NUMBER_BITS}"
        )
    lengths = stretch_lengths(plan.steps)
    construction = bridge_construction(lengths)
    places = int((construction != 0.0).sum(axis=1).max())
    # The coordinates that a stretch depends on first; where it has fewer, some that add nothing.
    coordinates = np.argsort(construction == 0.0, axis=1, kind="stable")[:, :places].astype(np.int32)
    first_steps = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    stretch = np.full(plan.steps, -1, np.int32)
    stretch[first_steps] = np.arange(len(lengths))
    count = len(lengths)
    counters = np.arange(plan.replications * count * assets, dtype=np.uint32)
    key = noise.stream_keys(plan.seed, ["sobol"])[0]
    shifts = noise.threefry((key[:1], key[1:]), (counters, np.zeros_like(counters)), rounds=20)[0]  # type: ignore[arg-type]
    # One coordinate of all assets after the other: the coarse course of each comes before the fine one of any.
    directions = direction_numbers(count * assets, plan.points).reshape(count, assets, -1).swapaxes(1, 2)
    return QuasiRandomized(
        process,
        np.uint32(plan.points),  # type: ignore[arg-type]
        np.ascontiguousarray(directions),  # type: ignore[arg-type]
        np.asarray(shifts).reshape(plan.replications, count, assets),  # type: ignore[arg-type]
        coordinates,  # type: ignore[arg-type]
        leaf(np.take_along_axis(construction, coordinates, axis=1)),
        stretch,  # type: ignore[arg-type]
        leaf(np.concatenate([np.arange(length, 0, -1) for length in lengths])),
    )


def stretch_lengths(steps: int) -> NDArray[np.int64]:
    """Steps of each stretch: as even as can be, at most `STRETCHES` of them, [stretch]."""
    ends = np.round(np.linspace(0, steps, min(steps, STRETCHES) + 1)).astype(np.int64)
    return np.diff(ends)


def bridge_construction(lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of each independent normal the sum over each stretch takes, by the Brownian-bridge construction.

    Parameters
    ----------
    lengths : numpy.ndarray
        Steps of each stretch, [stretch], positive.

    Returns
    -------
    numpy.ndarray
        A with A A' = diag(lengths), [stretch, coordinate]: first the whole, then each half given the whole, and so on,
        level by level.
    """
    count = len(lengths)
    construction = np.zeros((count, count))
    construction[:, 0] = lengths / math.sqrt(lengths.sum())
    halves, coordinate = [(0, count)], 1
    while halves:
        finer = []
        for first, stop in halves:
            if stop - first < 2:
                continue
            middle = (first + stop) // 2
            left, right = lengths[first:middle], lengths[middle:stop]
            deviation = math.sqrt(left.sum() * right.sum() / (left.sum() + right.sum()))
            construction[first:middle, coordinate] = deviation * left / left.sum()
            construction[middle:stop, coordinate] = -deviation * right / right.sum()
            coordinate += 1
            finer += [(first, middle), (middle, stop)]
        halves = finer
    return construction


def direction_numbers(coordinates: int, points: int) -> NDArray[np.uint32]:
    """Sobol's direction numbers (Joe and Kuo's), read off SciPy's points.

    Parameters
    ----------
    coordinates : int
        1 to 21201.
    points : int
        How many points they have to last for.

    Returns
    -------
    numpy.ndarray
        [coordinate, bit], uint32: the point of number n is the exclusive or of those at the bits of n. Bits beyond what
        the points need are 0.
    """
    from scipy.stats import qmc

    sobol = qmc.Sobol(coordinates, scramble=False, bits=_BITS)
    columns = []
    for bit in range((points - 1).bit_length()):
        # Points come in the order of the Gray code, where number 2^(b + 1) - 1 has bit b alone.
        sobol.fast_forward(2 ** (bit + 1) - 1 - sobol.num_generated)
        columns.append((sobol.random(1)[0] * 2.0**_BITS).astype(np.uint32))
    directions = np.stack(columns, axis=1)
    return np.pad(directions, ((0, 0), (0, _NUMBER_BITS - directions.shape[1])))
