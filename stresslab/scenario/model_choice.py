"""Scenarios under several market models: one scenario each, all else the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stresslab.documents.faults import Fault
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.reading import keys_of, open_document
from stresslab.market.models import MODELS
from stresslab.scenario.reading import read_scenario, scenario_from
from stresslab.scenario.scenario import Scenario
from stresslab.scenario.tables import MarketTable

MODEL_AT = ("market", "model")


def read_scenarios(
    path: str | Path, *, paths: int | None = None, seed: int | None = None, models: Sequence[str] | None = None
) -> tuple[Scenario, ...]:
    """Read a scenario under each of the market models that it names.

    Parameters
    ----------
    path : str or pathlib.Path
        The scenario's file.
    paths, seed : int, optional
        Taken in place of the file's own.
    models : sequence of str, optional
        Names of models in place of the file's own.

    Returns
    -------
    tuple of Scenario
        One a model, in their order; the seed is the same, and so is every draw that models share.

    Raises
    ------
    InputError
        With every fault of all the files under all the models, each once.
    """
    findings = Findings()
    document = open_document(Path(path), str(path), findings)
    scenarios = () if document is None else scenarios_from(document, findings, paths=paths, seed=seed, models=models)
    findings.stop_at_faults()
    return tuple(scenario for scenario in scenarios if scenario is not None)


def scenarios_from(
    document: Document,
    findings: Findings,
    *,
    paths: int | None = None,
    seed: int | None = None,
    models: Sequence[str] | None = None,
    simulated: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Scenario | None, ...]:
    """Check a parsed file as a scenario under each of its models; None where one of them has faults."""
    written = document.at(MODEL_AT)
    names = list(models) if models is not None else written if isinstance(written, list) else None
    if names is None:
        return (scenario_from(document, findings, paths=paths, seed=seed, simulated=simulated),)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if not names or twice:
        problem = "no model is named" if not names else f"the model {shown(str(twice[0]))} is named twice"
        findings.fault(document, MODEL_AT, problem, f"name some of {', '.join(MODELS)}, each once")
        return ()
    # With other models asked for, the keys of the file's own are known, and not used.
    of_file = written if isinstance(written, list) else [written]
    known = [name for name in (*names, *of_file) if isinstance(name, str)]
    before = len(findings.faults)
    given: dict[str, Any] = {"paths": paths, "seed": seed, "simulated": simulated}
    read = [scenario_from(_under(document, name, known), findings, **given) for name in names]
    # What is wrong under several models is told once, in the words of the first.
    once: dict[tuple[str, int, int, str], Fault] = {}
    for fault in findings.faults[before:]:
        once.setdefault((fault.path, fault.line, fault.column, fault.problem), fault)
    findings.faults[before:] = once.values()
    return tuple(read)


def _under(document: Document, name: object, among: Sequence[str]) -> Document:
    """The file as if it named one model alone: without the keys that only others of them know."""
    market = document.data["market"]
    own = {*keys_of(MarketTable), *_keys(name)}
    foreign = {key for other in among for key in _keys(other)} - own
    kept = {key: value for key, value in market.items() if key not in foreign}
    return replace(document, data={**document.data, "market": {**kept, "model": name}})


def _keys(name: object) -> list[str]:
    return keys_of(MODELS[name].parameters) if isinstance(name, str) and name in MODELS else []


def question_of(scenario: Scenario | str | Path, paths: int | None = None, seed: int | None = None) -> Scenario:
    """A scenario, or that of a file, with another number of paths or seed.

    Parameters
    ----------
    scenario : Scenario or path
        As it was read, or the file.
    paths, seed : int, optional
        Taken in place of its own: 1 to 1e9, and 0 to 2**63 - 1.

    Raises
    ------
    InputError
        If the file has faults.
    ValueError
        If a number is out of range, or the paths of a scenario that was read are given prices.
    """
    if not isinstance(scenario, Scenario):
        return read_scenario(scenario, paths=paths, seed=seed)
    if paths is not None and not 1 <= paths <= 10**9:
        raise ValueError(f"the number of paths is {paths}; it is 1 to 1e9")
    if seed is not None and not 0 <= seed < 2**63:
        raise ValueError(f"the seed is {seed}; it is 0 to 2**63 - 1")
    if paths is not None and scenario.market.paths is not None:
        raise ValueError("the scenario draws from given price paths; read it anew with another number of them")
    own = (scenario.paths if paths is None else paths, scenario.seed if seed is None else seed)
    return replace(scenario, paths=own[0], seed=own[1])
