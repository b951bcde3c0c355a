"""Compiled programs that outlive a process: a folder of them for each JAX version and processor.

A program is found again by what it does, the options it was compiled with and the versions of the compiler; parameters
are no part of it. What cannot be read is thrown away and compiled anew. The environment variable ``STRESSLAB_CACHE``
names another folder; ``off`` keeps nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jax.stages import Compiled, Lowered

logger = logging.getLogger(__name__)

VARIABLE = "STRESSLAB_CACHE"
_OFF = ("off", "0", "no")


def processor() -> str:
    """The processor's name and abilities as 12 hexadecimal digits: code compiled for one must not run on another."""
    description = Path("/proc/cpuinfo")
    lines = description.read_text(encoding="utf-8").splitlines() if description.exists() else []
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join([platform.machine(), platform.processor(), *told]).encode()).hexdigest()[:12]


def cache_folder() -> Path | None:
    """Folder of compiled programs; None where the user keeps none."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() in _OFF:
        return None
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stresslab"
    return base / f"jaxlib-{version('jaxlib')}-{processor()}"


def compiled(lower: Callable[[], Lowered], *, kept_from: float = 0.5) -> Compiled:
    """Compile a program, or load what was compiled before.

    Parameters
    ----------
    lower : callable
        Traces the program.
    kept_from : float
        Seconds of compilation from which a program is worth keeping.

    Returns
    -------
    jax.stages.Compiled
        Ready to be called from any thread.
    """
    # In a thread of its own, as the blocks are: Ctrl-C rises in the main thread alone, and JAX crashes the interpreter
    # if it rises while a program is traced. The executor waits for the compilation to end.
    with ThreadPoolExecutor(1, thread_name_prefix="compile") as executor:
        return executor.submit(_compiled, lower, kept_from).result()


def _compiled(lower: Callable[[], Lowered], kept_from: float) -> Compiled:
    folder = _enabled_cache(kept_from)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=".*persistent compilation cache.*")
        program = lower().compile()
    failures = [str(each.message) for each in caught if "persistent compilation cache" in str(each.message)]
    if failures and folder is not None:
        # A program that cannot be read would be tried again in every run.
        shutil.rmtree(folder, ignore_errors=True)
        logger.warning("the compiled programs in %s could not be used and were dropped: %s", folder, failures[0])
    return program


def _enabled_cache(kept_from: float) -> Path | None:
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return None  # the user keeps programs by JAX's own means
    folder = cache_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.info("compiled programs are not kept: %s", error)
        return None
    options = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": kept_from,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in options.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    return folder
