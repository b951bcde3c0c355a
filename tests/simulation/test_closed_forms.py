"""Simulated probabilities against first-passage formulas: O2, O4, O8 and M22 of METHODS, at fixed seeds.

The legs of O4 hold Case A: a 10x long on an asset of 80 % volatility; the second asset has 100 % and correlation 0.8.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from stresslab.margin.problem import Bridge
from stresslab.simulation.outcomes import Outcomes
from stresslab.simulation.run import simulate
from tests.oracles.scenarios import configuration, pack, position, scenario

MILLION = 1_000_000
QUARTER_MILLION = 250_000
POSITIONS = (
    position("long 10x", 1.0),
    position("eth long 10x", 1.0, asset="ETH"),
    position("short 10x", -1.0),
    position("long 5x", 1.0),
    position("long 3x", 1.0),
)
COLLATERALS = (0.1, 0.1, 0.1, 0.2, 1.0 / 3.0)
CONFIGURATIONS = (
    configuration("isolated", *((p.id, [i], COLLATERALS[i]) for i, p in enumerate(POSITIONS))),
    configuration(
        "cross", ("cross", [0, 1], 0.2), *((p.id, [i + 2], COLLATERALS[i + 2]) for i, p in enumerate(POSITIONS[2:]))
    ),
)
CROSS = 5


@cache
def run(
    days: float,
    step_hours: int,
    *,
    bridge: Bridge = "every_pool",
    paths: int = QUARTER_MILLION,
    drift: float = 0.0,
    volatility: float = 0.8,
    remainder: str = "returned",
    nu: float | None = None,
) -> Outcomes:
    question = scenario(
        POSITIONS,
        CONFIGURATIONS,
        volatilities={"BTC": volatility, "ETH": 1.0},
        drifts=[drift, drift],
        correlation=[[1.0, 0.8], [0.8, 1.0]],
        model="gbm" if nu is None else "student_t",
        extra={} if nu is None else {"degrees_of_freedom": nu},
        days=days,
        step=step_hours / 24.0,
        paths=paths,
        venue=pack(remainder=remainder),
    )
    outcomes = simulate(question, bridge=bridge)
    assert not outcomes.failed.any()
    # Five isolated stakes and the cross pool; single-price stakes come first.
    assert outcomes.problem.configuration_stakes == ((0, 1, 2, 3, 4), (CROSS, 2, 3, 4))
    return outcomes


def week(step_hours: int) -> Outcomes:
    """The runs that most tests look at; an hour's steps are many, so there are fewer paths."""
    return run(7.0, step_hours, paths=QUARTER_MILLION if step_hours == 1 else MILLION)


@pytest.fixture(autouse=True, scope="module")
def _memory():
    yield
    run.cache_clear()


def liquidated(outcomes: Outcomes, stake: int, days: float | None = None) -> NDArray[np.bool_]:
    last = outcomes.steps if days is None else round(days / outcomes.step)
    return np.asarray(outcomes.liquidation_step[stake] <= last)


def errors(hits: np.ndarray, expected: float) -> float:
    """How many standard errors the share of hits is away from a probability, with its sign."""
    return float((hits.mean() - expected) / math.sqrt(expected * (1.0 - expected) / hits.size))


# O2, one position


@pytest.mark.parametrize("step_hours", [8, 1])
def test_case_a_on_any_grid(step_hours):
    assert abs(errors(liquidated(week(step_hours), 0), 0.383553)) < 3.0


@pytest.mark.parametrize(
    ("stake", "expected"), [(0, 0.383553), (1, 0.492305), (2, 0.396314), (3, 0.0545442), (4, 3.67017e-4)]
)
@pytest.mark.parametrize("step_hours", [24, 8, 1])
def test_a_week_of_o2(stake, expected, step_hours):
    assert abs(errors(liquidated(week(step_hours), stake), expected)) < 4.0


@pytest.mark.parametrize(
    ("step_hours", "stake", "expected"),
    [
        (24, 0, 0.28572),
        (24, 2, 0.29172),
        (24, 3, 0.035663),
        (8, 0, 0.32218),
        (8, 1, 0.42077),
        (8, 2, 0.33085),
        (8, 3, 0.041759),
        (1, 0, 0.36033),
        (1, 1, 0.46559),
        (1, 2, 0.37160),
        (1, 3, 0.049342),
    ],
)
def test_without_the_bridge_the_grid_shows(step_hours, stake, expected):
    # The grid columns of O2, by recursion: what looking at grid points alone converges to.
    hits = liquidated(run(7.0, step_hours, bridge="none"), stake)
    assert abs(errors(hits, expected)) < 4.0
    continuous = (0.383553, 0.492305, 0.396314, 0.0545442)[stake]
    assert errors(hits, continuous) < -10.0


@pytest.mark.parametrize(("drift", "expected"), [(0.0, 0.694463), (0.5, 0.642929)])
def test_a_month_with_and_without_drift(drift, expected):
    hits = liquidated(run(30.0, 8, drift=drift), 0)
    assert abs(errors(hits, expected)) < 4.0
    assert abs(errors(hits, 0.694463 + 0.642929 - expected)) > 10.0


def test_a_month_at_low_leverage():
    assert abs(errors(liquidated(run(30.0, 8, drift=0.0), 4), 0.0982657)) < 4.0


@pytest.mark.parametrize(("days", "expected"), [(1, 0.01740), (2, 0.09477), (3, 0.17498), (5, 0.29827), (7, 0.383553)])
def test_case_a_survival(days, expected):
    # F of O2 is printed to 5 digits.
    for step_hours in (8, 1):
        hits = liquidated(week(step_hours), 0, days)
        assert abs(hits.mean() - expected) < 4.0 * math.sqrt(expected * (1 - expected) / hits.size) + 5e-6


def test_the_time_of_liquidation():
    # O2: given liquidation within 7 days the mean time is 3.4512 d, the median 3.2311 d. A step is known, not the hour.
    outcomes = week(1)
    step = outcomes.liquidation_step[0][liquidated(outcomes, 0)]
    times = (step - 0.5) * outcomes.step
    assert abs(times.mean() - 3.4512) < 4.0 * times.std() / math.sqrt(times.size) + 1e-3
    assert abs(np.median(times) - 3.2311) < outcomes.step / 2 + 0.02


def test_fat_tails_with_many_degrees_of_freedom_are_brownian():
    # nu = 1000: the variance of a day varies by 4.5 %, a change of P that 200,000 paths cannot see; nu = 3 they can.
    assert abs(errors(liquidated(run(7.0, 8, paths=200_000, nu=1000.0), 0), 0.383553)) < 3.0
    assert abs(errors(liquidated(run(7.0, 8, paths=200_000, nu=3.0), 0), 0.383553)) > 10.0


# O4, two legs


@pytest.mark.parametrize(("step_hours", "expected"), [(24, 0.4208), (8, 0.4180), (1, 0.4167)])
def test_the_cross_account_of_o4(step_hours, expected):
    # The M19 column: simulated with an error of 3e-4, itself one standard error.
    hits = liquidated(week(step_hours), CROSS)
    error = math.hypot(3e-4, math.sqrt(0.24 / hits.size))
    assert abs(hits.mean() - expected) < 3.0 * error


def test_the_bias_of_the_pool_bridge_falls_with_the_step():
    # In proportion to the step (M19); 0.4165 is the limit of three grids.
    bias = [liquidated(week(hours), CROSS).mean() - 0.4165 for hours in (24, 8, 1)]
    assert bias[0] > 5.0 * math.sqrt(0.24 / MILLION)
    assert bias[0] / bias[1] == pytest.approx(3.0, abs=1.5)
    assert abs(bias[2]) < 3.0 * math.sqrt(0.24 / QUARTER_MILLION)


def test_the_cross_account_without_its_bridge():
    for bridge in ("none", "single_price"):
        hits = liquidated(run(7.0, 24, bridge=bridge), CROSS)
        assert abs(hits.mean() - 0.3130) < 3.0 * math.hypot(3e-4, math.sqrt(0.24 / hits.size))
    # Single prices keep theirs.
    assert abs(errors(liquidated(run(7.0, 24, bridge="single_price"), 0), 0.383553)) < 4.0


@pytest.mark.parametrize(("step_hours", "both", "either"), [(24, 0.3205, 0.5556), (8, 0.3222, 0.5536)])
def test_joint_events_of_isolated_legs(step_hours, both, either):
    # M20: each leg is exact, their independent uniforms bias joint events by a known amount.
    outcomes = week(step_hours)
    first, second = liquidated(outcomes, 0), liquidated(outcomes, 1)
    error = math.hypot(3e-4, math.sqrt(0.25 / MILLION))
    assert abs((first & second).mean() - both) < 3.0 * error
    assert abs((first | second).mean() - either) < 3.0 * error


def test_pooling_spares_some_legs_and_loses_them_together():
    outcomes = week(1)
    first, second, cross = (liquidated(outcomes, stake) for stake in (0, 1, CROSS))
    # Exact by the wedge's heat kernel; an hour's bias is an eighth of that at 8 hours, which is 8e-4.
    assert abs(errors(first | second, 0.552899)) < 4.0
    assert abs(errors(first & second, 0.322960)) < 4.0
    assert (first & second).mean() < cross.mean() < (first | second).mean()


# O8 and M60, required collateral


@pytest.mark.parametrize(
    ("pool", "probability", "expected"),
    [
        (0, 0.05, 0.203335),
        (0, 0.01, 0.256111),
        (0, 0.001, 0.312885),
        (1, 0.05, 0.247626),
        (1, 0.01, 0.309469),
        (1, 0.001, 0.374744),
    ],
)
def test_collateral_for_a_target_probability(pool, probability, expected):
    required = week(8).required_collateral[pool]
    # A root of M11 in the collateral: the share of paths that need more is the probability itself.
    assert abs(errors(required >= expected, probability)) < 4.0
    grid = run(7.0, 8, bridge="none").required_collateral[pool]
    assert errors(grid >= expected, probability) < -4.0


def test_a_month_of_collateral():
    required = run(30.0, 8, drift=0.0).required_collateral[0]
    for probability, expected in ((0.05, 0.379222), (0.01, 0.461697), (0.001, 0.543482)):
        assert abs(errors(required >= expected, probability)) < 4.0


def test_quantiles_of_the_required_collateral():
    required = np.sort(week(8).required_collateral[0])
    for probability, expected in ((0.05, 0.203335), (0.01, 0.256111)):
        rank = MILLION * (1.0 - probability)
        spread = 4.0 * math.sqrt(MILLION * probability * (1.0 - probability))
        assert required[int(rank - spread)] < expected < required[int(rank + spread)]
        assert required[int(rank)] == pytest.approx(expected, rel=5e-3)


# M22, the martingale identity


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    exact = values.astype(np.float64)
    return float(exact.mean()), float(exact.std() / math.sqrt(exact.size))


def test_what_a_venue_keeps_is_what_is_lost():
    # E[loss] = F m P* q: 0.00173466 for Case A, whatever else happens.
    mean, error = mean_and_error(-run(7.0, 8, remainder="forfeited").profit[0])
    assert abs(mean - 0.00173466) < 4.0 * error
    assert mean > 5.0 * error


def test_what_is_returned_is_no_loss():
    for stake in range(6):
        mean, error = mean_and_error(week(8).profit[stake])
        # The cross pool closes at its bridge's geometric middle, an approximation within the step (DESIGN section 8).
        assert abs(mean) < 4.0 * error + (2e-4 if stake == CROSS else 0.0), stake


def test_the_identity_holds_by_leg_where_equity_is_forfeited():
    # Liquidation price (1 - 1/leverage) / (1 - m), short (1 + 1/leverage) / (1 + m); probability by M11.
    outcomes = run(7.0, 8, remainder="forfeited")
    for stake, probability, price in (
        (0, 0.383553, 0.9 / 0.995),
        (1, 0.492305, 0.9 / 0.995),
        (2, 0.396314, 1.1 / 1.005),
        (3, 0.0545442, 0.8 / 0.995),
    ):
        mean, error = mean_and_error(-outcomes.profit[stake])
        assert abs(mean - probability * 0.005 * price) < 4.0 * error


def test_without_the_bridge_the_missing_equity_is_drawn_from_the_insurance():
    # The same identity on a grid: E[pnl] = -E[forfeit] + E[insurance draw], with prices that jump past the barrier.
    outcomes = run(7.0, 8, bridge="none")
    mean, error = mean_and_error(outcomes.profit[0] - outcomes.insurance_draw[0])
    assert outcomes.insurance_draw[0].mean() > 10.0 * error
    assert abs(mean) < 4.0 * error
    assert np.all(week(8).insurance_draw == 0.0)
