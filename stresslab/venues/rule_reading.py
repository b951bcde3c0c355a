"""The switches of a rule pack: from tables of its file to `MarginRules`, with every fault at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field
from pydantic.config import JsonDict

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import TABLE, refuse
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import key_meant
from stresslab.venues.rules.margin_rules import (
    CLOSING_FEES,
    PLAIN,
    REQUIREMENT_PRICES,
    TRIGGERS,
    MarginRules,
)
from stresslab.venues.rules.procedures import ORDERS, PROCEDURES, WHOLE, Reduction
from stresslab.venues.rules.tier_rules import MEASURES, TIER_RULES


def choice(key: str, words: Iterable[str]) -> AfterValidator:
    """A check that a text is one of a table's words, so that a new row of the table needs no other place."""
    known = tuple(words)

    def check(text: str | None) -> str | None:
        if text is not None and text not in known:
            refuse(f"`{key}` is {shown(text)}, which is none of its values", suggestion(text, known, "values"))
        return text

    return AfterValidator(check)


def enum(words: Iterable[str]) -> JsonDict:
    """The same words for a JSON Schema."""
    return {"enum": list(words)}


def days_of_pause(text: str) -> float:
    """Length of a pause in days; beside the units of durations it may have seconds, such as ``30s``.

    Raises
    ------
    ValueError
        If the text is no pause above zero; its two arguments are the problem and the remedy.
    """
    seconds = re.fullmatch(r"([0-9]{1,9})s", text)
    if seconds is None:
        return minutes_of(text) / 1440
    if int(seconds[1]) == 0:
        raise ValueError(f"{shown(text)} lasts no time at all", "leave the pause out where reductions follow at once")
    return int(seconds[1]) / 86_400


def _pause(text: str | None) -> str | None:
    try:
        if text is not None:
            days_of_pause(text)
    except ValueError as error:
        refuse(*error.args)
    return text


class LiquidationTable(BaseModel):
    """What the venue does when a pool's surplus reaches zero."""

    model_config = TABLE
    procedure: Annotated[
        str,
        Field(
            description="`full` closes the whole pool at once, `tiers` as much as leads into the tier below, `steps` a "
            "fixed share at a time.",
            examples=["full"],
            json_schema_extra={"enum": list(PROCEDURES)},
        ),
    ]
    fee_rate: Annotated[
        float,
        Field(
            ge=0.0, lt=1.0, allow_inf_nan=False, description="Fee, a fraction of the notional closed.", examples=[0.0]
        ),
    ]
    remainder: Annotated[
        Literal["returned", "forfeited"],
        Field(description="What becomes of the equity left after closing.", examples=["returned"]),
    ] = "returned"
    step: Annotated[
        float | None,
        Field(gt=0.0, le=1.0, allow_inf_nan=False, description="Share that one step closes.", examples=[0.125]),
    ] = None
    full_tiers: Annotated[
        int | None, Field(ge=1, le=1000, description="Lowest tiers from which all is closed.", examples=[2])
    ] = None
    pause: Annotated[
        str | None,
        AfterValidator(_pause),
        Field(
            description="Time between two reductions; default none.",
            examples=["30s"],
            json_schema_extra={"pattern": "^[0-9]{1,9}[dhms]$"},
        ),
    ] = None
    order: Annotated[
        str | None,
        choice("order", ORDERS),
        Field(
            description="Which positions of a pool are reduced: all alike (`together`, default), the largest loss "
            "first, or first what longs and shorts of one asset offset.",
            examples=["together"],
            json_schema_extra=enum(ORDERS),
        ),
    ] = None
    backstop: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Share of the maintenance margin below which the venue keeps all that is left; default 0.",
            examples=[0.5],
        ),
    ] = 0.0


class MarginTable(BaseModel):
    """How the venue reckons its maintenance margin; in a symbol's own table it overrides the pack's."""

    model_config = TABLE
    tier_rule: Annotated[
        str | None,
        choice("tier_rule", TIER_RULES),
        Field(
            description="`marginal` (default): each rate applies within its tier. `whole_position`: the rate of the "
            "tier reached applies to all. `size_slope`, `square_root`: the rate rises with size.",
            examples=["marginal"],
            json_schema_extra=enum(TIER_RULES),
        ),
    ] = None
    tier_measure: Annotated[
        str | None,
        choice("tier_measure", MEASURES),
        Field(
            description="What floors count: `notional` (default), or `size` as a book states it.",
            examples=["notional"],
            json_schema_extra=enum(MEASURES),
        ),
    ] = None
    requirement: Annotated[
        str | None,
        choice("requirement", REQUIREMENT_PRICES),
        Field(
            description="Price that values the maintenance margin; default `mark`.",
            examples=["mark"],
            json_schema_extra=enum(REQUIREMENT_PRICES),
        ),
    ] = None
    trigger: Annotated[
        str | None,
        choice("trigger", TRIGGERS),
        Field(
            description="Whether a surplus of 0 liquidates (`at_or_below`, default) or not (`below`).",
            examples=["at_or_below"],
            json_schema_extra=enum(TRIGGERS),
        ),
    ] = None
    closing_fee: Annotated[
        str | None,
        choice("closing_fee", CLOSING_FEES),
        Field(
            description="Price at which a fee to close is reckoned inside the trigger; default `none`.",
            examples=["none"],
            json_schema_extra=enum(CLOSING_FEES),
        ),
    ] = None
    closing_fee_rate: Annotated[
        float | None,
        Field(ge=0.0, lt=1.0, allow_inf_nan=False, description="That fee, a share of notional.", examples=[0.0005]),
    ] = None


def rules_from(table: MarginTable | None, base: MarginRules = PLAIN) -> MarginRules:
    """Switches with those that a table states in place of the base's."""
    if table is None:
        return base
    stated = {key: value for key, value in table.model_dump().items() if value is not None}
    if "requirement" in stated:
        stated["requirement_at"] = stated.pop("requirement")
    return replace(base, **stated)


def check_symbol_rules(
    document: Document,
    at: KeyPath,
    contract: str,
    contract_size: float | None,
    size_factor: float | None,
    tier_count: int,
    rules: MarginRules,
    findings: Findings,
) -> None:
    """Check that a symbol's keys go together with its switches.

    Parameters
    ----------
    document, at : Document and path
        The symbol's table.
    contract : str
        Its kind.
    contract_size, size_factor : float or None
        As stated.
    tier_count : int
        Rows of its tier table.
    rules : MarginRules
        Its switches without size factor.
    findings : Findings
        Takes the faults.
    """
    if contract == "spot":
        _check_spot(document, at, findings)
        return
    inverse = contract == "inverse"
    if inverse and contract_size is None:
        problem = "the key `contract_size` is missing, and the contract is inverse"
        findings.fault(
            document, at, problem, "add contract_size = 100, or what one contract is worth in quote currency"
        )
    elif not inverse and contract_size is not None:
        findings.fault(
            document,
            (*at, "contract_size"),
            "a linear contract has no `contract_size`: quantities are in base units",
            "remove it, and state quantities of books in base units",
        )
    needs = TIER_RULES[rules.tier_rule].needs_factor
    if needs and size_factor is None:
        problem = f"the key `size_factor` is missing, and the tier rule is {shown(rules.tier_rule)}"
        findings.fault(document, at, problem, "add size_factor = 0.00005, or whatever the rate rises by")
    elif not needs and size_factor is not None:
        problem = f"the tier rule {shown(rules.tier_rule)} has no `size_factor`"
        findings.fault(document, (*at, "size_factor"), problem, "remove it, or choose size_slope or square_root")
    if needs and tier_count > 1:
        problem = f"the tier rule {shown(rules.tier_rule)} takes one row of tiers, and {tier_count} stand here"
        findings.fault(document, (*at, "tiers", 1), problem, "give the base rate and leverage in one row")
    if (rules.closing_fee == "none") != (rules.closing_fee_rate == 0.0):
        findings.fault(
            document,
            at,
            f"a closing fee of {rules.closing_fee_rate:g} at {shown(rules.closing_fee)} does not go together",
            "state both `closing_fee` (mark or bankruptcy) and a `closing_fee_rate` above 0, or neither",
        )


def _check_spot(document: Document, at: KeyPath, findings: Findings) -> None:
    raw: dict[str, Any] = document.at(at)
    for key in ("tiers", "contract_size", "size_factor", "limit", "margin"):
        if key in raw:
            problem = f"spot has no `{key}`: it is paid in full, and nothing is demanded of it"
            findings.fault(document, (*at, key), problem, "remove it, or make the contract linear or inverse")


def reduction_from(document: Document, at: KeyPath, table: LiquidationTable, findings: Findings) -> Reduction:
    """The figures of a liquidation procedure; keys that do not go with it are faults."""
    raw: dict[str, Any] = document.at(at)
    procedure, step, full_tiers = table.procedure, table.step, table.full_tiers

    def place(key: str) -> KeyPath:
        return (*at, key_meant(raw, key, [key]))

    if procedure == "steps" and step is None:
        problem = 'the key `step` is missing, and the procedure is "steps"'
        findings.fault(document, at, problem, "add step = 0.125, or whatever share one step closes")
    if procedure != "steps" and step is not None:
        findings.fault(
            document, place("step"), f"the procedure {shown(procedure)} has no `step`", "remove it, or choose steps"
        )
    if procedure != "tiers" and full_tiers is not None:
        problem = f"the procedure {shown(procedure)} has no `full_tiers`"
        findings.fault(document, place("full_tiers"), problem, "remove it, or choose tiers")
    if procedure == "full" and table.pause is not None:
        problem = 'the procedure "full" has no `pause`: everything is closed at once'
        findings.fault(document, place("pause"), problem, "remove it, or choose tiers or steps")
    return Reduction(
        step=WHOLE.step if step is None else step,
        full_tiers=WHOLE.full_tiers if full_tiers is None else full_tiers,
        pause=WHOLE.pause if table.pause is None else days_of_pause(table.pause),
        order=WHOLE.order if table.order is None else table.order,
    )
