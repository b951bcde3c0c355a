"""Which kind of file a TOML document is, told by its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stresslab.documents.findings import Document, Findings

Kind = Literal["scenario", "book", "venue", "calibration", "funding", "limits"]

# Keys of the root that only one kind of file has.
_MARKS: Mapping[Kind, frozenset[str]] = {
    "scenario": frozenset({"book", "books", "horizon", "step", "paths", "seed", "market", "configuration", "analysis"}),
    "book": frozenset({"venue", "currency", "wallet_balance", "position"}),
    "venue": frozenset({"effective", "source", "funding", "liquidation", "symbols"}),
    "calibration": frozenset({"model", "as_of", "parameters", "assets", "correlation", "history"}),
    "limits": frozenset({"limit"}),
    "funding": frozenset({"premiums", "interval", "interest_rate", "clamp", "own_correlation"}),
}
_TITLES: Mapping[Kind, str] = {
    "scenario": "a scenario",
    "book": "a book",
    "venue": "a venue's rule pack",
    "calibration": "a calibration",
    "funding": "a funding calibration",
    "limits": "a file of limits",
}


def kind_of(document: Document) -> Kind | None:
    """The kind whose own keys stand in the file most often; None where no such key stands in it."""
    counts = {kind: len(marks & document.data.keys()) for kind, marks in _MARKS.items()}
    best = max(counts, key=lambda kind: counts[kind])
    return best if counts[best] else None


def is_kind(document: Document, wanted: Kind, findings: Findings) -> bool:
    """Whether a file is of the kind that is wanted. A file plainly of another kind is one fault, not many."""
    found = kind_of(document)
    if found is None or found == wanted or _MARKS[wanted] & document.data.keys():
        return True
    findings.fault(
        document,
        (),
        f"this file is {_TITLES[found]}, not {_TITLES[wanted]}",
        f"name {_TITLES[wanted]} where this file is named",
    )
    return False
