"""What `stresslab estimate` prints."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from stresslab.commands.estimate import command

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
