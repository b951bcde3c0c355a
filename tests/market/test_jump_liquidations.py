"""Liquidations under jumps: the probabilities of METHODS O3, and both engines on the same paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stresslab.simulation.run import simulate
from tests.market.walks import market
from tests.oracles.scenarios import configuration, position, scenario

HOUR = 1.0 / 24.0
JUMPS = {
    "common_jump_rate": 30.0,
    "common_jump_mean": -0.03,
    "common_jump_deviation": 0.06,
    "own_jump_rate": 0.0,
}
LEGS = (position("10x", 1.0), position("3x", 1.0))
ISOLATED = configuration("isolated", ("10x", [0], 0.1), ("3x", [1], 1.0 / 3.0))
POOLS = (position("btc", 1.0), position("eth", 1.0, asset="ETH"), position("short", -0.5))


def jumpy(model, positions, configurations, volatilities, *, days, paths, step=HOUR, **extra):
    parameters = market(model, volatilities=(1.0,), drifts=(0.0,), correlation=((1.0,),), **extra).extra
    return scenario(
        positions,
        configurations,
        volatilities=volatilities,
        model=model,
        extra=parameters,
        correlation=None if len(volatilities) == 1 else [[1.0, 0.8], [0.8, 1.0]],
        days=days,
        step=step,
        paths=paths,
    )


def test_probabilities_of_liquidation_under_jumps_are_those_of_o3():
    # O3, M18: 10x and 3x over seven days, by killed-density recursion; and the share that a jump brings about.
    paths = 400_000
    outcomes = simulate(jumpy("merton", LEGS, (ISOLATED,), {"BTC": 0.6}, days=7.0, paths=paths, **JUMPS))
    liquidated = outcomes.liquidation_step <= outcomes.steps
    found = liquidated.mean(axis=1)
    for value, expected in zip(found, (0.28470, 6.47e-4), strict=True):
        assert abs(value - expected) < 4 * math.sqrt(expected / paths)
    # A jump overshoots the barrier and leaves less than the requirement there; diffusion leaves that much exactly. Legs
    # are of 1 at 1: 10x has its barrier at 0.904523 and keeps 0.00452262 of its 0.1.
    kept = outcomes.profit[0, liquidated[0]] + 0.1
    by_jump = (np.abs(kept - 0.00452262) > 1e-6).mean() * found[0]
    assert abs(by_jump - 0.0700) < 4 * math.sqrt(0.07 / paths)
    assert outcomes.insurance_draw[0].max() > 0.1
    # Brownian motion of equal variance: 0.318439 and 4.8e-5.
    assert abs(found[0] - 0.318439) > 0.02
    assert found[1] > 5 * 4.82768e-5


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("merton", {**JUMPS, "common_jump_rate": 200.0, "own_jump_rate": 200.0, "own_jump_deviation": 0.06}),
        (
            "regimes",
            {"calm_days": 2.0, "stress_days": 2.0, "stress_volatility": 3.0, "stress_correlation": 0.7},
        ),
    ],
)
def test_both_engines_agree_path_by_path(model, extra):
    configurations = (
        configuration("isolated", ("btc", [0], 0.1), ("eth", [1], 0.1), ("short", [2], 0.05)),
        configuration("cross", ("cross", [0, 1, 2], 0.2)),
        configuration("hedge", ("hedge", [0, 2], 0.1), ("eth", [1], 0.1)),
    )
    question = jumpy(model, POOLS, configurations, {"BTC": 0.8, "ETH": 1.0}, days=3.0, paths=4096, **extra)
    fast, slow = simulate(question), simulate(question, every_account=True)
    for row, (stakes, others) in enumerate(zip(fast.configuration_stakes, slow.configuration_stakes, strict=True)):
        for stake, other in zip(stakes, others, strict=True):
            steps, expected = fast.liquidation_step[stake], slow.liquidation_step[other]
            # Rounding may part them where the surplus came within 1e-5 of zero (DESIGN section 8).
            same = steps == expected
            assert same.mean() > 0.999, (row, stake)
            np.testing.assert_allclose(fast.profit[stake, same], slow.profit[other, same], rtol=0, atol=1e-5)
            np.testing.assert_allclose(
                fast.insurance_draw[stake, same], slow.insurance_draw[other, same], rtol=0, atol=1e-5
            )
    drawn = fast.insurance_draw.max(axis=1) > 0.0
    assert drawn.any() == (model == "merton")
