"""Which code made a result: beyond the version's name, the content of the package."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import stresslab
from stresslab.scenario.limits import Limits
from stresslab.scenario.resolution import identity
from stresslab.scenario.scenario import Scenario

if TYPE_CHECKING:
    import xarray as xr

_LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "xarray")
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


def versions() -> dict[str, str]:
    """Versions on which the digits of a result depend: of stresslab, Python and the libraries."""
    own = {"stresslab": stresslab.__version__, "python": platform.python_version()}
    return own | {library: version(library) for library in _LIBRARIES}


def run_identity(
    scenarios: Sequence[Scenario],
    form: str,
    limits: Limits | None,
    history: xr.Dataset | None = None,
    tables: Sequence[str] = ("csv",),
) -> str:
    """What the bytes of a run's results, tables and report follow from, as one hash.

    Parameters
    ----------
    scenarios : sequence of Scenario
        The question, under each of its market models.
    form : str
        Of the report.
    limits : Limits or None
        Held against the results.
    history : xarray.Dataset, optional
        Limits of former reviews, of which the report has a page.
    tables : sequence of str
        Formats of the tables.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits, of the resolved questions, the texts, bars, form, limits, formats of tables, code
        and versions.
    """
    # It brings xarray, which a run imports beside the simulation.
    from stresslab.results.limit_history import history_hash

    content = {
        "questions": [identity(each) for each in scenarios],
        "texts": [dict(each.documents) for each in scenarios],
        "form": form,
        "limits": None if limits is None else limits.text,
        "history": history_hash(history),
        "tables": list(tables),
        "code": code_hash(),
        "versions": versions(),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
