"""Formats in which tables are written besides CSV, and whether what they need is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

FORMATS = ("csv", "parquet", "excel")
_NEEDED = {"parquet": ("Parquet tables", "pyarrow"), "excel": ("Excel workbooks", "xlsxwriter")}


class TableFormatError(ValueError):
    """There is no such format of tables, or what it needs is not installed. The message says which, and what to do."""


def read_formats(text: str) -> tuple[str, ...]:
    """Formats of tables as a person writes them, ready to be written.

    Parameters
    ----------
    text : str
        Names out of `FORMATS` with commas between them, such as ``"parquet,excel"``.

    Returns
    -------
    tuple of str
        ``csv``, which is always written, and the others in the order of `FORMATS`, each once.

    Raises
    ------
    TableFormatError
        If there is no such format, or its library is missing.
    """
    return checked_formats([name.strip() for name in text.split(",")])


def checked_formats(names: Sequence[str]) -> tuple[str, ...]:
    """The same, of names in a sequence."""
    for name in names:
        if name not in FORMATS:
            raise TableFormatError(f"there is no format {name!r} of tables; the formats are {', '.join(FORMATS)}")
        what, library = _NEEDED.get(name, ("", ""))
        if library and find_spec(library) is None:
            raise TableFormatError(f"{what} need {library}; install the extra stresslab[tables]")
    return tuple(name for name in FORMATS if name == "csv" or name in names)
