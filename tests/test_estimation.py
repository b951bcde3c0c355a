"""Reduced variance against closed forms: O2 and O4 of METHODS, and hand calculations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stresslab.estimation.reduced import reduced_estimate
from stresslab.estimation.samples import EstimationError
from stresslab.measures.first_passage import first_passage_probability
from stresslab.measures.precision import read_precision
from stresslab.measures.replications import (
    REPLICATIONS,
    controlled_means,
    grouped_variance_ratio,
    replicated_mean,
)
from tests.oracles.scenarios import configuration, position, scenario

POSITIONS = (position("btc 10x", 1.0), position("eth 10x", 1.0, asset="ETH"), position("btc 3x", 1.0))
CONFIGURATIONS = (
    configuration("isolated", ("btc", [0], 0.1), ("eth", [1], 0.1)),
    configuration("cross", ("cross", [0, 1], 0.2)),
    configuration("one", ("3x", [2], 1.0 / 3.0)),
)
EITHER, ONE, TEN = 0.552899, 0.0982657, 0.383553
"""P of O4 exact by the wedge's heat kernel, and of O2: 3x, 80 %, 30 days, and 10x, 80 %, 7 days."""


def question(model="gbm", days=7.0, step=1.0 / 3.0, paths=16_384, seed=7):
    return scenario(
        POSITIONS,
        CONFIGURATIONS,
        volatilities={"BTC": 0.8, "ETH": 1.0},
        correlation=[[1.0, 0.8], [0.8, 1.0]],
        model=model,
        extra={} if model == "gbm" else {"degrees_of_freedom": 4.0},
        days=days,
        step=step,
        paths=paths,
        seed=seed,
    )


def estimate(name, reduction="control", *, measure="liquidation", until=None, threads=None, **kind):
    asked = question(**kind)
    target = read_precision(f"{until or '5%'}:{name}", asked.configurations)
    return reduced_estimate(
        asked, target, measure=measure, reduction=reduction, until=until is not None, threads=threads
    )


@pytest.mark.parametrize(
    ("distance", "days", "expected"),
    # O2 of METHODS: 10x and 3x long of 80 % volatility without drift, maintenance 0.5 %.
    [(-math.log(0.9 / 0.995), 7.0, 0.383553), (-math.log((2.0 / 3.0) / 0.995), 30.0, ONE)],
)
def test_first_passage(distance, days, expected):
    assert first_passage_probability(distance, -0.32, 0.8, days / 365.0) == pytest.approx(expected, rel=2e-6)
    assert first_passage_probability(math.inf, -0.32, 0.8, days / 365.0) == 0.0


def test_a_pool_on_one_price_is_its_own_closed_form():
    found = estimate("one", days=30.0)
    assert found.estimate.mean == pytest.approx(ONE, rel=2e-6)
    assert found.variance_ratio == math.inf
    plain = estimate("one", "none", days=30.0).estimate
    assert 0.0 < abs(plain.mean - ONE) < 4.0 * plain.standard_error


def test_controls_narrow_the_cross_account():
    # 0.4180 is M19's own limit on steps of 8 hours (O4), known to 3e-4.
    found, plain = (estimate("cross", each, paths=65_536) for each in ("control", "none"))
    assert abs(found.estimate.mean - 0.4180) < 4.0 * math.hypot(found.estimate.standard_error, 3e-4)
    assert found.variance_ratio > 3.0
    assert found.estimate.standard_error < plain.estimate.standard_error


def test_a_twin_leaves_the_mean_of_another_model_where_it_is():
    controlled, plain = (estimate("cross", each, model="student_t", paths=65_536) for each in ("control", "none"))
    error = math.hypot(controlled.estimate.standard_error, plain.estimate.standard_error)
    assert abs(controlled.estimate.mean - plain.estimate.mean) < 4.0 * error
    assert controlled.variance_ratio > 1.3
    # The same figures under Brownian motion lie elsewhere: the twin's probability is not taken for the model's.
    assert controlled.estimate.mean < 0.4180 - 6.0 * error


def test_intervals_cover():
    # Either leg, steps of 8 hours with independent bridges: 0.5536 (M20). 60 seeds: 85 to 100 % is 4 errors of a share.
    held = 0
    for seed in range(60):
        found = estimate("isolated", paths=4_096, seed=seed).estimate
        held += found.lower <= 0.5536 <= found.upper
    assert 51 <= held <= 60


def test_a_wrong_mean_of_a_control_is_seen():
    generator = np.random.default_rng(1)
    control = generator.normal(size=REPLICATIONS * 200)
    values = 3.0 + control + 0.1 * generator.normal(size=control.size)
    right, wrong = (
        replicated_mean(controlled_means(values, control[None], np.array([known]))) for known in (0.0, 0.05)
    )
    assert abs(right.mean - 3.0) < 4.0 * right.standard_error
    assert abs(wrong.mean - 3.0) > 10.0 * wrong.standard_error
    plain = replicated_mean(controlled_means(values, control[None, :][:0], np.zeros(0)))
    # By hand: the variance of a value is 1.01 and falls to 0.01.
    assert plain.standard_error / right.standard_error == pytest.approx(math.sqrt(101.0), rel=0.5)


def test_the_same_digits_on_any_number_of_threads():
    one, two = (estimate("cross", threads=threads, measure="expected-loss") for threads in (1, 2))
    assert one == two


def test_what_the_points_would_leave_out_is_weighed():
    # Sobol's points take 32,768 paths or 65,536: of 65,000 they would leave half. Mirrored pairs and controls take all.
    found = estimate("cross", "auto", model="student_t", paths=65_000)
    assert {gain.method for gain in found.gains} == {"control", "antithetic", "sobol"}
    assert found.paths > 64_900
    # So it is with a precision that needs few.
    few = estimate("cross", "auto", until="5%", paths=200_000)
    assert few.paths < 8_192
    assert few.estimate.upper - few.estimate.mean < 0.05 * few.estimate.mean


def test_until_a_precision():
    found = estimate("cross", "auto", until="1%", paths=200_000)
    # Fresh paths, not the pilot's, say what the choice was worth.
    assert found.method != "none"
    assert found.variance_ratio > 3.0
    assert {gain.method for gain in found.gains} == {"control", "antithetic", "sobol"}
    assert found.estimate.upper - found.estimate.mean < 0.0125 * found.estimate.mean
    assert found.paths < estimate("cross", "none", until="1%", paths=200_000).paths / 2


@pytest.mark.parametrize("method", ["antithetic", "sobol"])
@pytest.mark.parametrize(("name", "days", "exact"), [("one", 30.0, ONE), ("isolated/btc", 7.0, TEN)])
def test_paths_that_hang_together_find_the_closed_form(method, name, days, exact):
    found = estimate(name, method, days=days, paths=65_536)
    assert abs(found.estimate.mean - exact) < 4.0 * found.estimate.standard_error
    assert found.variance_ratio > {"antithetic": 1.05, "sobol": 3.0}[method]
    # Not so of what it would be with the barrier watched at the ends of steps alone: it is as if it lay 0.5826
    # deviations of a step farther (M20).
    distance = -math.log((2.0 / 3.0 if name == "one" else 0.9) / 0.995) + 0.5826 * 0.8 * math.sqrt(1.0 / 3.0 / 365.0)
    seldom = first_passage_probability(distance, -0.32, 0.8, days / 365.0)
    assert abs(found.estimate.mean - seldom) > 8.0 * found.estimate.standard_error


@pytest.mark.parametrize(("method", "paths"), [("antithetic", 4_096), ("sobol", 32_768)])
def test_intervals_of_paths_that_hang_together_cover(method, paths):
    # 24 seeds: 95 % of them less 4 errors, by hand 22.8 - 4 * 1.07, is 18.5. Two intervals' widths away nothing covers.
    held, beside = 0, 0
    for seed in range(24):
        found = estimate("isolated/btc", method, paths=paths, seed=seed).estimate
        held += found.lower <= TEN <= found.upper
        beside += found.lower <= TEN + 2.0 * (found.upper - found.lower) <= found.upper
    assert held >= 19
    assert beside == 0


def test_mirrored_pairs_take_off_what_they_can():
    # A 3x long is hardly ever liquidated on both paths of a pair. Were it never, the covariance of the two hits were
    # -p^2 and the ratio, by hand, (1 - p) / (1 - 2 p) = 1.12; plain pairs have 1.
    found = estimate("one", "antithetic", days=30.0, paths=65_536)
    assert found.variance_ratio == pytest.approx((1.0 - ONE) / (1.0 - 2.0 * ONE), abs=0.02)


def test_mirrored_pairs_harm_a_pool_on_both_sides_and_are_not_chosen():
    # Long and short of the same size: what liquidates one of them, mirrored liquidates the other. Were the barriers
    # equally far, both paths of a pair would have one fate: a ratio of one half, by hand.
    asked = question(paths=32_768)
    asked = replace(
        asked,
        book=replace(asked.book, positions=(position("long", 1.0), position("short", -1.0))),
        configurations=(configuration("both", ("long", [0], 0.1), ("short", [1], 0.1)),),
    )
    target = read_precision("5%:both", asked.configurations)
    assert reduced_estimate(asked, target, reduction="antithetic").variance_ratio < 0.7
    assert reduced_estimate(asked, target).method != "antithetic"


def test_sobol_on_a_smooth_number():
    # The expected loss of one 3x long over 7 days, which is hardly ever liquidated: a put at the money. By hand without
    # liquidation and with mu = 0: 2 Phi(sigma sqrt(T) / 2) - 1; the 4e-4 of paths with one lose about as much without.
    put = math.erf(0.8 * math.sqrt(7.0 / 365.0) / 2.0 / math.sqrt(2.0))
    found, plain = (
        estimate("one", method, measure="expected-loss", paths=65_536, seed=3) for method in ("sobol", "none")
    )
    assert found.variance_ratio > 100.0
    assert found.estimate.standard_error < plain.estimate.standard_error / 10.0
    assert found.estimate.mean == pytest.approx(put, rel=1e-3)
    assert plain.estimate.mean != pytest.approx(put, rel=1e-3)


def test_sobol_leaves_the_mean_of_another_model_where_it_is():
    found, plain = (estimate("cross", each, model="student_t", paths=65_536) for each in ("sobol", "none"))
    error = math.hypot(found.estimate.standard_error, plain.estimate.standard_error)
    assert abs(found.estimate.mean - plain.estimate.mean) < 4.0 * error
    # Under Brownian motion it lies elsewhere.
    assert found.estimate.mean < 0.4180 - 6.0 * error


def test_groups_by_hand():
    # Pairs that cancel leave nothing. Twins: variance 1; of two pair means 1 and -1 it is 2, times two units is 4.
    assert grouped_variance_ratio(np.array([1.0, -1.0, -1.0, 1.0]), 2) == math.inf
    assert grouped_variance_ratio(np.array([1.0, 1.0, -1.0, -1.0]), 2) == pytest.approx(1.0 / 4.0)
    assert grouped_variance_ratio(np.zeros(4), 2) == 1.0
    independent = np.random.default_rng(2).normal(size=200_000)
    assert grouped_variance_ratio(independent, 2) == pytest.approx(1.0, rel=0.02)
    with pytest.raises(ValueError, match="groups of 3"):
        grouped_variance_ratio(np.zeros(4), 3)


def test_every_method_takes_equal_replications():
    # 40,030 over 32 leaves 30; over 64 too, 30; over 32 times 1024 it leaves 7,262.
    for method, paths in (("none", 40_000), ("antithetic", 40_000), ("sobol", 32_768)):
        assert estimate("one", method, paths=40_030).paths == paths


def test_what_cannot_be_had():
    asked = question()
    target = read_precision("5%", asked.configurations)
    with pytest.raises(EstimationError, match="too few"):
        reduced_estimate(replace(asked, paths=1_000), target)
    with pytest.raises(EstimationError, match="32,768 paths at least"):
        reduced_estimate(asked, target, reduction="sobol")
    # What has no normals to mirror is refused before anything is simulated.
    past = replace(asked, market=replace(asked.market, model="bootstrap"))
    with pytest.raises(EstimationError, match="no normals"):
        reduced_estimate(past, target, reduction="antithetic")
