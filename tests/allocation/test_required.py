"""Required collateral and shadow prices against first passage in closed form (METHODS M11, O8)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from stresslab.allocation.losses import liquidation_loss
from stresslab.allocation.required import liquidation_curve, required_collateral, shadow_price
from stresslab.allocation.sampling import AllocationError, draw_sample
from tests.allocation.books import scenario_of

# METHODS O8, roots of M11: sigma 80 %, 7 days, maintenance 0.5 %, unit notional.
ROOTS = {0.05: 0.203335, 0.01: 0.256111, 0.001: 0.312885}
TIME = 7.0 / 365.0


def first_passage(margin: float, volatility: float = 0.8) -> float:
    """P(liquidation) of a long of unit notional (M11)."""
    barrier = np.log((1.0 - margin) / 0.995)
    drift, deviation = -(volatility**2) / 2.0, volatility * np.sqrt(TIME)
    reflected = np.exp(2.0 * drift * barrier / volatility**2)
    return float(
        norm.cdf((barrier - drift * TIME) / deviation) + reflected * norm.cdf((barrier + drift * TIME) / deviation)
    )


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return draw_sample(scenario_of(tmp_path_factory.mktemp("one"), [1.0], [0.8], 0.0, paths=100_000))


def test_quantiles_lie_about_the_roots_of_the_closed_form(sample):
    for probability, root in ROOTS.items():
        found = required_collateral(sample.required[0], probability)
        # Half again as wide as 95 %: three roots must hold at once.
        middle, half = 0.5 * (found.lower + found.upper), 0.75 * (found.upper - found.lower)
        assert abs(root - middle) < half
        assert found.lower < found.value < found.upper
    # Control: grid points alone would need 4 % less.
    assert required_collateral(sample.required[0], 0.05).lower > 0.203335 * 0.98


def test_the_curve_is_first_passage(sample):
    amounts = np.array([0.05, 0.1, 0.15, 0.2, 0.3])
    share, lower, upper = liquidation_curve(sample.required[0], amounts)
    oracle = np.array([first_passage(amount) for amount in amounts])
    assert oracle[1] == pytest.approx(0.383553, abs=1e-6)  # Case A, METHODS O2
    assert (lower < oracle).all()
    assert (oracle < upper).all()
    assert (np.diff(share) < 0.0).all()


def test_the_shadow_price_of_case_a(sample):
    # METHODS M21: dP/dM = -5.367491 at a margin of 0.1.
    loss, more = liquidation_loss(sample.scenario, (0,), [0.1, 0.1 + 1e-4], 1.0)
    price = shadow_price(sample.required[0], 0.1, float(loss), float(more - loss) / 1e-4)
    assert price.probability == pytest.approx(-5.367491, abs=3.0 * price.probability_error)
    assert price.probability_error < 0.06
    # By hand: loss l(M) = M - 0.005 P*, P* = (1 - M)/0.995, so g' = (1 + 0.005/0.995) P + l P'.
    slope = (1.0 + 0.005 / 0.995) * first_passage(0.1) + (0.1 - 0.005 * 0.9 / 0.995) * -5.367491
    assert price.loss == pytest.approx(slope, abs=3.0 * price.loss_error)
    # Control: the price at another margin is another one.
    assert abs(shadow_price(sample.required[0], 0.2, 0.2, 1.0).probability + 5.367491) > 1.0


def test_a_shorter_horizon_needs_less(sample):
    short = draw_sample(sample.scenario, horizon=1.0)
    # METHODS O2: 10x, 80 %, one day, P = 0.0174044; four standard errors.
    assert float((short.required[0] >= 0.1).mean()) == pytest.approx(0.0174044, abs=4.0 * np.sqrt(0.0174 / 1e5))
    assert (short.required[0] <= sample.required[0] + 1e-6).all()
    with pytest.raises(AllocationError, match="8 days"):
        draw_sample(sample.scenario, horizon=8.0)


def test_a_pool_of_two_is_drawn_on_the_same_paths(tmp_path):
    scenario = scenario_of(tmp_path, [1.0, 1.0], [0.8, 1.0], 0.8, paths=40_000)
    sample = draw_sample(scenario, [(0, 1)])
    # METHODS O4: M19 on a daily grid gives 0.4208 for the pool of 0.2.
    assert float((sample.required[2] >= 0.2).mean()) == pytest.approx(0.4208, abs=0.0075)
    again = draw_sample(scenario)
    np.testing.assert_array_equal(again.required, sample.required[:2])


def test_targets_outside_are_refused(sample):
    with pytest.raises(ValueError, match="between 0 and 1"):
        required_collateral(sample.required[0], 1.0)
