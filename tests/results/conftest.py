"""One small run that the tests of results share: names meant to break things, three pools, one of them out of reach."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from stresslab.results.dataset import assemble
from stresslab.scenario.reading import read_scenario
from stresslab.scenario.scenario import Scenario
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.scenario.files import BOOK, SCENARIO, edited, write

TITLE = r'Q3 #1 $x$ *b* <i> & @me \n "é" 漢字'
DESK = "Desk `A` {*} ~ | 50 %"
LONG = "=btc & <long>"
POOLED = r"+pooled, \"hedge\""

HOSTILE_SCENARIO = edited(
    SCENARIO,
    ('"Quarterly review"', f"'{TITLE}'"),
    ('"90d"', '"8d"'),
    ('"1h"', '"4h"'),
    ("100_000", "1_500"),
    ("price = 61_000", "price = 61_100"),
    ('"hedge pooled"', f"'{POOLED}'"),
    ('"majors"', '"@majors"'),
    ('"btc-long"', f'"{LONG}"'),
)
HOSTILE_BOOK = edited(BOOK, ('"Desk A"', f'"{DESK}"'), ('"btc-long"', f'"{LONG}"'))


@pytest.fixture(scope="session")
def scenario_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the scenario."""
    return write(tmp_path_factory.mktemp("inputs"), scenario=HOSTILE_SCENARIO, book=HOSTILE_BOOK)


@pytest.fixture(scope="session")
def scenario(scenario_file: Path) -> Scenario:
    """The scenario, read."""
    return read_scenario(scenario_file)


@pytest.fixture(scope="session")
def outcomes(scenario: Scenario) -> Outcomes:
    """Its simulation on one thread."""
    return simulate(scenario, threads=1)


@pytest.fixture(scope="session")
def results(scenario: Scenario, outcomes: Outcomes) -> xr.Dataset:
    """Its results; tests leave them as they are."""
    return assemble(scenario, outcomes)
