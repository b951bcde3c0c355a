"""The table [analysis]: what the full form of a review computes beside the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresslab.scenario.analysis import DEFAULT_PATHS, Analysis
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.resolution import identity
from tests.scenario.files import SCENARIO, write


def test_stated_paths_are_taken_and_defaults_never_exceed_those_of_the_run(tmp_path: Path) -> None:
    # Read off the text below; 300 is less than any default, 10**6 more than all.
    text = SCENARIO + "\n[analysis]\ntornado = 123\nrare = 0\nreplays = false\n"
    analysis = read_scenario(write(tmp_path, scenario=text)).analysis
    assert (analysis.paths("tornado", 300), analysis.paths("rare", 300), analysis.replays) == (123, 0, False)
    assert analysis.paths("models", 300) == 300
    assert analysis.paths("models", 10**6) == DEFAULT_PATHS["models"] < 10**6


def test_a_scenario_without_the_table_has_the_defaults_and_the_same_identity(tmp_path: Path) -> None:
    plain = read_scenario(write(tmp_path, scenario=SCENARIO))
    assert plain.analysis == Analysis()
    asked = read_scenario(write(tmp_path, scenario=SCENARIO + "\n[analysis]\ntornado = 5\n"))
    # No number of the run depends on it.
    assert identity(asked) == identity(plain)
    assert asked.analysis != plain.analysis


def test_no_such_analysis_has_no_paths() -> None:
    with pytest.raises(KeyError):
        Analysis().paths("weather", 10)
