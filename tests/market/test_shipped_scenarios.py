"""The ready scenarios of the market models, on few paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import stresslab as sl
from stresslab.market.models import MODELS
from stresslab.simulation.run import simulate

SCENARIOS = Path(__file__).parents[2] / "scenarios"
BY_MODEL = {
    "merton": "jumps",
    "kou": "exponential_jumps",
    "garch": "garch",
    "copula_t": "own_tails",
    "regimes": "regimes",
    "bates": "stochastic_volatility",
}


def test_every_family_has_a_scenario():
    # `gbm` is the first of docs/files.md, `student_t` the example review's, `heston` the diffusion of `bates`; bars of
    # the past and paths are the user's own.
    assert set(MODELS) - set(BY_MODEL) == {
        "gbm",
        "student_t",
        "heston",
        "filtered_history",
        "component_history",
        "bootstrap",
        "paths",
    }


@pytest.mark.parametrize(("model", "name"), [*BY_MODEL.items(), ("garch", "dynamic_correlation")])
def test_a_ready_scenario_runs(model, name):
    scenario = sl.read_scenario(SCENARIOS / f"{name}.toml", paths=1024)
    assert scenario.market.model == model
    outcomes = simulate(scenario)
    assert not outcomes.failed.any()
    liquidated = (outcomes.liquidation_step <= outcomes.steps).mean(axis=1)
    # Some are liquidated and some are not: the review has something to say.
    assert 0.0 < liquidated.max() < 1.0
    # Volatility of the month is at least that of the diffusion, and at most a few times as much.
    month = np.quantile(np.abs(outcomes.log_price), 0.68, axis=1) / np.sqrt(30.0 / 365.0)
    assert np.all((month > 0.6 * scenario.market.volatilities) & (month < 3.0 * scenario.market.volatilities))
