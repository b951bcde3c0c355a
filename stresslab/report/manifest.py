"""The page for the auditor: identity of the run, its inputs and the versions that its digits depend on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stresslab.report.blocks import Block, Column, Table, text, whole_table
from stresslab.report.formatting import count
from stresslab.report.limitations import calibration
from stresslab.report.review import Review


def manifest(review: Review) -> list[Block]:
    """Blocks of the manifest; nothing of the clock, the host or the device."""
    attributes = review.results.attrs
    versions = json.loads(attributes["versions"])
    run = [
        ("Review", str(attributes["title"])),
        ("Book", str(attributes["book"])),
        ("Scenario hash", str(attributes["scenario_hash"])),
        ("Paths, failed", f"{count(int(attributes['paths']))}, {count(review.failed)}"),
        ("Horizon, step", f"{review.horizon}, {review.step}"),
        ("Model", str(attributes["model"])),
        ("Seed", str(int(attributes["seed"]))),
        ("Draws", "counter-based Threefry, keyed by seed, stream, path and step"),
        ("Block width", count(int(attributes["block_width"]))),
        ("Bridge", str(attributes["bridge"])),
        ("Rule pack", f"{attributes['venue']}, effective {attributes['venue_effective']}"),
        ("Source of the rules", str(attributes["venue_source"])),
        ("Dataset", f"results.nc, schema {int(attributes['schema'])}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    found = calibration(review)
    if found:
        history: dict[str, Any] = found.get("history", {})
        run.insert(-2, ("Calibration", f"{found.get('name', '')}, as of {found.get('as_of', '')}"))
        if "note" in history:
            run.insert(-2, ("Calibrated on", str(history["note"])))
    return [
        {"kind": "facts", "items": [list(item) for item in run]},
        whole_table(_inputs(review, found)),
        text(
            "The dataset holds the input documents whole, so the run can be repeated from it alone. Draws are a "
            "function of "
            "the seed and of what is drawn; at one block width the same inputs give the same numbers. Times and "
            "devices "
            "stand in manifest.json.",
            "note",
        ),
        {"kind": "sign_off", "roles": ["Prepared", "Validated", "Approved"]},
    ]


def _inputs(review: Review, found: dict[str, Any]) -> Table:
    documents: dict[str, str] = json.loads(review.results.attrs["documents"])
    rows: list[list[str]] = [
        [role, hashlib.sha256(content.encode("utf-8")).hexdigest()] for role, content in sorted(documents.items())
    ]
    for asset, history in found.get("history", {}).get("assets", {}).items():
        if "sha256" in history:
            rows.append([f"history of {asset}", str(history["sha256"])])
    return Table(
        "Inputs and their SHA-256; of histories as the calibration records them",
        (Column("Document", "left", 1.0), Column("SHA-256", "code")),
        rows,
    )
