"""What a kind of policy is to the reader, and the types and checks that several kinds share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from stresslab.book.book import Book, Position
from stresslab.book.configuration import Configuration, Pool
from stresslab.book.policies import Policy
from stresslab.documents.durations import minutes_of
from stresslab.documents.fields import Duration
from stresslab.documents.findings import Document, Findings
from stresslab.documents.messages import number
from stresslab.documents.places import KeyPath

Ratio = Annotated[float, Field(gt=1.0, le=1000.0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)]

NAME = Field(description="Unique name of the policy; configurations switch it on by it.", examples=["desk reserve"])
KIND = Field(description="What it does.")
SLIPPAGE = Field(description="Loss of price when it trades, a fraction of notional; default 0.", examples=[0.001])
FEE_RATE = Field(description="Trading fee, a fraction of notional; default 0.", examples=[0.0005])
Latency = Annotated[
    Duration | None, Field(description="From the trigger to the trade; default: none.", examples=["5m"])
]


@dataclass(frozen=True)
class Surroundings:
    """What a policy is read against.

    Parameters
    ----------
    positions : mapping of str to Position or None
        The book's by id, None for one with faults; None as a whole where the book could not be read.
    horizon, step : float or None
        Days; None where they have faults.
    has_start : bool
        Whether the scenario states when it starts.
    """

    positions: Mapping[str, Position | None] | None
    horizon: float | None
    step: float | None
    has_start: bool


@dataclass(frozen=True)
class Uses:
    """The configurations that switch a policy on.

    Parameters
    ----------
    document : Document
        The scenario.
    at : path
        The policy's table.
    configurations : tuple of (path, Configuration)
        With the place of the policy's name among the configuration's policies.
    book : Book
        Every position marked.
    surplus : function
        Surplus of a pool of a book at the book's marks, money.
    """

    document: Document
    at: KeyPath
    configurations: tuple[tuple[KeyPath, Configuration], ...]
    book: Book
    surplus: Callable[[Book, Pool], float]


@dataclass(frozen=True)
class Kind:
    """A kind of policy.

    Parameters
    ----------
    table : type of pydantic.BaseModel
        Its keys, with a ``kind`` that allows its own name alone.
    build : function
        From the document, the path of the table, the checked table (None where it has faults), the surroundings and
        the findings to the policy; None where there are faults, which it adds.
    check : function or None
        Adds what is wrong with a policy in the configurations that switch it on.
    """

    table: type[BaseModel]
    build: Callable[[Document, KeyPath, Any, Surroundings, Findings], Policy | None]
    check: Callable[[Uses, Any, Findings], None] | None = None


def days(duration: str | None) -> float:
    """Days of a duration that was checked; 0 where none is stated."""
    return 0.0 if duration is None else minutes_of(duration) / 1440


def check_order(
    document: Document, at: KeyPath, target: float, trigger: float, findings: Findings, *, above: bool
) -> None:
    """A target on the wrong side of its trigger is a fault.

    Parameters
    ----------
    document, at : Document and path
        The policy's table.
    target, trigger : float
        Margin ratios.
    findings : Findings
        Takes the fault.
    above : bool
        Whether the target belongs above the trigger, or below it.
    """
    if (target > trigger) if above else (target < trigger):
        return
    problem = f"the target {number(target)} is not {'above' if above else 'below'} the trigger {number(trigger)}"
    remedy = "restore more than what sets it off" if above else "leave less than what sets it off"
    findings.fault(document, (*at, "target"), problem, remedy)
