"""How old a calibration is when the scenario that names it begins."""

from __future__ import annotations

import datetime as dt

from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath

# The longest quarter of a calendar year, so that figures of the last quarter's end hold for all of the next.
LONGEST_QUARTER = dt.timedelta(days=92)


def tell_age(
    document: Document, at: KeyPath, name: str, as_of: dt.date, start: dt.datetime | None, findings: Findings
) -> None:
    """Say so where a calibration ended more than a quarter before the scenario begins.

    Only the scenario's own start counts, never the clock: a run says the same whenever it is repeated.

    Parameters
    ----------
    document, at : Document and path
        The scenario, and the reference to the calibration.
    name : str
        The calibration's.
    as_of : datetime.date
        Last day of its history, UTC.
    start : datetime.datetime or None
        When the scenario begins, in UTC; None where it does not say, and then nothing can be told.
    findings : Findings
        Takes the notice.
    """
    if start is None:
        return
    age = start.date() - as_of
    if age > LONGEST_QUARTER:
        problem = f"the calibration {shown(name)} is as of {as_of}, {age.days} days before the scenario starts"
        remedy = f"calibrate with later history: more than a quarter ({LONGEST_QUARTER.days} days) lies between"
        findings.notice(document, at, problem, remedy)
