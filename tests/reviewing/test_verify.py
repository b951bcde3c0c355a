"""A finished run, run again: the same numbers, other numbers, and damage of every kind."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
import xarray as xr

from stresslab import cli
from stresslab.results.differences import differences
from stresslab.results.output_folder import write_manifest
from stresslab.results.saving import load, save
from tests.scenario.files import BOOK, PACK, SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ('"1h"', '"4h"'), ("100_000", "200"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run whose files are gone and whose paths and seed were set on the command line."""
    place = tmp_path_factory.mktemp("run")
    (place / "files").mkdir()
    file = write(place / "files", scenario=TINY)
    words = ["run", str(file), "--out", str(place / "out"), "--form", "short", "--paths", "300", "--seed", "11"]
    assert cli.main(words) == 0
    shutil.rmtree(place / "files")
    return place / "out"


def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "copy")


def test_a_run_comes_out_again_from_its_dataset_alone(finished, capsys):
    assert cli.main(["verify", str(finished)]) == 0
    told = capsys.readouterr().out
    count = len(load(finished).variables)
    assert f"results.nc: {count} of {count} the same" in told


def test_a_changed_number_is_told_by_its_name(finished, tmp_path, capsys):
    folder = copied(finished, tmp_path)
    results = load(folder)
    results["expected_loss"][0] += 0.5
    save(results, folder / "results.nc")
    content = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, {key: content[key] for key in content if key not in ("schema", "files")})
    assert cli.main(["verify", str(folder)]) == 3
    told = capsys.readouterr().out
    # Oracle: the half that was added; one value of three configurations and the scenario's own.
    assert "  expected_loss differs in 1 of 4 values, by at most 0.5\n" in told


def test_damage_is_told_for_every_file(finished, tmp_path, capsys):
    folder = copied(finished, tmp_path)
    (folder / "report.pdf").write_bytes(b"%PDF")
    (folder / "tables" / "by_configuration.csv").unlink()
    assert cli.main(["verify", str(folder)]) == 2
    told = capsys.readouterr().err
    assert "report.pdf is not as it was written" in told
    assert "by_configuration.csv cannot be read: No such file" in told
    (folder / "manifest.json").write_text("{}")
    assert cli.main(["verify", str(folder)]) == 2
    assert "holds no manifest.json of stresslab" in capsys.readouterr().err


def test_the_manifest_lists_what_a_number_depends_on(finished):
    manifest = json.loads((finished / "manifest.json").read_text())
    # Oracle: hashes of the texts themselves.
    assert manifest["inputs"]["book"] == hashlib.sha256(BOOK.encode()).hexdigest()
    assert manifest["inputs"]["venue"] == hashlib.sha256(PACK.encode()).hexdigest()
    assert (manifest["seed"], manifest["paths"], manifest["histories"]) == (11, 300, {})
    assert len(manifest["code"]) == 64
    assert {"versions", "device", "machine", "seconds", "finished", "block_width"} <= manifest.keys()


def test_differences_tell_missing_values_texts_and_shapes_apart():
    before = xr.Dataset({"a": ("x", [1.0, np.nan]), "t": ("x", ["p", "q"]), "gone": 1.0, "s": ("y", [1.0])})
    after = xr.Dataset({"a": ("x", [1.0, 2.0]), "t": ("x", ["p", "r"]), "new": 1.0, "s": ("z", [1.0, 2.0])})
    count, found = differences(before, after)
    assert count == 5
    assert {each.name: each.reason.split(",")[0] for each in found} == {
        "a": "differs in 1 of 2 values",
        "t": "differs in 1 of 2 texts",
        "gone": "is missing afterwards",
        "new": "is new",
        "s": "has the shape {'y': 1}",
    }
    assert differences(before, before) == (4, [])
