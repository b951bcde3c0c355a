"""The desk's answer to an alert: a table inside those policies that wait for somebody to decide."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from stresslab.book.policies import Answer
from stresslab.documents.fields import TABLE, Duration
from stresslab.documents.findings import Document, Findings
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table
from stresslab.scenario.policies.kind import Surroundings, days

_Hour = Annotated[float, Field(ge=0.0, le=24.0, allow_inf_nan=False)]
_Factor = Annotated[float, Field(ge=1.0, le=1000.0, allow_inf_nan=False)]


class AnswerTable(BaseModel):
    """How long the desk takes to act: a lognormal delay, longer at night and on weekends, or no answer at all."""

    model_config = TABLE
    median_delay: Annotated[Duration, Field(description="Median of the delay.", examples=["15m"])]
    spread: Annotated[
        float,
        Field(
            ge=0.0,
            le=10.0,
            allow_inf_nan=False,
            description="Standard deviation of the delay's logarithm; default 0.",
            examples=[0.8],
        ),
    ] = 0.0
    no_answer: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Probability that nobody answers, until the alert is raised anew a day later; default 0.",
            examples=[0.05],
        ),
    ] = 0.0
    night: Annotated[
        list[_Hour] | None,
        Field(min_length=2, max_length=2, description="Hours in UTC from which and to which it is night."),
        Field(examples=[[22, 7]]),
    ] = None
    night_factor: Annotated[
        _Factor | None, Field(description="Delays are multiplied by it at night.", examples=[3.0])
    ] = None
    weekend_factor: Annotated[
        _Factor, Field(description="Delays are multiplied by it on Saturday and Sunday, UTC; default 1.", examples=[2])
    ] = 1.0


def read_answer(document: Document, at: KeyPath, surroundings: Surroundings, findings: Findings) -> Answer | None:
    """Check the table ``answer`` of a policy; None where there is none, or where it has faults.

    Parameters
    ----------
    document, at : Document and path
        The scenario and the policy's table.
    surroundings : Surroundings
        Tells whether the scenario states its start, which hours and weekends need.
    findings : Findings
        Takes the faults.
    """
    answer_at = (*at, "answer")
    if document.at(answer_at) is None:
        return None
    before = len(findings.faults)
    table = check_table(document, answer_at, AnswerTable, findings)
    if table is None:
        return None
    night_at = (*answer_at, "night")
    if table.night is not None and table.night_factor is None:
        findings.fault(document, night_at, "a night is stated, and no factor for it", "add night_factor = 3.0")
    elif table.night is None and table.night_factor is not None:
        problem = "a factor for the night is stated, and no night"
        findings.fault(document, (*answer_at, "night_factor"), problem, "add night = [22, 7], hours in UTC")
    elif table.night is not None and table.night[0] % 24.0 == table.night[1] % 24.0:
        problem = "the night begins and ends at the same hour"
        findings.fault(
            document,
            night_at,
            problem,
            "give two hours, such as [22, 7]; a factor for every hour belongs into median_delay",
        )
    if not surroundings.has_start and (table.night is not None or table.weekend_factor != 1.0):
        place = night_at if table.night is not None else (*answer_at, "weekend_factor")
        problem = "delays depend on the hour or the day, and the scenario does not say when it starts"
        findings.fault(document, place, problem, "add start = 2026-10-01T00:00:00Z to the scenario")
    if len(findings.faults) > before:
        return None
    return Answer(
        median_delay=days(table.median_delay),
        spread=table.spread,
        no_answer=table.no_answer,
        night=None if table.night is None else (float(table.night[0]), float(table.night[1])),
        night_factor=1.0 if table.night_factor is None else table.night_factor,
        weekend_factor=table.weekend_factor,
    )
