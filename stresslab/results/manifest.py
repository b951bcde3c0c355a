"""The manifest of a run: its inputs, code, versions, seed and times, each where an auditor looks for it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from typing import TYPE_CHECKING, Any

from stresslab.results.code import code_hash
from stresslab.scenario.scenario import Scenario

if TYPE_CHECKING:
    import xarray as xr

    from stresslab.simulation.outcomes import Outcomes


def manifest_of(
    scenario: Scenario,
    outcomes: Outcomes,
    results: xr.Dataset,
    *,
    form: str,
    seconds: dict[str, float],
    identity: str,
    device: str,
) -> dict[str, Any]:
    """What a run leaves in ``manifest.json`` but for the hashes of its files.

    Parameters
    ----------
    scenario, outcomes, results : Scenario, Outcomes, xarray.Dataset
        The question, its simulation and what was made of it.
    form : str
        Of the report.
    seconds : dict of str to float
        By phase.
    identity : str
        From `stresslab.results.code.run_identity`.
    device : str
        Kind of device that simulated.

    Returns
    -------
    dict
        Ready for JSON.
    """
    documents: dict[str, str] = json.loads(results.attrs["documents"])
    drawn = scenario.market.history or scenario.market.paths  # bars or price paths
    return {
        "title": scenario.name,
        "identity": identity,
        "scenario_hash": results.attrs["scenario_hash"],
        "inputs": {role: hashlib.sha256(text.encode()).hexdigest() for role, text in documents.items()},
        "seed": scenario.seed,
        "paths": scenario.paths,
        **({"until": json.loads(results.attrs["until"])} if "until" in results.attrs else {}),
        "failed_paths": int(outcomes.failed.sum()),
        "block_width": outcomes.block_width,
        "form": form,
        "histories": {} if drawn is None else dict(drawn.hashes),
        "code": code_hash(),
        "versions": json.loads(results.attrs["versions"]),
        "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "seconds": {phase: round(taken, 2) for phase, taken in seconds.items()},
        "device": device,
        "machine": f"{platform.system()} {platform.machine()}",
    }
