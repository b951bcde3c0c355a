"""One question under several market models: what is read, what is run, what is put side by side."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pypdf import PdfReader

import stresslab as sl
from stresslab.cli import main
from stresslab.documents.faults import InputError
from stresslab.scenario.resolution import identity
from tests.scenario.files import SCENARIO, edited, write

TINY = edited(SCENARIO, ('"90d"', '"2d"'), ("100_000", "1024"))
SEVERAL = edited(TINY, ('model = "gbm"', 'model = ["gbm", "student_t"]\ndegrees_of_freedom = 4.0'))


def test_each_model_is_read_as_if_it_stood_alone(tmp_path):
    several = sl.read_scenarios(write(tmp_path, scenario=SEVERAL))
    assert [each.market.model for each in several] == ["gbm", "student_t"]
    alone = sl.read_scenario(write(tmp_path, scenario=TINY))
    assert identity(several[0]) == identity(alone)
    text = edited(TINY, ('model = "gbm"', 'model = "student_t"\ndegrees_of_freedom = 4.0'))
    student = sl.read_scenario(write(tmp_path, scenario=text))
    assert identity(several[1]) == identity(student)
    # The command's own list takes the place of the file's, whose key then belongs to nobody and is known all the same.
    (plain,) = sl.read_scenarios(tmp_path / "scenario.toml", models=["gbm"])
    assert identity(plain) == identity(alone)
    (only,) = sl.read_scenarios(tmp_path / "scenario.toml")
    assert only.market.model == "student_t"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('model = ["gbm", "gbm"]', 'the model "gbm" is named twice'),
        ("model = []", "no model is named; name some of gbm, student_t"),
        ('model = ["gbm", "stundent_t"]', 'there is no model "stundent_t"'),
        ('model = ["gbm", 3]', "`model`"),
        ('model = ["gbm", "student_t"]', "the key `degrees_of_freedom` is missing"),
        ('model = ["gbm", "student_t"]\ndegrees_of_freedom = 4.0\ncalm_days = 3', 'unknown key "calm_days"'),
    ],
)
def test_faults_are_told_once(tmp_path, lines, message):
    path = write(tmp_path, scenario=edited(TINY, ('model = "gbm"', lines)))
    with pytest.raises(InputError) as error:
        sl.read_scenarios(path)
    told = [str(fault) for fault in error.value.faults]
    assert sum(message in line for line in told) == len(told) == 1, told
    assert [fault.line for fault in sl.validate_files([path])[0]] == [error.value.faults[0].line]


def test_one_model_is_asked_for_where_one_is_needed(tmp_path):
    path = write(tmp_path, scenario=SEVERAL)
    with pytest.raises(InputError, match="several models are named where one is needed"):
        sl.read_scenario(path)
    assert sl.validate_files([path]) == ((), ())


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    path = write(folder, scenario=SEVERAL)
    assert main(["run", str(path), "--out", str(folder / "out"), "--form", "short"]) == 0
    return folder


def test_a_folder_for_each_model_and_a_comparison_beside(ran):
    out = ran / "out"
    files = {entry.relative_to(out).as_posix() for entry in out.rglob("*") if entry.is_file()}
    for model in ("gbm", "student_t"):
        assert {f"{model}/results.nc", f"{model}/report.pdf", f"{model}/manifest.json"} <= files
    assert {"models.nc", "models.csv", "models.svg", "report.pdf", "manifest.json"} <= files
    words = [
        " ".join("".join(page.extract_text() for page in PdfReader(out / name).pages).split())
        for name in ("report.pdf", "gbm/report.pdf")
    ]
    assert ["these results are of one market model" in text for text in words] == [False, True]
    assert set(json.loads((out / "manifest.json").read_text())["files"]) == files - {"manifest.json"}
    with xr.open_dataset(out / "models.nc") as joined:
        assert joined.model.values.tolist() == ["gbm", "student_t"]
        for model in ("gbm", "student_t"):
            own = sl.load(out / model / "results.nc")
            for name in ("account_liquidation_probability", "expected_shortfall", "required_collateral"):
                np.testing.assert_array_equal(joined[name].sel(model=model), own[name])
            assert json.loads(joined.attrs["scenario_hash"])[model] == own.attrs["scenario_hash"]
        assert joined.attrs["currency"] == "USDT"


def test_the_first_model_is_that_of_a_run_alone(ran):
    scenario = sl.read_scenarios(ran / "scenario.toml", models=["gbm"])[0]
    alone = sl.run(scenario)
    with xr.open_dataset(ran / "out" / "models.nc") as joined:
        for name in ("account_liquidation_probability", "expected_loss"):
            np.testing.assert_array_equal(joined[name].sel(model="gbm"), alone[name])


def test_the_envelope_holds_every_model(ran):
    table = pd.read_csv(ran / "out" / "models.csv")
    assert set(table.configuration) == {"as_booked", "all_isolated", "all_cross", "hedge pooled"}
    for row in table.to_dict("records"):
        figures = {model: row[model] for model in ("gbm", "student_t")}
        assert row["least"] == min(figures.values())
        assert row["greatest"] == max(figures.values()) == figures[row["greatest_under"]]
    own = sl.load(ran / "out" / "student_t" / "results.nc")
    tail = table[(table.variable == "expected_shortfall_0.975") & (table.configuration == "as_booked")]
    expected = float(own.expected_shortfall.sel(configuration="as_booked", level=0.975))
    assert float(tail.student_t.iloc[0]) == pytest.approx(expected, rel=1e-12)


def test_models_of_the_command(ran, capsys):
    words = ["run", str(ran / "scenario.toml"), "--models", "gbm, nothing", "--out", str(ran / "none")]
    assert main(words) == 2
    assert 'there is no model "nothing"' in capsys.readouterr().err
    assert not (ran / "none").exists()
