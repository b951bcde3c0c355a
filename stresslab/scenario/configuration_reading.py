"""The configurations that a scenario adds: their pools, against the book."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from stresslab.book.book import Book
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.configurations import CROSS, STANDARD, configuration, standard_configurations
from stresslab.book.policies import Policy
from stresslab.book.reading import BookDraft
from stresslab.book.wallet import ROUNDING, initial_margin, leverage_problem, money
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import name_problem, shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, key_meant, keys_of, tables_in_list
from stresslab.scenario.tables import ConfigurationTable, PoolTable

PlacedPool = tuple[KeyPath, Pool]


@dataclass(frozen=True)
class ReadConfiguration:
    """A configuration of the file, before it meets the marked book.

    Parameters
    ----------
    name : str
        Its name.
    pools : list of (path, Pool)
        Those without a fault.
    like : str or None
        Configuration whose pools it takes instead.
    policies : tuple of Policy
        What acts on it.
    places : tuple of path
        Where the configuration names each of these policies.
    sound : bool
        Whether name and pools have no fault, so that the configuration can be built.
    """

    name: str
    pools: list[PlacedPool]
    like: str | None
    policies: tuple[Policy, ...]
    places: tuple[KeyPath, ...]
    sound: bool


def read_configurations(
    document: Document,
    at: KeyPath,
    draft: BookDraft | None,
    policies: Mapping[str, Policy | None],
    findings: Findings,
) -> list[ReadConfiguration]:
    """Check the list ``[[configuration]]`` against the book.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its list.
    draft : BookDraft or None
        The book as far as it could be read; without one, pools are checked by themselves.
    policies : mapping of str to Policy or None
        The scenario's, by name; None where one has faults.
    findings : Findings
        Takes the faults.

    Returns
    -------
    list of ReadConfiguration
        In the order of the file.
    """
    if at[0] not in document.data:
        return []
    names: dict[str, int] = {}
    read: list[ReadConfiguration] = []
    for path in tables_in_list(document, at, findings):
        before = len(findings.faults)
        table = check_table(document, path, ConfigurationTable, findings)
        raw = document.at(path)
        known = keys_of(ConfigurationTable)
        name_at = (*path, key_meant(raw, "name", known))
        name = document.at(name_at)
        if isinstance(name, str):
            _check_name(document, name_at, name, names, findings)
        pools_at = (*path, key_meant(raw, "pools", known))
        pools = _pools(document, pools_at, draft, findings) if pools_at[-1] in raw else []
        like_at = (*path, key_meant(raw, "like", known))
        _check_like(document, path, like_at, pools_at[-1] in raw, [*STANDARD, *names], name, findings)
        if table is not None:
            buildable = [*STANDARD, *(each.name for each in read if each.sound)]
            sound = len(findings.faults) == before and (table.like is None or table.like in buildable)
            policies_at = (*path, key_meant(raw, "policies", known))
            acting = _policies(document, policies_at, table.policies, policies, findings)
            read.append(ReadConfiguration(table.name, pools, table.like, tuple(acting.values()), tuple(acting), sound))
    return read


def _check_like(
    document: Document,
    at: KeyPath,
    like_at: KeyPath,
    has_pools: bool,
    known: list[str],
    name: object,
    findings: Findings,
) -> None:
    like = document.at(like_at)
    if like is None and not has_pools:
        example = '[{ name = "majors", positions = ["btc-long", "eth-short"], collateral = 120000 }]'
        remedy = f'add pools = {example} to [[configuration]], or like = "as_booked"'
        findings.fault(document, at, "the key `pools` is missing", remedy)
    elif like is not None and has_pools:
        findings.fault(document, like_at, "the configuration has pools of its own and takes others", "keep one of them")
    elif isinstance(like, str) and (like not in known or like == name):
        others = [other for other in known if other != name]
        problem = f"no configuration {shown(like)} stands before this one"
        findings.fault(document, like_at, problem, suggestion(like, others, "configurations"))


def _policies(
    document: Document,
    at: KeyPath,
    wanted: list[str],
    policies: Mapping[str, Policy | None],
    findings: Findings,
) -> dict[KeyPath, Policy]:
    """Policies by the place where the configuration names them."""
    found: dict[type, Policy] = {}
    placed: dict[KeyPath, Policy] = {}
    for index, name in enumerate(wanted):
        policy = policies.get(name)
        if name not in policies:
            remedy = suggestion(name, policies, "policies") if policies else "add it as [[policy]]"
            findings.fault(document, (*at, index), f"there is no policy {shown(name)}", remedy)
        elif policy is not None and type(policy) in found:
            problem = f"{shown(found[type(policy)].name)} and {shown(name)} are of one kind"
            findings.fault(document, (*at, index), problem, "switch on one of them")
        elif policy is not None:
            found[type(policy)] = placed[(*at, index)] = policy
    return placed


def _check_name(document: Document, at: KeyPath, name: str, names: dict[str, int], findings: Findings) -> None:
    if name in STANDARD:
        findings.fault(document, at, f"the name {shown(name)} is taken: every run evaluates it", "give it another name")
    elif name in names:
        problem = f"the configuration {shown(name)} stands twice, first in line {names[name]}"
        findings.fault(document, at, problem, "give each configuration its own name")
    names.setdefault(name, document.places.value(at).line)


def _pools(document: Document, at: KeyPath, draft: BookDraft | None, findings: Findings) -> list[PlacedPool]:
    if document.at(at) == []:
        findings.fault(
            document, at, "the configuration names no pool", "name a pool, or leave it out: it would be all_cross"
        )
    names: set[str] = set()
    homes: dict[str, str] = {}
    pools = []
    tables = [
        (path, check_table(document, path, PoolTable, findings)) for path in tables_in_list(document, at, findings)
    ]
    if draft is not None and tables:
        _check_rest(document, at, [table for _, table in tables], draft, findings)
    for path, table in tables:
        before = len(findings.faults)
        if table is not None:
            _check_pool_name(document, path, table, names, draft, findings)
        _check_members(document, path, homes, draft, findings)
        if table is not None and draft is not None and len(findings.faults) == before:
            pool = Pool(
                table.name, tuple(sorted(draft.ids[position] for position in table.positions)), table.collateral
            )
            _check_leverage(document, path, pool, draft, findings)
            pools.append((path, pool))
    return pools


def _check_members(
    document: Document, at: KeyPath, homes: dict[str, str], draft: BookDraft | None, findings: Findings
) -> None:
    """Check the positions of a pool as they are written, so that one mistyped entry does not hide another."""
    raw = document.at(at)
    known = keys_of(PoolTable)
    place = (*at, key_meant(raw, "positions", known))
    entries = document.at(place)
    pool = raw.get(key_meant(raw, "name", known))
    for index, position in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(position, str) or name_problem(position) is not None:
            continue  # the pool's own table says so
        if draft is not None and position not in draft.ids:
            remedy = suggestion(position, draft.ids, "positions")
            findings.fault(document, (*place, index), f"the book holds no position {shown(position)}", remedy)
        elif position in homes:
            problem = f"the position {shown(position)} stands already in the pool {homes[position]}"
            findings.fault(document, (*place, index), problem, "a position belongs to one pool of a configuration")
        homes.setdefault(position, shown(pool))


def _check_pool_name(
    document: Document, at: KeyPath, table: PoolTable, names: set[str], draft: BookDraft | None, findings: Findings
) -> None:
    place = (*at, "name")
    if table.name == CROSS:
        problem = 'the name "cross" is taken by the pool of all positions that no pool names'
        findings.fault(document, place, problem, "give the pool another name")
    elif table.name in names:
        findings.fault(document, place, f"the pool {shown(table.name)} stands twice", "give each pool its own name")
    elif draft is not None and table.name in draft.ids and table.positions != [table.name]:
        problem = f"the pool bears the id of the position {shown(table.name)}, but does not hold just that position"
        findings.fault(document, place, problem, "give the pool another name")
    names.add(table.name)


def _check_leverage(document: Document, at: KeyPath, pool: Pool, draft: BookDraft, findings: Findings) -> None:
    members = [draft.positions[index] for index in pool.positions]
    positions = [position for position in members if position is not None]
    if len(positions) < len(members) or any(position.is_collateral for position in positions):
        return  # what assets are worth is not known before they have prices
    place = (*at, "collateral")
    if len(positions) == 1:
        refusal = leverage_problem(positions[0], pool.collateral)
        if refusal is not None:
            findings.fault(document, place, *refusal)
        return
    needed = math.fsum(initial_margin(position, position.entry_price) for position in positions)
    if needed > pool.collateral * (1.0 + ROUNDING):
        problem = f"the pool's collateral of {money(pool.collateral)} is below its initial margin of {money(needed)}"
        findings.notice(document, place, problem, "the venue would not let these positions be opened; the run goes on")


def _check_rest(
    document: Document, at: KeyPath, tables: list[PoolTable | None], draft: BookDraft, findings: Findings
) -> None:
    if draft.wallet_balance is None:
        return
    pools = [table for table in tables if table is not None]
    wallet = draft.wallet_balance
    total = math.fsum(pool.collateral for pool in pools)
    named = {position for pool in pools for position in pool.positions}
    others = [draft.positions[index] for name, index in draft.ids.items() if name not in named]
    left = sum(position is None or not position.is_collateral for position in others)
    if total > wallet * (1.0 + ROUNDING):
        problem = f"the pools take {money(total)}, above the wallet balance of {money(wallet)}"
        findings.fault(document, at, problem, "lower the pools' collateral")
    elif left > 0 and len(pools) == len(tables) and total >= wallet * (1.0 - ROUNDING):
        problem = f"the pools take the whole wallet, and nothing is left for {left} outside of them"
        findings.fault(document, at, problem, "lower the pools' collateral, or name every position")


def build_configurations(book: Book, read: list[ReadConfiguration]) -> tuple[Configuration, ...]:
    """Configurations of a marked book from pools and policies that were checked."""
    built = {each.name: each for each in standard_configurations(book)}
    for each in read:
        if each.like is None:
            made = configuration(book, each.name, [pool for _, pool in each.pools])
        else:
            made = replace(built[each.like], name=each.name, base=each.like)
        built[each.name] = replace(made, policies=each.policies)
    return tuple(built[each.name] for each in read)
