"""What stands beside a run's results for further pages of its report: each part in a file of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

import xarray as xr

from stresslab.results.limit_history import HISTORY
from stresslab.results.output_folder import read_manifest
from stresslab.results.saving import ResultsError, load_part, save

FILES: Mapping[str, str] = MappingProxyType(
    {
        "models": "models.nc",
        "replays": "replay.nc",
        "sensitivities": "sensitivities.nc",
        "allocation": "allocation.nc",
        "rare": "rare.nc",
        "comparison": "comparison.nc",
        "history": HISTORY,
    }
)
"""File of each part in the folder of a run."""
REASONS = "left_out.json"
"""File of the reasons why parts are missing that were asked for."""


@dataclass(frozen=True)
class Companions:
    """Parts of a review beyond the run itself; None where there is none.

    Parameters
    ----------
    models : xarray.Dataset or None
        From `stresslab.results.models.across_models`, the report's own model first.
    replays : xarray.Dataset or None
        From `stresslab.replay`.
    sensitivities : xarray.Dataset or None
        From `stresslab.sensitivities`.
    allocation : xarray.Dataset or None
        From `stresslab.allocation.dataset.allocation_dataset`.
    rare : xarray.Dataset or None
        From `stresslab.rare.dataset.review_rare_events`.
    comparison : xarray.Dataset or None
        From `stresslab.reviewing.comparing.compare`, the review itself as the new one.
    history : xarray.Dataset or None
        Limits of the account's former reviews, from `stresslab.results.limit_history`.
    reasons : mapping of str to str
        Why a part is missing, by name, as the end of a sentence.
    """

    models: xr.Dataset | None = None
    replays: xr.Dataset | None = None
    sensitivities: xr.Dataset | None = None
    allocation: xr.Dataset | None = None
    rare: xr.Dataset | None = None
    comparison: xr.Dataset | None = None
    history: xr.Dataset | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, xr.Dataset]:
        """The parts that are there, by name."""
        found = {each.name: getattr(self, each.name) for each in fields(self) if each.name in FILES}
        return {name: part for name, part in found.items() if part is not None}


def save_companions(companions: Companions, folder: Path) -> None:
    """Write every part to its file, and the reasons where there are any.

    Parameters
    ----------
    companions : Companions
        What there is.
    folder : pathlib.Path
        Of the run, before its manifest is written.
    """
    for name, part in companions.parts.items():
        save(part, folder / FILES[name])
    if companions.reasons:
        text = json.dumps(dict(companions.reasons), indent=2, ensure_ascii=False, sort_keys=True)
        (folder / REASONS).write_text(text + "\n", encoding="utf-8")


def load_companions(folder: Path) -> Companions:
    """Read the parts that a folder holds, each held against the checksum of the folder's manifest.

    Parameters
    ----------
    folder : pathlib.Path
        Of a run; without a manifest nothing is checked.

    Returns
    -------
    Companions
        A part that the manifest names and the folder lacks is missing, with that as the reason.

    Raises
    ------
    ResultsError
        If a file is damaged, or is not the one that the run wrote.
    """
    manifest = read_manifest(folder)
    stated: dict[str, str] = {} if manifest is None else manifest["files"]
    reasons: dict[str, str] = {}
    if (folder / REASONS).is_file():
        _check(folder / REASONS, stated)
        reasons = {str(name): str(why) for name, why in json.loads((folder / REASONS).read_text("utf-8")).items()}
    parts = {}
    for name, file in FILES.items():
        if (folder / file).is_file():
            _check(folder / file, stated)
            parts[name] = load_part(folder / file, name)
        elif file in stated:
            reasons[name] = f"its file {file} is no longer in the folder"
    return Companions(**parts, reasons=reasons)


def _check(path: Path, stated: Mapping[str, str]) -> None:
    if path.name not in stated:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != stated[path.name]:
        raise ResultsError(
            f"{path} is not as it was written: its SHA-256 is not the manifest's; run the scenario again, or move it "
            "away to do without its page"
        )
