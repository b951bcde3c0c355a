"""The method as the report tells it."""

from __future__ import annotations

import json
import math

from stresslab.report.methodology import overlay

STRESS = {
    "volatility_factor": 1.5,
    "correlation_shift": 0.5,
    "jump_rate_factor": 3.0,
    "gap_time": 10.0,
    "gap_sizes": [math.log(0.9), 0.0],
}


def told(stress):
    return overlay({"resolved_scenario": json.dumps({"market": {"assets": ["BTC", "ETH"], "stress": stress}})})


def test_a_stressed_market_is_said_to_be_one():
    assert told(STRESS) == (
        " The market is stressed on top of the model: volatilities times 1.5; correlations moved towards one by 50%; "
        "rates of jumps times 3; a gap after 10 days (BTC -10%, ETH +0%)."
    )


def test_what_is_not_stressed_is_not_mentioned():
    assert told(None) == ""
    idle = {**STRESS, "volatility_factor": 1.0, "correlation_shift": 0.0, "jump_rate_factor": 1.0, "gap_time": None}
    assert told(idle) == ""
    assert told({**idle, "volatility_factor": 2.0}) == (
        " The market is stressed on top of the model: volatilities times 2."
    )


def test_a_gap_that_closes_and_a_condition_are_told():
    idle = {**STRESS, "volatility_factor": 1.0, "correlation_shift": 0.0, "jump_rate_factor": 1.0}
    condition = {"asset": "BTC", "move": -0.3, "time": 1.0}
    assert told({**idle, "gap_half_life": 0.5, "condition": condition}) == (
        " The market is stressed on top of the model: a gap after 10 days (BTC -10%, ETH +0%), half of its logarithm "
        "gone again every 0.5 days; every path is drawn given that BTC stands at -30% after 1 days."
    )


def test_an_uneven_week_is_told_in_units_of_its_mean():
    # Hand calculation: the root mean square of 12 hours of 0.6 and 12 of 0.8 is 0.7071.
    profile = {"hours": [0.6] * 12 + [0.8] * 12, "weekdays": [3.0] * 7}
    market = {"stress": None, "seasonality": {"profile": profile, "start": 0}}
    assert overlay({"resolved_scenario": json.dumps({"market": market})}) == (
        " Volatility follows the week (UTC), in units of its mean: hours of the day from 0.85 to 1.13."
    )
