"""Rule packs: from a TOML file to a `RulePack`, with every fault at its place (DESIGN 7.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import TABLE, Duration, Money, Name, Prose, SchemaNumber
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath, Place
from stresslab.documents.reading import check_table, is_table, key_meant, keys_of, open_document
from stresslab.venues.contracts import CONTRACTS
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.rule_reading import (
    LiquidationTable,
    MarginTable,
    check_symbol_rules,
    choice,
    enum,
    reduction_from,
    rules_from,
)
from stresslab.venues.rules.funding import FUNDING_CAPS, FUNDING_PRICES, FundingRules
from stresslab.venues.rules.margin_rules import MarginRules
from stresslab.venues.rules.procedures import PROCEDURES, WHOLE
from stresslab.venues.rules.tier_rules import TIER_RULES
from stresslab.venues.tier_reading import check_tiers
from stresslab.venues.tiers import UNMARGINED, TierTable

Part = TypeVar("Part", bound=BaseModel)

CONFIDENCES = ("primary", "secondary", "inferred")


class FundingTable(BaseModel):
    """How often longs and shorts pay each other."""

    model_config = TABLE
    interval: Annotated[Duration, Field(description="Time between two settlements of funding.", examples=["8h"])]
    interest: Annotated[
        float | None,
        Field(ge=-1.0, le=1.0, allow_inf_nan=False, description="Interest of 8 hours in the rate.", examples=[0.0001]),
    ] = None
    clamp: Annotated[
        float | None,
        Field(
            ge=0.0,
            le=1.0,
            allow_inf_nan=False,
            description="Bound of the difference of interest and premium.",
            examples=[0.0005],
        ),
    ] = None
    cap: Annotated[
        str,
        choice("cap", ("none", *FUNDING_CAPS)),
        Field(
            description="What bounds the rate: `cap_factor` itself, or times the first tier's maintenance rate, or "
            "times its initial less maintenance rate.",
            examples=["rate"],
            json_schema_extra=enum(("none", *FUNDING_CAPS)),
        ),
    ] = "none"
    cap_factor: Annotated[
        float | None,
        Field(gt=0.0, le=1000.0, allow_inf_nan=False, description="The bound, or its multiplier.", examples=[0.75]),
    ] = None
    price: Annotated[
        str,
        choice("price", FUNDING_PRICES),
        Field(description="The price on which it is paid.", examples=["mark"], json_schema_extra=enum(FUNDING_PRICES)),
    ] = "mark"


Tier = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=4, max_length=4)]


class SymbolTable(BaseModel):
    """One contract that the venue lists."""

    model_config = TABLE
    underlying: Annotated[Name, Field(description="The asset whose price moves the contract.", examples=["BTC"])]
    contract: Annotated[
        str,
        Field(
            description="`linear`: quantity in base units, money in the quote currency. `inverse`: quantity in "
            "contracts, money in the underlying coin. `spot`: the asset itself, without tiers.",
            examples=["linear"],
            json_schema_extra={"enum": list(CONTRACTS)},
        ),
    ]
    tiers: Annotated[
        list[Tier] | None,
        Field(
            min_length=1,
            description="One row a tier: notional from, maintenance rate, maintenance amount, maximal leverage. "
            "Required but for spot.",
            examples=[[[0, 0.004, 0, 125], [50_000, 0.005, 50, 100]]],
        ),
    ] = None
    contract_size: Annotated[
        Money | None, Field(description="Quote currency in one contract, if inverse.", examples=[100])
    ] = None
    size_factor: Annotated[
        float | None,
        Field(
            gt=0.0,
            lt=1.0,
            allow_inf_nan=False,
            description="Rise of the rates per unit of size, or of its square root.",
            examples=[0.00005],
        ),
    ] = None
    limit: Annotated[
        Money | None,
        Field(description="Notional or size up to which the tiers are known.", examples=[2_600_000]),
    ] = None
    margin: Annotated[
        SkipValidation[MarginTable] | None, Field(description="Switches of this contract alone.", examples=[{}])
    ] = None


class PackFile(BaseModel):
    """A venue's margin rules."""

    model_config = TABLE
    schema_number: Annotated[SchemaNumber, Field(alias="schema", description="Version of this format.", examples=[1])]
    name: Annotated[Name, Field(description="The pack's name.", examples=["binance-usdm"])]
    effective: Annotated[dt.date, Field(description="Day from which the rules hold.", examples=[dt.date(2026, 9, 30)])]
    source: Annotated[
        Prose,
        Field(
            description="Where the figures were read, and when.",
            examples=["the venue's page on margin, read 2026-09-30"],
        ),
    ]
    confidence: Annotated[
        str | None,
        choice("confidence", CONFIDENCES),
        Field(
            description="Whether figures are the venue's own, another's copy of them, or worked out from its examples.",
            examples=["primary"],
            json_schema_extra=enum(CONFIDENCES),
        ),
    ] = None
    margin: Annotated[
        SkipValidation[MarginTable] | None, Field(description="Switches of all contracts.", examples=[{}])
    ] = None
    funding: SkipValidation[FundingTable]
    liquidation: SkipValidation[LiquidationTable]
    symbols: Annotated[
        SkipValidation[dict[str, SymbolTable]],
        Field(description="The contracts by the venue's own names.", json_schema_extra={"minProperties": 1}),
    ]


def shipped_packs() -> tuple[RulePack, ...]:
    """The rule packs that come with stresslab, checked, sorted by name."""
    return tuple(read_pack(name) for name in shipped_pack_names())


def shipped_pack_names() -> tuple[str, ...]:
    """Names of the rule packs that come with stresslab, sorted."""
    folder = resources.files("stresslab.venues").joinpath("packs")
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def read_pack(reference: str | Path) -> RulePack:
    """Read a rule pack.

    Parameters
    ----------
    reference : str or pathlib.Path
        A path that ends in ``.toml``, or the name of a shipped pack.

    Returns
    -------
    RulePack
        Checked.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    findings = Findings()
    name = str(reference)
    path = Path(reference) if name.endswith(".toml") else _shipped_path(name)
    if path is None:
        findings.fault_at(name, Place(1, 1), *_unknown_pack(name))
    document = None if path is None else open_document(path, str(path), findings)
    pack = None if document is None else pack_from(document, findings)
    findings.stop_at_faults()
    assert pack is not None, "a pack without faults is complete"
    return pack


def open_pack(reference: str, document: Document, at: KeyPath, findings: Findings) -> Document | None:
    """Open the pack that a book names at a path: a file beside the book, or a shipped one."""
    if reference.endswith(".toml"):
        path = document.folder / reference
        return open_document(path, str(path), findings, (document, at))
    shipped = _shipped_path(reference)
    if shipped is None:
        findings.fault(document, at, *_unknown_pack(reference))
        return None
    return open_document(shipped, str(shipped), findings, (document, at))


def _unknown_pack(name: str) -> tuple[str, str]:
    remedy = suggestion(name, shipped_pack_names(), "rule packs") + " (a path to a pack ends in .toml)"
    return f"there is no rule pack {shown(name)}", remedy


def _shipped_path(name: str) -> Path | None:
    if name not in shipped_pack_names():
        return None
    return Path(str(resources.files("stresslab.venues").joinpath("packs").joinpath(f"{name}.toml")))


def pack_from(document: Document, findings: Findings) -> RulePack | None:
    """Check a parsed file as a rule pack; None where it has faults."""
    if not is_kind(document, "venue", findings):
        return None
    before = len(findings.faults)
    known = keys_of(PackFile)
    head = check_table(document, (), PackFile, findings)
    funding = _part(document, "funding", known, FundingTable, findings)
    liquidation = _part(document, "liquidation", known, LiquidationTable, findings)
    reduction = WHOLE
    if liquidation is not None:
        at = (key_meant(document.data, "liquidation", known), "procedure")
        if _check_supported(document, at, liquidation.procedure, PROCEDURES, "procedure", findings):
            reduction = reduction_from(document, at[:1], liquidation, findings)
    if funding is not None and (funding.cap == "none") != (funding.cap_factor is None):
        remedy = "state both `cap` and `cap_factor`, or neither"
        funding_at = (key_meant(document.data, "funding", known),)
        findings.fault(document, funding_at, "a cap of funding and its factor go together", remedy)
    rules = rules_from(_part(document, "margin", known, MarginTable, findings))
    symbols = _symbols(document, (key_meant(document.data, "symbols", known),), rules, findings)
    if not document.sound or len(findings.faults) > before or head is None or funding is None or liquidation is None:
        return None
    return RulePack(
        name=head.name,
        source=head.source,
        effective=head.effective,
        funding_interval=minutes_of(funding.interval) / 60,
        liquidation_procedure=liquidation.procedure,
        liquidation_fee_rate=liquidation.fee_rate,
        remainder=liquidation.remainder,
        symbols={symbol.name: symbol for symbol in symbols},
        text=document.text,
        confidence=head.confidence,
        funding=FundingRules(funding.interest, funding.clamp, funding.cap, funding.cap_factor, funding.price),
        reduction=reduction,
        backstop=liquidation.backstop,
    )


def _part(document: Document, key: str, known: list[str], model: type[Part], findings: Findings) -> Part | None:
    written = key_meant(document.data, key, known)
    return check_table(document, (written,), model, findings) if written in document.data else None


def _check_supported(
    document: Document, at: KeyPath, value: str, supported: Collection[str], what: str, findings: Findings
) -> bool:
    if value in supported:
        return True
    listed = ", ".join(shown(word) for word in supported)
    findings.fault(document, at, f"the {what} {shown(value)} is not supported yet", f"supported are {listed}")
    return False


def _symbols(document: Document, at: KeyPath, rules: MarginRules, findings: Findings) -> list[Symbol]:
    tables = document.at(at)
    if tables is None or not is_table(document, at, findings):
        return []
    if not tables:
        findings.fault(document, at, "the pack lists no symbol", "add at least one table [symbols.NAME]")
    found = (_symbol(document, (*at, name), name, rules, findings) for name in tables)
    return [symbol for symbol in found if symbol is not None]


def _of_spot(rules: MarginRules) -> MarginRules:
    return MarginRules(trigger=rules.trigger)


def _symbol(document: Document, at: KeyPath, name: str, shared: MarginRules, findings: Findings) -> Symbol | None:
    table = check_table(document, at, SymbolTable, findings)
    if table is None:
        return None
    before = len(findings.faults)
    raw: dict[str, Any] = document.at(at)
    known = keys_of(SymbolTable)
    contract_at = (*at, key_meant(raw, "contract", known))
    supported = _check_supported(document, contract_at, table.contract, CONTRACTS, "contract", findings)
    margin_at = (*at, key_meant(raw, "margin", known))
    own = check_table(document, margin_at, MarginTable, findings) if margin_at[-1] in raw else None
    rules = rules_from(own, shared)
    if supported:
        stated = (table.contract_size, table.size_factor)
        check_symbol_rules(document, at, table.contract, *stated, len(table.tiers or ()), rules, findings)
    if table.contract == "spot":
        sound = len(findings.faults) == before
        # What the pack says of margin holds for contracts; spot has none.
        return Symbol(name, table.underlying, table.contract, UNMARGINED, rules=_of_spot(rules)) if sound else None
    if table.tiers is None:
        remedy = "add tiers = [[0, 0.004, 0, 125]], or whatever rows the venue states"
        findings.fault(document, at, "the key `tiers` is missing", remedy)
        return None
    tiers_at = (*at, key_meant(raw, "tiers", known))
    continuous = TIER_RULES[rules.tier_rule].continuous
    if not check_tiers(document, tiers_at, table.tiers, findings, continuous=continuous):
        return None
    if len(findings.faults) > before:
        return None
    floors, rates, _, leverages = zip(*table.tiers, strict=True)
    return Symbol(
        name,
        table.underlying,
        table.contract,
        TierTable(floors, rates, leverages),
        contract_size=1.0 if table.contract_size is None else table.contract_size,
        rules=replace(rules, size_factor=0.0 if table.size_factor is None else table.size_factor),
        limit=table.limit,
    )
