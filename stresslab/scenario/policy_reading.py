"""The policies of a scenario: the list ``[[policy]]``, each kind with a table of its own in `scenario.policies`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stresslab.book.book import Book
from stresslab.book.configuration import Pool
from stresslab.book.policies import Policy
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, key_meant, keys_of, tables_in_list
from stresslab.scenario.configuration_reading import ReadConfiguration, build_configurations
from stresslab.scenario.policies.alerts import ALERTS
from stresslab.scenario.policies.deleveraging import DELEVERAGING
from stresslab.scenario.policies.kind import Kind, Surroundings, Uses
from stresslab.scenario.policies.outage import OUTAGE
from stresslab.scenario.policies.reallocation import REALLOCATION
from stresslab.scenario.policies.stop_loss import STOP_LOSS
from stresslab.scenario.policies.take_profit import TAKE_PROFIT
from stresslab.scenario.policies.top_up import TOP_UP
from stresslab.scenario.policies.withdrawal import WITHDRAWAL
from stresslab.scenario.tables import ConfigurationTable

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "stop_loss": STOP_LOSS,
        "take_profit": TAKE_PROFIT,
        "alerts": ALERTS,
        "top_up": TOP_UP,
        "withdrawal": WITHDRAWAL,
        "reallocation": REALLOCATION,
        "deleveraging": DELEVERAGING,
        "outage": OUTAGE,
    }
)


@dataclass(frozen=True)
class ReadPolicy:
    """A policy of the file.

    Parameters
    ----------
    at : path
        Its table.
    kind : Kind or None
        None where it is of no kind.
    policy : Policy or None
        None where it has faults.
    """

    at: KeyPath
    kind: Kind | None
    policy: Policy | None


def read_policies(
    document: Document, at: KeyPath, surroundings: Surroundings, findings: Findings
) -> dict[str, ReadPolicy]:
    """Check the list ``[[policy]]``.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its list.
    surroundings : Surroundings
        Book and time grid, as far as they could be read.
    findings : Findings
        Takes the faults.

    Returns
    -------
    dict of str to ReadPolicy
        By name.
    """
    if at[0] not in document.data:
        return {}
    read: dict[str, ReadPolicy] = {}
    known = list(dict.fromkeys(key for kind in KINDS.values() for key in keys_of(kind.table)))
    for path in tables_in_list(document, at, findings):
        raw = document.at(path)
        kind_at = (*path, key_meant(raw, "kind", known))
        name_at = (*path, key_meant(raw, "name", known))
        named, name = document.at(kind_at), document.at(name_at)
        kind = KINDS.get(named) if isinstance(named, str) else None
        policy = None
        if named is None:
            findings.fault(document, path, "the key `kind` is missing", f'add kind = "{next(iter(KINDS))}"')
        elif kind is None:
            remedy = suggestion(str(named), KINDS, "kinds")
            findings.fault(document, kind_at, f"there is no policy of kind {shown(str(named))}", remedy)
        else:
            table = check_table(document, path, kind.table, findings)
            policy = kind.build(document, path, table, surroundings, findings)
        if isinstance(name, str):
            if name in read:
                problem = f"the policy {shown(name)} stands twice"
                findings.fault(document, name_at, problem, "give each policy its own name")
            read[name] = ReadPolicy(path, kind, policy)
    return read


def check_unused(document: Document, at: KeyPath, policies: Mapping[str, ReadPolicy], findings: Findings) -> None:
    """Warn of each policy that no configuration switches on.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its list ``[[configuration]]``.
    policies : mapping of str to ReadPolicy
        By name.
    findings : Findings
        Takes the warnings. There are none while a configuration names a policy that does not exist: it may be this one.
    """
    wanted: set[str] = set()
    tables = document.at(at)
    for table in tables if isinstance(tables, list) else []:
        names = table.get(key_meant(table, "policies", keys_of(ConfigurationTable))) if isinstance(table, dict) else []
        wanted.update(name for name in (names if isinstance(names, list) else []) if isinstance(name, str))
    if wanted - policies.keys():
        return
    for name, read in policies.items():
        if name not in wanted:
            problem = f"no configuration switches the policy {shown(name)} on, so that it does nothing"
            remedy = f"add policies = [{shown(name, 200)}] to a [[configuration]], or remove the policy"
            findings.notice(document, (*read.at, "name"), problem, remedy)


def check_policies(
    document: Document,
    policies: Mapping[str, ReadPolicy],
    configurations: Sequence[ReadConfiguration],
    book: Book,
    surplus: Callable[[Book, Pool], float],
    findings: Findings,
) -> None:
    """Check policies in the configurations that switch them on.

    Parameters
    ----------
    document : Document
        The scenario.
    policies : mapping of str to ReadPolicy
        By name.
    configurations : sequence of ReadConfiguration
        Those whose pools have faults are passed over.
    book : Book
        Every position marked.
    surplus : function
        Surplus of a pool of a book at the book's marks, money.
    findings : Findings
        Takes faults and warnings.
    """
    sound = [each for each in configurations if each.sound]
    built = list(zip(sound, build_configurations(book, sound), strict=True))
    for read in policies.values():
        if read.policy is None or read.kind is None or read.kind.check is None:
            continue
        uses = tuple(
            (place, made)
            for each, made in built
            for place, policy in zip(each.places, each.policies, strict=True)
            if policy is read.policy
        )
        read.kind.check(Uses(document, read.at, uses, book, surplus), read.policy, findings)
