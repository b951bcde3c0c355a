"""When a run is precise enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.measures.intervals import wilson
from stresslab.measures.precision import FEWEST_HITS, PrecisionError, read_precision, relative_half_width
from stresslab.simulation.run import look_paths, simulate
from tests.oracles.scenarios import configuration
from tests.simulation.small_run import SMALL


def test_half_width_by_hand():
    # METHODS M24: n = z^2 (1 - p) / (p r^2); p = 0.1 and r = 0.05 take 13,829 paths, where Wilson's and the plain
    # interval differ by less than 1e-3 of their width.
    assert relative_half_width(1383, 13_829) == pytest.approx(0.05, rel=1e-3)
    assert relative_half_width(0, 10) == math.inf


def test_names():
    shared = configuration("a/b", ("x", [0], 1.0), ("y", [1], 1.0)), configuration("a", ("b", [0], 1.0))
    for text, expected in {
        "5%": (0.05, 0, None),
        "5%:a": (0.05, 1, None),
        # The configuration, not the pool of the other one.
        "2.5 %:a/b": (0.025, 0, None),
        "10%:a/b/y": (0.1, 0, 1),
    }.items():
        read = read_precision(text, shared)
        assert (read.half_width, read.configuration, read.pool) == expected
    assert read_precision("5%:a/b/y", shared).described == "P(liquidation) of a/b/y"


@pytest.mark.parametrize("text", ["", "5", "0%", "100%", "-5%", "five%", "5%%", "nan%"])
def test_no_precision_is_refused(text):
    with pytest.raises(PrecisionError, match="is no precision; write 5%"):
        read_precision(text, SMALL.configurations)


def test_unknown_name_is_answered():
    with pytest.raises(PrecisionError, match="'al_cross'; did you mean 'all_cross'"):
        read_precision("5%:al_cross", SMALL.configurations)


def test_looks_do_not_depend_on_what_is_seen():
    # By hand: 16 blocks, a quarter more each time, rounded down.
    assert look_paths(40_000, 1024) == [16 * 1024, 20 * 1024, 25 * 1024, 31 * 1024, 38 * 1024, 40_000]
    assert look_paths(5, 1024) == [5]
    assert look_paths(16 * 1024, 1024) == [16 * 1024]


def test_hits_are_those_of_the_outcomes():
    outcomes = simulate(SMALL)
    hit = outcomes.liquidation_step <= outcomes.steps
    first, second = outcomes.configuration_stakes[0]
    precise = read_precision("5%", SMALL.configurations)
    for text, expected in {"5%": hit[first] | hit[second], "5%:as_booked/b": hit[second]}.items():
        share = expected.mean()
        lower, upper = wilson(expected.sum(), SMALL.paths)
        achieved = read_precision(text, SMALL.configurations).achieved(outcomes)
        assert achieved == pytest.approx(float(upper - lower) / 2 / share, rel=1e-12)
    assert precise.reached(outcomes) == (precise.achieved(outcomes) <= 0.05)


def test_coverage_of_intervals_at_the_stop():
    # Oracle: binomial draws with a known probability, at a target that is met at one of several looks.
    assert _coverage(0.01, 0.1, 20_000, 1.0) > 0.94
    # Control: an interval that is a fifth too narrow misses more often (1 - 2 Phi(-0.8 * 1.96) = 0.883).
    assert _coverage(0.01, 0.1, 20_000, 0.8) == pytest.approx(0.883, abs=0.015)


def _coverage(p: float, r: float, runs: int, factor: float) -> float:
    draws = np.random.default_rng(20260930)
    hits, running = np.zeros(runs, np.int64), np.ones(runs, np.bool_)
    paths, covered, looks = 0, 0, 0
    for look in look_paths(10**8, 1024):
        hits += draws.binomial(look - paths, p, runs)
        paths = look
        lower, upper = wilson(hits, paths)
        stops = running & (hits >= FEWEST_HITS) & (upper - lower <= 2 * r * hits / paths)
        looks += bool(stops.any())
        center, half = (lower + upper) / 2, factor * (upper - lower) / 2
        covered += int(np.count_nonzero(stops & (np.abs(center - p) <= half)))
        running &= ~stops
        if not running.any():
            assert looks > 1
            return covered / runs
    raise AssertionError("the precision is never reached")
