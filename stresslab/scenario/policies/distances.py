"""Distances of orders from today's marks: one for all positions, and others for single ones."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SkipValidation

from stresslab.documents.fields import TABLE
from stresslab.documents.findings import Document, Findings
from stresslab.documents.messages import number
from stresslab.documents.names import name_problem, shown, suggestion
from stresslab.documents.places import KeyPath
from stresslab.documents.reading import check_values, is_table, key_meant
from stresslab.scenario.policies.kind import Surroundings

Distance = Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)]
CommonDistance = Annotated[
    Distance | None,
    Field(description="Of every position that `distances` does not name; without it, only those.", examples=[0.08]),
]
Distances = Annotated[
    SkipValidation[dict[str, Distance]],
    Field(description="Of single positions, by id.", examples=[{"btc-long": 0.05}]),
]


class _One(BaseModel):
    model_config = TABLE
    distance: Distance


def place_of(document: Document, at: KeyPath, position: str) -> KeyPath:
    """Where the distance of a position is stated in a policy's table."""
    own = (*at, "distances", position)
    return (*at, "distance") if document.at(own) is None else own


def read_distances(
    document: Document, at: KeyPath, known: list[str], surroundings: Surroundings, findings: Findings, *, side: float
) -> dict[str, float]:
    """Check the keys ``distance`` and ``distances`` of a policy against the book.

    Parameters
    ----------
    document, at : Document and path
        The scenario and the policy's table.
    known : list of str
        Keys of that table.
    surroundings : Surroundings
        The book's positions.
    findings : Findings
        Takes the faults.
    side : float
        Sign of the quantity whose price falls towards the order, so that its distance must be below 1: +1 for a stop,
        -1 for a take-profit.

    Returns
    -------
    dict of str to float
        By position id, in the order of the book, for each position that the policy covers; without those at fault.
    """
    raw = document.at(at)
    common_at, own_at = ((*at, key_meant(raw, key, known)) for key in ("distance", "distances"))
    common, stated = document.at(common_at), document.at(own_at)
    if common is None and stated in (None, {}):
        problem = "the policy states no distance"
        findings.fault(document, at, problem, 'add distance = 0.08, or distances = { "btc-long" = 0.08 }')
        return {}
    if isinstance(common, bool) or not isinstance(common, (int, float)) or not 0.0 < common <= 100.0:
        common = None  # the policy's own table says so where it is there and wrong
    positions = surroundings.positions
    own: dict[str, float] = {}
    if stated is None or not is_table(document, own_at, findings):
        stated = {}
    for key in stated:
        if name_problem(key) is None and positions is not None and key not in positions:
            remedy = suggestion(key, positions, "positions")
            findings.fault(document, (*own_at, key), f"the book holds no position {shown(key)}", remedy, key=True)
        one = check_values(document, own_at, {"distance": stated[key]}, _One, findings, {"distance": key})
        if one is not None:
            own[key] = one.distance
    covered: dict[str, float] = {}
    for name, position in (positions or {}).items():
        distance = own.get(name, None if name in stated else common)
        if distance is None:
            continue
        if position is not None and position.quantity * side > 0.0 and distance >= 1.0:
            word = "long" if side > 0.0 else "short"
            problem = f"a distance of {number(float(distance))} puts the order of the {word} position {shown(name)} at "
            problem += "a price that is not above 0"
            place = (*own_at, name) if name in own else common_at
            findings.fault(document, place, problem, "give a distance below 1: 8 percent is 0.08")
            if name not in own:
                common = None  # one figure is one fault, however many positions it covers
            continue
        covered[name] = float(distance)
    return covered
