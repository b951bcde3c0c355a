"""What all tests share: settled random examples, and compiled kernels that outlive a run."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

from hypothesis import HealthCheck, settings

from stresslab.simulation.compilation import processor

# How fast the machine is says nothing about the code.
settings.register_profile("settled", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("settled")


# JAX reads these when it is first imported, which is later than this file.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(Path(__file__).parents[1] / ".cache" / "jax" / f"{version('jaxlib')}-{processor()}"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
