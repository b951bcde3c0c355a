"""Rule packs: from a TOML file to a `RulePack`, with every fault at its place (DESIGN 7.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import TABLE, Duration, Name, Prose, SchemaNumber
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath, Place
from stresslab.documents.reading import check_table, is_table, key_meant, keys_of, open_document
from stresslab.venues.pack import RulePack, Symbol
from stresslab.venues.tiers import TierTable

Part = TypeVar("Part", bound=BaseModel)

PROCEDURES = ("full",)
CONTRACTS = ("linear",)
_TOLERANCE = 1e-6  # of a maintenance amount (DESIGN 7.3)
_ROUNDING = 1e-9


class FundingTable(BaseModel):
    """How often longs and shorts pay each other."""

    model_config = TABLE
    interval: Annotated[Duration, Field(description="Time between two settlements of funding.", examples=["8h"])]


class LiquidationTable(BaseModel):
    """What the venue does when a pool's surplus reaches zero."""

    model_config = TABLE
    procedure: Annotated[
        str,
        Field(
            description="`full` closes the whole pool at once.",
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


Tier = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=4, max_length=4)]


class SymbolTable(BaseModel):
    """One contract that the venue lists."""

    model_config = TABLE
    underlying: Annotated[Name, Field(description="The asset whose price moves the contract.", examples=["BTC"])]
    contract: Annotated[
        str,
        Field(
            description="`linear`: quantity in base units, money in the quote currency.",
            examples=["linear"],
            json_schema_extra={"enum": list(CONTRACTS)},
        ),
    ]
    tiers: Annotated[
        list[Tier],
        Field(
            min_length=1,
            description="One row a tier: notional from, maintenance rate, maintenance amount, maximal leverage.",
            examples=[[[0, 0.004, 0, 125], [50_000, 0.005, 50, 100]]],
        ),
    ]


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
    if liquidation is not None:
        at = (key_meant(document.data, "liquidation", known), "procedure")
        _check_supported(document, at, liquidation.procedure, PROCEDURES, "procedure", findings)
    symbols = _symbols(document, (key_meant(document.data, "symbols", known),), findings)
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


def _symbols(document: Document, at: KeyPath, findings: Findings) -> list[Symbol]:
    tables = document.at(at)
    if tables is None or not is_table(document, at, findings):
        return []
    if not tables:
        findings.fault(document, at, "the pack lists no symbol", "add at least one table [symbols.NAME]")
    found = (_symbol(document, (*at, name), name, findings) for name in tables)
    return [symbol for symbol in found if symbol is not None]


def _symbol(document: Document, at: KeyPath, name: str, findings: Findings) -> Symbol | None:
    table = check_table(document, at, SymbolTable, findings)
    if table is None:
        return None
    raw: dict[str, Any] = document.at(at)
    known = keys_of(SymbolTable)
    linear = _check_supported(
        document, (*at, key_meant(raw, "contract", known)), table.contract, CONTRACTS, "contract", findings
    )
    tiers_at = (*at, key_meant(raw, "tiers", known))
    if not check_tiers(document, tiers_at, table.tiers, findings) or not linear:
        return None
    floors, rates, _, leverages = zip(*table.tiers, strict=True)
    return Symbol(name, table.underlying, table.contract, TierTable(floors, rates, leverages))


def check_tiers(document: Document, at: KeyPath, rows: Sequence[Sequence[float]], findings: Findings) -> bool:
    """Check the rows of a tier table against DESIGN 7.3; whether they hold.

    Parameters
    ----------
    document, at : Document and path
        Where the rows stand.
    rows : sequence of rows of four numbers
        Floor, maintenance rate, maintenance amount, maximal leverage.
    findings : Findings
        Takes the faults.
    """
    before = len(findings.faults)

    def fault(row: int, column: int, problem: str, remedy: str) -> None:
        findings.fault(document, (*at, row, column), f"tier {row + 1}: {problem}", remedy)

    if rows[0][0] != 0.0:
        fault(0, 0, f"the first tier begins at {rows[0][0]:,.10g}", "the first tier begins at a notional of 0")
    for row, (_, rate, _, leverage) in enumerate(rows):
        if not 0.0 < rate < 1.0:
            fault(
                row,
                1,
                f"the maintenance rate is {rate:g}",
                "give a fraction above 0 and below 1, such as 0.004 for 0.4%",
            )
        elif leverage > (1.0 + _ROUNDING) / rate:
            fault(
                row,
                3,
                f"the maximal leverage {leverage:g} is above 1 / maintenance rate = {1.0 / rate:.6g}",
                "a position opened at it would be liquidated at once: lower the leverage or the rate",
            )
        if leverage < 1.0:
            fault(row, 3, f"the maximal leverage is {leverage:g}", "give at least 1")
    for row, (lower, upper) in enumerate(pairwise(rows), start=1):
        if upper[0] <= lower[0]:
            problem = f"the floor {upper[0]:,.10g} does not rise above {lower[0]:,.10g}, the tier before"
            fault(row, 0, problem, "sort the tiers by their floors, each floor once")
        if upper[1] < lower[1]:
            fault(
                row,
                1,
                f"the maintenance rate falls from {lower[1]:g} to {upper[1]:g}",
                "rates do not fall as notional grows",
            )
        if upper[3] > lower[3]:
            problem = f"the maximal leverage rises from {lower[3]:g} to {upper[3]:g}"
            fault(row, 3, problem, "maximal leverage does not rise as notional grows")
    if len(findings.faults) > before:
        return False  # the amounts follow from floors and rates, so they cannot be judged before these are right
    floors, rates, amounts, leverages = zip(*rows, strict=True)
    expected = TierTable(floors, rates, leverages).maintenance_amounts
    for row, (amount, right) in enumerate(zip(amounts, expected, strict=True)):
        if abs(amount - right) > _TOLERANCE * max(abs(amount), abs(right)) + _ROUNDING:
            problem = f"the maintenance amount {amount:,.10g} does not continue the requirement of the tier before"
            fault(row, 2, problem, f"write {right:.10g} (amount before + floor x rise of the rate)")
    return len(findings.faults) == before
