"""What goes to a battery is what the kernel draws, in the order asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from scripts.draw_quality import block
from stresslab.market import noise

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("order", "place"),
    [
        # Streams 16, paths 1,024, steps 64: where (step 2, stream 3, path 5) stands, by hand.
        ("path", (2 * 16 + 3) * 1024 + 5),
        ("step", (5 * 16 + 3) * 64 + 2),
        ("stream", (5 * 64 + 2) * 16 + 3),
    ],
)
def test_orders(order, place):
    keys = noise.stream_keys(1, [f"asset:A{number}" for number in range(16)])
    written = np.asarray(block(jnp.asarray(keys), np.uint32(1024), np.uint32(64), order, noise.ROUNDS)).reshape(-1, 2)
    counter = noise.Counter(jnp.asarray([1024 + 5], jnp.uint32), jnp.uint32(64 + 2))
    drawn = [int(word[0, 0]) for word in noise.words(jnp.asarray(keys[3:4]), counter)]
    assert written.shape == (16 * 1024 * 64, 2)
    assert written[place].tolist() == drawn
    assert written[place + 1].tolist() != drawn


def test_a_reader_that_ends_is_no_fault():
    command = [sys.executable, str(ROOT / "scripts" / "draw_quality.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": "."}
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert len(child.stdout.read(1 << 20)) == 1 << 20
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
