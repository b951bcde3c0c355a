"""Compiled programs are kept between processes, and what cannot be read is dropped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stresslab.simulation.compilation import VARIABLE, cache_folder

PROGRAM = """
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
import jax, jax.numpy as jnp
from stresslab.simulation import compilation
work = jax.jit(lambda x: jnp.cumsum(jnp.sin(x) * 2.0))
program = compilation.compiled(lambda: work.lower(jnp.ones(64)), kept_from=0.0)
print(float(program(jnp.ones(64))[-1]))
"""


def run(folder: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_PERSISTENT")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    environment[VARIABLE] = str(folder)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**environment, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def flipped(content: bytes) -> bytes:
    """The same with one bit turned in its middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_programs_are_kept_and_broken_ones_dropped(tmp_path):
    # sin(1) * 2 * 64 = 107.7083
    assert abs(float(run(tmp_path).splitlines()[-1]) - 107.7083) < 1e-3
    whole = {file: file.read_bytes() for file in tmp_path.rglob("*-cache")}
    assert len(whole) >= 1
    told = run(tmp_path)
    assert "were dropped" not in told
    damages = {"foreign": b"not a program", "empty": b"", "cut short": None, "one bit": None}
    for kind, content in damages.items():
        for file, bytes_ in whole.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            broken = {"cut short": bytes_[: len(bytes_) // 2], "one bit": flipped(bytes_)}.get(kind, content)
            file.write_bytes(broken or b"")
        told = run(tmp_path)
        assert abs(float(told.splitlines()[-1]) - 107.7083) < 1e-3, kind
        assert "were dropped" in told, kind
        # What stands there now was written anew, or is gone.
        assert not any(file.exists() and file.read_bytes() != bytes_ for file, bytes_ in whole.items()), kind


def test_the_folder_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "off")
    assert cache_folder() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "stresslab" / folder.name
