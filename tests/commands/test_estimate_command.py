"""What `stresslab estimate` prints."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from stresslab.commands.estimate import _loss, _probability, _ratio, command
from stresslab.estimation.reduced import ReducedEstimate
from stresslab.measures.replications import ReplicatedMean

SCENARIO = str(Path(__file__).parents[2] / "scenarios" / "regimes.toml")


def printed(*options):
    return CliRunner().invoke(command, [SCENARIO, "--paths", "32768", *options])


def test_the_pilot_tells_what_each_method_gained():
    told = printed("--seed", "5")
    assert told.exit_code == 0
    methods = re.findall(r"^pilot, (\w+): variance divided by [\d.e+-]+", told.output, re.M)
    assert methods == ["control", "antithetic", "sobol"]
    # Without a pilot nothing is told of one.
    assert "pilot" not in printed("--seed", "5", "--variance-reduction", "antithetic").output


def test_what_a_method_cannot_do_is_a_fault_of_the_input():
    told = CliRunner().invoke(command, [SCENARIO, "--paths", "8192", "--variance-reduction", "sobol"])
    assert told.exit_code == 2
    assert "32,768 paths at least" in told.output
    assert "Traceback" not in told.output


def test_what_no_path_shows_has_a_bound_and_no_bare_zero():
    told = printed("--seed", "5", "--of", "all_cross", "--variance-reduction", "none")
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
