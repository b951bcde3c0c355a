"""Runs that end when they are precise enough. The oracle is the run with as many paths."""

from __future__ import annotations

import json

import pytest

import stresslab
from stresslab import cli
from tests.scenario.files import SCENARIO, edited, write

SMALL = edited(SCENARIO, ('"90d"', '"4d"'), ('"1h"', '"4h"'), ("100_000", "60_000"))


@pytest.fixture(scope="module")
def scenario_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("inputs"), scenario=SMALL)


def test_run_ends_where_it_is_precise_and_is_the_run_of_as_many_paths(scenario_file, tmp_path):
    question = stresslab.read_scenario(scenario_file)
    name = "1%:as_booked/btc-long"
    precision = stresslab.read_precision(name, question.configurations)
    results = stresslab.run(question, until=precision, checkpoint=tmp_path / "kept")
    ending = json.loads(results.attrs["until"])
    paths = results.attrs["paths"]
    # Between the first look and the last, so that it went on and then stopped.
    assert 16 * 1024 < paths < 60_000
    assert (ending["reached"], ending["most_paths"], ending["relative_half_width"]) == (True, 60_000, 0.01)
    row = results.sel(configuration="as_booked", pool="btc-long")
    share, lower, upper = (float(row[f"liquidation_probability{end}"]) for end in ("", "_lower", "_upper"))
    assert ending["achieved"] == pytest.approx((upper - lower) / 2 / share)
    assert ending["achieved"] <= 0.01
    plain = stresslab.run(stresslab.read_scenario(scenario_file, paths=paths))
    told = {"until", "notices"}
    assert {key: value for key, value in results.attrs.items() if key not in told} == {
        key: value for key, value in plain.attrs.items() if key not in told
    }
    assert results.drop_attrs().identical(plain.drop_attrs())
    assert "decided by the run" in results.attrs["notices"]
    # From the checkpoint the same again.
    assert stresslab.run(question, until=precision, checkpoint=tmp_path / "kept").identical(results)


def test_what_is_never_precise_enough_ends_with_the_most_paths(scenario_file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("stresslab.report.typeset", lambda results, path, *, form, **_: path.write_text(form))
    out = tmp_path / "out"
    assert cli.main(["run", str(scenario_file), "--out", str(out), "--paths", "300", "--until", "1%:all_cross"]) == 0
    told = capsys.readouterr()
    assert "300 paths, look 1: P(any liquidation) of all_cross no liquidation seen" in told.out
    assert "the precision of 0.01 was not reached; allow more --paths" in told.err
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["paths"], manifest["until"]["reached"], manifest["until"]["achieved"]) == (300, False, None)


def test_faulty_precision_is_the_input_s_fault(scenario_file, tmp_path, capsys):
    assert cli.main(["run", str(scenario_file), "--out", str(tmp_path / "out"), "--until", "5%:cros"]) == 2
    assert "there is no configuration or pool 'cros'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
