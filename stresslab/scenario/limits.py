"""Limits of a risk committee: the file, read and checked, with every fault at its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.fields import TABLE, Name, SchemaNumber
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, open_document, parse_document, tables_in_list
from stresslab.scenario.scenario import Scenario

Measure = Literal["liquidation_probability", "expected_shortfall", "cash_at_risk", "margin_ratio", "concentration"]
By = Literal["account", "position"]
Unit = Literal["money", "account_value"]

LEVELS = (0.95, 0.975, 0.99)
_MONEY = ("expected_shortfall", "cash_at_risk")
_SHARES = ("liquidation_probability", "concentration")
_LEVEL = 0.975

Threshold = Annotated[float, Field(gt=0.0, le=1e15, allow_inf_nan=False)]


class LimitTable(BaseModel):
    """One limit: what is measured, on what, and from where on it is a warning or a breach."""

    model_config = TABLE
    measure: Annotated[Measure, Field(description="What is limited.", examples=["liquidation_probability"])]
    warn: Annotated[Threshold, Field(description="Where the warning begins; short of `breach`.", examples=[0.02])]
    breach: Annotated[Threshold, Field(description="Where the breach begins.", examples=[0.05])]
    configuration: Annotated[Name, Field(description="Configuration to which it applies.", examples=["as_booked"])] = (
        "as_booked"
    )
    by: Annotated[By, Field(description="The whole account, or each of its positions.", examples=["account"])] = (
        "account"
    )
    position: Annotated[
        Name | None,
        Field(
            description='With by = "position": this position alone, in place of a limit on each.',
            examples=["btc-long"],
        ),
    ] = None
    level: Annotated[
        float | None,
        Field(
            description="Of expected_shortfall and cash_at_risk: 0.95, 0.975 or 0.99; default 0.975.", examples=[0.975]
        ),
    ] = None
    unit: Annotated[
        Unit | None,
        Field(
            description="Of expected_shortfall and cash_at_risk: an amount, or a share of the account's value today; "
            "default money.",
            examples=["account_value"],
        ),
    ] = None


class LimitsFile(BaseModel):
    """Limits of a review."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", description="Version of this format.", examples=[1])]
    name: Annotated[Name, Field(description="Name of the set of limits.", examples=["Desk limits 2026"])]
    limit: Annotated[
        SkipValidation[list[LimitTable]],
        Field(description="The limits, at least one.", json_schema_extra={"minItems": 1}),
    ]


@dataclass(frozen=True)
class Limit:
    """A limit, checked.

    Parameters
    ----------
    measure : str
        What is limited; a margin ratio must stay above its levels, all else below.
    configuration : str
        To which it applies.
    by : {"account", "position"}
        The whole account, or positions.
    position : str or None
        The only one that it applies to; None for each, or for the account.
    level : float
        Of a tail; 0 where the measure has none.
    unit : {"money", "account_value", "1"}
        In which the levels are stated.
    warn, breach : float
        Positive; at the level itself the warning or the breach has begun.
    """

    measure: Measure
    configuration: str
    by: By
    position: str | None
    level: float
    unit: str
    warn: float
    breach: float


@dataclass(frozen=True)
class Limits:
    """A file of limits.

    Parameters
    ----------
    name : str
        Of the set.
    limits : tuple of Limit
        In the order of the file.
    text : str
        The file, whole.
    """

    name: str
    limits: tuple[Limit, ...]
    text: str


def read_limits(path: str | Path, scenarios: Sequence[Scenario] = ()) -> Limits:
    """Read a file of limits.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    scenarios : sequence of Scenario
        To which the limits apply: a configuration or a position that one of them lacks is a fault.

    Returns
    -------
    Limits
        Checked.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    findings = Findings()
    document = open_document(Path(path), str(path), findings)
    limits = None if document is None else limits_from(document, findings, scenarios)
    findings.stop_at_faults()
    assert limits is not None, "limits without faults are complete"
    return limits


def limits_from_text(text: str) -> Limits:
    """Limits from the text that a result holds; raises `InputError` as `read_limits` does."""
    findings = Findings()
    document = parse_document(text.encode(), "stored limits", Path(), findings)
    limits = None if document is None else limits_from(document, findings)
    findings.stop_at_faults()
    assert limits is not None, "limits without faults are complete"
    return limits


def limits_from(document: Document, findings: Findings, scenarios: Sequence[Scenario] = ()) -> Limits | None:
    """Check a parsed file as limits; None where it has faults."""
    if not is_kind(document, "limits", findings):
        return None
    before = len(findings.faults)
    head = check_table(document, (), LimitsFile, findings)
    read: list[Limit] = []
    known = _known(scenarios)
    if document.at(("limit",)) is not None:
        places = tables_in_list(document, ("limit",), findings)
        if not places and len(findings.faults) == before:
            findings.fault(document, ("limit",), "there is no limit", "open at least one with [[limit]]")
        for at in places:
            limit = _limit(document, at, known, findings)
            if limit is None:
                continue
            if any(_subject(limit) == _subject(other) for other in read):
                findings.fault(document, at, "this limit is stated twice", "remove one of the two")
            read.append(limit)
    if head is None or not document.sound or len(findings.faults) > before:
        return None
    return Limits(head.name, tuple(read), document.text)


def _known(scenarios: Sequence[Scenario]) -> Mapping[str, Collection[str]]:
    """Names that every one of the scenarios has; nothing where there is none to ask."""
    if not scenarios:
        return MappingProxyType({})
    configurations = [[each.name for each in scenario.configurations] for scenario in scenarios]
    positions = [[each.id for each in scenario.book.positions] for scenario in scenarios]
    return {
        "configuration": [name for name in configurations[0] if all(name in each for each in configurations)],
        "position": [name for name in positions[0] if all(name in each for each in positions)],
    }


def _limit(document: Document, at: KeyPath, known: Mapping[str, Collection[str]], findings: Findings) -> Limit | None:
    before = len(findings.faults)
    table = check_table(document, at, LimitTable, findings)
    if table is None:
        return None
    money = table.measure in _MONEY
    for key, stated in (("level", table.level), ("unit", table.unit)):
        if stated is not None and not money:
            problem = f"{table.measure} has no {key}"
            findings.fault(document, (*at, key), problem, f"remove it; only {' and '.join(_MONEY)} have one", key=True)
    if money and table.level is not None and table.level not in LEVELS:
        findings.fault(document, (*at, "level"), f"{table.level:g} is no level of a result", "give 0.95, 0.975 or 0.99")
    if money and table.by == "position":
        findings.fault(
            document, (*at, "by"), f"{table.measure} is a number of the account", 'write by = "account", or remove it'
        )
    if table.position is not None and table.by == "account":
        findings.fault(document, (*at, "position"), "a limit on the account names a position", 'add by = "position"')
    for key, name in (("configuration", table.configuration), ("position", table.position)):
        if name is not None and key in known and name not in known[key]:
            remedy = suggestion(name, known[key], f"{key}s")
            findings.fault(document, (*at, key), f"there is no {key} {shown(name)}", remedy)
    _check_thresholds(document, at, table, findings)
    if len(findings.faults) > before:
        return None
    unit = (table.unit or "money") if money else "1"
    level = (_LEVEL if table.level is None else table.level) if money else 0.0
    return Limit(table.measure, table.configuration, table.by, table.position, level, unit, table.warn, table.breach)


def _check_thresholds(document: Document, at: KeyPath, table: LimitTable, findings: Findings) -> None:
    if table.measure in _SHARES or table.unit == "account_value":
        for key, value in (("warn", table.warn), ("breach", table.breach)):
            if value > 1.0:
                problem = f"{value:g} is a share above 1"
                findings.fault(document, (*at, key), problem, f"if {value:g} percent was meant, write {value / 100:g}")
    falling = table.measure == "margin_ratio"
    if (table.warn <= table.breach) if falling else (table.warn >= table.breach):
        problem = f"the warning at {table.warn:g} does not come before the breach at {table.breach:g}"
        remedy = "a margin ratio falls: give a warning above the breach" if falling else "give a warning below it"
        findings.fault(document, (*at, "warn"), problem, remedy)


def _subject(limit: Limit) -> tuple[object, ...]:
    return limit.measure, limit.configuration, limit.by, limit.position, limit.level, limit.unit
