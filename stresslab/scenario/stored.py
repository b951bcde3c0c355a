"""A scenario again from the texts that a result holds, without the files from which they were read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stresslab.documents.findings import Document, Findings
from stresslab.documents.reading import keys_of, parse_document
from stresslab.scenario.institution_reading import InstitutionTable
from stresslab.scenario.model_choice import scenarios_from
from stresslab.scenario.scenario import Scenario


def scenario_from_texts(
    documents: Mapping[str, str],
    *,
    model: str,
    paths: int | None = None,
    seed: int | None = None,
    folder: Path = Path(),
) -> Scenario:
    """Read a scenario from the texts that a run kept.

    Parameters
    ----------
    documents : mapping of str to str
        Texts by role, as `Scenario.documents` holds them; ``scenario``, ``book`` and ``venue`` at the least.
    model : str
        The market model, of those that the text may name.
    paths, seed : int, optional
        Taken in place of the text's own.
    folder : pathlib.Path
        Where bars and price paths lie that the scenario names: a result holds their hashes alone.

    Returns
    -------
    Scenario
        With the same texts as its documents.

    Raises
    ------
    InputError
        With every fault; a text is named by its role.
    """
    findings = Findings()
    parsed = {
        role: parse_document(text.encode(), f"stored {role}", folder, findings)
        for role, text in documents.items()
        if role in _ROLES
    }
    findings.stop_at_faults()
    read = {role: document for role, document in parsed.items() if document is not None}
    for role, document in read.items():
        # Whoever follows the reference finds the text in place of a file.
        pointing = replace(document, data=_pointing(role, document.data, read))
        findings.opened[(folder / _file(role)).resolve()] = read[role] = pointing
    # One of several accounts: its market holds the assets of all of them.
    simulated: dict[str, float] = json.loads(documents.get("assets", "{}"))
    given: dict[str, Any] = {"paths": paths, "seed": seed, "simulated": simulated}
    (scenario,) = scenarios_from(read["scenario"], findings, models=[model], **given)
    findings.stop_at_faults()
    assert scenario is not None, "a scenario without faults is complete"
    return scenario


_ROLES = ("scenario", "book", "venue", "calibration", "funding")


def _file(role: str) -> str:
    return f".stored {role}.toml"


def _pointing(role: str, data: dict[str, Any], read: Mapping[str, Document]) -> dict[str, Any]:
    """A file's data with references to the other texts in place of those to files and shipped names."""
    if role == "book":
        return {**data, "venue": _file("venue")}
    if role != "scenario":
        return data
    market = dict(data.get("market", {}))
    if "calibration" in read:
        market["calibration"] = _file("calibration")
    if "funding" in read:
        market["funding"] = {**market.get("funding", {}), "calibration": _file("funding")}
    kept = {key: value for key, value in data.items() if key not in keys_of(InstitutionTable)}
    return {**kept, "book": _file("book"), "market": market}
