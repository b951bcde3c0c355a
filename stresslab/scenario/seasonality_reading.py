"""The table ``[market.seasonality]`` of a scenario, or that of its calibration, and what both need."""

from __future__ import annotations

import datetime as dt

from stresslab.documents.findings import Findings
from stresslab.documents.names import shown
from stresslab.documents.reading import check_table
from stresslab.market.models import MODELS
from stresslab.market.seasonality import ProfileTable, Seasonality, seasonality
from stresslab.scenario.market_reading import MarketDraft


def read_seasonality(draft: MarketDraft, start: dt.datetime | None, findings: Findings) -> Seasonality | None:
    """How volatile each hour of the week is: the scenario's own word, else its calibration's; None where all are alike.

    Parameters
    ----------
    draft : MarketDraft
        The market that was read.
    start : datetime.datetime or None
        When the scenario begins, in UTC; None where it does not say.
    findings : Findings
        Takes the faults, and a notice where the calibration has one that is not used.
    """
    if draft.model is None:
        return None
    document, at = draft.document, (*draft.at, "seasonality")
    stated = document.at(at) is not None
    table = check_table(document, at, ProfileTable, findings) if stated else None
    profile = None if draft.calibration is None else draft.calibration.seasonality
    if stated:
        profile = None if table is None else table.profile()
        if table is not None and table.hours is None and table.weekdays is None:
            findings.fault(document, at, "the seasonality states nothing", "give hours, weekdays or both")
    else:
        at = (*draft.at, "calibration")
    if profile is None:
        return None
    if not MODELS[draft.model].takes_seasonality:
        problem = f"the model {shown(draft.model)} knows no seasonality of volatility"
        findings.notice(
            document, at, problem, "all hours are alike in it; choose another model where they should not be"
        )
        return None
    if start is None and stated:
        findings.fault(
            document, at, "the hours of the first step are not known", "add start = 2026-10-01T00:00:00Z (UTC)"
        )
    elif start is None:
        problem = "the calibration has a seasonality of volatility, which needs the time of the first step"
        findings.notice(document, at, problem, "all hours are alike without it; add start = 2026-10-01T00:00:00Z (UTC)")
    condition = (*draft.at, "stress", "condition")
    if document.at(condition) is not None:
        problem = "paths given a price are drawn for a volatility that is the same at all hours"
        findings.fault(document, condition, problem, "remove the condition or the seasonality")
        return None
    return None if start is None else seasonality(profile, start)
