"""Derivatives through the bridge against those of the closed form, and where there are none."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from stresslab.sensitivity import sensitivities
from stresslab.simulation.pathwise import pathwise_slopes
from tests.oracles.scenarios import configuration, position, scenario

MERTON = {
    "common_jump_rate": 12.0,
    "common_jump_mean": -0.05,
    "common_jump_deviation": 0.05,
    "own_jump_rate": 0.0,
    "own_jump_mean": 0.0,
    "own_jump_deviation": 0.0,
}


def long_of_ten(paths=100_000, **keys):
    """Case A of METHODS: long, linear, 10x, maintenance 0.5 %, volatility 80 %, seven days in daily steps."""
    return scenario(
        [position("long", 1.0)],
        [configuration("as_booked", ("long", [0], 0.1))],
        volatilities={"BTC": 0.8},
        step=1.0,
        paths=paths,
        **keys,
    )


def slopes(question):
    return pathwise_slopes(question, question.configurations[0].pools[0])


def passage(margin: float, volatility: float, mark: float = 1.0) -> float:
    """METHODS M11 on the liquidation price of M4, no drift of the price."""
    barrier = math.log((1.0 - margin) / 0.995 / mark)
    deviation = volatility * math.sqrt(7.0 / 365.0)
    mean, normal = -0.5 * deviation**2, NormalDist().cdf
    reflected = math.exp(2.0 * mean * barrier / deviation**2)
    return normal((barrier - mean) / deviation) + reflected * normal((barrier + mean) / deviation)


@pytest.fixture(scope="module")
def case_a():
    return slopes(long_of_ten())


def test_the_derivative_to_collateral_is_that_of_the_closed_form(case_a):
    # METHODS M21: -5.367491 per unit of notional; to a multiple of the margin of 0.1 it is a tenth of that.
    found = case_a["collateral"]
    assert abs(found.value / 0.1 + 5.367491) < 3.0 * found.standard_error / 0.1
    # The control: half as steep would be told from it.
    assert abs(found.value / 0.1 + 0.5 * 5.367491) > 3.0 * found.standard_error / 0.1


def test_the_other_derivatives_are_those_of_the_closed_form(case_a):
    width = 1e-5
    volatility = 0.8 * (passage(0.1, 0.8 + width) - passage(0.1, 0.8 - width)) / (2.0 * width)
    price = (passage(0.1, 0.8, 1.0 + width) - passage(0.1, 0.8, 1.0 - width)) / (2.0 * width)
    wanted = {"volatility": volatility, "leverage": 0.5367491, "size": 0.5367491, "price": price}
    for factor, oracle in wanted.items():
        found = case_a[factor]
        assert abs(found.value - oracle) < 3.0 * found.standard_error, factor
        assert abs(oracle) > 10.0 * found.standard_error, factor


def test_tails_so_thin_that_there_are_none_leave_the_closed_form():
    # A Student-t of 1,000 degrees of freedom is as good as normal; its process looks a table up by its draws.
    found = slopes(long_of_ten(20_000, model="student_t", extra={"degrees_of_freedom": 1000.0}))["collateral"]
    assert abs(found.value / 0.1 + 5.367491) < 3.5 * found.standard_error / 0.1
    heavy = slopes(long_of_ten(20_000, model="student_t", extra={"degrees_of_freedom": 2.5}))["collateral"]
    assert abs(heavy.value / 0.1 + 5.367491) > 3.5 * heavy.standard_error / 0.1


def test_sizes_and_collateral_multiplied_alike_change_nothing(case_a):
    # P is homogeneous of degree 0 in them: Euler's sum is 0, path by path.
    assert case_a["size"].value + case_a["collateral"].value == pytest.approx(0.0, abs=1e-3)
    assert case_a["leverage"].value == pytest.approx(-case_a["collateral"].value, abs=1e-3)


def test_where_prices_jump_there_is_none():
    assert slopes(long_of_ten(2_048)) != {}
    assert slopes(long_of_ten(2_048, model="merton", extra=MERTON)) == {}


def test_sensitivities_tell_them_beside_differences_that_agree():
    results = sensitivities(long_of_ten(8_192)).sel(configuration="as_booked", pool="long")
    name = "liquidation_probability"
    for factor in ("price", "size", "collateral", "leverage", "volatility"):
        here = results.sel(factor=factor)
        error = float(here[f"{name}_pathwise_slope_standard_error"])
        difference = float(here[f"{name}_pathwise_slope"] - here[f"{name}_slope"])
        assert abs(difference) < 3.0 * math.hypot(error, float(here[f"{name}_slope_standard_error"])), factor
        # Not so to the price, whose move of 5 % goes half the way to the barrier: that difference averages over more.
        assert (error < float(here[f"{name}_slope_standard_error"])) == (factor != "price"), factor


def test_sensitivities_leave_them_missing_where_there_are_none():
    results = sensitivities(long_of_ten(2_048, model="merton", extra=MERTON))
    assert results.liquidation_probability_pathwise_slope.isnull().all()
    assert results.liquidation_probability_slope.notnull().all()
