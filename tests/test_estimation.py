"""Reduced variance against closed forms: O2 and O4 of METHODS, and hand calculations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stresslab.estimation import EstimationError, reduced_estimate
from stresslab.measures.first_passage import first_passage_probability
from stresslab.measures.precision import read_precision
from stresslab.measures.replications import REPLICATIONS, controlled_means, replicated_mean
from tests.oracles.scenarios import configuration, position, scenario

POSITIONS = (position("btc 10x", 1.0), position("eth 10x", 1.0, asset="ETH"), position("btc 3x", 1.0))
CONFIGURATIONS = (
    configuration("isolated", ("btc", [0], 0.1), ("eth", [1], 0.1)),
    configuration("cross", ("cross", [0, 1], 0.2)),
    configuration("one", ("3x", [2], 1.0 / 3.0)),
)
EITHER, ONE = 0.552899, 0.0982657
"""P of O4 exact by the wedge's heat kernel, and of O2: 3x, 80 %, 30 days."""


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


def test_until_a_precision():
    found = estimate("cross", "auto", until="1%", paths=200_000)
    assert found.method == "control"
    assert found.estimate.upper - found.estimate.mean < 0.0125 * found.estimate.mean
    assert found.paths < estimate("cross", "none", until="1%", paths=200_000).paths / 2


def test_what_cannot_be_had():
    asked = question()
    target = read_precision("5%", asked.configurations)
    with pytest.raises(EstimationError, match="too few"):
        reduced_estimate(replace(asked, paths=1_000), target)
