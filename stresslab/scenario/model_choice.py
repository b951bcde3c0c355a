"""Scenarios under several market models: one scenario each, all else the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stresslab.documents.faults import Fault
from stresslab.documents.findings import Document, Findings
from stresslab.documents.names import shown
from stresslab.documents.reading import keys_of, open_document
from stresslab.market.models import MODELS
from stresslab.scenario.reading import scenario_from
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
) -> tuple[Scenario | None, ...]:
    """Check a parsed file as a scenario under each of its models; None where one of them has faults."""
    written = document.at(MODEL_AT)
    names = list(models) if models is not None else written if isinstance(written, list) else None
    if names is None:
        return (scenario_from(document, findings, paths=paths, seed=seed),)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if not names or twice:
        problem = "no model is named" if not names else f"the model {shown(str(twice[0]))} is named twice"
        findings.fault(document, MODEL_AT, problem, f"name some of {', '.join(MODELS)}, each once")
        return ()
    # With other models asked for, the keys of the file's own are known, and not used.
    of_file = written if isinstance(written, list) else [written]
    known = [name for name in (*names, *of_file) if isinstance(name, str)]
    before = len(findings.faults)
    read = [scenario_from(_under(document, name, known), findings, paths=paths, seed=seed) for name in names]
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
