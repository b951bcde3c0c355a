"""What the digits of a simulation depend on besides the question: code, libraries, processor."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import stresslab

_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy")
# The packages from which a path's outcome comes; what is made of outcomes later may differ.
_PACKAGES = ("book", "margin", "market", "scenario", "simulation", "venues")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of stresslab, Python and the libraries that simulate, by name.

    The version of stresslab has 8 hexadecimal digits of its code's SHA-256 behind it, so that a changed checkout is
    another version.
    """
    root = Path(stresslab.__file__).parent
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for source in sorted((root / package).rglob("*.py")):
            digest.update(f"{source.relative_to(root).as_posix()}\n".encode() + source.read_bytes())
    own = f"{stresslab.__version__}+{digest.hexdigest()[:8]}"
    return {"stresslab": own, "python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def different(here: dict[str, str], there: dict[str, str], name_of_there: str) -> str:
    """Where two sets of facts differ, in words; empty where they do not.

    Parameters
    ----------
    here, there : dict of str to str
        The facts by name.
    name_of_there : str
        Where the second stand, such as ``on the worker``.
    """
    names = [name for name in here | there if here.get(name) != there.get(name)]
    return ", ".join(
        f"{name.replace('_', ' ')} is {here.get(name, 'unknown')} here and {there.get(name, 'unknown')} {name_of_there}"
        for name in names
    )
