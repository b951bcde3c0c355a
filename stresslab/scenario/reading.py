"""Scenarios: from TOML files to a `Scenario`, with every fault of every file at once (DESIGN 7.2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.configurations import standard_configurations
from stresslab.book.reading import BookDraft, book_from, read_book
from stresslab.book.wallet import money
from stresslab.documents.fields import TABLE
from stresslab.documents.findings import Document, Findings
from stresslab.documents.kinds import is_kind
from stresslab.documents.names import shown
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import (
    check_table,
    check_values,
    is_table,
    key_meant,
    keys_of,
    open_document,
    reference_at,
)
from stresslab.scenario.configuration_reading import ReadConfiguration, build_configurations, read_configurations
from stresslab.scenario.funding_reading import read_funding
from stresslab.scenario.market_reading import complete_market, read_market
from stresslab.scenario.policy_reading import read_policies
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.start_prices import start_prices
from stresslab.scenario.stress_reading import read_stress
from stresslab.scenario.tables import Paths, ScenarioFile, Seed
from stresslab.scenario.time_grid import check_model_step, read_time_grid
from stresslab.venues.rules.margin_rules import PLAIN, other_switches

__all__ = ["read_book", "read_scenario", "scenario_from"]


class _Overrides(BaseModel):
    """What a caller may set in place of the file's own figures."""

    model_config = TABLE
    paths: Annotated[Paths | None, Field(examples=[100000])] = None
    seed: Annotated[Seed | None, Field(examples=[20260930])] = None


def read_scenario(path: str | Path, *, paths: int | None = None, seed: int | None = None) -> Scenario:
    """Read a scenario with its book, rule pack and calibration.

    Parameters
    ----------
    path : str or pathlib.Path
        The scenario's file.
    paths, seed : int, optional
        Taken in place of the file's own: 1 to 1e9, and 0 to 2**63 - 1.

    Returns
    -------
    Scenario
        Checked, with every default filled in.

    Raises
    ------
    InputError
        With every fault of all the files.
    """
    findings = Findings()
    document = open_document(Path(path), str(path), findings)
    scenario = None if document is None else scenario_from(document, findings, paths=paths, seed=seed)
    findings.stop_at_faults()
    assert scenario is not None, "a scenario without faults is complete"
    return scenario


def scenario_from(
    document: Document, findings: Findings, *, paths: int | None = None, seed: int | None = None
) -> Scenario | None:
    """Check a parsed file as a scenario, with all the files that it names; None where any of them has faults."""
    if not is_kind(document, "scenario", findings):
        return None
    before = len(findings.faults)
    known = keys_of(ScenarioFile)
    head = check_table(document, (), ScenarioFile, findings)
    stated = {"paths": paths, "seed": seed}
    overrides = {key: value for key, value in stated.items() if value is not None}
    check_values(document, (), overrides, _Overrides, findings)
    draft = _book(document, (key_meant(document.data, "book", known),), findings)
    market = read_market(document, (key_meant(document.data, "market", known),), findings)
    grid = read_time_grid(document, findings)
    if grid is not None and market is not None and market.model is not None and market.parameters is not None:
        check_model_step(document, market.model, market.parameters, grid, findings)
    policies = read_policies(document, (key_meant(document.data, "policy", known),), findings)
    read = read_configurations(document, (key_meant(document.data, "configuration", known),), draft, policies, findings)
    _check_analysis(document, (key_meant(document.data, "analysis", known),), findings)
    if draft is None or market is None:
        return None
    _check_simulable(draft, findings)
    starts, positions = start_prices(document, market.prices, draft, findings)
    specification = complete_market(market, starts, findings) if starts else None
    stress_at = (*market.at, "stress")
    if document.at(stress_at) is not None and starts and grid is not None and market.parameters is not None:
        assert market.model is not None, "parameters belong to a model"
        stress = read_stress(document, stress_at, market.model, market.parameters, list(starts), grid, findings)
        specification = None if specification is None else replace(specification, stress=stress)
    funding_at = (*market.at, "funding")
    if document.at(funding_at) is not None and starts and grid is not None:
        interval = None if draft.book is None else draft.book.venue.funding_interval
        funding = read_funding(document, funding_at, list(starts), interval, grid.step, findings)
        specification = None if specification is None else replace(specification, funding=funding)
    if not document.sound or len(findings.faults) > before or head is None or grid is None:
        return None
    if specification is None or draft.book is None:
        return None
    book = replace(draft.book, positions=positions)
    configurations = (*standard_configurations(book), *build_configurations(book, read))
    _warn_of_liquidated_pools(document, draft, book, configurations, read, findings)
    documents = {"scenario": document.text, "book": draft.document.text, "venue": book.venue.text}
    if market.calibration is not None:
        documents["calibration"] = market.calibration.text
    return Scenario(
        name=head.name,
        book=book,
        configurations=configurations,
        market=specification,
        horizon=grid.horizon / 1440,
        step=grid.step / 1440,
        steps=grid.horizon // grid.step,
        paths=head.paths if paths is None else paths,
        seed=head.seed if seed is None else seed,
        notices=tuple(dict.fromkeys(findings.notices)),
        documents=documents,
    )


def _book(document: Document, at: KeyPath, findings: Findings) -> BookDraft | None:
    reference = reference_at(document, at)
    if reference is None:
        return None  # the file's own table says so
    path = document.folder / reference
    opened = open_document(path, str(path), findings, (document, at))
    return None if opened is None else book_from(opened, findings)


def _check_simulable(draft: BookDraft, findings: Findings) -> None:
    """What the simulation does not hold yet is a fault here, though `explain` works on it."""
    remedy = (
        "simulated are linear contracts with marginal tiers at the mark, liquidated whole at a surplus of 0 or below; "
        "`stresslab explain` shows the margin of every other book"
    )
    for path, position in zip(draft.paths, draft.positions, strict=True):
        if position is None:
            continue
        symbol = position.symbol
        if symbol.contract != "linear":
            problem = f"{shown(symbol.name)} is an {symbol.contract} contract, which is not simulated in this version"
            findings.fault(draft.document, (*path, "symbol"), problem, remedy)
        elif symbol.rules != PLAIN:
            switches = ", ".join(f"{name} {value}" for name, value in other_switches(symbol.rules))
            problem = f"the margin rules of {shown(symbol.name)} ({switches}) are not simulated in this version"
            findings.fault(draft.document, (*path, "symbol"), problem, remedy)
    if draft.book is not None and draft.book.venue.liquidation_procedure != "full":
        procedure = shown(draft.book.venue.liquidation_procedure)
        problem = f"the liquidation procedure {procedure} of the venue is not simulated in this version"
        findings.fault(draft.document, ("venue",), problem, remedy)


def _check_analysis(document: Document, at: KeyPath, findings: Findings) -> None:
    table = document.at(at)
    if table is None or not is_table(document, at, findings):
        return
    for key in table:
        problem = f"there is no analysis {shown(key)}"
        findings.fault(
            document, (*at, key), problem, "no analyses are available in this version: remove the key", key=True
        )


def _warn_of_liquidated_pools(
    document: Document,
    draft: BookDraft,
    book: Book,
    configurations: tuple[Configuration, ...],
    read: list[ReadConfiguration],
    findings: Findings,
) -> None:
    """A pool without surplus today is liquidated at once: no fault, but worth a warning (DESIGN 8)."""
    places = {pool: path for each in read for path, pool in each.pools}
    named = {each.name for each in read}
    seen = set()
    for configuration in configurations:
        for pool in configuration.pools:
            surplus = _surplus(book, pool)
            if surplus > 0.0 or (pool.positions, pool.collateral) in seen:
                continue
            seen.add((pool.positions, pool.collateral))
            problem = (
                f"the pool {shown(pool.name)} of {shown(configuration.name)} is liquidated at the start: "
                f"its surplus is {money(surplus)} at today's marks"
            )
            remedy = "its probability of liquidation is 1; give it more collateral if this is not meant"
            if configuration.name in named:
                findings.notice(document, places.get(pool, ("configuration",)), problem, remedy)
            else:
                findings.notice(draft.document, draft.paths[pool.positions[0]], problem, remedy)


def _surplus(book: Book, pool: Pool) -> float:
    surplus = pool.collateral
    for position in (book.positions[index] for index in pool.positions):
        mark = position.mark_price
        assert mark is not None, "start prices mark every position"
        requirement = position.symbol.tiers.maintenance_margin(np.abs(position.quantity) * mark)
        surplus += position.quantity * (mark - position.entry_price) - float(requirement)
    return surplus
