"""What `stresslab estimate` prints."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from stresslab.commands.estimate import _loss, _probability, _ratio, command
from stresslab.estimation.reduced import ReducedEstimate
from stresslab.measures.replications import ReplicatedMean
from tests.scenario.files import edited


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the command prints on a month of calm and stress by half days."""
    place = tmp_path_factory.mktemp("estimate") / "scenarios"
    shutil.copytree(Path(__file__).parents[2] / "scenarios", place)
    scenario = place / "regimes.toml"
    scenario.write_text(edited(scenario.read_text(), ('step = "1h"', 'step = "12h"')))

    def ask(*options, paths=32_768):
        return CliRunner().invoke(command, [str(scenario), "--seed", "5", "--paths", str(paths), *options])

    return ask


def test_the_pilot_tells_what_each_method_gained(printed):
    told = printed()
    assert told.exit_code == 0
    methods = re.findall(r"^pilot, (\w+): variance divided by [\d.e+-]+", told.output, re.M)
    assert methods == ["control", "antithetic", "sobol"]
    # Without a pilot nothing is told of one.
    assert "pilot" not in printed("--variance-reduction", "antithetic").output


def test_what_a_method_cannot_do_is_a_fault_of_the_input(printed):
    told = printed("--variance-reduction", "sobol", paths=8192)
    assert told.exit_code == 2
    assert "32,768 paths at least" in told.output
    assert "Traceback" not in told.output


def test_what_no_path_shows_has_a_bound_and_no_bare_zero(printed):
    told = printed("--of", "all_cross", "--variance-reduction", "none")
    assert re.search(r": [\d.]+ %, 95 % \[[\d.]+, [\d.]+\]$", told.output, re.M)
    nothing = ReplicatedMean(0.0, 0.0, 0.0, 0.0, (0.0,) * 32)
    unseen = ReducedEstimate(nothing, "none", "as asked for", 32_768, 0, math.inf, 0)
    # Wilson: 1.96^2 / (32,768 + 1.96^2).
    assert _probability(unseen) == "below 0.012 % (95 %, 0 of as many plain paths)"
    assert _loss(unseen, "USDT") == "none on any of 32,768 paths"
    assert _ratio(unseen) == "infinity: every path says the same"
    small = replace(unseen, hits=3, estimate=ReplicatedMean(1.25e-9, 1e-10, 1.05e-9, 1.45e-9, (1.25e-9,) * 32))
    assert _probability(small) == "1.25e-07 %, 95 % [1.05e-07, 1.45e-07]"
    assert _loss(small, "USDT") == "1.25e-09 USDT, 95 % [1.05e-09, 1.45e-09]"
