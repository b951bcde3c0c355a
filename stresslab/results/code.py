"""Which code made a result: beyond the version's name, the content of the package."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import stresslab

_KINDS = (".py", ".toml", ".typ")


@cache
def code_hash() -> str:
    """SHA-256 over the names and bytes of the package's programs, rule packs and templates, in hexadecimal digits."""
    folder = Path(stresslab.__file__).parent
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
        if path.suffix in _KINDS and path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()
