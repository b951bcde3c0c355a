"""Checking files of any kind, and those that they name, in one go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stresslab.book.reading import book_from
from stresslab.documents.faults import Fault, Notice
from stresslab.documents.findings import Findings
from stresslab.documents.kinds import kind_of
from stresslab.documents.reading import open_document
from stresslab.market.calibration_file import calibration_from
from stresslab.market.funding_file import funding_calibration_from
from stresslab.scenario.institution_reading import institution_from
from stresslab.scenario.limits import limits_from
from stresslab.scenario.model_choice import scenarios_from
from stresslab.scenario.reading import BOOKS
from stresslab.venues.reading import pack_from


def validate_files(paths: Iterable[str | Path]) -> tuple[tuple[Fault, ...], tuple[Notice, ...]]:
    """Check scenarios, books, rule packs and calibrations; which of them a file is, its keys tell.

    Parameters
    ----------
    paths : iterable of str or pathlib.Path
        Files. The files that a scenario or a book names are checked with it.

    Returns
    -------
    tuple of Fault, tuple of Notice
        Everything that was found, each thing once, sorted by file and place.
    """
    findings = Findings()
    for path in paths:
        document = open_document(Path(path), str(path), findings)
        if document is None:
            continue
        kind = kind_of(document)
        if kind == "scenario":
            if BOOKS in document.data:
                institution_from(document, findings)
            else:
                scenarios_from(document, findings)
        elif kind == "book":
            book_from(document, findings)
        elif kind == "venue":
            pack_from(document, findings)
        elif kind == "calibration":
            calibration_from(document, findings)
        elif kind == "funding":
            funding_calibration_from(document, findings)
        elif kind == "limits":
            limits_from(document, findings)
        else:
            problem = "no key of this file tells what it is"
            remedy = (
                "write a scenario, a book, a venue's rule pack, a calibration or limits; "
                "`stresslab schema` prints their keys"
            )
            findings.fault(document, (), problem, remedy)
    return tuple(sorted(set(findings.faults))), tuple(sorted(set(findings.notices)))
