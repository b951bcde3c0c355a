"""The policies of a scenario: the list ``[[policy]]``, each kind with a table of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, Field

from stresslab.book.policies import Policy, TopUp
from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import TABLE, Duration, Money, Name
from stresslab.documents.findings import Document, Findings
from stresslab.documents.messages import number
from stresslab.documents.names import shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_table, key_meant, keys_of, tables_in_list

Ratio = Annotated[float, Field(gt=1.0, le=1000.0, allow_inf_nan=False)]

_NAME = Field(description="Unique name of the policy; configurations switch it on by it.", examples=["desk reserve"])
_KIND = Field(description="What it does.", examples=["top_up"])


class TopUpTable(BaseModel):
    """Money sent from a reserve into a pool whose margin runs low."""

    model_config = TABLE
    name: Annotated[Name, _NAME]
    kind: Annotated[Name, _KIND]
    trigger: Annotated[Ratio, Field(description="Margin ratio below which money is sent.", examples=[1.5])]
    target: Annotated[Ratio, Field(description="Margin ratio that it restores; above the trigger.", examples=[2.5])]
    cap: Annotated[Money, Field(description="Most that one pool gets in all.", examples=[50000])]
    reserve: Annotated[
        Money, Field(description="Money outside the wallet for all pools of a configuration.", examples=[200000])
    ]
    delay: Annotated[
        Duration | None, Field(description="From the decision to the arrival; default: none.", examples=["2h"])
    ] = None


@dataclass(frozen=True)
class Kind:
    """A kind of policy: its table, and what makes a policy of it or finds further faults."""

    table: type[BaseModel]
    build: Callable[[Document, KeyPath, Any, Findings], Policy | None]


def _top_up(document: Document, at: KeyPath, table: TopUpTable, findings: Findings) -> Policy | None:
    if table.target <= table.trigger:
        problem = f"the target {number(table.target)} is not above the trigger {number(table.trigger)}"
        findings.fault(document, (*at, "target"), problem, "restore more than what sets it off")
        return None
    delay = 0.0 if table.delay is None else minutes_of(table.delay) / 1440
    return TopUp(table.name, table.trigger, table.target, table.cap, table.reserve, delay)


KINDS: Mapping[str, Kind] = MappingProxyType({"top_up": Kind(TopUpTable, _top_up)})


def read_policies(document: Document, at: KeyPath, findings: Findings) -> dict[str, Policy | None]:
    """Check the list ``[[policy]]``.

    Parameters
    ----------
    document, at : Document and path
        The scenario and its list.
    findings : Findings
        Takes the faults.

    Returns
    -------
    dict of str to Policy or None
        By name; None where a policy has faults.
    """
    if at[0] not in document.data:
        return {}
    read: dict[str, Policy | None] = {}
    for path in tables_in_list(document, at, findings):
        raw = document.at(path)
        known = list(dict.fromkeys(key for kind in KINDS.values() for key in keys_of(kind.table)))
        kind_at = (*path, key_meant(raw, "kind", known))
        kind, name = document.at(kind_at), document.at((*path, key_meant(raw, "name", known)))
        policy = None
        if kind is None:
            findings.fault(document, path, "the key `kind` is missing", f'add kind = "{next(iter(KINDS))}"')
        elif kind not in KINDS:
            remedy = suggestion(str(kind), KINDS, "kinds")
            findings.fault(document, kind_at, f"there is no policy of kind {shown(str(kind))}", remedy)
        else:
            table = check_table(document, path, KINDS[kind].table, findings)
            policy = None if table is None else KINDS[kind].build(document, path, table, findings)
        if isinstance(name, str):
            if name in read:
                problem = f"the policy {shown(name)} stands twice"
                findings.fault(document, (*path, "name"), problem, "give each policy its own name")
            read[name] = policy
    return read
