"""Raw words of the kernel's draws on standard output, for a battery of statistical tests that reads them from a pipe.

    scripts/draw_quality --order path | dieharder -a -g 200

The words are 32 bits each, of keys and counters as runs have them, without end. The order says what runs fastest: the
path (all paths of a step, then the next step), the step (all steps of a path), or the stream (all streams of a path's
step). A generator that is good in one order need not be so in another.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from stresslab.market import noise

_STREAMS, _PATHS, _STEPS = 16, 1024, 64
# Of an array [step, stream, path, word]: the axis that runs fastest comes last, but for the two words of one call.
_ORDERS = {"path": (0, 1, 2, 3), "step": (2, 1, 0, 3), "stream": (2, 0, 1, 3)}


@partial(jax.jit, static_argnames=("order", "rounds"))
def block(keys: Array, first_path: Array, first_step: Array, order: str, rounds: int) -> Array:
    """Words of `_PATHS` paths and `_STEPS` steps of every stream, uint32, in the order asked for."""
    path = first_path + jnp.arange(_PATHS, dtype=jnp.uint32)
    step = first_step + jnp.arange(_STEPS, dtype=jnp.uint32)[:, None, None]
    words = noise.threefry((keys[:, :1], keys[:, 1:]), (path, step), rounds)
    return jnp.stack([jnp.broadcast_to(word, (_STEPS, _STREAMS, _PATHS)) for word in words], -1).transpose(
        _ORDERS[order]
    )


def main() -> int:
    """Write until the reader has had enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--order", choices=sorted(_ORDERS), default="path", help="what runs fastest; default: path")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the run; default: 1")
    parser.add_argument(
        "--rounds", type=int, default=noise.ROUNDS, metavar="N", help="of the generator, fewer as a control"
    )
    options = parser.parse_args()
    keys = noise.stream_keys(options.seed, [f"asset:A{number}" for number in range(_STREAMS)])
    out = sys.stdout.buffer
    try:
        # A quarter of 2,160 steps on ever more paths, as runs go.
        for first_path in range(0, 1 << 32, _PATHS):
            for first_step in range(0, 2_176, _STEPS):
                words = block(
                    jnp.asarray(keys), np.uint32(first_path), np.uint32(first_step), options.order, options.rounds
                )
                out.write(np.asarray(words).tobytes())
    except BrokenPipeError:
        # The reader has ended; what is still in the buffer has no one to go to.
        sys.stdout = None
    return 0


if __name__ == "__main__":
    sys.exit(main())
