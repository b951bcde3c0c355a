"""Scenarios: from TOML files to a `Scenario`, with every fault of every file at once (DESIGN 7.2)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, Field

from stresslab.book.book import Book, Position
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
    key_meant,
    keys_of,
    open_document,
    reference_at,
)
from stresslab.scenario.analysis import read_analysis
from stresslab.scenario.calibration_age import tell_age
from stresslab.scenario.configuration_reading import ReadConfiguration, build_configurations, read_configurations
from stresslab.scenario.event_reading import read_auto_deleveraging, read_impact
from stresslab.scenario.funding_reading import read_funding
from stresslab.scenario.market_reading import complete_market, read_market, takes_paths
from stresslab.scenario.path_reading import read_paths
from stresslab.scenario.policies.kind import Surroundings
from stresslab.scenario.policy_reading import check_policies, check_unused, read_policies
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.seasonality_reading import read_seasonality
from stresslab.scenario.start_prices import start_prices
from stresslab.scenario.stress_reading import read_stress, tell_condition
from stresslab.scenario.tables import Paths, ScenarioFile, Seed
from stresslab.scenario.time_grid import check_model_step, read_time_grid
from stresslab.scenario.venue_stress import read_venue_stress, stressed_impact, under_stress
from stresslab.venues.contracts import CONTRACTS, exposure, unrealized_pnl
from stresslab.venues.rules.margin_rules import is_liquidated, requirement_lines, with_closing_fee

__all__ = ["read_book", "read_scenario", "scenario_from"]

BOOKS = "books"
_EVENT_KEYS = ("start", "liquidation_impact", "auto_deleveraging", "venue_stress")


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
    document: Document,
    findings: Findings,
    *,
    paths: int | None = None,
    seed: int | None = None,
    simulated: Mapping[str, float] = MappingProxyType({}),
) -> Scenario | None:
    """Check a parsed file as a scenario, with all the files that it names; None where any of them has faults.

    ``simulated`` holds start prices of all assets that the market shall have, in its order, where these are more than
    the book's own.
    """
    if not is_kind(document, "scenario", findings):
        return None
    if BOOKS in document.data:
        remedy = "name one as book; several are for `stresslab run` and `stresslab.read_institution`"
        findings.fault(document, (BOOKS,), "several books are named where one is needed", remedy, key=True)
        return None
    if isinstance(document.at(("market", "model")), list):
        remedy = "name one, or take `stresslab run` or read_scenarios, which go through them all"
        findings.fault(document, ("market", "model"), "several models are named where one is needed", remedy)
        return None
    before = len(findings.faults)
    known = keys_of(ScenarioFile)
    head = check_table(document, (), ScenarioFile, findings)
    stated = {"paths": paths, "seed": seed}
    overrides = {key: value for key, value in stated.items() if value is not None}
    check_values(document, (), overrides, _Overrides, findings)
    draft = _book(document, (key_meant(document.data, "book", known),), findings)
    market = read_market(document, (key_meant(document.data, "market", known),), findings)
    start = None if head is None else head.start
    if market is not None and market.calibration is not None and not takes_paths(market.model):
        fitted = market.calibration
        tell_age(document, (*market.at, "calibration"), fitted.name, fitted.as_of, start, findings)
    grid = read_time_grid(document, findings)
    if grid is not None and market is not None and market.model is not None and market.parameters is not None:
        check_model_step(document, market.model, market.parameters, grid, findings)
    start_at, impact_at, auto_at, venue_stress_at = ((key_meant(document.data, key, known),) for key in _EVENT_KEYS)
    surroundings = Surroundings(
        None if draft is None else {name: draft.positions[index] for name, index in draft.ids.items()},
        None if grid is None else grid.horizon / 1440,
        None if grid is None else grid.step / 1440,
        document.at(start_at) is not None,
    )
    policies = read_policies(document, (key_meant(document.data, "policy", known),), surroundings, findings)
    configurations_at = (key_meant(document.data, "configuration", known),)
    by_name = {name: each.policy for name, each in policies.items()}
    read = read_configurations(document, configurations_at, draft, by_name, findings)
    check_unused(document, configurations_at, policies, findings)
    held = () if draft is None else draft.positions
    impact = read_impact(document, impact_at, held, findings, simulated)
    auto_deleveraging = read_auto_deleveraging(document, auto_at, findings)
    analysis = read_analysis(document, (key_meant(document.data, "analysis", known),), findings)
    if draft is None or market is None:
        return None
    has_impact = document.at(impact_at) is not None
    venue_stress = read_venue_stress(document, venue_stress_at, has_impact, draft.positions, findings)
    impact = stressed_impact(impact, venue_stress)
    starts, marked_positions = start_prices(document, market.prices, draft, findings, simulated)
    if simulated and starts:
        starts = {asset: starts.get(asset, price) for asset, price in simulated.items()}
    positions = under_stress(marked_positions, venue_stress)
    if draft.book is not None:
        marked = replace(draft.book, positions=positions)
        check_policies(document, policies, read, marked, lambda *pool: _surplus(*pool)[0], findings)
    own = None
    if takes_paths(market.model) and market.parameters is not None and starts and grid is not None:
        count = overrides.get("paths", None if head is None else head.paths)
        own = read_paths(document, (*market.at, "file"), market.parameters["file"], list(starts), grid, count, findings)
    seasonality = read_seasonality(market, start, findings)
    specification = complete_market(market, starts, findings, own, seasonality) if starts else None
    stress_at = (*market.at, "stress")
    if document.at(stress_at) is not None and starts and grid is not None and market.parameters is not None:
        assert market.model is not None, "parameters belong to a model"
        stress = read_stress(document, stress_at, market.model, market.parameters, list(starts), grid, findings)
        if specification is not None:
            specification = replace(specification, stress=stress)
            tell_condition(document, stress_at, specification, findings)
    funding_at, funding_text = (*market.at, "funding"), None
    if document.at(funding_at) is not None and starts and grid is not None:
        interval = None if draft.book is None else draft.book.venue.funding_interval
        funding, funding_text = read_funding(document, funding_at, list(starts), interval, grid.step, start, findings)
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
    if funding_text is not None:
        documents["funding"] = funding_text
    if simulated:
        documents["assets"] = json.dumps(dict(simulated))
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
        start=start,
        impact=impact,
        auto_deleveraging=auto_deleveraging,
        venue_stress=venue_stress,
        analysis=analysis,
    )


def _book(document: Document, at: KeyPath, findings: Findings) -> BookDraft | None:
    reference = reference_at(document, at)
    if reference is None:
        return None  # the file's own table says so
    path = document.folder / reference
    opened = open_document(path, str(path), findings, (document, at))
    return None if opened is None else book_from(opened, findings)


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
            surplus, liquidated = _surplus(book, pool)
            if not liquidated or (pool.positions, pool.collateral) in seen:
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


def _surplus(book: Book, pool: Pool) -> tuple[float, bool]:
    """Surplus of a pool at today's marks, under the rules of its contracts, and whether the venue liquidates there."""
    members = [book.positions[index] for index in pool.positions]
    pnl = [_pnl(position) for position in members]
    equity = math.fsum([pool.collateral, *pnl])
    demanded = []
    for position, own in zip(members, pnl, strict=True):
        symbol, entry = position.symbol, position.entry_price
        kind = (symbol.contract, symbol.contract_size)
        unit_value = CONTRACTS[symbol.contract].unit_value
        lines = requirement_lines(position.quantity, entry, symbol.tiers, *kind, symbol.rules)
        exposed = exposure(position.quantity, *kind)
        lines = with_closing_fee(lines, exposed, unit_value(entry), equity - own, symbol.rules)
        demanded.append(lines.at(unit_value(_mark(position))))
    surplus = equity - math.fsum(demanded)
    triggers = [position.symbol.rules.trigger for position in members if not position.is_collateral]
    return surplus, is_liquidated(surplus, "below" if all(each == "below" for each in triggers) else "at_or_below")


def _mark(position: Position) -> float:
    assert position.mark_price is not None, "start prices mark every position"
    return position.mark_price


def _pnl(position: Position) -> float:
    symbol, mark = position.symbol, _mark(position)
    return unrealized_pnl(position.quantity, position.entry_price, mark, symbol.contract, symbol.contract_size)
